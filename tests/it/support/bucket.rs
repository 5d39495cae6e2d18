//! A bucket: a file system that behaves as hf-mount's does in its default mode, mounted for real (FUSE).
//! Needs /dev/fuse, and root or fusermount3.
//!
//! By hf-mount's `src/virtual_fs/mod.rs`: a file is stored when it is closed, from the beginning to the
//! end; one that is there can be opened to be replaced, never to be changed (EPERM); fsync says that all
//! is well and does nothing. The same as a disk: files can be changed, and are stored as they are written.

mod mounted;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::UNIX_EPOCH;

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, INodeNo, MountOption,
};
use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

/// A mounted bucket; unmounted on drop.
pub struct Bucket {
    dir: TempDir,
    session: Option<BackgroundSession>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    nodes: Mutex<Nodes>,
    is_disk: bool,
    misused: Mutex<Vec<String>>,
    is_broken: AtomicBool,
    is_slow: AtomicBool,
    free_bytes: AtomicU64,
}

#[derive(Default)]
struct Nodes {
    all: BTreeMap<u64, Node>,
    writers: BTreeMap<u64, Writer>,
    last: u64,
}

struct Node {
    parent: u64,
    name: String,
    /// `None`: a directory.
    content: Option<Vec<u8>>,
}

/// A file that is being written, and not yet stored.
struct Writer {
    inode: u64,
    written: Vec<u8>,
    is_stored: bool,
}

impl Bucket {
    pub fn mount() -> Self {
        Self::mount_as(State::default())
    }

    /// One that holds an append-only file.
    pub fn mount_as_disk() -> Self {
        Self::mount_as(State { is_disk: true, ..State::default() })
    }

    fn mount_as(state: State) -> Self {
        let dir = TempDir::new().unwrap();
        let state = Arc::new(state);
        let root = Node { parent: 1, name: String::new(), content: None };
        state.nodes().all.insert(1, root);
        state.nodes().last = 1;
        // hf-mount's own answer.
        state.free_bytes.store(42 << 50, Ordering::Release);
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("bucket".into())];
        let session = fuser::spawn_mount(mounted::Mounted(state.clone()), dir.path(), &config)
            .expect("a bucket can be mounted: /dev/fuse, and root or fusermount3 (Debian: fuse3)");
        Self { dir, session: Some(session), state }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The snapshots in it, oldest first.
    pub fn snapshots(&self) -> Vec<PathBuf> {
        snapshots(self.path())
    }

    /// What was done to it that not every object store takes: a word and the file's name.
    pub fn misused(&self) -> Vec<String> {
        self.state.misused.lock().unwrap().clone()
    }

    /// So much room is left from now on.
    pub fn leave_room(&self, bytes: u64) {
        self.state.free_bytes.store(bytes, Ordering::Release);
    }

    /// From now on nothing can be stored.
    pub fn break_down(&self, is_broken: bool) {
        self.state.is_broken.store(is_broken, Ordering::Release);
    }

    /// From now on every piece of a file takes half a second.
    pub fn slow_down(&self, is_slow: bool) {
        self.state.is_slow.store(is_slow, Ordering::Release);
    }
}

/// The snapshots in a data directory, oldest first.
pub fn snapshots(data_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data_dir.join("snapshots")).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "rdb"));
    paths.sort();
    paths
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // Lazily: a Redis that has lost its pkv a moment ago still holds the lock's file.
        let _ = umount2(self.dir.path(), MntFlags::MNT_DETACH);
        drop(self.session.take());
    }
}

impl State {
    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap()
    }

    fn note_misuse(&self, what: &str, name: &OsStr) {
        self.misused.lock().unwrap().push(format!("{what} {}", name.display()));
    }

    /// Closing stores. Called once or more for each handle.
    fn store(&self, handle: FileHandle) -> Result<(), Errno> {
        if self.is_disk {
            return Ok(());
        }
        let mut nodes = self.nodes();
        let Some(writer) = nodes.writers.get_mut(&handle.0) else { return Ok(()) };
        if std::mem::replace(&mut writer.is_stored, true) {
            return Ok(());
        }
        if self.is_broken.load(Ordering::Acquire) {
            return Err(Errno::EIO);
        }
        let (inode, written) = (writer.inode, std::mem::take(&mut writer.written));
        if let Some(node) = nodes.all.get_mut(&inode) {
            node.content = Some(written);
        }
        Ok(())
    }
}

impl Nodes {
    fn find(&self, parent: INodeNo, name: &OsStr) -> Result<u64, Errno> {
        let is_it = |node: &Node| node.parent == parent.0 && OsStr::new(&node.name) == name;
        let found = self.all.iter().find(|(inode, node)| **inode != 1 && is_it(node));
        found.map(|(inode, _)| *inode).ok_or(Errno::ENOENT)
    }

    fn add(&mut self, parent: INodeNo, name: &OsStr, content: Option<Vec<u8>>) -> FileAttr {
        self.last += 1;
        let name = name.to_str().unwrap().to_owned();
        self.all.insert(self.last, Node { parent: parent.0, name, content });
        self.attributes(self.last).unwrap()
    }

    fn write_to(&mut self, inode: u64) -> FileHandle {
        self.last += 1;
        let writer = Writer { inode, written: Vec::new(), is_stored: false };
        self.writers.insert(self.last, writer);
        FileHandle(self.last)
    }

    /// Writes to the file itself.
    fn change(&mut self, handle: FileHandle, offset: usize, bytes: &[u8]) -> Result<(), Errno> {
        let writer = self.writers.get(&handle.0).ok_or(Errno::EBADF)?;
        let content = self.all.get_mut(&writer.inode).and_then(|node| node.content.as_mut());
        let content = content.ok_or(Errno::ENOENT)?;
        let end = offset + bytes.len();
        content.resize(content.len().max(end), 0);
        content[offset..end].copy_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, inode: u64, length: usize) {
        if let Some(content) = self.all.get_mut(&inode).and_then(|node| node.content.as_mut()) {
            content.resize(length, 0);
        }
    }

    fn attributes(&self, inode: u64) -> Result<FileAttr, Errno> {
        let node = self.all.get(&inode).ok_or(Errno::ENOENT)?;
        let size = node.content.as_ref().map_or(0, Vec::len) as u64;
        let is_dir = node.content.is_none();
        Ok(FileAttr {
            ino: INodeNo(inode),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_dir { FileType::Directory } else { FileType::RegularFile },
            perm: if is_dir { 0o700 } else { 0o600 },
            nlink: 1,
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}
