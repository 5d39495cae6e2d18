//! A private directory for the socket: mode 0700, gone when pkv ends.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// The kernel's limit for a Unix socket's path (`sun_path`), the final NUL left out.
const SOCKET_PATH_BYTES: usize = 107;

/// The directory; removed on drop.
#[derive(Debug)]
pub struct RuntimeDir(PathBuf);

impl RuntimeDir {
    /// Makes one below the first place that can be written and is short enough: `temp_dir`, `/run`,
    /// `/dev/shm`, `data_dir` (a container with a read-only root may have only one of them).
    pub fn create(temp_dir: &Path, data_dir: &Path) -> anyhow::Result<Self> {
        let places = [temp_dir, Path::new("/run"), Path::new("/dev/shm"), data_dir];
        for place in places {
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
            "no place for Redis's socket: none of {} can be written (set TMPDIR)",
            places.join(", ")
        );
    }

    /// Where Redis's socket is.
    pub fn socket(&self) -> PathBuf {
        self.0.join("redis.sock")
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
