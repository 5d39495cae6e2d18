//! Whether a Redis that was ready still answers.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::readiness::Probe;
use crate::config::ConnectionString;

/// Between two questions.
const ASK: Duration = Duration::from_secs(2);

/// A silence of this length is worth a line in the log: three questions, five seconds each.
const SUSPICIOUS: Duration = Duration::from_secs(15);

/// Returns when Redis has not answered for `limit`. Any answer is one: a Redis that is busy with a
/// script, or that cannot write to its disk, lives. A process that forks a large memory stands still
/// for a while, so that `limit` should be long beside that (seconds).
pub async fn until_hung(target: &ConnectionString, limit: Duration) {
    let mut probe = None;
    let mut answered = Instant::now();
    let mut warned = false;
    loop {
        tokio::time::sleep(ASK.min(limit / 4)).await;
        if probe.is_none() {
            probe = Probe::open(target).await;
        }
        let reply = match &probe {
            Some(probe) => probe.call(&["PING"]).await,
            None => None,
        };
        if reply.is_some() {
            (answered, warned) = (Instant::now(), false);
            continue;
        }
        probe = None;
        let silence = answered.elapsed();
        if silence >= limit {
            return;
        }
        if silence >= SUSPICIOUS && !std::mem::replace(&mut warned, true) {
            warn!(silent_s = silence.as_secs(), "Redis does not answer");
        }
    }
}
