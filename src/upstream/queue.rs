//! What waits for one reader: bounded, and thrown away when the bound is reached.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Events that wait for one slow reader before it is cut off.
const BACKLOG: usize = 1024;

/// And their bytes, all that the reader has asked for together.
const BACKLOG_BYTES: usize = 8 << 20;

/// How a stream of events ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its reader was too slow.
    TooSlow,
    /// The hub is gone: pkv is stopping.
    Closed,
}

/// What can wait.
pub(super) trait Weigh {
    /// The bytes that count against the bound.
    fn weight(&self) -> usize;
}

/// What waits for one reader.
#[derive(Debug)]
pub(super) struct Queue<E> {
    waiting: Mutex<Waiting<E>>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting<E> {
    events: VecDeque<E>,
    bytes: usize,
    ended: Option<Ended>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        let waiting = Waiting { events: VecDeque::new(), bytes: 0, ended: None };
        Self { waiting: Mutex::new(waiting), changed: Notify::new() }
    }
}

impl<E: Weigh> Queue<E> {
    /// The next event, or how it ended.
    pub(super) async fn next(&self) -> Result<E, Ended> {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// The next event, or how it ended; `None` while there is nothing to tell.
    fn take(&self) -> Option<Result<E, Ended>> {
        let mut waiting = self.lock();
        match waiting.events.pop_front() {
            Some(event) => {
                waiting.bytes -= event.weight();
                Some(Ok(event))
            }
            None => waiting.ended.map(Err),
        }
    }

    /// Adds the event. If too much is waiting already, the reader is cut off: what waits is thrown
    /// away, since one that does not read would keep it for ever.
    pub(super) fn put(&self, event: E) -> Result<(), Ended> {
        let mut waiting = self.lock();
        // A single event may be of any size.
        let bytes = waiting.bytes + event.weight();
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
}

impl<E> Queue<E> {
    /// The first reason stays.
    pub(super) fn end(&self, how: Ended) {
        self.lock().ended.get_or_insert(how);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<E>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
