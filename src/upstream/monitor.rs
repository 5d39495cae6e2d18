//! MONITOR: one connection to Redis carries every monitor of a pool, since each one that Redis
//! itself serves costs it dearly.
//!
//! Promises: a [`Monitor`] exists only once Redis has confirmed it, and sees every command that
//! begins later, in order; one that is read too slowly is cut off without the others noticing; the
//! connection is closed with the last of them. When it is lost, it is made anew, which each monitor
//! is told ([`Sight::Confirmed`]): what was executed in between is not seen. No secret and no
//! address of a client is shown (see [`line`]).

mod connection;
mod line;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use super::Fault;
use super::queue::{Backlog, Ended, Queue, Weigh};
use super::wire::Wire;
use crate::config::ConnectionString;
use crate::state::{Status, StatusReceiver};
use connection::Connection;

/// Longest wait for Redis to connect and to confirm.
const ANSWER: Duration = Duration::from_secs(2);

/// Longest wait for a monitor, its turn among the others included.
const JOIN: Duration = Duration::from_secs(5);

/// Between two attempts to connect again.
const RETRY: Duration = Duration::from_millis(100);

/// What a monitor is told.
#[derive(Debug, Clone)]
pub enum Sight {
    /// Redis shows its commands from here on: at the beginning, and after a lost connection.
    Confirmed,
    /// Commands, a line each. All that arrived at once, so that a burst of small ones does not fill
    /// a queue which counts its events.
    Commands(Arc<str>),
}

impl Weigh for Sight {
    fn weight(&self) -> usize {
        match self {
            Self::Confirmed => 0,
            Self::Commands(lines) => lines.len(),
        }
    }
}

/// A monitor's end; dropping it ends it.
#[derive(Debug)]
pub struct Monitor {
    id: u64,
    queue: Arc<Queue<Sight>>,
    hub: mpsc::UnboundedSender<Order>,
}

impl Monitor {
    /// What comes next, or how it ended.
    pub async fn next(&mut self) -> Result<Sight, Ended> {
        self.queue.next().await
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.hub.send(Order::Leave { id: self.id });
    }
}

/// The hub's end of a monitor.
struct Watcher(Arc<Queue<Sight>>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.end(Ended::Closed);
    }
}

/// What the hub is asked. Each monitor asks twice in its life, so that the queue is bounded by the
/// number of HTTP connections.
#[derive(Debug)]
enum Order {
    Join { done: oneshot::Sender<Result<Monitor, Fault>> },
    Leave { id: u64 },
    EndAll,
}

/// The way to a pool's monitors; its task ends with the last handle on it.
#[derive(Debug, Clone)]
pub struct Hub(mpsc::UnboundedSender<Order>);

impl Hub {
    /// Starts the task; it connects when somebody joins.
    pub fn start(target: ConnectionString, status: Option<StatusReceiver>) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let task = Task {
            target,
            status,
            // Weak, so that the task ends when everybody else's handles are gone.
            hub: orders.downgrade(),
            connection: None,
            next_id: 0,
            watchers: HashMap::new(),
        };
        tokio::spawn(task.run(receiver));
        Self(orders)
    }

    /// A new monitor, once Redis has confirmed it.
    pub async fn join(&self) -> Result<Monitor, Fault> {
        let (done, joined) = oneshot::channel();
        self.0.send(Order::Join { done }).map_err(|_| closed())?;
        match tokio::time::timeout(JOIN, joined).await {
            Ok(joined) => joined.map_err(|_| closed())?,
            Err(_) => Err(Fault::Down("Redis did not confirm the monitor in time".into())),
        }
    }

    /// Whether there is a monitor: each has a handle of its own.
    pub fn is_heard(&self) -> bool {
        self.0.strong_count() > 1
    }

    /// Ends every monitor.
    pub fn end_all(&self) {
        // A task that is gone has none.
        let _ = self.0.send(Order::EndAll);
    }
}

fn closed() -> Fault {
    Fault::Down("the monitors are closed".into())
}

struct Task {
    target: ConnectionString,
    status: Option<StatusReceiver>,
    hub: mpsc::WeakUnboundedSender<Order>,
    connection: Option<Connection<Wire>>,
    next_id: u64,
    watchers: HashMap<u64, Watcher>,
}

impl Task {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let wants_connection = self.connection.is_none() && !self.watchers.is_empty();
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    // Nobody waits for it any more.
                    Some(Order::Join { done }) if done.is_closed() => {}
                    Some(Order::Join { done }) => {
                        let joined = self.join().await;
                        // If whoever asked is gone, dropping the monitor takes it back.
                        drop(done.send(joined));
                    }
                    Some(Order::Leave { id }) => self.leave(id),
                    Some(Order::EndAll) => self.end_all(),
                },
                commands = next_commands(&mut self.connection) => match commands {
                    Ok(commands) => self.tell(&Sight::Commands(commands.into())),
                    Err(error) => {
                        debug!(%error, "monitor connection lost");
                        self.connection = None;
                    }
                },
                () = tokio::time::sleep(RETRY), if wants_connection => {
                    if let Err(fault) = self.connect().await {
                        debug!(?fault, "monitor connection not made again yet");
                        if fault == Fault::Denied {
                            self.end_all();
                        }
                    }
                }
            }
        }
    }

    async fn join(&mut self) -> Result<Monitor, Fault> {
        let hub = self.hub.upgrade().ok_or_else(closed)?;
        if self.connection.is_none() {
            self.connect().await?;
        }
        self.next_id += 1;
        let id = self.next_id;
        // They all wait for the same: together it is no more than for the slowest of them.
        let queue = Arc::new(Queue::new(&Backlog::default()));
        // It is empty, so it takes one.
        let _ = queue.put(Sight::Confirmed);
        self.watchers.insert(id, Watcher(queue.clone()));
        Ok(Monitor { id, queue, hub })
    }

    fn end_all(&mut self) {
        self.watchers.clear();
        self.connection = None;
    }

    fn leave(&mut self, id: u64) {
        self.watchers.remove(&id);
        if self.watchers.is_empty() {
            self.connection = None;
        }
    }

    /// Tells everybody; those that cannot keep up are told no more.
    fn tell(&mut self, sight: &Sight) {
        let put = |watcher: &Watcher| watcher.0.put(sight.clone());
        let too_slow = |(id, watcher): (&u64, &Watcher)| put(watcher).is_err().then_some(*id);
        let too_slow: Vec<u64> = self.watchers.iter().filter_map(too_slow).collect();
        for id in too_slow {
            debug!(id, "a monitor that reads too slowly was cut off");
            self.leave(id);
        }
    }

    /// Connects; those that were there before are told that Redis shows its commands again.
    async fn connect(&mut self) -> Result<(), Fault> {
        let target = &self.target;
        let status = &mut self.status;
        let is_bundled = status.is_some();
        let connecting = async {
            if let Some(status) = status {
                let _ = status.wait_for(Status::is_ready).await;
            }
            connection::open(target, is_bundled).await
        };
        let connection = tokio::time::timeout(ANSWER, connecting).await;
        let late = |_| Fault::Down(format!("{target:?} did not answer in time"));
        self.connection = Some(connection.map_err(late)??);
        self.tell(&Sight::Confirmed);
        Ok(())
    }
}

/// The next commands, or why there are none any more; without a connection it waits for ever.
async fn next_commands(connection: &mut Option<Connection<Wire>>) -> io::Result<String> {
    match connection {
        Some(connection) => connection.commands().await,
        None => std::future::pending().await,
    }
}
