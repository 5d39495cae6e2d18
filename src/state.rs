//! What the bundled Redis is doing: the one thing that the supervisor tells everybody else.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// The bundled server's state, published by the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The process is being started.
    Starting,
    /// It runs and loads its data.
    Loading,
    /// It answered PING. The epoch counts the starts, so that a connection to an older process is
    /// never used for a newer one.
    Ready {
        /// 1 for the first process, then 2, …
        epoch: u64,
        /// The server's own `redis_version`.
        version: Arc<str>,
    },
    /// It ended and will be started again.
    Backoff,
    /// pkv is stopping.
    Stopping,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Loading => "loading",
            Self::Ready { .. } => "ready",
            Self::Backoff => "restarting",
            Self::Stopping => "stopping",
        })
    }
}

/// A view of the state that can be awaited.
pub type StateReceiver = watch::Receiver<State>;
