//! Who asked to stop, and waiting for it.

use tokio::sync::watch;

/// How urgent the stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Requested,
    Hurried,
}

/// A handle on the stop: clone it into every task that must end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<Phase>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }
}

impl Stop {
    /// Asks to stop. Asking again means: do not wait for requests that are still being answered.
    pub fn request(&self) {
        self.0.send_modify(|phase| {
            *phase = if *phase == Phase::Running { Phase::Requested } else { Phase::Hurried };
        });
    }

    /// Whether anybody has asked.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() >= Phase::Requested
    }

    /// Returns once anybody has asked.
    pub async fn requested(&self) {
        self.reached(Phase::Requested).await;
    }

    /// Returns once anybody has asked twice.
    pub async fn hurried(&self) {
        self.reached(Phase::Hurried).await;
    }

    async fn reached(&self, phase: Phase) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the channel cannot be closed while we wait.
        let _ = receiver.wait_for(|now| *now >= phase).await;
    }
}
