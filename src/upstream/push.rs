//! Pub/sub: one connection to Redis carries every subscriber of a pool.
//!
//! Promises: a [`Subscription`] exists only once Redis has confirmed it; it gets every message that
//! Redis sends for its topics, in order; one that is read too slowly is cut off without the others
//! noticing; a topic that nobody is subscribed to any more is unsubscribed at once. When the
//! connection is lost, it is made anew and every topic is subscribed again, which each subscriber
//! is told ([`Event::Subscribed`]): what was published in between is lost, as pub/sub is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use redis::{ErrorKind, Msg, RedisError, RedisResult};
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use super::queue::{Backlog, Counted, Ended, Queue, Weigh};
use super::reply_lines::ReplyLines;
use super::{Fault, wire};
use crate::config::ConnectionString;
use crate::state::{Status, StatusReceiver};

/// Longest wait for Redis to connect or to confirm.
const ANSWER: Duration = Duration::from_secs(2);

/// Longest wait for a subscription, its turn among the others included.
const SUBSCRIBE: Duration = Duration::from_secs(5);

/// Between two attempts to connect again.
const RETRY: Duration = Duration::from_millis(100);

/// What one subscribes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A channel's name.
    Channel(Vec<u8>),
    /// A pattern of names.
    Pattern(Vec<u8>),
}

/// What a subscriber is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// The topic is subscribed again after a lost connection.
    Subscribed(Topic),
    /// A message.
    Message(Arc<Message>),
}

/// A published message.
#[derive(Debug)]
pub struct Message {
    /// The channel, or the pattern that matched.
    pub topic: Topic,
    /// The channel that it was published to.
    pub channel: Vec<u8>,
    /// What was published.
    pub payload: Vec<u8>,
    _counted: Counted,
}

impl Weigh for Event {
    fn weight(&self) -> usize {
        match self {
            Self::Subscribed(_) => 0,
            Self::Message(message) => message.channel.len() + message.payload.len(),
        }
    }
}

/// A subscriber's end; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    id: u64,
    topics: Vec<Topic>,
    queue: Arc<Queue<Event>>,
    hub: mpsc::UnboundedSender<Order>,
}

impl Subscription {
    /// The next event, or how it ended.
    pub async fn next(&mut self) -> Result<Event, Ended> {
        self.queue.next().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let topics = std::mem::take(&mut self.topics);
        let _ = self.hub.send(Order::Unsubscribe { id: self.id, topics });
    }
}

/// The hub's end of a subscription.
#[derive(Debug)]
struct Subscriber(Arc<Queue<Event>>);

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.end(Ended::Closed);
    }
}

/// What the hub is asked. Each subscriber asks twice in its life, so that the queue is bounded by
/// the number of HTTP connections.
enum Order {
    Subscribe { topics: Vec<Topic>, done: oneshot::Sender<Result<Subscription, Fault>> },
    Unsubscribe { id: u64, topics: Vec<Topic> },
    EndAll,
}

/// The way to a pool's subscriptions; its task ends with the last handle on it.
#[derive(Debug, Clone)]
pub struct Hub(mpsc::UnboundedSender<Order>);

impl Hub {
    /// Starts the task; it connects when somebody subscribes. The streams of an ACL user end when
    /// Redis does not take the password any more.
    pub fn start(
        target: ConnectionString,
        status: Option<StatusReceiver>,
        is_acl_user: bool,
    ) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let task = Task {
            target,
            status,
            is_acl_user,
            // Weak, so that the task ends when everybody else's handles are gone.
            hub: orders.downgrade(),
            connection: None,
            next_id: 0,
            backlog: Backlog::default(),
            subscribers: HashMap::new(),
            topics: HashMap::new(),
        };
        tokio::spawn(task.run(receiver));
        Self(orders)
    }

    /// Subscribes to all of `topics`; returns once Redis has confirmed them, or why it has not.
    pub async fn subscribe(&self, topics: Vec<Topic>) -> Result<Subscription, Fault> {
        let (done, subscribed) = oneshot::channel();
        self.0.send(Order::Subscribe { topics, done }).map_err(|_| closed())?;
        match tokio::time::timeout(SUBSCRIBE, subscribed).await {
            Ok(subscribed) => subscribed.map_err(|_| closed())?,
            Err(_) => Err(Fault::Down("Redis did not confirm the subscription in time".into())),
        }
    }

    /// Whether there is a subscription: each has a handle of its own.
    pub fn is_heard(&self) -> bool {
        self.0.strong_count() > 1
    }

    /// Ends every subscription.
    pub fn end_all(&self) {
        // A task that is gone has none.
        let _ = self.0.send(Order::EndAll);
    }
}

fn closed() -> Fault {
    Fault::Down("the subscriptions are closed".into())
}

/// A connection to Redis, in its two halves.
type Connection = (PubSubSink, PubSubStream);

struct Task {
    target: ConnectionString,
    status: Option<StatusReceiver>,
    is_acl_user: bool,
    hub: mpsc::WeakUnboundedSender<Order>,
    connection: Option<Connection>,
    next_id: u64,
    backlog: Backlog,
    subscribers: HashMap<u64, Subscriber>,
    topics: HashMap<Topic, Vec<u64>>,
}

impl Task {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let wants_connection = self.connection.is_none() && !self.topics.is_empty();
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    // Nobody waits for it any more.
                    Some(Order::Subscribe { done, .. }) if done.is_closed() => {}
                    Some(Order::Subscribe { topics, done }) => {
                        let subscribed = self.subscribe(topics).await;
                        // If whoever asked is gone, dropping the subscription takes it back.
                        drop(done.send(subscribed));
                    }
                    Some(Order::Unsubscribe { id, topics }) => self.unsubscribe(id, &topics).await,
                    Some(Order::EndAll) => self.end_all(),
                },
                message = next_message(&mut self.connection) => match message {
                    Some(message) => self.publish(&message).await,
                    None => {
                        debug!("pub/sub connection lost");
                        self.connection = None;
                    }
                },
                () = tokio::time::sleep(RETRY), if wants_connection => {
                    if let Err(fault) = self.reconnect().await {
                        debug!(?fault, "pub/sub connection not made again yet");
                        self.connection = None;
                        if fault == Fault::Denied {
                            self.end_all();
                        }
                    }
                }
            }
        }
    }

    fn end_all(&mut self) {
        self.subscribers.clear();
        self.topics.clear();
        self.connection = None;
    }

    async fn subscribe(&mut self, topics: Vec<Topic>) -> Result<Subscription, Fault> {
        let hub = self.hub.upgrade().ok_or_else(closed)?;
        if self.connection.is_none() {
            self.reconnect().await?;
        }
        self.next_id += 1;
        let id = self.next_id;
        let queue = Arc::new(Queue::new(&self.backlog));
        self.subscribers.insert(id, Subscriber(queue.clone()));
        // From here on, an error drops the subscription, which takes back what was done.
        let subscription = Subscription { id, topics: topics.clone(), queue, hub };
        for topic in topics {
            if !self.topics.contains_key(&topic) {
                self.confirm(&topic).await?;
            }
            self.topics.entry(topic).or_default().push(id);
        }
        Ok(subscription)
    }

    async fn unsubscribe(&mut self, id: u64, topics: &[Topic]) {
        self.subscribers.remove(&id);
        for topic in topics {
            let Some(ids) = self.topics.get_mut(topic) else { continue };
            ids.retain(|other| *other != id);
            if !ids.is_empty() {
                continue;
            }
            self.topics.remove(topic);
            if let Some((sink, _)) = &mut self.connection {
                let unsubscribed = match topic {
                    Topic::Channel(name) => in_time(sink.unsubscribe(name.as_slice())).await,
                    Topic::Pattern(name) => in_time(sink.punsubscribe(name.as_slice())).await,
                };
                if unsubscribed.is_err() {
                    self.connection = None;
                }
            }
        }
        if self.topics.is_empty() {
            self.connection = None;
        }
    }

    async fn publish(&mut self, message: &Msg) {
        let channel = message.get_channel::<Vec<u8>>().unwrap_or_default();
        let topic = match message.from_pattern() {
            true => Topic::Pattern(message.get_pattern().unwrap_or_default()),
            false => Topic::Channel(channel.clone()),
        };
        let payload = message.get_payload_bytes().to_vec();
        let _counted = self.backlog.count(channel.len() + payload.len());
        let message = Arc::new(Message { topic: topic.clone(), channel, payload, _counted });
        self.tell(&topic, &Event::Message(message)).await;
    }

    /// Tells every subscriber of the topic; those that cannot keep up are subscribed no more.
    async fn tell(&mut self, topic: &Topic, event: &Event) {
        let ids = self.topics.get(topic).map_or(&[][..], Vec::as_slice);
        let is_too_slow = |id: &u64| {
            self.subscribers.get(id).is_some_and(|one| one.0.put(event.clone()).is_err())
        };
        let too_slow: Vec<u64> = ids.iter().copied().filter(is_too_slow).collect();
        for id in too_slow {
            debug!(id, "a subscriber that reads too slowly was cut off");
            let of_its =
                |(topic, ids): (&Topic, &Vec<u64>)| ids.contains(&id).then(|| topic.clone());
            let topics: Vec<_> = self.topics.iter().filter_map(of_its).collect();
            self.unsubscribe(id, &topics).await;
        }
    }

    /// Connects, and subscribes to every topic that was subscribed before.
    async fn reconnect(&mut self) -> Result<(), Fault> {
        self.connection = Some(self.connect().await?);
        for topic in self.topics.keys().cloned().collect::<Vec<_>>() {
            // Its last subscriber may have been cut off meanwhile.
            if !self.topics.contains_key(&topic) {
                continue;
            }
            self.confirm(&topic).await?;
            self.tell(&topic, &Event::Subscribed(topic.clone())).await;
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<Connection, Fault> {
        let target = &self.target;
        let status = &mut self.status;
        let is_acl_user = self.is_acl_user;
        let connecting = async {
            if let Some(status) = status {
                let _ = status.wait_for(Status::is_ready).await;
            }
            let info = target.info();
            let wire = wire::connect(info.addr())
                .await
                .map_err(|error| Fault::Down(format!("cannot connect to {target:?}: {error}")))?;
            let refused = |error: RedisError| match error.kind() {
                ErrorKind::AuthenticationFailed if is_acl_user => Fault::Denied,
                _ => Fault::Down(format!("{target:?} refused the connection: {error}")),
            };
            PubSub::new(info.redis_settings(), ReplyLines::new(wire)).await.map_err(refused)
        };
        match tokio::time::timeout(ANSWER, connecting).await {
            Ok(connection) => Ok(connection?.split()),
            Err(_) => Err(Fault::Down(format!("{target:?} did not answer in time"))),
        }
    }

    /// Subscribes; returns once Redis has said so. Without an answer the connection is given up; a
    /// refusal (an ACL user may have some channels only) concerns nobody else.
    async fn confirm(&mut self, topic: &Topic) -> Result<(), Fault> {
        let Some((sink, _)) = &mut self.connection else {
            return Err(Fault::Down("no connection".into()));
        };
        let confirmed = match topic {
            Topic::Channel(name) => in_time(sink.subscribe(name.as_slice())).await,
            Topic::Pattern(name) => in_time(sink.psubscribe(name.as_slice())).await,
        };
        if matches!(confirmed, Err(Fault::Down(_))) {
            self.connection = None;
        }
        confirmed
    }
}

/// The next message, `None` when the connection is lost; without a connection it waits for ever.
async fn next_message(connection: &mut Option<Connection>) -> Option<Msg> {
    match connection {
        Some((_, stream)) => stream.next().await,
        None => std::future::pending().await,
    }
}

async fn in_time(answer: impl Future<Output = RedisResult<()>>) -> Result<(), Fault> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer.map_err(|error| match error.code() {
            Some(code) => Fault::Refused(format!("{code} {}", error.detail().unwrap_or_default())),
            None => Fault::Down(error.to_string()),
        }),
        Err(_) => Err(Fault::Down("Redis did not answer in time".into())),
    }
}
