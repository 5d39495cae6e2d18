//! The connections to one Redis: opened when a request needs one, replaced when one is gone, closed
//! when nobody has asked for a while.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use redis::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, info};

use super::link::Unopened;
use super::monitor::Monitor;
use super::push::{Subscription, Topic};
use super::{Fault, Kind, Link, monitor, push};
use crate::command::{Batch, Command};
use crate::config::ConnectionString;
use crate::engine::Engine;
use crate::rest_token::Login;
use crate::state::{Status, StatusReceiver};
use crate::tokens::Target;

/// An unused pool closes after this, as SRH's does.
pub const IDLE: Duration = Duration::from_secs(15 * 60);

/// How long a request waits for a Redis that is away: a restart of the bundled one (about 0.3 s) is
/// then no more than a slow answer.
const HOLD: Duration = Duration::from_secs(2);

/// Between two attempts to connect: short beside `HOLD`, long beside the cost of an attempt.
const RETRY: Duration = Duration::from_millis(50);

/// How long an ACL user's password counts as checked. Redis tells nobody that it was changed; asking
/// costs one round trip in this time.
pub const RECHECK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Pool {
    target: Target,
    /// Who connects, if not the user whom the target names.
    login: Option<Arc<Login>>,
    status: Option<StatusReceiver>,
    timeout: Duration,
    slots: Vec<Slot>,
    next: AtomicUsize,
    /// Connections of their own that may exist beside the shared ones.
    leases: Semaphore,
    last_used: Mutex<Instant>,
    /// What the newest shared connection leads to. Not asked as an ACL user, who might not be told.
    engine: Mutex<Option<Arc<Engine>>>,
    /// Whether the ACL user may run scripts.
    takes_scripts: Mutex<Option<bool>>,
    /// Started by the first subscriber.
    subscriptions: OnceLock<push::Hub>,
    /// Started by the first monitor.
    monitors: OnceLock<monitor::Hub>,
}

/// The place of one shared connection.
#[derive(Debug, Default)]
struct Slot {
    link: Mutex<Option<(u64, Link)>>,
    /// Held by the one caller that connects; the others wait for it.
    opening: tokio::sync::Mutex<()>,
}

impl Pool {
    pub fn new(target: Target, status: Option<StatusReceiver>, timeout: Duration) -> Self {
        Self {
            slots: (0..target.max_connections).map(|_| Slot::default()).collect(),
            leases: Semaphore::new(target.max_connections),
            target,
            login: None,
            status,
            timeout,
            next: AtomicUsize::new(0),
            last_used: Mutex::new(Instant::now()),
            engine: Mutex::default(),
            takes_scripts: Mutex::default(),
            subscriptions: OnceLock::new(),
            monitors: OnceLock::new(),
        }
    }

    /// A pool to the same server for an ACL user.
    pub fn as_user(&self, login: Arc<Login>) -> Self {
        let login = Some(login);
        Self { login, ..Self::new(self.target.clone(), self.status.clone(), self.timeout) }
    }

    /// Subscribes; returns once Redis has confirmed every topic.
    pub async fn subscribe(&self, topics: Vec<Topic>) -> Result<Subscription, Fault> {
        self.check_login().await?;
        let is_acl_user = self.login.is_some();
        let start = || push::Hub::start(self.connection(), self.status.clone(), is_acl_user);
        self.subscriptions.get_or_init(start).subscribe(topics).await
    }

    /// Monitors; returns once Redis has confirmed it.
    pub async fn monitor(&self) -> Result<Monitor, Fault> {
        self.check_login().await?;
        let start = || monitor::Hub::start(self.connection(), self.status.clone());
        match self.monitors.get_or_init(start).join().await {
            // The caller's token is right; it is the connection string that is not.
            Err(Fault::Denied) if self.login.is_none() => Err(self.down("refuses the password")),
            joined => joined,
        }
    }

    /// The way to the server, as whoever connects.
    fn connection(&self) -> ConnectionString {
        match &self.login {
            Some(login) => self.target.connection.as_user(&login.user, &login.password),
            None => self.target.connection.clone(),
        }
    }

    /// Before a stream of an ACL user, which has a connection of its own that cannot tell a wrong
    /// password from other faults.
    async fn check_login(&self) -> Result<(), Fault> {
        *lock(&self.last_used) = Instant::now();
        match self.login {
            Some(_) => self.link(Instant::now() + HOLD.min(self.timeout)).await.map(drop),
            None => Ok(()),
        }
    }

    /// Which server this is; connects if that has never been asked.
    pub async fn engine(&self) -> Result<Arc<Engine>, Fault> {
        if let Some(engine) = lock(&self.engine).clone() {
            return Ok(engine);
        }
        self.link(Instant::now() + HOLD.min(self.timeout)).await?;
        Ok(lock(&self.engine).clone().unwrap_or_default())
    }

    /// Whether scripts may be sent; connects if an ACL user's rights have never been asked for.
    pub async fn takes_scripts(&self) -> Result<bool, Fault> {
        if self.login.is_none() {
            return Ok(true);
        }
        if let Some(known) = *lock(&self.takes_scripts) {
            return Ok(known);
        }
        self.link(Instant::now() + HOLD.min(self.timeout)).await?;
        Ok(lock(&self.takes_scripts).unwrap_or(true))
    }

    /// What the server's own command table says of each command, in their order.
    pub async fn kinds(&self, commands: &[Command]) -> Result<Vec<Kind>, Fault> {
        let link = self.link(Instant::now() + HOLD.min(self.timeout)).await?;
        link.kinds(commands, self.timeout).await.ok_or(Fault::NotSent)
    }

    pub async fn execute(&self, batch: &Batch, own_connection: bool) -> Result<Vec<Value>, Fault> {
        let begun = Instant::now();
        *lock(&self.last_used) = begun;
        let (result, used) = self.attempt(batch, own_connection).await?;
        match result {
            Err(Fault::Lost) => self.again_if_read(batch, begun + self.timeout).await,
            Err(Fault::Timeout) => {
                // The connection itself may be what does not answer: new requests get a new one,
                // and those that wait on this one keep it.
                self.retire(&used);
                Err(Fault::Timeout)
            }
            result => result,
        }
    }

    /// A read that was lost with its connection is sent once more; anything else stays lost.
    /// All of it within `end`.
    async fn again_if_read(&self, batch: &Batch, end: Instant) -> Result<Vec<Value>, Fault> {
        let deadline = end.min(Instant::now() + HOLD);
        loop {
            let Ok(link) = self.link(deadline).await else { return Err(Fault::Lost) };
            let is_read = |kind: &Kind| matches!(kind, Kind::Read | Kind::DangerousRead);
            match link.kinds(&batch.commands, HOLD).await.map(|kinds| kinds.iter().all(is_read)) {
                Some(true) => {
                    debug!(redis = self.target.name, ?batch, "sending a lost read again");
                    // On this very connection: it has just answered, so it is one to the Redis that
                    // came after the loss.
                    return link.send(batch, end.saturating_duration_since(Instant::now())).await;
                }
                Some(false) => return Err(Fault::Lost),
                // A connection that went with the same crash but had not noticed yet.
                None if Instant::now() < deadline => self.retire(&link),
                None => return Err(Fault::Lost),
            }
        }
    }

    /// Sends once; goes on to the next connection only if the batch certainly did not leave.
    async fn attempt(
        &self,
        batch: &Batch,
        own_connection: bool,
    ) -> Result<(Result<Vec<Value>, Fault>, Link), Fault> {
        let deadline = Instant::now() + HOLD.min(self.timeout);
        let _lease = match own_connection {
            true => Some(
                tokio::time::timeout_at(deadline, self.leases.acquire())
                    .await
                    .map_err(|_| Fault::Busy)?
                    .map_err(|_| Fault::Busy)?,
            ),
            false => None,
        };
        loop {
            let link = match own_connection {
                true => self.open(deadline).await?.1,
                false => self.link(deadline).await?,
            };
            if batch.atomic && !link.takes_transactions() {
                match self.refusal_of_transactions(&link, deadline).await {
                    Ok(None) => {}
                    Ok(Some(refusal)) => return Ok((Ok(vec![refusal]), link)),
                    Err(Fault::NotSent) if Instant::now() < deadline => continue,
                    Err(fault) => return Err(fault),
                }
            }
            match link.send(batch, self.timeout).await {
                Err(Fault::NotSent) if Instant::now() < deadline => {}
                result => return Ok((result, link)),
            }
        }
    }

    /// A server that refuses MULTI would execute what is sent behind it, command by command; so it is
    /// asked with an empty transaction before the first one on each connection. Not on that very
    /// connection: one that takes MULTI but not EXEC would leave it queueing everybody's commands.
    /// A refusal is not remembered, since a busy server refuses too.
    async fn refusal_of_transactions(
        &self,
        link: &Link,
        deadline: Instant,
    ) -> Result<Option<Value>, Fault> {
        let (_, own) = self.open(deadline).await?;
        let empty = Batch { commands: Vec::new(), atomic: true };
        // Whatever became of it, nothing of the batch itself has left yet.
        let replies = own.send(&empty, HOLD).await.map_err(|_| Fault::NotSent)?;
        let refusal = replies.into_iter().find(|reply| matches!(reply, Value::ServerError(_)));
        if refusal.is_none() {
            link.note_transactions();
        }
        Ok(refusal)
    }

    /// A shared connection to the Redis of this moment.
    async fn link(&self, deadline: Instant) -> Result<Link, Fault> {
        loop {
            let link = self.shared(deadline).await?;
            let Some(login) = self.login.as_ref().filter(|_| link.is_due(RECHECK)) else {
                return Ok(link);
            };
            let check = async {
                let _turn = link.login_turn().await;
                if link.is_due(RECHECK) { link.log_in(login).await } else { Ok(()) }
            };
            let answer = tokio::time::timeout_at(deadline, check).await;
            if answer == Ok(Ok(())) {
                return Ok(link);
            }
            self.retire(&link);
            match answer {
                Ok(Err(Unopened::Denied)) => return Err(Fault::Denied),
                // A connection that has gone, say: a new one tells.
                Ok(_) if Instant::now() < deadline => {}
                _ => return Err(self.down("does not answer")),
            }
        }
    }

    async fn shared(&self, deadline: Instant) -> Result<Link, Fault> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        if let Some(link) = slot.usable(self.epoch()) {
            return Ok(link);
        }
        let down = |_| self.down("cannot be reached");
        let _opening =
            tokio::time::timeout_at(deadline, slot.opening.lock()).await.map_err(down)?;
        if let Some(link) = slot.usable(self.epoch()) {
            return Ok(link);
        }
        let (epoch, link) = self.open(deadline).await?;
        match self.login {
            Some(_) => *lock(&self.takes_scripts) = Some(link.takes_scripts(HOLD).await),
            None => *lock(&self.engine) = Some(Arc::new(link.engine(HOLD).await)),
        }
        *lock(&slot.link) = Some((epoch, link.clone()));
        Ok(link)
    }

    /// A new connection, tried for until the deadline.
    async fn open(&self, deadline: Instant) -> Result<(u64, Link), Fault> {
        let mut last_error = None;
        loop {
            let epoch = self.ready(deadline).await?;
            let error = match tokio::time::timeout_at(deadline, self.open_once()).await {
                Ok(Ok(link)) => {
                    debug!(redis = self.target.name, "connected");
                    return Ok((epoch, link));
                }
                Ok(Err(Unopened::Denied)) => return Err(Fault::Denied),
                Ok(Err(Unopened::Refused(text))) => return Err(Fault::Refused(text)),
                Ok(Err(Unopened::Failed(error))) => error,
                // What the attempts before this one have met says more than that time was up.
                Err(_) => last_error
                    .unwrap_or_else(|| format!("{:?} does not answer", self.target.connection)),
            };
            if Instant::now() + RETRY >= deadline {
                info!(redis = self.target.name, error, "no connection to Redis");
                return Err(Fault::Down(error));
            }
            last_error = Some(error);
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn open_once(&self) -> Result<Link, Unopened> {
        match &self.login {
            Some(login) => Link::open_as(&self.target.connection, login).await,
            None => Link::open(&self.target.connection).await.map_err(Unopened::Failed),
        }
    }

    /// The epoch of the Redis that is ready now; an external one has only one.
    fn epoch(&self) -> Option<u64> {
        match &self.status {
            Some(status) => status.borrow().epoch(),
            None => Some(0),
        }
    }

    /// Waits until Redis is ready.
    async fn ready(&self, deadline: Instant) -> Result<u64, Fault> {
        loop {
            if let Some(epoch) = self.epoch() {
                return Ok(epoch);
            }
            let Some(mut status) = self.status.clone() else { return Ok(0) };
            let ready = status.wait_for(Status::is_ready);
            if !matches!(tokio::time::timeout_at(deadline, ready).await, Ok(Ok(_))) {
                return Err(self.down("is not ready"));
            }
        }
    }

    fn down(&self, what: &str) -> Fault {
        match &self.status {
            Some(status) => Fault::Down(format!("Redis is {}", status.borrow().state)),
            None => Fault::Down(format!("{:?} {what}", self.target.connection)),
        }
    }

    fn retire(&self, link: &Link) {
        for slot in &self.slots {
            let mut current = lock(&slot.link);
            if current.as_ref().is_some_and(|(_, current)| current.is(link)) {
                *current = None;
            }
        }
    }

    /// When it was last asked for something.
    pub fn last_used(&self) -> Instant {
        *lock(&self.last_used)
    }

    /// Whether nobody has asked for a while.
    pub fn is_idle(&self) -> bool {
        self.last_used().elapsed() >= IDLE
    }

    /// Whether anybody listens to a stream.
    pub fn has_streams(&self) -> bool {
        self.subscriptions.get().is_some_and(push::Hub::is_heard)
            || self.monitors.get().is_some_and(monitor::Hub::is_heard)
    }

    /// Ends the streams that are open.
    pub fn end_streams(&self) {
        if let Some(hub) = self.subscriptions.get() {
            hub.end_all();
        }
        if let Some(hub) = self.monitors.get() {
            hub.end_all();
        }
    }

    /// Closes the connections that commands share.
    pub fn close(&self) {
        let closed = self.slots.iter().filter(|slot| lock(&slot.link).take().is_some()).count();
        if closed > 0 {
            debug!(redis = self.target.name, connections = closed, "pool closed");
        }
    }
}

impl Slot {
    fn usable(&self, epoch: Option<u64>) -> Option<Link> {
        let link = lock(&self.link);
        let (opened_in, link) = link.as_ref()?;
        (Some(*opened_in) == epoch && !link.is_closed()).then(|| link.clone())
    }
}

/// A panic elsewhere cannot leave these values half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
