//! The stopped store whose data a restore replaces: put in place, proved, and undone if it does not
//! prove.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use super::progress::Progress;
use crate::config::Storage;
use crate::data_dir::{DataDir, Snapshots, append_only};

/// Where data is, and how it is kept there.
#[derive(Debug)]
pub struct Store {
    storage: Storage,
    redis_dir: PathBuf,
    snapshots: Snapshots,
}

/// A store whose data was replaced: as it was before, once this is dropped, unless it was kept.
#[derive(Debug)]
pub struct Replaced {
    store: Store,
    /// The snapshot that was stored for it.
    snapshot: Option<String>,
    is_kept: bool,
}

impl Store {
    /// The store in this directory.
    pub fn of(data_dir: &DataDir) -> Self {
        Self {
            storage: data_dir.storage(),
            redis_dir: data_dir.redis_dir().to_owned(),
            snapshots: Snapshots::below(data_dir.path()),
        }
    }

    /// Whether it holds no data, nor what an interrupted restore has set aside.
    pub fn is_empty(&self) -> bool {
        !append_only::is_in(&self.redis_dir)
            && !self.redis_dir.join(append_only::SET_ASIDE).exists()
            && !self.snapshots.are_there()
    }

    /// Puts an RDB in the place of all data, which is set aside.
    pub fn replace(self, rdb: &Path, progress: &Progress<'_>) -> anyhow::Result<Replaced> {
        let mut file = File::open(rdb)?;
        progress.copies(file.metadata()?.len());
        let copied = |bytes| progress.copied(bytes);
        let mut replaced = Replaced { store: self, snapshot: None, is_kept: false };
        let store = &replaced.store;
        if store.storage == Storage::Snapshots {
            let name = store.snapshots.next_name(SystemTime::now())?;
            replaced.snapshot = Some(name.clone());
            let store = &replaced.store;
            store.snapshots.store(&name, rdb, &[], copied)?;
            append_only::set_aside(&store.redis_dir, append_only::SET_ASIDE)?;
        } else {
            append_only::begin_with(&store.redis_dir, &mut file, append_only::SET_ASIDE, copied)
                .with_context(|| format!("writing to {}", store.redis_dir.display()))?;
        }
        Ok(replaced)
    }
}

impl Replaced {
    /// Forgets what was there before.
    pub fn keep(mut self) -> anyhow::Result<()> {
        self.is_kept = true;
        append_only::remove(&self.store.redis_dir, append_only::SET_ASIDE)
            .context("removing what was there before")
    }

    fn undo(&self) -> anyhow::Result<()> {
        let redis_dir = &self.store.redis_dir;
        if let Some(name) =
            self.snapshot.as_ref().filter(|name| self.store.snapshots.rdb(name).exists())
        {
            self.store.snapshots.remove(name)?;
        }
        append_only::take_back(redis_dir, append_only::SET_ASIDE)?;
        Ok(())
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = self.undo()
        {
            tracing::error!(
                dir = %self.store.redis_dir.display(),
                "what was there before could not be put back: {error:#}"
            );
        }
    }
}
