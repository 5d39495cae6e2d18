//! One pkv at a time: the data directory's lock.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::time::Instant;
use tracing::info;

use super::{DataDir, PLACES, write_once};
use crate::config::Storage;

/// How long the Redis of a pkv that was killed may take to end before its directory counts as used
/// by somebody else.
const PREDECESSOR: Duration = Duration::from_secs(10);

/// The file whose lock is the directory's.
const LOCK: &str = ".lock";

/// The proof that this directory is ours alone, as long as it lives.
#[derive(Debug)]
pub struct Lock(Flock<File>);

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether the lock could be had at once.
#[derive(Debug)]
pub enum Locked {
    /// It is ours.
    Ours(Lock),
    /// Somebody else has it: the process, as far as it is known.
    Theirs(String),
}

impl DataDir {
    /// Whether a pkv, or the Redis that outlives it for a moment, is using the directory that would
    /// be found. Makes nothing.
    pub fn is_in_use(asked_for: Option<&Path>) -> bool {
        let places = match asked_for {
            Some(path) => vec![path],
            None => PLACES.map(Path::new).to_vec(),
        };
        places.into_iter().filter_map(|dir| File::open(dir.join(LOCK)).ok()).any(|file| {
            matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
        })
    }

    /// Locks the directory. Redis inherits the lock, so that a Redis that outlives its pkv for a
    /// moment keeps a new one from writing to the same files.
    pub async fn lock(&self) -> anyhow::Result<Lock> {
        let deadline = Instant::now() + PREDECESSOR;
        let mut said = false;
        loop {
            match self.try_lock()? {
                Locked::Ours(lock) => return Ok(lock),
                Locked::Theirs(holder) if Instant::now() >= deadline => bail!(
                    "{} is used by another pkv (process {holder}); PKV_DATA_DIR names another place",
                    self.path.display(),
                ),
                Locked::Theirs(_) => {}
            }
            if !std::mem::replace(&mut said, true) {
                info!(dir = %self.path.display(), "waiting for another Redis to leave the directory");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Locks the directory if nobody else has.
    pub fn try_lock(&self) -> anyhow::Result<Locked> {
        let path = self.path.join(LOCK);
        let file = match self.storage {
            // Once it is there it cannot be opened to change it.
            Storage::Snapshots if path.exists() => File::open(&path),
            Storage::Snapshots => write_once::write(&path, "").and_then(|()| File::open(&path)),
            Storage::AppendOnly | Storage::Memory => OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path),
        };
        let file = file.context("opening the data directory's lock")?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let holder = format!("{}\n", std::process::id());
                // For whoever finds the lock taken; that it is taken does not depend on it.
                let _ = match self.storage {
                    Storage::Snapshots => write_once::write(&path, &holder),
                    _ => lock
                        .set_len(0)
                        .and_then(|()| lock.rewind())
                        .and_then(|()| lock.write_all(holder.as_bytes())),
                };
                Ok(Locked::Ours(Lock(lock)))
            }
            Err((mut busy, Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = busy.read_to_string(&mut holder);
                Ok(Locked::Theirs(holder.trim().to_owned()))
            }
            Err((_, error)) => Err(error).context("locking the data directory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::tests::settings;

    #[test]
    fn a_lock_is_had_once() {
        for storage in ["append-only", "snapshots"] {
            let dir = tempfile::tempdir().unwrap();
            let data = DataDir::find(&settings(dir.path(), storage)).unwrap();
            for _ in 0..2 {
                let Locked::Ours(lock) = data.try_lock().unwrap() else { panic!("{storage}") };
                let Locked::Theirs(holder) = data.try_lock().unwrap() else { panic!("{storage}") };
                assert_eq!(holder, std::process::id().to_string());
                drop(lock);
            }
        }
    }
}
