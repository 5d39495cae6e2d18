//! What becomes of a Redis that has ended, and how one is ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use nix::sys::signal::Signal;
use tokio::time::Instant;
use tracing::{debug, error, info};

use super::child::{Child, Ending};
use super::{Phase, Stopped, Supervisor, backoff, damage};
use crate::config::Storage;
use crate::state::State;

/// Ends in a row, before Redis has ever been ready, that mean a broken setup.
const GIVE_UP: u32 = 3;

/// Longest wait for Redis to store everything and end.
const STOP: Duration = Duration::from_secs(5);

/// Of the time that Redis has to stop, what is left to it once the last snapshot is stored.
const AFTER_SNAPSHOT: Duration = Duration::from_secs(1);

/// While Redis keeps ending, one error line this often and not one for each try.
const COMPLAIN: Duration = Duration::from_secs(60);

impl Supervisor {
    /// Ends a Redis that does not answer; returns how that went.
    pub(super) async fn end_hung(&self, child: &mut Child) -> anyhow::Result<String> {
        let silent_s = self.settings.hang_limit.as_secs();
        error!(silent_s, "Redis does not answer: ending it, to start it again");
        let status = match child.end_within(STOP).await? {
            Ending::ByItself(status) | Ending::Killed(status) => status,
        };
        Ok(format!("did not answer for {silent_s} s, {}", describe(status)))
    }

    /// Redis is gone: how long until the next try, or no more of them. `tail` is what it said last,
    /// for the case that it has never been ready.
    pub(super) fn ended(
        &mut self,
        ready_for: Option<Duration>,
        how: String,
        tail: &[String],
    ) -> anyhow::Result<Phase> {
        if let (Some(keeper), Some(_)) = (&mut self.keeper, ready_for) {
            keeper.redis_ended();
        }
        if let Some(what) = damage::diagnose(tail, &self.settings.data_dir) {
            return Ok(self.damaged(what));
        }
        self.set_state(State::Backoff);
        self.status.send_modify(|status| status.last_error = Some(how.as_str().into()));
        if self.lives == 0 {
            self.ends_before_first_ready += 1;
            if self.ends_before_first_ready >= GIVE_UP {
                let advice = damage::module_advice(tail);
                let tail = tail.join("\n");
                bail!("Redis does not start ({how}){advice}; what it said last:\n{tail}");
            }
        }
        let wait = self.backoff.after(ready_for, jitter());
        let retry_in_ms = wait.as_millis() as u64;
        match self.may_complain() {
            true if self.settings.storage == Storage::Memory => {
                error!(
                    how,
                    retry_in_ms, "Redis ended, and with it the data: it was in memory only"
                );
            }
            true => error!(how, retry_in_ms, "Redis ended"),
            false => debug!(how, retry_in_ms, "Redis ended again"),
        }
        Ok(Phase::BackOff(wait))
    }

    /// The data cannot be loaded: waits for somebody to do something about it.
    pub(super) fn damaged(&mut self, what: String) -> Phase {
        if self.restoring.as_mut().is_some_and(|restoring| restoring.refused(&what)) {
            return Phase::Restore;
        }
        if self.may_complain() {
            error!("Redis cannot load its data: {what}");
        }
        let what: Arc<str> = what.into();
        self.status.send_modify(|status| status.last_error = Some(what.clone()));
        self.set_state(State::Damaged(what));
        Phase::BackOff(backoff::CAP)
    }

    /// Whether the last error in the log is old enough for another one.
    fn may_complain(&mut self) -> bool {
        let may = self.last_complaint.is_none_or(|last| last.elapsed() >= COMPLAIN);
        if may {
            self.last_complaint = Some(Instant::now());
        }
        may
    }

    pub(super) async fn stop(&mut self, child: Option<Child>) -> anyhow::Result<Stopped> {
        let was_ready = self.status.borrow().is_ready();
        self.set_state(State::Stopping);
        let deadline = Instant::now() + STOP;
        let target = self.own_connection();
        let is_stored = match &mut self.keeper {
            Some(keeper) if was_ready => keeper.store_last(&target, STOP - AFTER_SNAPSHOT).await,
            Some(keeper) => keeper.stores_no_more(),
            None => true,
        };
        let stopped = match child {
            Some(child) => self.end(child, deadline).await?,
            None => Stopped::Cleanly,
        };
        Ok(if is_stored { stopped } else { Stopped::Badly })
    }

    async fn end(&self, mut child: Child, deadline: Instant) -> anyhow::Result<Stopped> {
        match child.end_within(deadline.saturating_duration_since(Instant::now())).await? {
            // Killed by the SIGTERM itself: it had not come so far as to handle it, or to have
            // anything to store.
            Ending::ByItself(status)
                if status.success() || status.signal() == Some(Signal::SIGTERM as i32) =>
            {
                match self.settings.storage {
                    Storage::Memory => info!("Redis ended, and with it the data"),
                    _ => info!("Redis stored everything and ended"),
                }
                return Ok(Stopped::Cleanly);
            }
            Ending::ByItself(status) => {
                error!(how = describe(status), "Redis ended badly while stopping");
            }
            Ending::Killed(_) => {
                error!(waited_s = STOP.as_secs(), "Redis did not stop and was killed");
            }
        }
        Ok(Stopped::Badly)
    }
}

/// A number in -1..=1; 0 if there is no randomness.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0)
}

/// For `last_error` and the log.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
