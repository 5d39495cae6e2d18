//! How much room is left for the data, and a warning before there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::sync::watch;
use tracing::{info, warn};

use super::Settings;
use crate::data_dir::append_only;
use crate::state::Status;

/// Between two looks: soon enough for a disk that fills up in minutes.
const LOOK: Duration = Duration::from_secs(10);

/// Room for the append-only file to grow until Redis rewrites it for the first time
/// (`auto-aof-rewrite-min-size`).
const LEAST_BYTES: u64 = 64 << 20;

/// Looks at Redis's directory and the data directory again and again, until dropped.
pub async fn watch(settings: &Settings, status: &watch::Sender<Status>) {
    let dirs = [&settings.data_dir, settings.snapshots.data_dir()].map(Path::to_owned);
    let mut was_short = false;
    loop {
        // A mount whose server is away does not answer: never on a thread that serves requests.
        let asked = dirs.clone();
        let looked = tokio::task::spawn_blocking(move || (free(&asked), needed(&asked[0]))).await;
        let Ok((free, needed)) = looked else { return };
        let is_short = free.is_some_and(|free| free < needed);
        status.send_modify(|status| {
            (status.data.free_bytes, status.data.is_short_of_room) = (free, is_short);
        });
        if is_short != std::mem::replace(&mut was_short, is_short) {
            let (free_bytes, needed_bytes) = (free, needed);
            match is_short {
                true => warn!(free_bytes, needed_bytes, "the disk is nearly full"),
                false => info!(free_bytes, "the disk has room again"),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Of the directory that has least; `None` if it does not say.
fn free(dirs: &[PathBuf]) -> Option<u64> {
    dirs.iter().filter_map(|dir| Some(free_and_all(dir)?.0)).min()
}

/// Bytes of the file system that this directory is on; `None` if it does not say.
pub fn free_and_all(dir: &Path) -> Option<(u64, u64)> {
    let space = statvfs(dir).ok()?;
    let [free, all] = [space.blocks_available(), space.blocks()].map(|n| n * space.fragment_size());
    // Some mounts say zero of everything.
    (all > 0).then_some((free, all))
}

/// What Redis needs: a rewrite puts all data into a new file before the old ones are removed.
fn needed(redis_dir: &Path) -> u64 {
    let files = fs::read_dir(redis_dir.join(append_only::DIR)).into_iter().flatten();
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    sizes.sum::<u64>().max(LEAST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewrite_needs_room_for_all_files_once_more() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(needed(dir.path()), LEAST_BYTES);
        let files = dir.path().join(append_only::DIR);
        fs::create_dir(&files).unwrap();
        for name in ["a", "b"] {
            fs::File::create(files.join(name)).unwrap().set_len(LEAST_BYTES).unwrap();
        }
        assert_eq!(needed(dir.path()), 2 * LEAST_BYTES);
        assert!(free(&[dir.path().to_owned()]).is_some());
    }
}
