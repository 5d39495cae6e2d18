//! What the kernel asks of a bucket.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use nix::fcntl::OFlag;

use super::State;

/// Nothing is remembered by the kernel.
const NOW: Duration = Duration::ZERO;

/// Answers with what was found, or with the error.
macro_rules! answer {
    ($reply:ident, $result:expr, $value:ident => $done:expr) => {
        match $result {
            Ok($value) => $done,
            Err(error) => $reply.error(error),
        }
    };
}

pub struct Mounted(pub Arc<State>);

impl Filesystem for Mounted {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Replacing a file is one thing and not two.
        let lacking = config.add_capabilities(InitFlags::FUSE_ATOMIC_O_TRUNC);
        lacking.map_err(|_| io::Error::other("no FUSE_ATOMIC_O_TRUNC"))
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let nodes = self.0.nodes();
        let found = nodes.find(parent, name).and_then(|inode| nodes.attributes(inode));
        answer!(reply, found, it => reply.entry(&NOW, &it, Generation(0)));
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer!(reply, self.0.nodes().attributes(inode.0), it => reply.attr(&NOW, &it));
    }

    /// Times, modes and a bucket's sizes are set in vain.
    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut nodes = self.0.nodes();
        if let Some(size) = size.filter(|_| self.0.is_disk) {
            nodes.cut(inode.0, size as usize);
        }
        answer!(reply, nodes.attributes(inode.0), it => reply.attr(&NOW, &it));
    }

    fn mkdir(&self, _: &Request, at: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        reply.entry(&NOW, &self.0.nodes().add(at, name, None), Generation(0));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut nodes = self.0.nodes();
        let found = nodes.find(parent, name);
        answer!(reply, found, inode => {
            nodes.all.remove(&inode);
            reply.ok();
        });
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        self.0.note_misuse("rename", name);
        let mut nodes = self.0.nodes();
        if let Ok(replaced) = nodes.find(new_parent, new_name) {
            nodes.all.remove(&replaced);
        }
        answer!(reply, nodes.find(parent, name), inode => {
            if let Some(node) = nodes.all.get_mut(&inode) {
                (node.parent, node.name) = (new_parent.0, new_name.to_str().unwrap().to_owned());
            }
            reply.ok();
        });
    }

    fn open(&self, _: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let mut nodes = self.0.nodes();
        let is_replaced = flags.0 & OFlag::O_TRUNC.bits() != 0;
        if flags.acc_mode() == OpenAccMode::O_RDONLY {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
        } else if is_replaced || self.0.is_disk {
            if is_replaced && self.0.is_disk {
                nodes.cut(inode.0, 0);
            }
            reply.opened(nodes.write_to(inode.0), FopenFlags::FOPEN_DIRECT_IO);
        } else {
            let name = nodes.all.get(&inode.0).map_or("", |node| &node.name);
            self.0.note_misuse("change", OsStr::new(name));
            reply.error(Errno::EPERM);
        }
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mut nodes = self.0.nodes();
        let attributes = nodes.add(parent, name, Some(Vec::new()));
        let handle = nodes.write_to(attributes.ino.0);
        reply.created(&NOW, &attributes, Generation(0), handle, FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let nodes = self.0.nodes();
        let content = nodes.all.get(&inode.0).and_then(|node| node.content.as_deref());
        let rest = content.and_then(|content| content.get(offset as usize..)).unwrap_or_default();
        reply.data(&rest[..rest.len().min(size as usize)]);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        if self.0.is_slow.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(500));
        }
        let mut nodes = self.0.nodes();
        if self.0.is_disk {
            let changed = nodes.change(handle, offset as usize, bytes);
            answer!(reply, changed, _done => reply.written(bytes.len() as u32));
            return;
        }
        match nodes.writers.get_mut(&handle.0) {
            Some(writer) if writer.is_stored => reply.error(Errno::EIO),
            Some(writer) if writer.written.len() as u64 == offset => {
                writer.written.extend_from_slice(bytes);
                reply.written(bytes.len() as u32);
            }
            Some(_) => reply.error(Errno::EINVAL),
            None => reply.error(Errno::EBADF),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, handle: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        answer!(reply, self.0.store(handle), _done => reply.ok());
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let stored = self.0.store(handle);
        self.0.nodes().writers.remove(&handle.0);
        answer!(reply, stored, _done => reply.ok());
    }

    fn readdir(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let nodes = self.0.nodes();
        let inside = nodes.all.iter().filter(|(at, node)| **at != 1 && node.parent == inode.0);
        for (count, (at, node)) in inside.enumerate().skip(offset as usize) {
            let kind =
                if node.content.is_none() { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(*at), count as u64 + 1, kind, &node.name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = self.0.free_bytes.load(Ordering::Acquire) / 512;
        reply.statfs(1 << 50, free, free, 0, 0, 512, 255, 0);
    }
}
