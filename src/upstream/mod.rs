//! The way to Redis: [`Upstreams::execute`] sends a batch and brings its replies, or says honestly
//! what may have happened to it.
//!
//! # What may be sent twice
//!
//! Only what was certainly not sent ([`Fault::NotSent`]), and what is certainly a read: every
//! command of the batch has the `readonly` flag in the `COMMAND` table of the server it is sent to
//! again. Everything else that was under way when a connection broke is [`Fault::Lost`].

mod budget;
mod connection;
mod copy;
mod encode;
mod kind;
mod link;
mod monitor;
mod pool;
mod push;
mod queue;
mod reply_lines;
mod users;
mod wire;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::command::{Batch, Command};
use crate::engine::Engine;
use crate::reply::Replies;
use crate::state::StatusReceiver;
use crate::tokens::{Access, Target, Tenant};

pub use budget::Pass;
use budget::{Budget, Share};
pub use copy::Source;
pub use kind::Kind;
pub use link::Link;
pub use monitor::{Monitor, Sight};
use pool::Pool;
pub use push::{Event, Message, Subscription, Topic};
pub use queue::Ended;
use users::UserPools;

/// Why a batch has no replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Certainly not executed: the connection was gone before the batch was handed to it.
    NotSent,
    /// The connection broke while the batch was under way: it may have been executed.
    Lost,
    /// No answer in time: it may have been executed, or may still be.
    Timeout,
    /// Certainly not executed: so much is under way that its turn did not come, or there is no memory
    /// for more.
    Busy,
    /// Certainly not executed: there is no Redis to send it to. The text says what is known.
    Down(String),
    /// Redis refused what pkv itself needs for the answer; the text is Redis's.
    Refused(String),
    /// Certainly not executed: Redis does not take the ACL user's password, or not any more.
    Denied,
}

/// Every Redis that tokens lead to, each behind a pool that opens at the first request for it and
/// closes after [`pool::IDLE`].
#[derive(Debug)]
pub struct Upstreams {
    pools: Vec<Arc<Pool>>,
    users: UserPools,
}

impl Upstreams {
    /// `status` is that of the bundled server, if that is what all targets lead to; `timeout` is the
    /// longest wait for an answer; `memory` is what requests and answers under way may take, in bytes.
    pub fn new(
        targets: &[Target],
        status: Option<StatusReceiver>,
        timeout: Duration,
        memory: usize,
    ) -> Self {
        let budget = Arc::new(Budget::new(memory, targets.len()));
        let pool = |target: &Target| {
            let share = Arc::new(Share::of(budget.clone()));
            Pool::new(target.clone(), status.clone(), timeout, share)
        };
        Self { pools: targets.iter().map(pool).collect(), users: UserPools::default() }
    }

    /// Room for a request of the tenant's, if there is any. Asked before its body is read.
    pub fn admit(&self, tenant: &Tenant) -> Result<Pass, Fault> {
        self.pools[tenant.target].share().admit()
    }

    /// Where the tenant's commands go.
    fn pool(&self, tenant: &Tenant) -> Cow<'_, Arc<Pool>> {
        let base = &self.pools[tenant.target];
        match &tenant.access {
            Access::User(login) => Cow::Owned(self.users.pool(tenant.target, login, base)),
            _ => Cow::Borrowed(base),
        }
    }

    /// One reply per command; if atomic, one for MULTI before them and one for EXEC behind them.
    /// A server's error is a reply, not a fault; one that refuses MULTI gives what it says to an empty
    /// transaction.
    pub async fn execute(
        &self,
        tenant: &Tenant,
        batch: &Batch,
        own_connection: bool,
        pass: &mut Pass,
    ) -> Result<Replies, Fault> {
        let replies = self.pool(tenant).execute(batch, own_connection, pass).await;
        if matches!(tenant.access, Access::Full(_)) {
            self.users.forget_those_changed_by(&batch.commands, tenant.target);
        }
        replies
    }

    /// Asks at once, whoever else waits: for what pkv itself wants to know.
    pub async fn ask(&self, tenant: &Tenant, batch: &Batch) -> Result<Replies, Fault> {
        self.pool(tenant).ask(batch).await
    }

    /// Which server the tenant's commands go to. Not asked as an ACL user, who may not be allowed to.
    pub async fn engine(&self, tenant: &Tenant) -> Result<Arc<Engine>, Fault> {
        self.pools[tenant.target].engine().await
    }

    /// Whether commands may be put into scripts for this tenant.
    pub async fn takes_scripts(&self, tenant: &Tenant) -> Result<bool, Fault> {
        self.pool(tenant).takes_scripts().await
    }

    /// What the server's own command table says of each command, in their order.
    pub async fn kinds(&self, tenant: &Tenant, commands: &[Command]) -> Result<Vec<Kind>, Fault> {
        self.pool(tenant).kinds(commands).await
    }

    /// Subscribes; returns once Redis has confirmed every topic.
    pub async fn subscribe(
        &self,
        tenant: &Tenant,
        topics: Vec<Topic>,
    ) -> Result<Subscription, Fault> {
        self.pool(tenant).subscribe(topics).await
    }

    /// Monitors; returns once Redis has confirmed it.
    pub async fn monitor(&self, tenant: &Tenant) -> Result<Monitor, Fault> {
        self.pool(tenant).monitor().await
    }

    /// Closes pools that have been idle, until dropped.
    pub async fn close_idle(&self) {
        let mut tick = tokio::time::interval(Duration::from_secs(30));
        loop {
            tick.tick().await;
            self.pools.iter().filter(|pool| pool.is_idle()).for_each(|pool| pool.close());
            self.users.forget_idle();
        }
    }

    /// Closes every pool; a request that is still under way keeps its connection until its answer.
    pub fn close(&self) {
        self.pools.iter().for_each(|pool| pool.close());
        self.users.forget_all();
    }
}
