//! From a process that was started to a Redis that is ready: loaded, and with a file that is whole.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{info, warn};

use super::child::Child;
use super::endings::describe;
use super::headroom::Headroom;
use super::readiness::Probe;
use super::{Phase, Supervisor, aof, watchdog};
use crate::config::Storage;
use crate::state::State;
use crate::stop::Stop;

/// Longest wait for the log lines of a start to be read.
const LOG_READ: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(super) async fn load(&mut self, mut child: Child, stop: &Stop) -> anyhow::Result<Phase> {
        let target = self.own_connection();
        let tail = child.tail.clone();
        let mut headroom = Headroom::of(&self.settings.data_dir, &self.status);
        let ready = async {
            let loading = |percent| {
                let now = State::Loading { percent };
                self.status.send_if_modified(|status| {
                    let was = std::mem::replace(&mut status.state, now.clone());
                    if !matches!(was, State::Loading { .. }) {
                        status.since = SystemTime::now();
                    }
                    was != now
                });
            };
            let probe = Probe::until_ready(&target, loading).await;
            // PONG may have been quicker than the log, which says whether the file was torn.
            let deadline = Instant::now() + LOG_READ;
            while !tail.saw_accepting() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if tail.saw_short_read() {
                warn!("the append-only file had a torn end: rewriting it before going on");
                // Not ready with an uncured file: the caller restarts Redis and tries again.
                aof::rewrite(&probe).await?;
            }
            if self.settings.storage != Storage::Memory {
                headroom.begin(&probe).await;
            }
            anyhow::Ok(probe.info("redis_version").await.unwrap_or_default())
        };
        let version = tokio::select! {
            status = child.wait() => {
                let how = describe(status?);
                return self.ended(None, how, &child.last_words().await);
            }
            () = stop.requested() => return Ok(Phase::Stop(Some(child))),
            () = watchdog::until_hung(&target, self.settings.hang_limit) => {
                let how = self.end_hung(&mut child).await?;
                return self.ended(None, how, &child.last_words().await);
            }
            version = ready => version,
        };
        match version {
            Ok(version) => {
                self.lives += 1;
                self.restoring = None;
                info!(version, epoch = self.lives, "Redis is ready");
                self.set_state(State::Ready { epoch: self.lives, version: version.into() });
                Ok(Phase::Serve(child, Instant::now(), headroom))
            }
            Err(error) => {
                child.kill();
                let status = child.wait().await?;
                let how = format!("{error:#}, {}", describe(status));
                self.ended(None, how, &child.last_words().await)
            }
        }
    }
}
