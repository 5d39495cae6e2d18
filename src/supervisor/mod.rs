//! The bundled Redis: started, watched, started again, stopped.
//!
//! # Theory of operation
//!
//! ```text
//! Starting ──spawned──▶ Loading ──PONG──▶ (torn file? rewrite it) ──▶ Ready(epoch)
//!    ▲                     │ended                                       │ended
//!    └────── Backoff ◀─────┴────────────────────────────────────────────┘
//! any of them ──stop──▶ Stopping: SIGTERM ▶ wait 5 s ▶ SIGKILL ▶ done
//! ```
//!
//! Everybody else learns what happens from a watch channel ([`Status`]) and nothing else. Until Redis
//! has been ready once, three ends in a row are a broken setup, and an error with Redis's last
//! lines; after that it is started again for ever, since a container that exits loses what an
//! ephemeral disk holds. Data that cannot be loaded is neither: the files are left alone, `/ready`
//! says what can be done, and every 15 s Redis may see whether somebody has done it. A Redis that
//! does not answer for a minute is ended, and so started again.
//!
//! Where the data directory takes snapshots only, the first start begins with putting the newest one in
//! place ([`restoring`]), and a stop with storing the last one ([`snapshots`]).

mod aof;
mod backoff;
mod backup_login;
mod child;
mod conf;
mod damage;
mod logs;
mod memory;
mod readiness;
mod reaper;
mod restoring;
mod room;
mod settings;
mod snapshots;
mod sync;
mod users;
mod watchdog;

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use nix::sys::signal::Signal;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::command::acl;
use crate::config::{ConnectionString, Durability, Storage};
use crate::data_dir::{self, Lock, append_only};
use crate::private_dir::PrivateDir;
use crate::secret::Secret;
use crate::state::{State, Status, StatusReceiver};
use crate::stop::Stop;
use backoff::Backoff;
use child::{Child, Ending};
use readiness::Probe;
use restoring::Restoring;
use snapshots::Keeper;
use users::Passwords;

pub use backup_login::read as backup_login;
pub use settings::Settings;

/// Ends in a row, before Redis has ever been ready, that mean a broken setup.
const GIVE_UP: u32 = 3;

/// Longest wait for Redis to store everything and end.
const STOP: Duration = Duration::from_secs(5);

/// Longest wait for the log lines of a start to be read.
const LOG_READ: Duration = Duration::from_secs(1);

/// Of the time that Redis has to stop, what is left to it once the last snapshot is stored.
const AFTER_SNAPSHOT: Duration = Duration::from_secs(1);

/// While Redis keeps ending, one error line this often and not one for each try.
const COMPLAIN: Duration = Duration::from_secs(60);

/// How the stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Redis stored everything and ended.
    Cleanly,
    /// Redis had to be killed, or ended badly: the last writes may not be stored.
    Badly,
}

/// The supervisor of one Redis.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    runtime: PrivateDir,
    passwords: Passwords,
    own: reaper::Own,
    status: watch::Sender<Status>,
    started: bool,
    lives: u64,
    ends_before_first_ready: u32,
    backoff: Backoff,
    last_complaint: Option<Instant>,
    restoring: Option<Restoring>,
    keeper: Option<Keeper>,
}

/// Where the state machine stands, with what belongs to it.
enum Phase {
    Restore,
    Start,
    Load(Child),
    Serve(Child, Instant),
    BackOff(Duration),
    Stop(Option<Child>),
}

impl Supervisor {
    /// Makes a private directory for the socket; starts nothing yet.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        Ok(Self {
            runtime: PrivateDir::create(&settings.temp_dir, &[&settings.data_dir])?,
            status: watch::Sender::new(Status::new(settings.storage)),
            settings,
            passwords: Passwords {
                supervisor: Secret::generate()?,
                callers: Secret::generate()?,
                backup: Secret::generate()?,
            },
            own: reaper::Own::default(),
            started: false,
            lives: 0,
            ends_before_first_ready: 0,
            backoff: Backoff::default(),
            last_complaint: None,
            restoring: None,
            keeper: None,
        })
    }

    /// A view of the status.
    pub fn status(&self) -> StatusReceiver {
        self.status.subscribe()
    }

    fn set_state(&self, state: State) {
        self.status.send_modify(|status| {
            (status.state, status.since) = (state, SystemTime::now());
        });
    }

    /// How the supervisor's own connections are made.
    fn own_connection(&self) -> ConnectionString {
        ConnectionString::unix(
            self.runtime.socket(),
            Some((users::SUPERVISOR, &self.passwords.supervisor)),
            0,
        )
    }

    /// How callers' connections are made.
    pub fn callers_connection(&self) -> ConnectionString {
        ConnectionString::unix(
            self.runtime.socket(),
            Some((acl::CALLERS, &self.passwords.callers)),
            self.settings.database,
        )
    }

    /// How the connections of those are made that may only read, if there is a token for them.
    pub fn readers_connection(&self) -> Option<ConnectionString> {
        let token = self.settings.readonly_token.as_ref()?;
        Some(ConnectionString::unix(
            self.runtime.socket(),
            Some((acl::READONLY, token)),
            self.settings.database,
        ))
    }

    /// Runs Redis until `stop` is requested, holding `lock` as long. An error means that Redis
    /// could not be started at all.
    ///
    /// Must be driven by the main thread (`block_on`), never by a spawned task: see
    /// [`Child::spawn`].
    pub async fn run(mut self, lock: Lock, stop: &Stop) -> anyhow::Result<Stopped> {
        let orphans = reaper::reap_orphans(self.own.clone());
        tokio::select! {
            stopped = self.supervise(lock, stop) => stopped,
            Err(error) = orphans => Err(error),
        }
    }

    async fn supervise(&mut self, lock: Lock, stop: &Stop) -> anyhow::Result<Stopped> {
        let mut phase = self.prepare()?;
        let conf = self.configure(&lock)?;
        loop {
            phase = match phase {
                Phase::Restore => self.restore(stop).await?,
                Phase::Start => self.start(&conf, &lock)?,
                Phase::Load(child) => self.load(child, stop).await?,
                Phase::Serve(child, since) => self.serve(child, since, stop).await?,
                Phase::BackOff(wait) => self.back_off(wait, stop).await,
                Phase::Stop(child) => return self.stop(child).await,
            }
        }
    }

    /// Finds out what Redis will go on from.
    fn prepare(&mut self) -> anyhow::Result<Phase> {
        let settings = &self.settings;
        let is_new = !append_only::is_in(&settings.data_dir);
        self.restoring = Restoring::begin(settings)?;
        let restores = self.restoring.is_some();
        if settings.storage == Storage::Snapshots {
            let newest = settings.snapshots.by_preference()?.pop();
            self.has_snapshot(newest.as_deref());
            self.keeper = Some(Keeper::new(settings, self.status.clone(), is_new || restores));
        }
        Ok(if restores { Phase::Restore } else { Phase::Start })
    }

    async fn restore(&mut self, stop: &Stop) -> anyhow::Result<Phase> {
        let Some(restoring) = &mut self.restoring else { return Ok(Phase::Start) };
        tokio::select! {
            placed = restoring.place() => {
                let name = placed?;
                self.has_snapshot(Some(&name));
                Ok(Phase::Start)
            }
            () = stop.requested() => Ok(Phase::Stop(None)),
        }
    }

    fn has_snapshot(&self, name: Option<&str>) {
        let made = name.and_then(data_dir::snapshot_time);
        self.status.send_modify(|status| status.data.last_snapshot = made);
    }

    /// Writes Redis's configuration and its users into the data directory, where Redis itself changes
    /// them later; what it has changed before is kept. The lock, since they are another pkv's without.
    fn configure(&mut self, _lock: &Lock) -> anyhow::Result<PathBuf> {
        let dir = &self.settings.data_dir;
        let users = dir.join(users::FILE);
        let before = data_dir::read_if_there(&users)?;
        data_dir::replace(&users, &users::render(&self.settings, &self.passwords, &before))?;
        let conf = dir.join(conf::FILE);
        let before = data_dir::read_if_there(&conf)?;
        let socket = self.runtime.socket();
        data_dir::replace(&conf, &conf::render(&self.settings, &socket, &before))?;
        backup_login::write(dir, &socket, &self.passwords.backup)?;
        self.keeper.as_mut().map_or(Ok(()), Keeper::begin)?;
        Ok(conf)
    }

    fn start(&mut self, conf: &Path, lock: &Lock) -> anyhow::Result<Phase> {
        self.status.send_modify(|status| status.restarts += u64::from(self.started));
        self.started = true;
        self.set_state(State::Starting);
        if let Some(what) = damage::before_start(&self.settings.data_dir) {
            return Ok(self.damaged(what));
        }
        match Child::spawn(&self.settings.server, conf, lock.as_fd(), &self.own) {
            Ok(child) => {
                info!(pid = child.pid(), server = %self.settings.server.display(), "Redis started");
                Ok(Phase::Load(child))
            }
            Err(error) => self.ended(None, format!("{error:#}"), &[]),
        }
    }

    async fn load(&mut self, mut child: Child, stop: &Stop) -> anyhow::Result<Phase> {
        let target = self.own_connection();
        let tail = child.tail.clone();
        let ready = async {
            let loading = |percent| {
                let now = State::Loading { percent };
                self.status.send_if_modified(|status| {
                    let was = std::mem::replace(&mut status.state, now.clone());
                    if !matches!(was, State::Loading { .. }) {
                        status.since = SystemTime::now();
                    }
                    was != now
                });
            };
            let probe = Probe::until_ready(&target, loading).await;
            // PONG may have been quicker than the log, which says whether the file was torn.
            let deadline = Instant::now() + LOG_READ;
            while !tail.saw_accepting() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if tail.saw_short_read() {
                warn!("the append-only file had a torn end: rewriting it before going on");
                // Not ready with an uncured file: the caller restarts Redis and tries again.
                aof::rewrite(&probe).await?;
            }
            anyhow::Ok(probe.info("redis_version").await.unwrap_or_default())
        };
        let version = tokio::select! {
            status = child.wait() => {
                let how = describe(status?);
                return self.ended(None, how, &child.last_words().await);
            }
            () = stop.requested() => return Ok(Phase::Stop(Some(child))),
            () = watchdog::until_hung(&target, self.settings.hang_limit) => {
                let how = self.end_hung(&mut child).await?;
                return self.ended(None, how, &child.last_words().await);
            }
            version = ready => version,
        };
        match version {
            Ok(version) => {
                self.lives += 1;
                self.restoring = None;
                info!(version, epoch = self.lives, "Redis is ready");
                self.set_state(State::Ready { epoch: self.lives, version: version.into() });
                Ok(Phase::Serve(child, Instant::now()))
            }
            Err(error) => {
                child.kill();
                let status = child.wait().await?;
                let how = format!("{error:#}, {}", describe(status));
                self.ended(None, how, &child.last_words().await)
            }
        }
    }

    async fn serve(
        &mut self,
        mut child: Child,
        since: Instant,
        stop: &Stop,
    ) -> anyhow::Result<Phase> {
        let keeps = self.settings.storage != Storage::Memory;
        let syncs = keeps && self.settings.durability == Durability::EverySecond;
        let target = self.own_connection();
        let mut hung = pin!(watchdog::until_hung(&target, self.settings.hang_limit));
        let how = loop {
            tokio::select! {
                status = child.wait() => break describe(status?),
                () = stop.requested() => return Ok(Phase::Stop(Some(child))),
                () = &mut hung => break self.end_hung(&mut child).await?,
                () = sync::every_second(&self.settings.data_dir), if syncs => {}
                () = room::watch(&self.settings, &self.status), if keeps => {}
                () = snapshots::keep(&mut self.keeper, &target) => {}
            }
        };
        self.ended(Some(since.elapsed()), how, &[])
    }

    /// Ends a Redis that does not answer; returns how that went.
    async fn end_hung(&self, child: &mut Child) -> anyhow::Result<String> {
        let silent_s = self.settings.hang_limit.as_secs();
        error!(silent_s, "Redis does not answer: ending it, to start it again");
        let status = match child.end_within(STOP).await? {
            Ending::ByItself(status) | Ending::Killed(status) => status,
        };
        Ok(format!("did not answer for {silent_s} s, {}", describe(status)))
    }

    /// Redis is gone: how long until the next try, or no more of them. `tail` is what it said last,
    /// for the case that it has never been ready.
    fn ended(
        &mut self,
        ready_for: Option<Duration>,
        how: String,
        tail: &[String],
    ) -> anyhow::Result<Phase> {
        if let (Some(keeper), Some(_)) = (&mut self.keeper, ready_for) {
            keeper.redis_ended();
        }
        if let Some(what) = damage::diagnose(tail, &self.settings.data_dir) {
            return Ok(self.damaged(what));
        }
        self.set_state(State::Backoff);
        self.status.send_modify(|status| status.last_error = Some(how.as_str().into()));
        if self.lives == 0 {
            self.ends_before_first_ready += 1;
            if self.ends_before_first_ready >= GIVE_UP {
                let tail = tail.join("\n");
                bail!("Redis does not start ({how}); what it said last:\n{tail}");
            }
        }
        let wait = self.backoff.after(ready_for, jitter());
        let retry_in_ms = wait.as_millis() as u64;
        match self.may_complain() {
            true if self.settings.storage == Storage::Memory => {
                error!(
                    how,
                    retry_in_ms, "Redis ended, and with it the data: it was in memory only"
                );
            }
            true => error!(how, retry_in_ms, "Redis ended"),
            false => debug!(how, retry_in_ms, "Redis ended again"),
        }
        Ok(Phase::BackOff(wait))
    }

    /// The data cannot be loaded: waits for somebody to do something about it.
    fn damaged(&mut self, what: String) -> Phase {
        if self.restoring.as_mut().is_some_and(|restoring| restoring.refused(&what)) {
            return Phase::Restore;
        }
        if self.may_complain() {
            error!("Redis cannot load its data: {what}");
        }
        let what: Arc<str> = what.into();
        self.status.send_modify(|status| status.last_error = Some(what.clone()));
        self.set_state(State::Damaged(what));
        Phase::BackOff(backoff::CAP)
    }

    /// Whether the last error in the log is old enough for another one.
    fn may_complain(&mut self) -> bool {
        let may = self.last_complaint.is_none_or(|last| last.elapsed() >= COMPLAIN);
        if may {
            self.last_complaint = Some(Instant::now());
        }
        may
    }

    async fn back_off(&mut self, wait: Duration, stop: &Stop) -> Phase {
        tokio::select! {
            () = tokio::time::sleep(wait) => Phase::Start,
            () = stop.requested() => Phase::Stop(None),
        }
    }

    async fn stop(&mut self, child: Option<Child>) -> anyhow::Result<Stopped> {
        let was_ready = self.status.borrow().is_ready();
        self.set_state(State::Stopping);
        let deadline = Instant::now() + STOP;
        let target = self.own_connection();
        let is_stored = match &mut self.keeper {
            Some(keeper) if was_ready => keeper.store_last(&target, STOP - AFTER_SNAPSHOT).await,
            Some(keeper) => keeper.stores_no_more(),
            None => true,
        };
        let stopped = match child {
            Some(child) => self.end(child, deadline).await?,
            None => Stopped::Cleanly,
        };
        Ok(if is_stored { stopped } else { Stopped::Badly })
    }

    async fn end(&self, mut child: Child, deadline: Instant) -> anyhow::Result<Stopped> {
        match child.end_within(deadline.saturating_duration_since(Instant::now())).await? {
            // Killed by the SIGTERM itself: it had not come so far as to handle it, or to have
            // anything to store.
            Ending::ByItself(status)
                if status.success() || status.signal() == Some(Signal::SIGTERM as i32) =>
            {
                match self.settings.storage {
                    Storage::Memory => info!("Redis ended, and with it the data"),
                    _ => info!("Redis stored everything and ended"),
                }
                return Ok(Stopped::Cleanly);
            }
            Ending::ByItself(status) => {
                error!(how = describe(status), "Redis ended badly while stopping");
            }
            Ending::Killed(_) => {
                error!(waited_s = STOP.as_secs(), "Redis did not stop and was killed");
            }
        }
        Ok(Stopped::Badly)
    }
}

/// A number in -1..=1; 0 if there is no randomness.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0)
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
