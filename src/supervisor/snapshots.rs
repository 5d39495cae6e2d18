//! Snapshots of a Redis whose data directory takes nothing else: made by Redis on the local disk and
//! copied from there, whenever something has changed and at the stop.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use redis::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::readiness::{Probe, is_at_it};
use super::{Settings, conf, users};
use crate::config::ConnectionString;
use crate::data_dir::{Snapshots, note_snapshot, read_if_there};
use crate::state::Status;

/// Between two looks at a snapshot that Redis makes.
const LOOK: Duration = Duration::from_millis(20);

/// Redis's default for `dbfilename`.
const DUMP: &str = "dump.rdb";

/// Longest time for which writes are held back while the last snapshot is made: beyond any stop.
const PAUSE_MS: &str = "60000";

/// Knows what has been stored.
#[derive(Debug)]
pub struct Keeper {
    snapshots: Snapshots,
    redis_dir: PathBuf,
    interval: Duration,
    /// When to look again; Redis may end in between.
    due: Instant,
    status: watch::Sender<Status>,
    /// Whether there is something that Redis does not count as changed: it was there before this
    /// Redis began, or Redis has made a snapshot of it that could not be copied.
    has_unstored: bool,
    stored_texts: Texts,
}

/// What callers have made that an RDB does not hold, by the names of the files.
type Texts = [(&'static str, String); 2];

impl Keeper {
    /// `is_stored`: the newest snapshot holds all that Redis has at its start.
    pub fn new(settings: &Settings, status: watch::Sender<Status>, is_stored: bool) -> Self {
        Self {
            snapshots: settings.snapshots.clone(),
            redis_dir: settings.data_dir.clone(),
            interval: settings.snapshot_interval,
            due: Instant::now() + settings.snapshot_interval,
            status,
            has_unstored: !is_stored,
            stored_texts: Texts::default(),
        }
    }

    /// Takes what callers have made until now for stored.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        self.stored_texts = self.texts()?;
        Ok(())
    }

    /// Redis has ended: what it had counted as changed will not be counted by the next one.
    pub fn redis_ended(&mut self) {
        self.has_unstored = true;
    }

    /// Redis stops without having been asked for a last snapshot: false if one is missing.
    pub fn stores_no_more(&self) -> bool {
        if self.has_unstored {
            error!(files = %self.redis_dir.display(), "Redis's files hold more than the last snapshot");
        }
        !self.has_unstored
    }

    async fn keep(&mut self, target: &ConnectionString) {
        loop {
            tokio::time::sleep_until(self.due).await;
            self.due = Instant::now() + self.interval;
            if let Err(error) = self.store_if_changed(target).await {
                error!("no snapshot was stored: {error:#}");
            }
        }
    }

    /// Stores the last one, within `limit`; false if something has changed that is not stored.
    pub async fn store_last(&mut self, target: &ConnectionString, limit: Duration) -> bool {
        let storing = async {
            // Nobody may get a write acknowledged that comes after the snapshot.
            if let Some(probe) = Probe::open(target).await {
                probe.call(&["CLIENT", "PAUSE", PAUSE_MS, "WRITE"]).await;
            }
            self.store_if_changed(target).await
        };
        match tokio::time::timeout(limit, storing).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => error!("the last snapshot was not stored: {error:#}"),
            Err(_) => error!(
                waited_ms = limit.as_millis() as u64,
                "the last snapshot was not stored in time: what came after the one before is lost \
                 if the local disk is"
            ),
        }
        false
    }

    async fn store_if_changed(&mut self, target: &ConnectionString) -> anyhow::Result<()> {
        let stored = match self.store_changes(target).await {
            Ok(None) => return Ok(()),
            Ok(Some(at)) => Ok(at),
            Err(error) => Err(error),
        };
        self.status.send_modify(|status| match &stored {
            Ok(at) => {
                status.data.last_snapshot = Some(*at);
                status.data.snapshot_error = None;
            }
            Err(error) => status.data.snapshot_error = Some(format!("{error:#}").into()),
        });
        stored.map(|_| ())
    }

    /// Returns when the snapshot was made; `None` if nothing has changed.
    async fn store_changes(
        &mut self,
        target: &ConnectionString,
    ) -> anyhow::Result<Option<SystemTime>> {
        let probe = Probe::open(target).await.context("Redis cannot be asked")?;
        let changes = probe.info("rdb_changes_since_last_save").await.context("Redis went away")?;
        let texts = self.texts()?;
        if changes == "0" && !self.has_unstored && texts == self.stored_texts {
            return Ok(None);
        }
        // Once Redis has made it, Redis counts nothing of it as changed any more.
        self.has_unstored = true;
        let made = SystemTime::now();
        save(&probe).await?;
        self.copy(made, texts.clone()).await?;
        self.has_unstored = false;
        self.stored_texts = texts;
        Ok(Some(made))
    }

    /// Copies what Redis has made into the data directory, on a thread of its own: that may be a slow
    /// network away.
    async fn copy(&self, made: SystemTime, texts: Texts) -> anyhow::Result<()> {
        let (snapshots, redis_dir) = (self.snapshots.clone(), self.redis_dir.clone());
        let begun = Instant::now();
        let copying = tokio::task::spawn_blocking(move || {
            let dump = redis_dir.join(DUMP);
            let name = snapshots.next_name(made)?;
            // Before it is there: a pkv that is killed in between must not take its own snapshot for
            // somebody else's.
            note_snapshot(&redis_dir, &name)?;
            snapshots.store(&name, &dump, &texts, |_| Ok(()))?;
            let bytes = fs::metadata(&dump)?.len();
            fs::remove_file(&dump)?;
            info!(
                snapshot = name,
                bytes,
                took_ms = begun.elapsed().as_millis() as u64,
                "a snapshot was stored"
            );
            if let Err(error) = snapshots.prune() {
                warn!("old snapshots were not removed: {error:#}");
            }
            Ok(())
        });
        copying.await.context("copying a snapshot")?
    }

    fn texts(&self) -> anyhow::Result<Texts> {
        let text = |file: &str| read_if_there(&self.redis_dir.join(file));
        Ok([
            (users::FILE, users::callers(&text(users::FILE)?)),
            (conf::FILE, conf::callers(&text(conf::FILE)?)),
        ])
    }
}

/// Stores a snapshot in every interval in which something has changed, until dropped.
pub async fn keep(keeper: &mut Option<Keeper>, target: &ConnectionString) {
    match keeper {
        Some(keeper) => keeper.keep(target).await,
        None => std::future::pending().await,
    }
}

/// Lets Redis make a snapshot on the local disk; returns once it is there.
async fn save(probe: &Probe) -> anyhow::Result<()> {
    let info = async |field| probe.info(field).await.context("Redis went away over a snapshot");
    let before = info("rdb_saves").await?;
    loop {
        match probe.call(&["BGSAVE", "SCHEDULE"]).await {
            // Somebody's backup is under way. Not asked of INFO: it may have ended since.
            Some(Value::ServerError(error)) if is_at_it(&error) => {
                debug!(%error, "waiting for another snapshot");
            }
            Some(Value::ServerError(error)) => bail!("BGSAVE: {error}"),
            Some(_) => break,
            None => bail!("Redis went away before a snapshot was made"),
        }
        tokio::time::sleep(LOOK).await;
    }
    // It counts snapshots as they begin; a scheduled one begins after a rewrite of the file.
    while info("rdb_saves").await? == before || info("rdb_bgsave_in_progress").await? != "0" {
        tokio::time::sleep(LOOK).await;
    }
    let status = info("rdb_last_bgsave_status").await?;
    ensure!(status == "ok", "Redis could not make a snapshot on the local disk");
    Ok(())
}
