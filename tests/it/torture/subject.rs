//! The pkv that is tortured, with its Redis: started, killed and started again on one directory.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::disk::Disk;
use crate::support::{Dice, Pkv, eventually};

/// A Redis that does not answer for this long is ended: the shortest that pkv takes.
pub const HANG_LIMIT: Duration = Duration::from_secs(10);

/// Longest time for a stop, by the promise of the README, and a little for a busy machine.
const STOP: Duration = Duration::from_secs(10);

/// Longest wait for a Redis to end after its pkv, and for a new one to be started.
const REDIS: Duration = Duration::from_secs(30);

/// `PKV_DURABILITY`, each as often as it stands here: what was acknowledged outlives a crash with
/// any of them.
const DURABILITIES: [&str; 4] = ["everysec", "everysec", "always", "none"];

/// How large the append-only file becomes before Redis rewrites it: so little that a rewrite is often
/// under way, or so much that what is stored is stored by syncs alone.
const REWRITE_SIZES: [&str; 2] = ["2mb", "30mb"];

/// A file that tells the server program.
const REWRITE_SIZE: &str = "rewrite-size";

/// Dropped in this order: what uses the disk, the disk, the directory that it is in.
pub struct Subject {
    pkv: Option<Pkv>,
    pub disk: Disk,
    dir: TempDir,
    /// `PKV_DURABILITY` of the pkv that runs, or is started next.
    pub durability: &'static str,
    /// And its `auto-aof-rewrite-min-size`.
    rewrite_size: &'static str,
    /// Where it is to be reached; another place after each start.
    pub url: Arc<Mutex<String>>,
}

impl Subject {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        write_wrapper(&dir.path().join("redis-server"));
        let disk = Disk::new(dir.path());
        Self { pkv: None, disk, dir, durability: "", rewrite_size: "", url: Arc::default() }
    }

    /// The running pkv.
    pub fn pkv(&self) -> &Pkv {
        self.pkv.as_ref().expect("pkv was started")
    }

    /// Whether pkv was started and not ended since.
    pub fn is_running(&self) -> bool {
        self.pkv.is_some()
    }

    /// Starts pkv, or starts it anew, as the dice choose.
    pub async fn have(&mut self, dice: &mut Dice) {
        let durability: &&'static str = dice.pick(&DURABILITIES);
        let rewrite_size: &&'static str = dice.pick(&REWRITE_SIZES);
        let is_so = self.durability == *durability && self.rewrite_size == *rewrite_size;
        if self.is_running() && !is_so {
            self.stop().await;
        }
        (self.durability, self.rewrite_size) = (durability, rewrite_size);
        if !self.is_running() {
            self.start();
        }
    }

    /// Starts pkv as it was started last.
    pub fn start(&mut self) {
        fs::write(self.dir.path().join(REWRITE_SIZE), format!("{}\n", self.rewrite_size)).unwrap();
        let data_dir = self.disk.data_dir();
        let hang_limit = format!("{}s", HANG_LIMIT.as_secs());
        let server = self.dir.path().join("redis-server");
        let vars = [
            ("PKV_DATA_DIR", data_dir.to_str().unwrap()),
            ("PKV_DURABILITY", self.durability),
            ("PKV_HANG_LIMIT", &hang_limit),
            ("PKV_REDIS_SERVER", server.to_str().unwrap()),
            // A pkv that is killed leaves a directory there.
            ("TMPDIR", self.dir.path().to_str().unwrap()),
        ];
        let pkv = tokio::task::block_in_place(|| Pkv::start_in(self.dir.path(), &vars));
        self.url.lock().unwrap().clone_from(&pkv.url);
        self.pkv = Some(pkv);
    }

    /// SIGTERM, and a clean end.
    pub async fn stop(&mut self) {
        let mut pkv = self.pkv.take().expect("pkv was started");
        pkv.signal(Signal::SIGTERM);
        let status = pkv.ended(STOP).await;
        assert!(status.success(), "a stop was not clean: {status}");
    }

    /// SIGKILL, and the end of its Redis.
    pub async fn kill(&mut self) {
        let mut pkv = self.pkv.take().expect("pkv was started");
        let redis = *pkv.redis_pids().last().unwrap();
        pkv.signal(Signal::SIGKILL);
        pkv.ended(STOP).await;
        eventually("Redis ends with its pkv", REDIS, || async {
            !Path::new(&format!("/proc/{redis}/exe")).exists()
        })
        .await;
    }

    /// Of the Redis that was started last.
    pub fn redis(&self) -> i32 {
        *self.pkv().redis_pids().last().unwrap()
    }

    /// Signals that Redis, if it is still there; returns its process id.
    pub fn signal_redis(&self, signal: Signal) -> i32 {
        let pid = self.redis();
        let _ = kill(Pid::from_raw(pid), signal);
        pid
    }

    /// Waits until another Redis than this one was started.
    pub async fn redis_other_than(&self, pid: i32) {
        eventually("another Redis is started", REDIS, || async { self.redis() != pid }).await;
    }

    /// Keeps what a failure leaves; says where.
    pub fn keep(mut self) -> PathBuf {
        drop(self.pkv.take());
        self.dir.disable_cleanup(true);
        if self.disk.mount().is_some() {
            // It is gone with this process.
            let from = self.disk.data_dir();
            let _ =
                std::process::Command::new("cp").arg("-a").arg(from).arg(self.dir.path()).status();
        }
        self.dir.path().to_owned()
    }
}

/// A server program that starts the real one with that size, and takes a limit on the size of its files
/// for what it stands for: a full disk, not a signal.
fn write_wrapper(path: &Path) {
    let real = std::env::var("PKV_REDIS_SERVER").unwrap_or("redis-server".into());
    let size = path.with_file_name(REWRITE_SIZE);
    let text = format!(
        "#!/bin/sh\ntrap '' XFSZ\nread size < '{}'\n\
         exec '{real}' \"$@\" --auto-aof-rewrite-min-size $size\n",
        size.display()
    );
    fs::write(path, text).unwrap();
    File::open(path).unwrap().set_permissions(PermissionsExt::from_mode(0o700)).unwrap();
}
