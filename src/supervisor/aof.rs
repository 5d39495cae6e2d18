//! The cure for a torn append-only file.
//!
//! After a crash that tore the file inside MULTI or EVAL, Redis (all releases up to 8.6.3) drops the
//! torn end in memory only. What it appends and acknowledges afterwards stands behind an unfinished
//! MULTI, and the next start reverts all of it. A rewrite puts a whole file in its place.

use std::time::Duration;

use anyhow::{bail, ensure};
use redis::Value;

use super::readiness::Probe;

/// Between two looks at a rewrite.
const LOOK: Duration = Duration::from_millis(20);

/// Rewrites the file and returns once the new one is in place.
pub async fn rewrite(probe: &Probe) -> anyhow::Result<()> {
    match probe.call(&["BGREWRITEAOF"]).await {
        Some(Value::ServerError(error)) => bail!("BGREWRITEAOF: {error}"),
        Some(_) => {}
        None => bail!("Redis went away before the append-only file was rewritten"),
    }
    loop {
        let progress = probe.info("aof_rewrite_in_progress").await;
        let scheduled = probe.info("aof_rewrite_scheduled").await;
        match (progress.as_deref(), scheduled.as_deref()) {
            (Some("0"), Some("0")) => break,
            (Some(_), Some(_)) => tokio::time::sleep(LOOK).await,
            _ => bail!("Redis went away while the append-only file was rewritten"),
        }
    }
    let status = probe.info("aof_last_bgrewrite_status").await;
    ensure!(status.as_deref() == Some("ok"), "rewriting the append-only file failed");
    Ok(())
}
