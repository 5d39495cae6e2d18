//! Refuses writes before the disk is full, so that a full disk costs nobody an acknowledged write.
//!
//! What Redis makes of a write to its file that fails is worse than the failure. With `appendfsync no`
//! - it has answered already: what it could not append is in its memory alone, and is gone when it
//!   ends, properly or not;
//! - if it rewrites its file meanwhile, the next start executes that twice
//!   (<https://github.com/redis/redis/pull/14372>);
//! - if a part was written it cuts the file back, and goes on where that part ended, since a file that
//!   was begun by a rewrite is not open for appending (`openNewIncrAofForAppend` in aof.c): the next
//!   start finds zeros, and refuses the file.
//!
//! With `always` it ends at once, and again after each start, and nobody can read.
//!
//! So Redis is not left to find out. Should a write fail all the same (a quota, a disk that is full at
//! one blow), writes are refused as soon as that is seen, and until the file has been rewritten; if there
//! is no room for that, they go on as they would without pkv, and `/ready` says what is needed.
//!
//! That it failed is only told by Redis's log, in which a script may write the same words
//! (`redis.log`). So what the words bring about is bounded: a rewrite a minute, for which there is room.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::logs::Tail;
use super::readiness::Probe;
use super::{aof, room};
use crate::config::ConnectionString;
use crate::state::{Status, Writing};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// Writes are refused when less than this is free. At 160 MB/s it is used up between two looks: more
/// than clients write, though a rewrite may be that quick.
const LEAST_BYTES: u64 = 32 << 20;

/// Of a small disk, this part and no more.
const PART: u64 = 16;

/// A number of replicas that nobody has: if so many must get a write, Redis refuses it before it
/// executes it.
pub const NOBODY_MAY_WRITE: &str = "1000";

/// Between two rewrites.
const REWRITE: Duration = Duration::from_secs(60);

/// Watches over the disk and a Redis whose file is on it.
#[derive(Debug)]
pub struct Headroom {
    /// Of Redis.
    dir: PathBuf,
    status: watch::Sender<Status>,
    /// What Redis was told last.
    may_write: Option<bool>,
    /// How often Redis could append again after it could not.
    recoveries: u64,
    /// Whether that was since the file was rewritten: it may hold something twice, or not at all.
    is_doubtful: bool,
    /// When a rewrite was begun last, or could not be for lack of room.
    tried_at: Option<Instant>,
}

/// What was seen of the disk.
#[derive(Debug, Clone, Copy)]
struct Sight {
    /// Bytes; `None` if the file system does not say.
    free: Option<u64>,
    is_enough: bool,
}

impl Headroom {
    /// For a Redis that is being started, on the disk of its directory; told in `status`.
    pub fn of(dir: &Path, status: &watch::Sender<Status>) -> Self {
        let (dir, status) = (dir.to_owned(), status.clone());
        Self { dir, status, may_write: None, recoveries: 0, is_doubtful: false, tried_at: None }
    }

    /// Has a Redis that has just loaded take writes, or go on refusing them. `None` if it did not listen.
    pub async fn begin(&mut self, probe: &Probe) -> Option<()> {
        let sight = self.look().await;
        self.allow(probe, sight.is_enough).await?;
        self.tell(sight, false);
        Some(())
    }

    /// Goes on with a Redis that is ready, until dropped.
    pub async fn keep(&mut self, target: &ConnectionString, tail: &Tail) {
        loop {
            tokio::time::sleep(LOOK).await;
            let recoveries = tail.recoveries();
            self.is_doubtful |= recoveries != self.recoveries;
            self.recoveries = recoveries;
            let sight = self.look().await;
            if self.may_write == Some(sight.is_enough) && !self.is_rewrite_due(sight) {
                continue;
            }
            // Only now: a connection for each look would be a waste.
            if let Some(probe) = Probe::open(target).await {
                self.change(&probe, sight).await;
            }
        }
    }

    /// `None` if Redis did not listen: it is busy, or gone. The next look tries again.
    async fn change(&mut self, probe: &Probe, sight: Sight) -> Option<()> {
        let mut lacks_room = false;
        if self.is_rewrite_due(sight) {
            let needed = probe.info("used_memory").await?.parse().ok()?;
            self.tried_at = Some(Instant::now());
            lacks_room = sight.free.is_some_and(|free| free < needed);
            match lacks_room {
                true if self.is_doubtful => warn!(
                    needed_bytes = needed,
                    "the append-only file may be damaged, and there is no room to rewrite it"
                ),
                true => {}
                false => self.rewrite(probe).await?,
            }
        }
        self.allow(probe, sight.is_enough).await?;
        self.tell(sight, lacks_room && self.is_doubtful);
        Some(())
    }

    /// Whether the file may be damaged, or may have grown so that it fills the disk by itself.
    fn is_rewrite_due(&self, sight: Sight) -> bool {
        let fills = !sight.is_enough && (self.may_write == Some(true) || self.tried_at.is_none());
        let is_rested = self.tried_at.is_none_or(|at| at.elapsed() >= REWRITE);
        (self.is_doubtful || fills) && is_rested
    }

    async fn rewrite(&mut self, probe: &Probe) -> Option<()> {
        // Nothing may be acknowledged behind what the next start might not load.
        self.allow(probe, false).await?;
        if self.is_doubtful {
            info!("writing to the append-only file had failed: rewriting it");
        }
        match aof::rewrite(probe).await {
            Ok(()) => self.is_doubtful = false,
            Err(error) => warn!("{error:#}"),
        }
        Some(())
    }

    async fn allow(&mut self, probe: &Probe, may_write: bool) -> Option<()> {
        let replicas = if may_write { "0" } else { NOBODY_MAY_WRITE };
        match probe.call(&["CONFIG", "SET", "min-replicas-to-write", replicas]).await {
            Some(Value::Okay) => self.may_write = Some(may_write),
            // BUSY, say.
            _ => return None,
        }
        Some(())
    }

    fn tell(&self, sight: Sight, lacks_room: bool) {
        let writing = match (sight.is_enough, lacks_room) {
            (false, _) => Writing::Refused,
            (true, true) => Writing::Doubtful,
            (true, false) => Writing::Well,
        };
        let was = self.status.borrow().data.writing;
        self.status.send_modify(|status| {
            (status.data.writing, status.data.free_bytes) = (writing, sight.free);
        });
        match (was, writing) {
            (Writing::Refused, Writing::Refused) => {}
            (_, Writing::Refused) => warn!("no room on the disk: writes are refused"),
            (Writing::Refused, _) => info!("room on the disk again: writes are allowed"),
            _ => {}
        }
    }

    async fn look(&self) -> Sight {
        let dir = self.dir.clone();
        // A disk that is not there any more may not answer: never on a thread that serves requests.
        let asked = tokio::task::spawn_blocking(move || room::free_and_all(&dir)).await;
        match asked {
            Ok(Some((free, all))) => {
                let is_enough = is_enough(free, all, self.may_write == Some(false));
                Sight { free: Some(free), is_enough }
            }
            // Not known: Redis will find out.
            _ => Sight { free: None, is_enough: true },
        }
    }
}

/// Whether so much is enough for writing. One disk that is nearly full and one that has room again must
/// not be the same, or it would be both by turns.
fn is_enough(free: u64, all: u64, was_refused: bool) -> bool {
    let least = (all / PART).min(LEAST_BYTES);
    free >= if was_refused { 2 * least } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_is_32_mb_or_a_sixteenth_and_twice_that_once_writes_were_refused() {
        const MB: u64 = 1 << 20;
        for (all, least) in [(1 << 40, 32 * MB), (64 * MB, 4 * MB), (0, 0)] {
            assert!(is_enough(least, all, false) && is_enough(2 * least, all, true));
            if least > 0 {
                assert!(!is_enough(least - 1, all, false) && !is_enough(2 * least - 1, all, true));
            }
        }
    }
}
