//! Tells the disk once a second to store what Redis has written (`PKV_DURABILITY=everysec`).
//!
//! Why Redis does not do it itself: with `appendfsync everysec` it keeps acknowledged writes in its
//! memory, for up to two seconds, while its own sync is under way (`flushAppendOnlyFile` in aof.c),
//! and loses them if it is killed at that moment. With `appendfsync no` every write is handed to
//! the kernel before it is acknowledged, so a crash of Redis loses nothing; a sync from outside
//! adds what `everysec` promises for a crash of the machine. The price: Redis does not know of these
//! syncs, so WAITAOF for one's own writes ends with its time limit, counting no local sync.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;
use tracing::{debug, error};

use crate::data_dir::append_only;

/// What is lost at most if the machine loses power, the sync's own time aside.
const PERIOD: Duration = Duration::from_secs(1);

/// Syncs the append-only file of the Redis whose `dir` this is, until dropped.
pub async fn every_second(dir: &Path) {
    let mut syncer = Syncer::new(dir);
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let begun = Instant::now();
        // A sync takes as long as the disk takes: never on a thread that serves requests.
        let synced = tokio::task::spawn_blocking(move || (syncer.sync(), syncer)).await;
        let Ok((result, again)) = synced else { return };
        syncer = again;
        match result {
            Ok(Some(bytes)) => {
                debug!(
                    bytes,
                    took_ms = begun.elapsed().as_millis() as u64,
                    "append-only file synced"
                );
            }
            Ok(None) => {}
            Err(error) => error!(%error, "the disk did not store the append-only file"),
        }
    }
}

/// Remembers what has been synced.
#[derive(Debug)]
struct Syncer {
    files: PathBuf,
    synced: Option<(PathBuf, u64)>,
}

impl Syncer {
    fn new(dir: &Path) -> Self {
        Self { files: dir.join(append_only::DIR), synced: None }
    }

    /// Syncs the file that Redis appends to, if it has grown; returns its length then.
    fn sync(&mut self) -> io::Result<Option<u64>> {
        let manifest = fs::read_to_string(self.files.join(append_only::MANIFEST))?;
        let mut paths: Vec<_> =
            incremental(&manifest).map(|(name, _)| self.files.join(name)).collect();
        let path = paths
            .pop()
            .ok_or_else(|| io::Error::other("the manifest names no file that Redis appends to"))?;
        if self.synced.as_ref().is_none_or(|(synced, _)| *synced != path) {
            // Nothing may be stored while something written before it is not.
            paths.iter().try_for_each(|before| store(before))?;
        }
        let Some(file) = open(&path)? else { return Ok(None) };
        let current = (path, file.metadata()?.len());
        if self.synced.as_ref() == Some(&current) {
            return Ok(None);
        }
        file.sync_data()?;
        let length = current.1;
        self.synced = Some(current);
        Ok(Some(length))
    }
}

fn store(path: &Path) -> io::Result<()> {
    open(path)?.map_or(Ok(()), |file| file.sync_data())
}

/// `None` if it was replaced by a rewrite since the manifest was read; Redis syncs it before it closes
/// it.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// The incremental files, type i, each with its line; Redis appends to the last. A line is made of
/// pairs, and newer servers have more of them:
/// `file appendonly.aof.2.incr.aof seq 2 type i startoffset 0`
/// (<https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>).
pub fn incremental(manifest: &str) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    manifest.lines().filter_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let value = |key| words.chunks(2).find(|pair| pair[0] == key)?.get(1).copied();
        value("file").filter(|_| value("type") == Some("i")).map(|name| (name, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_grows_is_synced_once_for_each_growth() {
        let dir = tempfile::tempdir().unwrap();
        let files = dir.path().join("appendonlydir");
        fs::create_dir(&files).unwrap();
        let manifest = "file appendonly.aof.1.base.rdb seq 1 type b\n\
                        file appendonly.aof.1.incr.aof seq 1 type i\n\
                        file appendonly.aof.2.incr.aof seq 2 type i startoffset 0\n";
        fs::write(files.join("appendonly.aof.manifest"), manifest).unwrap();
        let mut syncer = Syncer::new(dir.path());
        assert_eq!(syncer.sync().unwrap(), None, "not there yet");
        for text in ["a", "ab"] {
            fs::write(files.join("appendonly.aof.2.incr.aof"), text).unwrap();
            assert_eq!(syncer.sync().unwrap(), Some(text.len() as u64));
            assert_eq!(syncer.sync().unwrap(), None, "nothing new");
        }
        // Never silent about not knowing what to sync.
        fs::write(files.join("appendonly.aof.manifest"), "file x seq 1 type b\n").unwrap();
        assert!(syncer.sync().is_err());
        fs::remove_file(files.join("appendonly.aof.manifest")).unwrap();
        assert!(syncer.sync().is_err());
    }
}
