//! One redis-server process: spawned, awaited, signalled.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getppid};
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::logs::{self, Tail};
use super::reaper::Own;

/// Longest wait for what an ended Redis has written to be read.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running redis-server. It ends with us: the kernel sends it SIGTERM when we die.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    pid: Pid,
    /// What it said last.
    pub tail: Arc<Tail>,
    own: Own,
    readers: Vec<JoinHandle<()>>,
}

/// How it ended when it was told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In time.
    ByItself(ExitStatus),
    /// It did not, and was killed.
    Killed(ExitStatus),
}

impl Child {
    /// Starts `server` with the configuration file `conf`. It inherits `lock`, so that the data
    /// directory stays locked until it, too, has ended.
    ///
    /// Must be called on the main thread: the parent-death signal follows the thread that forked.
    #[allow(unsafe_code)]
    pub fn spawn(
        server: &Path,
        conf: &Path,
        lock: BorrowedFd<'_>,
        own: &Own,
    ) -> anyhow::Result<Self> {
        let parent = nix::unistd::getpid();
        let lock = lock.as_raw_fd();
        let mut command = Command::new(server);
        command
            .arg(conf)
            // Nothing of ours may reach it, tokens least of all.
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on a terminal reaches us alone; Redis hears of it through us.
            .process_group(0)
            .kill_on_drop(false);
        // SAFETY: between fork and exec only async-signal-safe calls are made (prctl, getppid,
        // umask, fcntl), and nothing is allocated.
        unsafe {
            command.pre_exec(move || {
                prctl::set_pdeathsig(Signal::SIGTERM)?;
                if getppid() != parent {
                    return Err(nix::Error::ESRCH.into()); // we died before the line above
                }
                umask(Mode::from_bits_truncate(0o077)); // its files are for their owner alone
                let lock = BorrowedFd::borrow_raw(lock);
                fcntl(lock, FcntlArg::F_SETFD(FdFlag::empty()))?;
                Ok(())
            });
        }
        let mut unreaped = own.lock();
        let mut process =
            command.spawn().with_context(|| format!("starting {}", server.display()))?;
        let pid = process.id().ok_or_else(|| anyhow!("redis-server ended as it started"))?;
        let pid = Pid::from_raw(pid.cast_signed());
        *unreaped = Some(pid);
        drop(unreaped);
        let tail = Arc::new(Tail::default());
        let mut readers = Vec::new();
        if let Some(output) = process.stdout.take() {
            readers.push(tokio::spawn(logs::forward(output, tail.clone())));
        }
        if let Some(output) = process.stderr.take() {
            readers.push(tokio::spawn(logs::forward(output, tail.clone())));
        }
        Ok(Self { process, pid, tail, own: own.clone(), readers })
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Waits until it has ended.
    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let status = self.process.wait().await.context("waiting for redis-server")?;
        // Its number may be an orphan's from now on.
        *self.own.lock() = None;
        Ok(status)
    }

    /// What it said last, once it has ended.
    pub async fn last_words(&mut self) -> Vec<String> {
        // A fork of it may hold its pipes open: no reason to wait for long.
        let all_read = async {
            for reader in self.readers.drain(..) {
                let _ = reader.await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, all_read).await;
        self.tail.lines()
    }

    /// Asks it to store everything and end; kills it if it has not by `limit`.
    pub async fn end_within(&mut self, limit: Duration) -> anyhow::Result<Ending> {
        self.signal(Signal::SIGTERM);
        match tokio::time::timeout(limit, self.wait()).await {
            Ok(status) => Ok(Ending::ByItself(status?)),
            Err(_) => {
                self.kill();
                Ok(Ending::Killed(self.wait().await?))
            }
        }
    }

    /// Ends it at once.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        // `id` is None once it was reaped: its number may then be somebody else's.
        if self.process.id().is_some() {
            let _ = kill(self.pid, signal);
        }
    }
}
