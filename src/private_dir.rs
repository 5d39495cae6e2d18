//! A private directory: mode 0700, gone when pkv ends. For Redis's socket, for a check of a backup,
//! and for the files of a Redis that keeps nothing.
//!
//! A pkv that is killed leaves its own; the next one in the same place removes it. That nobody uses it any
//! more is known by a lock (`flock`), which ends with its holder.

use std::fs::{self, DirEntry, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{geteuid, mkdtemp};

/// The kernel's limit for a Unix socket's path (`sun_path`), the final NUL left out.
const SOCKET_PATH_BYTES: usize = 107;

/// What its name begins with; six letters follow.
const PREFIX: &str = "pkv-run-";

/// A younger directory may be one that is not locked yet.
const UNLOCKED: Duration = Duration::from_secs(60);

/// The directory; removed on drop.
#[derive(Debug)]
pub struct PrivateDir {
    path: PathBuf,
    /// `None` if the file system has no locks, and so nobody can take it for left.
    _lock: Option<Flock<File>>,
}

impl PrivateDir {
    /// Makes one below the first place that can be written and is short enough for a socket:
    /// `temp_dir`, `/run`, `/dev/shm`, or one of `others` (a container with a read-only root may have
    /// only one of them).
    pub fn create(temp_dir: &Path, others: &[&Path]) -> anyhow::Result<Self> {
        let mut places = vec![temp_dir, Path::new("/run"), Path::new("/dev/shm")];
        places.extend(others);
        for place in &places {
            let template = place.join(format!("{PREFIX}XXXXXX"));
            if template.join("redis.sock").as_os_str().len() > SOCKET_PATH_BYTES {
                continue;
            }
            if let Ok(path) = mkdtemp(&template) {
                remove_left_ones(place);
                return Ok(Self { _lock: lock(&path), path });
            }
        }
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        bail!(
            "no place for a private directory: none of {} can be written (set TMPDIR)",
            places.join(", ")
        );
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where Redis's socket is, if one is there.
    pub fn socket(&self) -> PathBuf {
        self.path.join("redis.sock")
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `None` if somebody else has it, or there are no locks.
fn lock(dir: &Path) -> Option<Flock<File>> {
    Flock::lock(File::open(dir).ok()?, FlockArg::LockExclusiveNonblock).ok()
}

fn remove_left_ones(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries.filter(may_be_left) {
        if let Some(_lock) = lock(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn may_be_left(entry: &DirEntry) -> bool {
    let is_named_so = entry.file_name().to_string_lossy().starts_with(PREFIX);
    // Not followed, should it be a link.
    is_named_so
        && entry.metadata().is_ok_and(|found| {
            let age = found.modified().ok().and_then(|modified| modified.elapsed().ok());
            found.is_dir()
                && found.uid() == geteuid().as_raw()
                && age.is_some_and(|age| age > UNLOCKED)
        })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_pkv_has_left_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, age_s: u64| {
            let path = place.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("file"), "").unwrap();
            let then = SystemTime::now() - Duration::from_secs(age_s);
            File::open(&path).unwrap().set_modified(then).unwrap();
            path
        };
        let [left, in_use, young, other] = [
            make("pkv-run-aaaaaa", 100),
            make("pkv-run-bbbbbb", 100),
            make("pkv-run-cccccc", 10),
            make("pkv-backup", 100),
        ];
        let _lock = lock(&in_use).unwrap();
        let dir = PrivateDir::create(place.path(), &[]).unwrap();
        assert!(!left.exists());
        assert!([&in_use, &young, &other].iter().all(|path| path.join("file").exists()));
        let path = dir.path().to_owned();
        assert!(lock(&path).is_none(), "it is in use");
        drop(dir);
        assert!(!path.exists());
    }
}
