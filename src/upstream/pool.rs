//! The connections to one Redis: opened when a request needs one, replaced when one is gone, closed
//! when nobody has asked for a while.

mod execution;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, info};

use super::link::{self, Unopened};
use super::monitor::Monitor;
use super::push::{Subscription, Topic};
use super::{Fault, Link, Share, monitor, push};
use crate::config::ConnectionString;
use crate::engine::Engine;
use crate::rest_token::Login;
use crate::state::{Status, StatusReceiver};
use crate::tokens::Target;
use crate::workers;

/// An unused pool closes after this, as SRH's does.
pub const IDLE: Duration = Duration::from_secs(15 * 60);

/// How long a request waits for a Redis that is away: a restart of the bundled one (about 0.3 s) is
/// then no more than a slow answer.
const HOLD: Duration = Duration::from_secs(2);

/// Between two attempts to connect: short beside `HOLD`, long beside the cost of an attempt.
const RETRY: Duration = Duration::from_millis(50);

/// How long a connection that could not be opened (Redis has no place for one more, say) is not tried again
/// while there are others: whoever tries waits for a second.
const RELIEF: Duration = Duration::from_secs(10);

/// How long an ACL user's password counts as checked, right or wrong. Redis tells nobody that it was
/// changed; asking costs one round trip in this time.
pub const RECHECK: Duration = Duration::from_secs(1);

/// Between two notes of a pool's last use, in milliseconds.
const NOTE_EVERY: u64 = 10;

#[derive(Debug)]
pub struct Pool {
    target: Target,
    /// Who connects, if not the user whom the target names.
    login: Option<Arc<Login>>,
    /// When the server last did not take his password.
    denied_at: Mutex<Option<Instant>>,
    status: Option<StatusReceiver>,
    timeout: Duration,
    /// What its callers use of the memory; ACL users' pools share that of their server.
    share: Arc<Share>,
    slots: Vec<Slot>,
    /// Of the connection for large batches.
    large: Slot,
    /// Connections of their own that may exist beside the shared ones.
    leases: Semaphore,
    created: Instant,
    /// Milliseconds since then.
    last_used: AtomicU64,
    /// Whether the ACL user may run scripts.
    takes_scripts: Mutex<Option<bool>>,
    /// Started by the first subscriber.
    subscriptions: OnceLock<push::Hub>,
    /// Started by the first monitor.
    monitors: OnceLock<monitor::Hub>,
    /// Itself, for what goes on without anybody waiting for it.
    this: Weak<Self>,
}

/// The place of one shared connection. Every request comes to its worker's, and what all cores change, each of
/// them waits for: so it has cache lines of its own, and what it needs of the status and of the engine.
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    opened: Mutex<Opened>,
    /// Held by the one caller that connects; the others wait for it.
    opening: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Opened {
    link: Option<(u64, Link)>,
    /// What the pool's newest connection leads to; each place has a copy. Not asked as an ACL user, who
    /// might not be told.
    engine: Option<Arc<Engine>>,
    status: Option<StatusReceiver>,
    /// As of the last look at the status; an external Redis has only one.
    epoch: Option<u64>,
    /// When it last could not be opened, if none has been since.
    failed_at: Option<Instant>,
}

impl Pool {
    pub fn new(
        target: Target,
        status: Option<StatusReceiver>,
        timeout: Duration,
        share: Arc<Share>,
    ) -> Arc<Self> {
        Self::of(None, target, status, timeout, share)
    }

    /// A pool to the same server for an ACL user.
    pub fn as_user(&self, login: Arc<Login>) -> Arc<Self> {
        let (target, status, share) =
            (self.target.clone(), self.status.clone(), self.share.clone());
        Self::of(Some(login), target, status, self.timeout, share)
    }

    fn of(
        login: Option<Arc<Login>>,
        target: Target,
        status: Option<StatusReceiver>,
        timeout: Duration,
        share: Arc<Share>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            share,
            slots: (0..target.max_connections).map(|_| Slot::new(status.clone())).collect(),
            large: Slot::new(status.clone()),
            leases: Semaphore::new(target.max_connections),
            target,
            login,
            denied_at: Mutex::default(),
            status,
            timeout,
            created: Instant::now(),
            last_used: AtomicU64::new(0),
            takes_scripts: Mutex::default(),
            subscriptions: OnceLock::new(),
            monitors: OnceLock::new(),
            this: this.clone(),
        })
    }

    /// What its callers use of the memory.
    pub fn share(&self) -> &Arc<Share> {
        &self.share
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
        self.note_use(Instant::now());
        match self.login {
            Some(_) => self.link(false, Instant::now() + HOLD.min(self.timeout)).await.map(drop),
            None => Ok(()),
        }
    }

    /// Which server this is; connects if that has never been asked.
    pub async fn engine(&self) -> Result<Arc<Engine>, Fault> {
        let known = || lock(&self.own().opened).engine.clone();
        if let Some(engine) = known() {
            return Ok(engine);
        }
        self.link(false, Instant::now() + HOLD.min(self.timeout)).await?;
        Ok(known().unwrap_or_default())
    }

    /// Whether scripts may be sent; connects if an ACL user's rights have never been asked for.
    pub async fn takes_scripts(&self) -> Result<bool, Fault> {
        if self.login.is_none() {
            return Ok(true);
        }
        if let Some(known) = *lock(&self.takes_scripts) {
            return Ok(known);
        }
        self.link(false, Instant::now() + HOLD.min(self.timeout)).await?;
        Ok(lock(&self.takes_scripts).unwrap_or(true))
    }

    /// A shared connection to the Redis of this moment, the one for large batches if it is for one.
    async fn link(&self, large: bool, deadline: Instant) -> Result<Link, Fault> {
        loop {
            let link = self.shared(large, deadline).await?;
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
            link.retire();
            match answer {
                Ok(Err(Unopened::Denied)) => return Err(Fault::Denied),
                // A connection that has gone, say: a new one tells.
                Ok(_) if Instant::now() < deadline => {}
                _ => return Err(self.down("does not answer")),
            }
        }
    }

    async fn shared(&self, large: bool, deadline: Instant) -> Result<Link, Fault> {
        let slot = if large { &self.large } else { self.own() };
        // What is rare is in a box, since every request would otherwise carry the place for it.
        match slot.usable() {
            Some(link) if large || !(link.is_busy() || link.is_crowded()) => Ok(link),
            None if large => Box::pin(self.reopened(slot, deadline)).await,
            Some(link) if !link.is_busy() => Ok(self.less_crowded(link)),
            link => Box::pin(self.another(slot, link, deadline)).await,
        }
    }

    /// The places of this worker's own connections, one at least; with more workers than connections, some
    /// share one. All but the first are for when that is busy or crowded.
    fn all_own(&self) -> impl Iterator<Item = &Slot> {
        workers::own(self.slots.len()).map(|number| &self.slots[number])
    }

    /// The place of the first of them.
    fn own(&self) -> &Slot {
        self.all_own().next().unwrap_or(&self.slots[0])
    }

    /// Of this worker's own connections, the one with the least under way. While that is crowded too, those that
    /// are not there yet are opened for those who come later.
    fn less_crowded(&self, link: Link) -> Link {
        let of_use = |link: &Link| link.is_driven_here() && !link.is_busy();
        let open = self.all_own().filter_map(Slot::usable).filter(of_use);
        let least = open.min_by_key(Link::under_way).unwrap_or(link);
        if least.is_crowded() {
            self.open_one_more();
        }
        least
    }

    /// Opens one of this worker's own connections that is not there, or that another worker drives because it
    /// has once opened it, and waits for nothing.
    fn open_one_more(&self) {
        let until = Instant::now() + HOLD.min(self.timeout);
        let is_of_use = |slot: &Slot| slot.usable().is_some_and(|link| link.is_driven_here());
        let missing = workers::own(self.slots.len()).find_map(|number| {
            let slot = &self.slots[number];
            // Before it is looked at: nobody else opens it meanwhile.
            let opening = slot.opening.clone().try_lock_owned().ok()?;
            (!is_of_use(slot) && !slot.has_failed()).then_some((number, opening))
        });
        if let Some((number, opening)) = missing
            && let Some(pool) = self.this.upgrade()
        {
            tokio::spawn(async move {
                let _opening = opening;
                // Whoever asks next finds it there, or that it has failed.
                let _ = pool.open_in(&pool.slots[number], until).await;
            });
        }
    }

    /// A connection while this worker's own is busy, or not there. Opening one has half of the time, if
    /// there is another one to fall back on, and waits for [`RELIEF`] after it has failed.
    async fn another(
        &self,
        own: &Slot,
        link: Option<Link>,
        deadline: Instant,
    ) -> Result<Link, Fault> {
        // After its own the last ones, which the other workers need least.
        let all = || self.all_own().chain(self.slots.iter().rev());
        let others = || all().filter(|slot| !std::ptr::eq(*slot, own));
        let open = || others().filter_map(Slot::usable);
        let free = || open().find(|link| !link.is_busy());
        let any = || free().or_else(|| open().next());
        let soon = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        if let Some(link) = link {
            if let Some(free) = free() {
                return Ok(free);
            }
            // A turn comes back soon; a long reply's rest may take longer than others take to connect.
            let is_held_up = link.is_in_long_reply();
            let may_come = |slot: &&Slot| {
                slot.usable().is_none() && !slot.has_failed() && (is_held_up || !slot.is_opening())
            };
            if let Some(absent) = others().find(may_come)
                && let Ok(opened) = self.reopened(absent, soon).await
            {
                return Ok(opened);
            }
            return Ok(free().unwrap_or(link));
        }
        let instead = if own.has_failed() { any() } else { free().filter(|_| own.is_opening()) };
        if let Some(link) = instead {
            return Ok(link);
        }
        let has_others = open().next().is_some();
        let opened = self.reopened(own, if has_others { soon } else { deadline }).await;
        opened.or_else(|fault| any().ok_or(fault))
    }

    async fn reopened(&self, slot: &Slot, deadline: Instant) -> Result<Link, Fault> {
        let down = |_| self.down("cannot be reached");
        let _opening =
            tokio::time::timeout_at(deadline, slot.opening.lock()).await.map_err(down)?;
        match slot.usable() {
            Some(link) => Ok(link),
            None => self.open_in(slot, deadline).await,
        }
    }

    /// Opens a connection in this place, which is the caller's to open. One that is there is closed once nobody
    /// uses it any more.
    async fn open_in(&self, slot: &Slot, deadline: Instant) -> Result<Link, Fault> {
        let opened = self.open(deadline).await;
        let (epoch, link) =
            opened.inspect_err(|_| lock(&slot.opened).failed_at = Some(Instant::now()))?;
        let mut engine = None;
        match self.login {
            Some(_) => *lock(&self.takes_scripts) = Some(link.takes_scripts(HOLD).await),
            None => engine = Some(link.engine(HOLD).await),
        }
        for slot in &self.slots {
            let mut opened = lock(&slot.opened);
            opened.engine = engine.clone().map(Arc::new);
            // What had failed before, while Redis was away, say, may well come now.
            opened.failed_at = None;
        }
        // That for large batches is none of them, and keeps what it has.
        if let Some(number) = self.slots.iter().position(|one| std::ptr::eq(one, slot)) {
            let (slots, first) = (self.slots.len(), workers::count().min(self.slots.len()));
            let (of_a_first, of_another) = link::turns(self.share.replies(), slots, first);
            link.set_turns(if number < first { of_a_first } else { of_another });
        }
        lock(&slot.opened).link = Some((epoch, link.clone()));
        Ok(link)
    }

    /// A new connection, tried for until the deadline.
    async fn open(&self, deadline: Instant) -> Result<(u64, Link), Fault> {
        if lock(&self.denied_at).is_some_and(|at| at.elapsed() < RECHECK) {
            return Err(Fault::Denied);
        }
        let mut last_error = None;
        while Instant::now() < deadline {
            let epoch = self.ready(deadline).await?;
            let error = match tokio::time::timeout_at(deadline, self.open_once()).await {
                Ok(Ok(link)) => {
                    debug!(redis = self.target.name, "connected");
                    return Ok((epoch, link));
                }
                Ok(Err(Unopened::Denied)) => {
                    *lock(&self.denied_at) = Some(Instant::now());
                    return Err(Fault::Denied);
                }
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
        Err(match last_error {
            Some(error) => Fault::Down(error),
            // Others have tried for as long.
            None => self.down("does not answer"),
        })
    }

    async fn open_once(&self) -> Result<Link, Unopened> {
        match &self.login {
            Some(login) => Link::open_as(&self.target.connection, login).await,
            None => Link::open(&self.target.connection).await.map_err(Unopened::Failed),
        }
    }

    /// Waits until Redis is ready.
    async fn ready(&self, deadline: Instant) -> Result<u64, Fault> {
        loop {
            if let Some(epoch) = epoch(self.status.as_ref()) {
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

    fn note_use(&self, now: Instant) {
        let since = now.duration_since(self.created).as_millis() as u64;
        // Seldom, since what one core writes the others have to fetch.
        if since.saturating_sub(self.last_used.load(Ordering::Relaxed)) >= NOTE_EVERY {
            self.last_used.store(since, Ordering::Relaxed);
        }
    }

    /// When it was last asked for something.
    pub fn last_used(&self) -> Instant {
        self.created + Duration::from_millis(self.last_used.load(Ordering::Relaxed))
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
        let slots = self.slots.iter().chain([&self.large]);
        let closed = slots.filter(|slot| lock(&slot.opened).link.take().is_some()).count();
        if closed > 0 {
            debug!(redis = self.target.name, connections = closed, "pool closed");
        }
    }
}

impl Slot {
    fn new(status: Option<StatusReceiver>) -> Self {
        let epoch = epoch(status.as_ref());
        let opened = Opened { link: None, engine: None, status, epoch, failed_at: None };
        Self { opened: Mutex::new(opened), opening: Arc::default() }
    }

    /// Whether it is too early to try again, if there is another way.
    fn has_failed(&self) -> bool {
        lock(&self.opened).failed_at.is_some_and(|at| at.elapsed() < RELIEF)
    }

    /// Whether somebody connects.
    fn is_opening(&self) -> bool {
        self.opening.try_lock().is_err()
    }

    /// The connection, if it leads to the Redis of this moment.
    fn usable(&self) -> Option<Link> {
        let mut opened = lock(&self.opened);
        opened.look();
        let (opened_in, link) = opened.link.as_ref()?;
        (Some(*opened_in) == opened.epoch && !link.is_closed()).then(|| link.clone())
    }
}

impl Opened {
    /// Learns of a change of the status, if there was any; to ask whether there was locks nothing (but at the
    /// very end, when nobody tells any more).
    fn look(&mut self) {
        if let Some(status) = &mut self.status
            && !matches!(status.has_changed(), Ok(false))
        {
            self.epoch = status.borrow_and_update().epoch();
        }
    }
}

/// The epoch of the Redis that is ready now; an external one has only one.
fn epoch(status: Option<&StatusReceiver>) -> Option<u64> {
    match status {
        Some(status) => status.borrow().epoch(),
        None => Some(0),
    }
}

/// A panic elsewhere cannot leave these values half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
