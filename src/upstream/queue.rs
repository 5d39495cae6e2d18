//! What waits for one reader: bounded, and thrown away when the bound is reached.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Events that wait for one slow reader before it is cut off.
const BACKLOG: usize = 1024;

/// And their bytes, all that the reader has asked for together.
const BACKLOG_BYTES: usize = 8 << 20;

/// The same while all of a hub's readers together have more than [`ALL_BYTES`] waiting.
const SHORT_BACKLOG_BYTES: usize = 64 << 10;

/// What waits for all readers of a hub together, in bytes; an event counts once, however many it is for.
const ALL_BYTES: usize = 64 << 20;

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

/// What waits for all readers of a hub together.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// Counts the bytes until the count is dropped.
    pub(super) fn count(&self, bytes: usize) -> Counted {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Counted { backlog: self.clone(), bytes }
    }

    /// How much may wait for one of them.
    fn limit(&self) -> usize {
        match self.0.load(Ordering::Relaxed) > ALL_BYTES {
            true => SHORT_BACKLOG_BYTES,
            false => BACKLOG_BYTES,
        }
    }
}

/// Bytes that wait.
#[derive(Debug)]
pub(super) struct Counted {
    backlog: Backlog,
    bytes: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.backlog.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What waits for one reader.
#[derive(Debug)]
pub(super) struct Queue<E> {
    backlog: Backlog,
    waiting: Mutex<Waiting<E>>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting<E> {
    events: VecDeque<E>,
    bytes: usize,
    ended: Option<Ended>,
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
        if waiting.events.len() >= BACKLOG || (waiting.bytes > 0 && bytes > self.backlog.limit()) {
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
    /// For one more reader of a hub.
    pub(super) fn new(backlog: &Backlog) -> Self {
        let waiting = Waiting { events: VecDeque::new(), bytes: 0, ended: None };
        let (waiting, changed) = (Mutex::new(waiting), Notify::new());
        Self { backlog: backlog.clone(), waiting, changed }
    }

    /// The first reason stays.
    pub(super) fn end(&self, how: Ended) {
        self.lock().ended.get_or_insert(how);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<E>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event that says how long it is.
    struct Event(usize, #[allow(dead_code)] Option<Counted>);

    impl Weigh for Event {
        fn weight(&self) -> usize {
            self.0
        }
    }

    #[tokio::test]
    async fn many_slow_readers_together_have_less_room_each() {
        const MB: usize = 1 << 20;
        let backlog = Backlog::default();
        let put = |queue: &Queue<Event>| queue.put(Event(MB, Some(backlog.count(MB))));
        let queues: Vec<_> = (0..8).map(|_| Queue::new(&backlog)).collect();
        for queue in &queues {
            assert!((0..8).all(|_| put(queue).is_ok()), "alone, each has room for 8 MB");
        }
        let one_more = Queue::new(&backlog);
        assert_eq!(put(&one_more), Ok(()), "a single event may be of any size");
        assert_eq!(put(&one_more), Err(Ended::TooSlow));
        for _ in 0..3 {
            queues[0].next().await.unwrap();
        }
        let later = Queue::new(&backlog);
        assert_eq!((put(&later), put(&later)), (Ok(()), Ok(())), "what was read has made room");
    }
}
