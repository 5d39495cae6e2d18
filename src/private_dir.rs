//! A private directory: mode 0700, gone when pkv ends. For Redis's socket, for a check of a backup,
//! and for the files of a Redis that keeps nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// The kernel's limit for a Unix socket's path (`sun_path`), the final NUL left out.
const SOCKET_PATH_BYTES: usize = 107;

/// The directory; removed on drop.
#[derive(Debug)]
pub struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Makes one below the first place that can be written and is short enough for a socket:
    /// `temp_dir`, `/run`, `/dev/shm`, or one of `others` (a container with a read-only root may have
    /// only one of them).
    pub fn create(temp_dir: &Path, others: &[&Path]) -> anyhow::Result<Self> {
        let mut places = vec![temp_dir, Path::new("/run"), Path::new("/dev/shm")];
        places.extend(others);
        for place in &places {
            let template = place.join("pkv-XXXXXX");
            if template.join("redis.sock").as_os_str().len() > SOCKET_PATH_BYTES {
                continue;
            }
            if let Ok(path) = nix::unistd::mkdtemp(&template) {
                return Ok(Self(path));
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
        &self.0
    }

    /// Where Redis's socket is, if one is there.
    pub fn socket(&self) -> PathBuf {
        self.0.join("redis.sock")
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
