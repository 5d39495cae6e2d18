//! The directory on the local disk in which Redis has its files while the data directory takes
//! snapshots only.
//!
//! It belongs to one data directory, by an id that is stored there, and may outlive pkv: what Redis has
//! appended since the last snapshot is still in it. It is only as good as the snapshot that it goes on
//! from is new, so that one is noted.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

use super::{probe, read_if_there, replace, write_once};

/// Where the newest snapshot's name is noted.
const NOTE: &str = "newest-snapshot";

/// Bytes of an id: enough for no two data directories to have the same.
const ID_BYTES: usize = 8;

/// What tells this data directory from others; made now if there is none.
pub fn id(data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("id");
    let id = read_if_there(&path)?;
    if is_id(id.trim()) {
        return Ok(id.trim().to_owned());
    }
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("getting random bytes: {error}"))?;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    write_once::write(&path, &id).with_context(|| format!("writing {}", path.display()))?;
    Ok(id)
}

/// It becomes part of a path, and others may write to a bucket.
fn is_id(text: &str) -> bool {
    text.len() == 2 * ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The local directory of the data directory with this id, below `base`; made if need be.
pub fn make(base: &Path, id: &str) -> anyhow::Result<PathBuf> {
    let path = base.join(format!("pkv-{id}"));
    let made = probe::make(base).and_then(|()| DirBuilder::new().mode(0o700).create(&path));
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // The base may be /tmp, where anybody can make a directory of this name.
            let found = fs::symlink_metadata(&path).context("looking at the local directory")?;
            let is_ours = found.uid() == nix::unistd::geteuid().as_raw();
            ensure!(
                found.is_dir() && is_ours && found.mode() & 0o077 == 0,
                "{} is not a directory for this user alone: PKV_LOCAL_DIR names another place",
                path.display()
            );
        }
        made => made.with_context(|| {
            format!("making {} (PKV_LOCAL_DIR names another place)", path.display())
        })?,
    }
    path.canonicalize().context("finding the local directory")
}

/// Notes which snapshot is the newest, before it is stored.
pub fn note_snapshot(redis_dir: &Path, name: &str) -> anyhow::Result<()> {
    replace(&redis_dir.join(NOTE), name)
}

/// The newest snapshot that was noted; empty if none was. Names of later ones are greater.
pub fn noted_snapshot(redis_dir: &Path) -> anyhow::Result<String> {
    read_if_there(&redis_dir.join(NOTE))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn an_id_is_made_once_and_never_leads_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let first = id(dir.path()).unwrap();
        assert!(is_id(&first));
        assert_eq!(id(dir.path()).unwrap(), first);
        fs::write(dir.path().join("id"), "../../../etc/pkv").unwrap();
        assert!(is_id(&id(dir.path()).unwrap()));
    }

    #[test]
    fn somebody_elses_directory_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let made = make(dir.path(), "0123456789abcdef").unwrap();
        assert_eq!(make(dir.path(), "0123456789abcdef").unwrap(), made);
        fs::set_permissions(&made, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make(dir.path(), "0123456789abcdef").is_err());
        symlink(dir.path(), dir.path().join("pkv-0000000000000000")).unwrap();
        assert!(make(dir.path(), "0000000000000000").is_err());
    }
}
