//! Snapshots put in place at the start, where Redis has no files of its own: the newest that loads.
//!
//! Which one loads is for Redis to say. One that it refuses is kept, marked and left for a person, and
//! the next older one is tried; one that a newer Redis has written is no reason to go back in time.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use tracing::{error, info, warn};

use super::{Settings, conf, damage, users};
use crate::config::Storage;
use crate::data_dir::{
    Snapshots, append_only, note_snapshot, noted_snapshot, read_if_there, replace,
};

/// What is still to be tried.
#[derive(Debug)]
pub struct Restoring {
    snapshots: Snapshots,
    redis_dir: PathBuf,
    /// The best one last.
    untried: Vec<String>,
    /// The one that is in place.
    placed: Option<String>,
}

impl Restoring {
    /// `None` if Redis has files to go on from, or there are no snapshots.
    pub fn begin(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let (snapshots, redis_dir) = (settings.snapshots.clone(), settings.data_dir.clone());
        let untried = snapshots.by_preference()?;
        let Some(best) = untried.last() else { return Ok(None) };
        let is_own = settings.storage == Storage::AppendOnly;
        if is_own && redis_dir.join(append_only::SET_ASIDE).exists() {
            // Of an interrupted `pkv restore`: that is for a person.
            return Ok(None);
        }
        if append_only::is_in(&redis_dir) {
            if is_own || noted_snapshot(&redis_dir)? >= *best {
                return Ok(None);
            }
            warn!(
                snapshot = best,
                files = %redis_dir.join(append_only::STALE).display(),
                "somebody else has stored a newer snapshot than Redis's files go on from: they are \
                 set aside"
            );
            append_only::set_aside(&redis_dir, append_only::STALE)?;
        }
        for file in [users::FILE, conf::FILE] {
            let path = redis_dir.join(file);
            if !is_own || read_if_there(&path)?.is_empty() {
                replace(&path, &snapshots.beside(best, file)?)?;
            }
        }
        Ok(Some(Self { snapshots, redis_dir, untried, placed: None }))
    }

    /// Puts the best one that is left in place, and returns its name.
    pub async fn place(&mut self) -> anyhow::Result<String> {
        while let Some(name) = self.untried.pop() {
            // Redis takes an empty file for an empty database.
            if self.snapshots.is_rdb(&name)? {
                info!(snapshot = name, dir = %self.snapshots.dir().display(), "restoring");
                self.copy(&name).await.with_context(|| format!("restoring the snapshot {name}"))?;
                self.placed = Some(name.clone());
                return Ok(name);
            }
            self.refuse(&name, "it does not begin as an RDB does");
        }
        bail!(
            "none of the snapshots in {} is whole: to begin anew, move them away",
            self.snapshots.dir().display()
        );
    }

    /// Makes a snapshot the file that Redis begins with, on a thread of its own: it may come from a slow
    /// network.
    async fn copy(&self, name: &str) -> anyhow::Result<()> {
        let (rdb, redis_dir) = (self.snapshots.rdb(name), self.redis_dir.clone());
        let name = name.to_owned();
        let copying = tokio::task::spawn_blocking(move || {
            let mut file = File::open(&rdb)?;
            let length = file.metadata()?.len();
            // One that Redis has refused may be there.
            append_only::remove(&redis_dir, append_only::DIR)?;
            note_snapshot(&redis_dir, &name)?;
            let bytes =
                append_only::begin_with(&redis_dir, &mut file, append_only::STALE, |_| Ok(()))?;
            ensure!(bytes == length, "of its {length} bytes {bytes} can be read");
            Ok(())
        });
        copying.await?
    }

    fn refuse(&self, name: &str, what: &str) {
        self.snapshots.refuse(name, what);
        error!(kept = %self.snapshots.rdb(name).display(), "a snapshot cannot be loaded: {what}");
    }

    /// Redis does not load the one in place: whether another one is to be tried.
    pub fn refused(&mut self, what: &str) -> bool {
        let Some(name) = self.placed.take_if(|_| !damage::is_newer(what)) else { return false };
        self.refuse(&name, what);
        !self.untried.is_empty()
    }
}
