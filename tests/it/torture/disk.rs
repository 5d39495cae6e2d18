//! The disk below the data directory: it can be filled up, and where that can be had, cut off.
//!
//! There it is a file system in a file in a file system in a file. Cut off, the outer one forgets what
//! no sync has reached, and with it whatever the inner one has written without a flush: as a machine
//! does whose power fails, the cache of its disk included. Where mounts are all that can be had, it is
//! a file system in memory; elsewhere a limit on the size of Redis's files stands for a full disk.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;

/// Bytes of the inner file system: room for a run of an hour, and little to fill up.
const INNER: u64 = 64 << 20;

/// And of the outer one, with room for its own records.
const OUTER: u64 = 96 << 20;

/// A file system that stores nothing by itself for a minute: what is to be there after a cut must have
/// been synced.
const OPTIONS: &str = "loop,commit=60";

/// Longest wait until a file system can be unmounted: whoever used it has just been killed.
const UNMOUNT: Duration = Duration::from_secs(20);

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: from now on nothing reaches the device.
const SHUT_DOWN: &str = "import fcntl, os, sys\n\
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, b'\\x02\\0\\0\\0')";

/// Where the data directory is; the texts say why it is nothing better.
#[derive(Debug)]
pub enum Disk {
    /// On a disk of the machine's own.
    Plain {
        dir: PathBuf,
        why: String,
    },
    /// In memory.
    Memory {
        mount: Mount,
        why: String,
    },
    Image(Image),
}

/// Unmounted when dropped.
#[derive(Debug)]
pub struct Mount(PathBuf);

/// The two file systems, and the one in memory that their file is in. Dropped in this order.
#[derive(Debug)]
pub struct Image {
    inner: Mount,
    outer: Mount,
    memory: Mount,
}

impl Disk {
    /// Mounts only if the environment says that mounts end with this process (`TORTURE_MOUNTS`, set by
    /// `scripts/torture`).
    pub fn new(dir: &Path) -> Self {
        if std::env::var_os("TORTURE_MOUNTS").is_none() {
            let why = "no mount namespace of one's own can be had".to_owned();
            return Self::Plain { dir: dir.to_owned(), why };
        }
        match Image::new(dir) {
            Ok(image) => Self::Image(image),
            Err(why) => match Mount::in_memory(&dir.join("memory-only"), INNER) {
                Ok(mount) => Self::Memory { mount, why },
                Err(why) => Self::Plain { dir: dir.to_owned(), why },
            },
        }
    }

    /// The directory to keep data in.
    pub fn data_dir(&self) -> PathBuf {
        match self {
            Self::Plain { dir, .. } => dir.join("data"),
            Self::Memory { mount, .. } => mount.0.join("data"),
            Self::Image(image) => image.inner.0.join("data"),
        }
    }

    /// The small file system that it is, if it is one.
    pub fn mount(&self) -> Option<&Mount> {
        match self {
            Self::Plain { .. } => None,
            Self::Memory { mount, .. } => Some(mount),
            Self::Image(image) => Some(&image.inner),
        }
    }

    /// Hardly any room any more for the Redis of this process id: less than pkv lets anybody write in.
    /// Where there is no disk to fill, none.
    pub fn fill_nearly(&self, redis: i32) {
        match self.mount() {
            None => limit_files(redis, "0").unwrap(),
            Some(mount) => mount.fill(1 << 20, INNER / 32),
        }
    }

    /// And none at all.
    pub fn fill(&self) {
        if let Some(mount) = self.mount() {
            mount.fill(4 << 10, 0);
        }
    }

    /// Room again.
    pub fn free(&self, redis: i32) {
        match self.mount() {
            // It may have ended meanwhile; the next one has no limit.
            None => drop(limit_files(redis, "unlimited")),
            Some(mount) => fs::remove_file(mount.ballast()).unwrap(),
        }
    }

    /// What stands for a full disk here.
    pub fn fullness(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "a limit on the size of Redis's files (RLIMIT_FSIZE)",
            Self::Memory { .. } => "a small file system in memory (tmpfs)",
            Self::Image(_) => "a small disk image (ext4)",
        }
    }

    /// What stands for a loss of power here.
    pub fn power_loss(&self) -> String {
        match self {
            Self::Plain { why, .. } | Self::Memory { why, .. } => {
                format!("not simulated here: {why}")
            }
            Self::Image(_) => "the disk image below the disk image is cut off".to_owned(),
        }
    }
}

/// The soft limit, so that it can be raised again; the hard one stays.
fn limit_files(pid: i32, bytes: &str) -> Result<(), String> {
    run("prlimit", &["--pid", &pid.to_string(), &format!("--fsize={bytes}:")])
}

impl Mount {
    fn in_memory(place: &Path, bytes: u64) -> Result<Self, String> {
        let size = format!("size={bytes}");
        Self::make(place, &["-t", "tmpfs", "-o", &size, "tmpfs"])
    }

    fn of_file(file: &Path, place: &Path) -> Result<Self, String> {
        Self::make(place, &["-o", OPTIONS, text(file)])
    }

    fn make(place: &Path, arguments: &[&str]) -> Result<Self, String> {
        fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
        run("mount", &[arguments, &[text(place)]].concat())?;
        Ok(Self(place.to_owned()))
    }

    /// Takes room, a piece at a time, until so much is left.
    fn fill(&self, piece: u64, left: u64) {
        let file = File::options().create(true).append(true).open(self.ballast()).unwrap();
        let free = || {
            let space = statvfs(&self.0).unwrap();
            space.blocks_available() * space.fragment_size()
        };
        let length = || file.metadata().unwrap().len();
        while free() >= left + piece
            && fallocate(&file, FallocateFlags::empty(), length() as i64, piece as i64).is_ok()
        {
        }
    }

    /// Everything that was written so far is stored.
    pub fn sync(&self) {
        run("sync", &["-f", text(&self.0)]).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    fn unmount(&self) -> Result<(), String> {
        let deadline = Instant::now() + UNMOUNT;
        loop {
            match run("umount", &[text(&self.0)]) {
                Err(_) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                result => return result,
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a Redis that was just killed may still be there.
        let _ = run("umount", &["--lazy", text(&self.0)]);
    }
}

impl Image {
    fn new(dir: &Path) -> Result<Self, String> {
        let memory = Mount::in_memory(&dir.join("memory"), OUTER + (OUTER >> 2))?;
        let file = memory.0.join("outer.img");
        make(&file, OUTER)?;
        let outer = Mount::of_file(&file, &dir.join("outer"))?;
        let file = outer.0.join("inner.img");
        make(&file, INNER)?;
        outer.sync();
        let inner = Mount::of_file(&file, &dir.join("inner"))?;
        let image = Self { inner, outer, memory };
        image.prove()?;
        Ok(image)
    }

    /// A cut takes what was not synced and leaves what was: else it would show nothing.
    fn prove(&self) -> Result<(), String> {
        let write = |name: &str, is_synced: bool| {
            let mut file = File::create(self.inner.0.join(name))?;
            file.write_all(name.as_bytes())?;
            if is_synced { file.sync_all() } else { Ok(()) }
        };
        write("synced", true).and_then(|()| write("unsynced", false)).map_err(|e| e.to_string())?;
        self.cut()?;
        self.restore()?;
        let content = |name| fs::read_to_string(self.inner.0.join(name)).unwrap_or_default();
        match (content("synced").as_str(), content("unsynced").as_str()) {
            ("synced", "") => Ok(()),
            found => Err(format!("after a cut the files hold {found:?}")),
        }
    }

    /// The power fails. Only the outer one is told: the inner one is to find its disk gone, as it would
    /// be. (Shut down itself, it answers a sync under way with success now and then.)
    pub fn cut(&self) -> Result<(), String> {
        run("python3", &["-c", SHUT_DOWN, text(&self.outer.0)])
    }

    /// The power is back. Whoever used the file systems must have ended.
    pub fn restore(&self) -> Result<(), String> {
        self.inner.unmount()?;
        self.outer.unmount()?;
        let again = |file: PathBuf, mount: &Mount| {
            run("mount", &["-o", OPTIONS, text(&file), text(&mount.0)])
        };
        again(self.memory.0.join("outer.img"), &self.outer)?;
        again(self.outer.0.join("inner.img"), &self.inner)
    }
}

/// A file system in a new file, whose every block is there: only the content is to depend on syncs.
fn make(file: &Path, bytes: u64) -> Result<(), String> {
    let zeros = || std::io::copy(&mut std::io::repeat(0).take(bytes), &mut File::create(file)?);
    zeros().map_err(|error| format!("writing {}: {error}", file.display()))?;
    // Without blocks that only root may use: full is full.
    run("mkfs.ext4", &["-q", "-F", "-m", "0", "-E", "nodiscard", text(file)])
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{program} {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
