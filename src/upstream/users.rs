//! The pools of ACL users, who each connect to Redis as themselves.
//!
//! Promises: a user whom pkv sees changed or deleted is asked for his password again before his next
//! command, and his streams end; pools are bounded in number, and go when nobody uses them. What is
//! changed past pkv counts for commands within [`super::pool::RECHECK`]; a stream that is open lives on
//! as Redis lets it: until the user is deleted, or it has to connect again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pool::Pool;
use crate::command::{Command, Name};
use crate::rest_token::Login;

/// Users who are connected at once, with up to `max_connections` each. With one more, the one who has
/// been quiet for the longest time is disconnected.
const MOST: usize = 256;

/// Which Redis, and as whom.
type Account = (usize, Arc<Login>);

/// The pools.
#[derive(Debug, Default)]
pub struct UserPools(Mutex<HashMap<Account, Arc<Pool>>>);

impl UserPools {
    /// The user's pool for a target, whose own pool is `base`.
    pub fn pool(&self, target: usize, login: &Arc<Login>, base: &Pool) -> Arc<Pool> {
        let mut pools = self.lock();
        let account = (target, login.clone());
        if let Some(pool) = pools.get(&account) {
            return pool.clone();
        }
        if pools.len() >= MOST {
            let quiet = |pool: &Arc<Pool>| (pool.has_streams(), pool.last_used());
            let quietest = pools.iter().min_by_key(|(_, pool)| quiet(pool));
            if let Some(account) = quietest.map(|(account, _)| account.clone()) {
                forget(&mut pools, |one| *one == account);
            }
        }
        pools.entry(account).or_insert_with(|| base.as_user(login.clone())).clone()
    }

    /// After a batch to `target` in which a bearer of full access may have changed users (`ACL SETUSER`,
    /// `DELUSER` and `LOAD`), whatever came of it.
    pub fn forget_those_changed_by(&self, commands: &[Command], target: usize) {
        for command in commands.iter().filter(|one| one.name().eq_ignore_ascii_case(b"ACL")) {
            let [subcommand, names @ ..] = command.arguments() else { continue };
            let (names, all) = match &*Name::of(subcommand) {
                b"SETUSER" => (&names[..names.len().min(1)], false),
                b"DELUSER" => (names, false),
                b"LOAD" => (names, true),
                _ => continue,
            };
            let is_named = |login: &Login| names.iter().any(|name| name == login.user.as_bytes());
            forget(&mut self.lock(), |(of, login)| *of == target && (all || is_named(login)));
        }
    }

    /// Disconnects those who have not asked for a while.
    pub fn forget_idle(&self) {
        let mut pools = self.lock();
        let is_unused = |pool: &Arc<Pool>| pool.is_idle() && !pool.has_streams();
        let idle: Vec<_> = pools.iter().filter(|(_, pool)| is_unused(pool)).collect();
        let idle: Vec<Account> = idle.into_iter().map(|(account, _)| account.clone()).collect();
        forget(&mut pools, |account| idle.contains(account));
    }

    /// Disconnects everybody.
    pub fn forget_all(&self) {
        forget(&mut self.lock(), |_| true);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Account, Arc<Pool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way keeps its connection until its answer; streams end.
fn forget(pools: &mut HashMap<Account, Arc<Pool>>, is_meant: impl Fn(&Account) -> bool) {
    pools.retain(|account, pool| {
        let stays = !is_meant(account);
        if !stays {
            pool.close();
            pool.end_streams();
        }
        stays
    });
}
