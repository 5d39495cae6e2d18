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
mod endings;
mod headroom;
mod loading;
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
mod zeros;

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

use crate::command::acl;
use crate::config::{ConnectionString, Durability, Storage};
use crate::data_dir::{self, Lock, append_only};
use crate::private_dir::PrivateDir;
use crate::secret::Secret;
use crate::state::{State, Status, StatusReceiver};
use crate::stop::Stop;
use backoff::Backoff;
use child::Child;
use endings::describe;
use headroom::Headroom;
use restoring::Restoring;
use snapshots::Keeper;
use users::Passwords;

pub use backup_login::read as backup_login;
pub use settings::Settings;

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
    Serve(Child, Instant, Headroom),
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
                Phase::Serve(child, since, headroom) => {
                    self.serve(child, since, headroom, stop).await?
                }
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
        let server = &self.settings.server;
        let child = zeros::cut_off(&self.settings.data_dir)
            .and_then(|()| Child::spawn(server, conf, lock.as_fd(), &self.own));
        match child {
            Ok(child) => {
                info!(pid = child.pid(), server = %server.display(), "Redis started");
                Ok(Phase::Load(child))
            }
            Err(error) => self.ended(None, format!("{error:#}"), &[]),
        }
    }

    async fn serve(
        &mut self,
        mut child: Child,
        since: Instant,
        mut headroom: Headroom,
        stop: &Stop,
    ) -> anyhow::Result<Phase> {
        let keeps = self.settings.storage != Storage::Memory;
        let syncs = keeps && self.settings.durability == Durability::EverySecond;
        let target = self.own_connection();
        let tail = child.tail.clone();
        let mut headroom = pin!(headroom.keep(&target, &tail));
        let mut hung = pin!(watchdog::until_hung(&target, self.settings.hang_limit));
        let how = loop {
            tokio::select! {
                status = child.wait() => break describe(status?),
                () = stop.requested() => return Ok(Phase::Stop(Some(child))),
                () = &mut hung => break self.end_hung(&mut child).await?,
                () = sync::every_second(&self.settings.data_dir), if syncs => {}
                () = room::watch(&self.settings, &self.status), if keeps => {}
                () = &mut headroom, if keeps => {}
                () = snapshots::keep(&mut self.keeper, &target) => {}
            }
        };
        self.ended(Some(since.elapsed()), how, &[])
    }

    async fn back_off(&mut self, wait: Duration, stop: &Stop) -> Phase {
        tokio::select! {
            () = tokio::time::sleep(wait) => Phase::Start,
            () = stop.requested() => Phase::Stop(None),
        }
    }
}
