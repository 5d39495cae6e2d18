//! What PID 1 owes the other processes of its container: whoever loses his parent becomes its child,
//! and stays a zombie until it asks how he ended.
//!
//! Redis is a child too, and how that one ended is for the supervisor to learn: it is only looked at
//! (WNOWAIT) and left alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tracing::debug;

/// Redis has ended and the supervisor has not asked yet: it will within moments, and hides others.
const AGAIN: Duration = Duration::from_millis(10);

/// The child that is not to be reaped. Held while it is being made, so that a child that ends at once
/// is known as well.
#[derive(Debug, Clone, Default)]
pub struct Own(Arc<Mutex<Option<Pid>>>);

impl Own {
    /// Holds all reaping off.
    pub fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reaps orphans until dropped, if this process is PID 1; never returns otherwise either.
pub async fn reap_orphans(own: Own) -> anyhow::Result<()> {
    if std::process::id() != 1 {
        return std::future::pending().await;
    }
    let mut ended = signal(SignalKind::child()).context("listening for SIGCHLD")?;
    loop {
        ended.recv().await;
        while !reap(&own) {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Reaps all that can be; false if Redis stands in the way.
fn reap(own: &Own) -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        let own = own.lock();
        let pid = match waitid(Id::All, look) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => pid,
            // Nobody has ended, or nobody is there.
            _ => return true,
        };
        if *own == Some(pid) {
            return false;
        }
        debug!(pid = pid.as_raw(), "an orphan ended");
        let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    }
}
