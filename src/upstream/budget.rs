//! How much memory requests and answers may take while they are under way: bodies, commands,
//! replies, and answers until their clients have taken them.
//!
//! Promises: what is refused here ([`Fault::Busy`]) has not been sent. Of several Redises one that is
//! slow, or whose callers are, leaves half of the memory to the others; when they come, large requests
//! leave a quarter of it to small ones (their replies may fill that: nobody knows how large they are
//! before they have come). A request that is the only one for its Redis may be of any size. Once the
//! memory is used up, what was admitted before is sent one after the other, so that the replies to it do
//! not come all at once.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

use super::Fault;

/// What a request takes whatever it asks for, in bytes: its task, its headers, the connection's buffers.
/// Measured: 24 KB for each of 10 000 that wait for a Redis that does not answer.
const REQUEST: usize = 24 << 10;

/// Bytes of its commands and replies that are in that already: the usual request has no more.
const INCLUDED: usize = 1 << 10;

/// A request that counts more than this is large.
const SMALL: usize = 2 * REQUEST;

/// The size of a reply, in bytes, that few exceed.
const REPLY: usize = 1 << 20;

/// Between two looks at what another Redis's callers have given back: nobody tells of that.
const LOOK: Duration = Duration::from_millis(100);

/// All of it, for every Redis together.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    /// What one Redis may have of it.
    share: usize,
    /// Counted if there are several (see `total`).
    used: AtomicUsize,
}

impl Budget {
    /// `limit` is in bytes; `redises` is among how many it is shared.
    pub fn new(limit: usize, redises: usize) -> Self {
        let share = if redises == 1 { limit } else { limit / 2 };
        Self { limit, share, used: AtomicUsize::new(0) }
    }

    /// What is used of it by all together, if there are several: what is counted for every request goes from
    /// one core's cache to the other's.
    fn total(&self) -> Option<&AtomicUsize> {
        (self.share < self.limit).then_some(&self.used)
    }
}

/// What the callers of one Redis use of it.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    used: AtomicUsize,
    /// Tells one of those who wait whenever something is given back; whoever goes on tells the next.
    given_back: Notify,
    /// Held by the one that may be sent while the memory is used up.
    alone: Arc<Mutex<()>>,
}

impl Share {
    pub fn of(budget: Arc<Budget>) -> Self {
        Self { budget, used: AtomicUsize::new(0), given_back: Notify::new(), alone: Arc::default() }
    }

    /// A request, if there is room for one more.
    pub fn admit(self: &Arc<Self>) -> Result<Pass, Fault> {
        if !self.has_room(0, REQUEST) {
            return Err(Fault::Busy);
        }
        let mut pass = Pass { share: self.clone(), weight: 0, counted: 0, alone: None };
        pass.set(0);
        Ok(pass)
    }

    /// How many large replies there is room for on all connections together, in a quarter of it all: they are
    /// not counted before they have come.
    pub fn replies(&self) -> usize {
        self.budget.share / 4 / REPLY
    }

    /// What a request counts, given what its bytes weigh. One that is let in for want of others must
    /// not shut them out, so it counts as half at the most.
    fn count(&self, weight: usize) -> usize {
        let counted = REQUEST + weight.saturating_sub(INCLUDED);
        counted.min(REQUEST.max(self.budget.share / 2))
    }

    /// Whether one that counts `own` already may count `new`. Requests that ask at the same moment may
    /// pass the limit by what each of them asks for.
    fn has_room(&self, own: usize, new: usize) -> bool {
        let others = self.used.load(Relaxed) - own;
        let fits = |others: usize, limit: usize| match new > SMALL.max(own) {
            true => others + new <= limit - limit / 4,
            false => others + new <= limit,
        };
        let fits_all = |total: &AtomicUsize| fits(total.load(Relaxed) - own, self.budget.limit);
        others == 0 || (fits(others, self.budget.share) && self.budget.total().is_none_or(fits_all))
    }
}

/// What one request takes; given back when it is dropped.
#[derive(Debug)]
pub struct Pass {
    share: Arc<Share>,
    weight: usize,
    counted: usize,
    /// Kept to the end, so that its own answer is gone before the next one's comes.
    alone: Option<OwnedMutexGuard<()>>,
}

impl Pass {
    /// Takes more for a request of which nothing has been sent yet.
    pub fn take(&mut self, more: usize) -> Result<(), Fault> {
        let new = self.share.count(self.weight + more);
        if new > self.counted && !self.share.has_room(self.counted, new) {
            return Err(Fault::Busy);
        }
        self.set(self.weight + more);
        Ok(())
    }

    /// What its commands, replies and answers weigh, in bytes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Takes more for what cannot be refused any more.
    pub fn add(&mut self, more: usize) {
        self.set(self.weight + more);
    }

    /// Weighs so much from now on.
    pub fn set(&mut self, weight: usize) {
        self.weight = weight;
        self.recount(self.share.count(weight));
    }

    fn recount(&mut self, counted: usize) {
        let (share, before) = (&*self.share, std::mem::replace(&mut self.counted, counted));
        let sums = || [Some(&share.used), share.budget.total()].into_iter().flatten();
        match counted.cmp(&before) {
            // What every usual request comes to.
            Equal => {}
            Greater => sums().for_each(|sum| _ = sum.fetch_add(counted - before, Relaxed)),
            Less => {
                sums().for_each(|sum| _ = sum.fetch_sub(before - counted, Relaxed));
                share.given_back.notify_one();
            }
        }
    }

    /// Whether something may be sent now.
    pub(super) fn may_send(&self) -> bool {
        self.alone.is_some() || self.share.has_room(self.counted, self.counted)
    }

    /// Returns when something may be sent: at once while there is room, and otherwise when there is, or
    /// when the one that may be sent all the same is done.
    pub(super) async fn turn(&mut self, deadline: Instant) -> Result<(), Fault> {
        if self.may_send() {
            return Ok(());
        }
        while !self.may_send() {
            let given_back = self.share.given_back.notified();
            if let Ok(alone) = self.share.alone.clone().try_lock_owned() {
                self.alone = Some(alone);
                return Ok(());
            }
            let look = deadline.min(Instant::now() + LOOK);
            if timeout_at(look, given_back).await.is_err() && look == deadline {
                return Err(Fault::Busy);
            }
        }
        // Perhaps for the next one as well.
        self.share.given_back.notify_one();
        Ok(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // Before the others are told.
        self.alone = None;
        self.recount(0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::task::JoinHandle;

    use super::*;

    const LIMIT: usize = 100 * REQUEST;

    fn shares() -> [Arc<Share>; 2] {
        let budget = Arc::new(Budget::new(LIMIT, 2));
        [(); 2].map(|()| Arc::new(Share::of(budget.clone())))
    }

    /// As many as are admitted.
    fn all(share: &Arc<Share>) -> Vec<Pass> {
        (0..1000).map_while(|_| share.admit().ok()).collect()
    }

    /// All of a share, and a little more.
    fn used_up(share: &Arc<Share>) -> Vec<Pass> {
        let mut passes = all(share);
        passes[0].add(2 * INCLUDED);
        passes
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn one_redis_may_use_half_and_gives_everything_back() {
        let [first, second] = shares();
        let passes = all(&first);
        assert_eq!(passes.len(), 50);
        assert_eq!(all(&second).len(), 50);
        drop(passes);
        let only = Arc::new(Share::of(Arc::new(Budget::new(LIMIT, 1))));
        assert_eq!(all(&only).len(), 100, "all of it, if there is no other");

        let mut pass = first.admit().unwrap();
        pass.take(LIMIT / 5).unwrap();
        let mut other = first.admit().unwrap();
        assert_eq!(other.take(LIMIT / 5), Err(Fault::Busy));
        pass.set(10);
        assert_eq!((pass.weight(), pass.counted), (10, REQUEST), "so much is in it already");
        drop((pass, other));
        assert_eq!(first.budget.used.load(Relaxed), 0);
        assert_eq!(first.used.load(Relaxed), 0);
    }

    #[test]
    fn large_ones_leave_room_to_small_ones() {
        let [share, _] = shares();
        let large = || {
            let mut pass = share.admit().unwrap();
            pass.take(LIMIT / 10).map(|()| pass)
        };
        let passes: Vec<_> = (0..10).map_while(|_| large().ok()).collect();
        assert_eq!(passes.len(), 3);
        assert_eq!(all(&share).len(), 17, "the last quarter, and what was left of the others");
    }

    #[test]
    fn the_only_one_may_be_of_any_size_and_shuts_no_small_ones_out() {
        let [first, second] = shares();
        let others = all(&second);
        let mut pass = first.admit().unwrap();
        assert_eq!(pass.take(10 * LIMIT), Ok(()));
        assert_eq!(all(&first).len(), 25);
        let mut other = first.admit().unwrap();
        assert_eq!(other.take(10 * LIMIT), Err(Fault::Busy));
        assert_eq!(others.len(), 50);
    }

    #[tokio::test]
    async fn once_it_is_used_up_one_is_sent_after_the_other() {
        let [share, _] = shares();
        let mut passes = all(&share);
        assert_eq!(passes[0].turn(soon()).await, Ok(()));
        assert_eq!(passes[1].turn(soon()).await, Ok(()));
        passes[0].add(2 * INCLUDED);
        let mut next = passes.split_off(2);
        assert_eq!(next[0].turn(soon()).await, Ok(()));
        assert_eq!(next[0].turn(soon()).await, Ok(()), "it has it already");
        assert_eq!(next[1].turn(soon()).await, Err(Fault::Busy));
        next.remove(0);
        assert_eq!(next[0].turn(soon()).await, Ok(()));
    }

    /// Each waits for a turn, and keeps its pass.
    fn wait_all(passes: Vec<Pass>) -> Vec<JoinHandle<(Pass, Result<(), Fault>)>> {
        let wait = async |mut pass: Pass| {
            let turn = pass.turn(later()).await;
            (pass, turn)
        };
        passes.into_iter().map(|pass| tokio::spawn(wait(pass))).collect()
    }

    async fn all_go_on(waiting: Vec<JoinHandle<(Pass, Result<(), Fault>)>>) {
        for done in join_all(waiting).await {
            assert_eq!(done.unwrap().1, Ok(()));
        }
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_there_is_room_again() {
        let [share, _] = shares();
        let mut passes = used_up(&share);
        assert_eq!(passes[0].turn(later()).await, Ok(()));
        let waiting = wait_all(passes.split_off(40));
        tokio::task::yield_now().await;
        // One is told of it, and tells the others, who keep what they have.
        passes[0].set(0);
        all_go_on(waiting).await;
        assert!(passes[0].alone.is_some(), "the others did not wait for that one");
    }

    #[tokio::test]
    async fn those_of_one_redis_do_not_keep_the_news_from_those_of_another() {
        let [first, second] = shares();
        let (mut stuck, mut passes) = (used_up(&first), used_up(&second));
        assert_eq!(stuck[0].turn(later()).await, Ok(()));
        assert_eq!(passes[0].turn(later()).await, Ok(()));
        // They have waited for longer, and go on waiting.
        let before = wait_all(stuck.split_off(1));
        tokio::task::yield_now().await;
        let waiting = wait_all(passes.split_off(1));
        tokio::task::yield_now().await;
        drop(passes);
        all_go_on(waiting).await;
        assert!(before.iter().all(|one| !one.is_finished()));
    }

    /// Nobody tells them.
    #[tokio::test]
    async fn who_waits_goes_on_when_another_redis_has_given_room_back() {
        let [first, second] = shares();
        let mut passes: Vec<_> = (0..40).map(|_| second.admit().unwrap()).collect();
        let mut others = all(&first);
        others[0].add(20 * REQUEST);
        let soon = Instant::now() + Duration::from_secs(10);
        assert_eq!(passes[0].turn(soon).await, Ok(()), "one may be sent all the same");
        let mut next = passes.pop().unwrap();
        assert!(!next.may_send());
        let waiting = tokio::spawn(async move { next.turn(soon).await });
        tokio::task::yield_now().await;
        drop(others);
        let turn = timeout_at(Instant::now() + Duration::from_secs(2), waiting).await;
        assert_eq!(turn.expect("long before the deadline").unwrap(), Ok(()));
    }
}
