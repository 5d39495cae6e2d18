//! Where the bundled Redis keeps its files, and the token that was generated for them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::time::Instant;
use tracing::info;

use crate::secret::Secret;

/// How long the Redis of a pkv that was killed may take to end before its directory counts as used
/// by somebody else.
const PREDECESSOR: Duration = Duration::from_secs(10);

/// The file whose lock is the directory's.
const LOCK: &str = ".lock";

/// A directory that exists and can be written.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// The proof that this directory is ours alone, as long as it lives.
#[derive(Debug)]
pub struct Lock(Flock<File>);

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl DataDir {
    /// The directory that was asked for, or `/data` if it can be written, or `.pkv` below the
    /// working directory. Made if need be, for its owner alone.
    pub fn find(asked_for: Option<&Path>) -> anyhow::Result<Self> {
        let path = match asked_for {
            Some(path) => path.to_owned(),
            None if lock_file(Path::new("/data")).is_ok() => "/data".into(),
            None => ".pkv".into(),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .and_then(|()| lock_file(&path).map(drop))
            .with_context(|| {
                format!("cannot write to {} (PKV_DATA_DIR names another place)", path.display())
            })?;
        let path = path.canonicalize().with_context(|| format!("finding {}", path.display()))?;
        Ok(Self(path))
    }

    /// Whether a pkv, or the Redis that outlives it for a moment, is using the directory that would
    /// be found. Makes nothing.
    pub fn is_in_use(asked_for: Option<&Path>) -> bool {
        let places = match asked_for {
            Some(path) => vec![path],
            None => vec![Path::new("/data"), Path::new(".pkv")],
        };
        places.into_iter().filter_map(|dir| File::open(dir.join(LOCK)).ok()).any(|file| {
            matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
        })
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Locks the directory. Redis inherits the lock, so that a Redis that outlives its pkv for a
    /// moment keeps a new one from writing to the same files.
    pub async fn lock(&self) -> anyhow::Result<Lock> {
        let deadline = Instant::now() + PREDECESSOR;
        let mut file = lock_file(&self.0).context("opening the data directory's lock")?;
        let mut said = false;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut lock) => {
                    let holder = format!("{}\n", std::process::id());
                    lock.set_len(0).and_then(|()| lock.rewind()).ok();
                    lock.write_all(holder.as_bytes()).ok();
                    return Ok(Lock(lock));
                }
                Err((busy, Errno::EWOULDBLOCK)) if Instant::now() < deadline => file = busy,
                Err((mut busy, Errno::EWOULDBLOCK)) => {
                    let mut holder = String::new();
                    busy.read_to_string(&mut holder).ok();
                    bail!(
                        "{} is used by another pkv (process {}); PKV_DATA_DIR names another place",
                        self.0.display(),
                        holder.trim()
                    );
                }
                Err((_, error)) => {
                    return Err(error).context("locking the data directory");
                }
            }
            if !std::mem::replace(&mut said, true) {
                info!(dir = %self.0.display(), "waiting for another Redis to leave the directory");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The token that was generated for this directory, generated now if there is none.
    pub fn token(&self) -> anyhow::Result<Secret> {
        let path = self.0.join("token");
        match read_if_there(&path)?.trim() {
            "" => {
                let token = Secret::generate()?;
                replace(&path, &format!("{}\n", token.reveal()))?;
                Ok(token)
            }
            token => Ok(Secret::new(token)),
        }
    }
}

/// A file's text; empty if there is no such file. What is no text becomes U+FFFD.
pub fn read_if_there(path: &Path) -> anyhow::Result<String> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        bytes => Ok(String::from_utf8_lossy(
            &bytes.with_context(|| format!("reading {}", path.display()))?,
        )
        .into_owned()),
    }
}

/// Writes a file for its owner alone. It is renamed into place: a crash leaves the old one or the
/// whole new one.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn lock_file(dir: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(dir.join(LOCK))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_token_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::find(Some(&dir.path().join("a/b"))).unwrap();
        let token = data.token().unwrap();
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(data.token().unwrap(), token);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.path().join("token")), 0o600);
        assert_eq!(mode(data.path()), 0o700);
    }
}
