//! What a directory can hold, found out by trying.
//!
//! An append-only file takes more than being able to write: it is opened again after a restart, to go
//! on at its end, and its manifest is renamed into place. Mounts of object stores refuse the first
//! (hf-mount: EPERM, `src/virtual_fs/mod.rs`) or the second. Some take both and store them later, while
//! their fsync says that it is done: that cannot be seen, so those are known by name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::write_once::WriteOnce;
use crate::secret::Secret;

/// Programs that mount an object store through FUSE, as they are named in /proc/self/mountinfo: as the
/// mount's source (`hf-mount`) or the file system's sub-type (`fuse.s3fs`).
const OBJECT_STORES: [&str; 11] = [
    "hf-mount",
    "s3fs",
    "mountpoint-s3",
    "goofys",
    "geesefs",
    "gcsfuse",
    "rclone",
    "blobfuse",
    "blobfuse2",
    "ossfs",
    "cosfs",
];

/// What a directory can hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// Files that grow.
    AppendOnly,
    /// Files that are written once; the text says what else was tried.
    WriteOnce(String),
}

/// Makes the directory, for its owner alone, if it is not there.
pub fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Tries everything that an append-only file needs. An error means that nothing can be written.
pub fn probe(dir: &Path) -> io::Result<Finding> {
    // A name of its own: another pkv may be trying the same at this moment.
    let name = Secret::generate().map_err(io::Error::other)?;
    let path = |what: &str| dir.join(format!(".probe-{}-{what}", &name.reveal()[..8]));
    let (first, second) = (path("1"), path("2"));
    let finding = try_all(dir, &first, &second);
    for path in [first, second] {
        // One of them is gone under this name, and some mounts never remove.
        let _ = fs::remove_file(path);
    }
    finding
}

fn try_all(dir: &Path, first: &Path, second: &Path) -> io::Result<Finding> {
    match write(first) {
        // A full disk is no reason not to start: what is there can be read, and room can be made.
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            return Ok(Finding::AppendOnly);
        }
        written => written?,
    }
    let lacking = |what: &str, error: io::Error| Ok(Finding::WriteOnce(format!("{what}: {error}")));
    if let Err(error) = File::open(first).and_then(|file| file.sync_all()) {
        return lacking("a file cannot be synced", error);
    }
    if let Err(error) = fs::rename(first, second) {
        return lacking("a file cannot be renamed", error);
    }
    if let Err(error) = append(second) {
        return lacking("a file cannot be appended to", error);
    }
    match fs::read(second) {
        Ok(bytes) if bytes == b"pkv" => {}
        Ok(_) => return Ok(Finding::WriteOnce("what was appended to a file is not in it".into())),
        Err(error) => return lacking("a file cannot be read", error),
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    Ok(match object_store(&mounts, &dir.canonicalize()?) {
        Some(name) => Finding::WriteOnce(format!("{name} stores files later than it says")),
        None => Finding::AppendOnly,
    })
}

fn write(path: &Path) -> io::Result<()> {
    let mut file = WriteOnce::create(path)?;
    file.write_all(b"p")?;
    file.finish()
}

fn append(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).mode(0o600).open(path)?;
    file.write_all(b"kv")?;
    file.sync_data()
}

/// The object store that the directory is on, if it is one that is known. A line of mountinfo is
/// `id parent device root mount-point options [field…] - type source options` (proc_pid_mountinfo(5));
/// of several mounts at one place the last one counts.
fn object_store<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    let mount = mounts.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let point = PathBuf::from(unescaped(mount.split(' ').nth(4)?));
        dir.starts_with(&point).then(|| (point.components().count(), file_system))
    });
    let (_, file_system) = mount.max_by_key(|(depth, _)| *depth)?;
    let mut words = file_system.split(' ');
    let (kind, source) = (words.next()?, words.next()?);
    let kind = kind.strip_prefix("fuse")?;
    let names = [source, kind.trim_start_matches('.')];
    names.into_iter().find(|name| OBJECT_STORES.contains(name))
}

/// Spaces and the like are written as three octal digits there.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_directory_holds_everything_and_nothing_is_left_in_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(probe(dir.path()).unwrap(), Finding::AppendOnly);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(probe(&dir.path().join("missing")).is_err());
    }

    #[test]
    fn object_stores_are_known_by_their_mounts() {
        let mounts = "\
            22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n\
            90 22 0:47 / /data rw,nosuid shared:3 - fuse hf-mount rw,user_id=0\n\
            91 22 0:48 / /my\\040data rw - fuse.s3fs s3fs rw\n\
            92 22 0:49 / /mnt rw - fuse.grpcfuse grpcfuse rw\n\
            93 90 254:0 /x /data/disk rw - ext4 /dev/vdb rw\n";
        let on = |dir: &str| object_store(mounts, Path::new(dir));
        assert_eq!(on("/data/pkv"), Some("hf-mount"));
        assert_eq!(on("/my data"), Some("s3fs"));
        for other in ["/", "/database", "/mnt", "/data/disk/pkv"] {
            assert_eq!(on(other), None, "{other}");
        }
        // One mount above another.
        let above = format!("{mounts}94 90 0:50 / /data rw - tmpfs tmpfs rw\n");
        assert_eq!(object_store(&above, Path::new("/data")), None);
    }
}
