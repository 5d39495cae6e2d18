//! The cure for a torn append-only file.
//!
//! After a crash that tore the file inside MULTI or EVAL, Redis (all releases up to 8.6.3) drops the
//! torn end in memory only. What it appends and acknowledges afterwards stands behind an unfinished
//! MULTI, and the next start reverts all of it. A rewrite puts a whole file in its place.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use redis::Value;
use tokio::time::timeout;

use super::readiness::{Probe, is_at_it};

/// Between two looks at a rewrite.
const LOOK: Duration = Duration::from_millis(20);

/// Longest wait for it all: a hundred gigabytes at the speed of a slow disk.
const LIMIT: Duration = Duration::from_secs(3600);

/// Rewrites the file and returns once the new one is in place.
pub async fn rewrite(probe: &Probe) -> anyhow::Result<()> {
    timeout(LIMIT, begin_and_end(probe)).await.context("rewriting the append-only file")?
}

async fn begin_and_end(probe: &Probe) -> anyhow::Result<()> {
    loop {
        // Redis may have begun by itself, with what is to be cured.
        until_none_is_rewritten(probe).await?;
        match probe.call(&["BGREWRITEAOF"]).await {
            Some(Value::ServerError(error)) if is_at_it(&error) => {}
            Some(Value::ServerError(error)) => bail!("BGREWRITEAOF: {error}"),
            Some(_) => break,
            None => bail!("Redis went away before the append-only file was rewritten"),
        }
    }
    until_none_is_rewritten(probe).await?;
    let status = probe.info("aof_last_bgrewrite_status").await;
    ensure!(status.as_deref() == Some("ok"), "rewriting the append-only file failed");
    Ok(())
}

async fn until_none_is_rewritten(probe: &Probe) -> anyhow::Result<()> {
    loop {
        // Of one moment: what is scheduled becomes what is in progress.
        let Some(info) = probe.infos(["aof_rewrite_in_progress", "aof_rewrite_scheduled"]).await
        else {
            bail!("Redis went away while the append-only file was rewritten");
        };
        if info == ["0", "0"] {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
