//! What the bundled Redis is doing: the one thing that the supervisor tells everybody else.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use crate::config::Storage;

/// The bundled server's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The process is being started.
    Starting,
    /// It runs and loads its data.
    Loading {
        /// How much of it, in percent, if the server says so.
        percent: Option<u8>,
    },
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
    /// It cannot load its data; the text says what is damaged and what to do. It is started again all
    /// the same, since somebody may repair it.
    Damaged(Arc<str>),
    /// pkv is stopping.
    Stopping,
}

/// The state, and how it came to it.
#[derive(Debug, Clone)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Since when; progress in loading is no new state.
    pub since: SystemTime,
    /// Starts after the first one.
    pub restarts: u64,
    /// How it ended the last time, or why it did not start.
    pub last_error: Option<Arc<str>>,
    /// What becomes of the data.
    pub data: Data,
}

/// How data is kept, and how well.
#[derive(Debug, Clone)]
pub struct Data {
    /// How.
    pub storage: Storage,
    /// When the newest snapshot was made, if there is one.
    pub last_snapshot: Option<SystemTime>,
    /// Why the last try to store a snapshot failed; `None` if it did not.
    pub snapshot_error: Option<Arc<str>>,
    /// Bytes that can still be written, once somebody has looked.
    pub free_bytes: Option<u64>,
    /// Whether that is too little for long.
    pub is_short_of_room: bool,
    /// What becomes of writes.
    pub writing: Writing,
}

/// What becomes of writes, as far as the disk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// They are stored.
    Well,
    /// They are refused: there is no room.
    Refused,
    /// They are taken, but the file that they go to may be damaged, and there is no room to rewrite it.
    Doubtful,
}

impl Status {
    /// Before the first start.
    pub fn new(storage: Storage) -> Self {
        let data = Data {
            storage,
            last_snapshot: None,
            snapshot_error: None,
            free_bytes: None,
            is_short_of_room: false,
            writing: Writing::Well,
        };
        let (state, since) = (State::Starting, SystemTime::now());
        Self { state, since, restarts: 0, last_error: None, data }
    }

    /// Whether commands can be sent.
    pub fn is_ready(&self) -> bool {
        self.epoch().is_some()
    }

    /// Which process it is that commands can be sent to.
    pub fn epoch(&self) -> Option<u64> {
        match self.state {
            State::Ready { epoch, .. } => Some(epoch),
            _ => None,
        }
    }
}

impl State {
    /// The name in `/ready` and in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Loading { .. } => "loading",
            Self::Ready { .. } => "ready",
            Self::Backoff => "restarting",
            Self::Damaged(_) => "damaged",
            Self::Stopping => "stopping",
        }
    }
}

/// For an error's text: `Redis is …`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loading { percent: Some(percent) } => write!(f, "loading ({percent} %)"),
            Self::Damaged(what) => write!(f, "unable to load its data: {what}"),
            state => f.write_str(state.name()),
        }
    }
}

/// A view of the status that can be awaited.
pub type StatusReceiver = watch::Receiver<Status>;
