//! What waits for one reader: bounded, and thrown away when the bound is reached.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Ended, Event};

/// Messages that wait for one slow reader before it is cut off.
const BACKLOG: usize = 1024;

/// And their bytes, all topics of the reader together.
const BACKLOG_BYTES: usize = 8 << 20;

/// What waits for one reader.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    bytes: usize,
    ended: Option<Ended>,
}

impl Queue {
    /// The next event, or how it ended.
    pub(super) async fn next(&self) -> Result<Event, Ended> {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// The next event, or how it ended; `None` while there is nothing to tell.
    fn take(&self) -> Option<Result<Event, Ended>> {
        let mut waiting = self.lock();
        match waiting.events.pop_front() {
            Some(event) => {
                waiting.bytes -= event.size();
                Some(Ok(event))
            }
            None => waiting.ended.map(Err),
        }
    }

    /// Adds the event. If too much is waiting already, the reader is cut off: what waits is thrown
    /// away, since one that does not read would keep it for ever.
    pub(super) fn put(&self, event: Event) -> Result<(), Ended> {
        let mut waiting = self.lock();
        // A single message may be of any size.
        let bytes = waiting.bytes + event.size();
        if waiting.events.len() >= BACKLOG || (waiting.bytes > 0 && bytes > BACKLOG_BYTES) {
            waiting.events = VecDeque::new();
            drop(waiting);
            self.end(Ended::TooSlow);
            return Err(Ended::TooSlow);
        }
        waiting.events.push_back(event);
        waiting.bytes = bytes;
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The first reason stays.
    pub(super) fn end(&self, how: Ended) {
        self.lock().ended.get_or_insert(how);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    fn size(&self) -> usize {
        match self {
            Self::Subscribed(_) => 0,
            Self::Message(message) => message.channel.len() + message.payload.len(),
        }
    }
}
