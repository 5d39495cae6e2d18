//! What can happen to a Redis and its pkv.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::disk::Disk;
use super::journal::Loss;
use super::subject::{HANG_LIMIT, Subject};
use super::tail::{self, Item};
use super::writers::Pulse;
use crate::support::{Dice, eventually};

/// Longest wait for what the machine does at once, were it not busy.
const SOON: Duration = Duration::from_secs(20);

/// What a loss of power may take with `everysec`: the one or two seconds of the README, and what a
/// busy machine adds.
const EVERYSEC: Duration = Duration::from_secs(3);

/// One kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL, up to three times.
    RedisKilled,
    /// SIGSTOP, and SIGCONT before anybody minds.
    RedisStopped,
    /// SIGSTOP until the watchdog has ended it, or just not so long.
    RedisHung,
    /// SIGTERM, and a new one.
    PkvTerminated,
    /// SIGKILL, and a new one at once.
    PkvKilled,
    /// The end of the append-only file is torn off while nobody uses it.
    FileTorn,
    /// No room any more, and room again.
    DiskFull,
    /// The disk is cut off.
    PowerLost,
}

/// How it went.
#[derive(Debug)]
pub struct Blow {
    /// From the fault (from there being room again, on a full disk) to the next acknowledged write.
    pub outage: Duration,
    /// What may be missing now.
    pub loss: Loss,
    /// And what else, since it stood in torn bytes.
    pub torn: Vec<Item>,
    /// What is particular.
    pub note: String,
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::RedisKilled,
        Self::RedisStopped,
        Self::RedisHung,
        Self::PkvTerminated,
        Self::PkvKilled,
        Self::FileTorn,
        Self::DiskFull,
        Self::PowerLost,
    ];

    /// Kinds that this disk allows.
    fn possible(disk: &Disk) -> Vec<Self> {
        let can_be_cut = matches!(disk, Disk::Image(_));
        Self::ALL.into_iter().filter(|fault| *fault != Self::PowerLost || can_be_cut).collect()
    }

    /// How many kinds there are on this disk.
    pub fn kinds(disk: &Disk) -> u64 {
        Self::possible(disk).len() as u64
    }

    /// The kind that belongs to this seed. Seeds that follow each other deal shuffled decks, so that
    /// every kind has its turn.
    pub fn dealt(seed: u64, disk: &Disk) -> Self {
        let mut deck = Self::possible(disk);
        let kinds = deck.len() as u64;
        let mut dice = Dice::new(seed / kinds);
        for left in (1..deck.len()).rev() {
            deck.swap(left, dice.below(left + 1));
        }
        deck[(seed % kinds) as usize]
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::RedisKilled => "redis-server killed",
            Self::RedisStopped => "redis-server stopped for a while",
            Self::RedisHung => "redis-server stopped for long",
            Self::PkvTerminated => "pkv terminated",
            Self::PkvKilled => "pkv killed",
            Self::FileTorn => "append-only file torn",
            Self::DiskFull => "disk full",
            Self::PowerLost => "power lost",
        }
    }

    /// Lets it happen; returns when writes are acknowledged again.
    pub async fn happen(self, subject: &mut Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
        match self {
            Self::RedisKilled => redis_killed(subject, pulse, dice).await,
            Self::RedisStopped => redis_stopped(subject, pulse, dice).await,
            Self::RedisHung => redis_hung(subject, pulse, dice).await,
            Self::PkvTerminated => pkv_terminated(subject, pulse).await,
            Self::PkvKilled => pkv_killed(subject, pulse, dice).await,
            Self::FileTorn => file_torn(subject, pulse, dice).await,
            Self::DiskFull => disk_full(subject, pulse, dice).await,
            Self::PowerLost => power_lost(subject, pulse, dice).await,
        }
    }
}

impl Blow {
    async fn over(fault: Instant, pulse: &Pulse, note: impl Into<String>) -> Self {
        let outage = pulse.outage(fault).await;
        Self { outage, loss: Loss::Nothing, torn: Vec::new(), note: note.into() }
    }
}

async fn pause(dice: &mut Dice, most_ms: usize) {
    tokio::time::sleep(Duration::from_millis(dice.below(most_ms) as u64)).await;
}

async fn redis_killed(subject: &Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    let kills = 1 + dice.below(3);
    for _ in 1..kills {
        let pid = subject.signal_redis(Signal::SIGKILL);
        subject.redis_other_than(pid).await;
        pause(dice, 500).await;
    }
    subject.signal_redis(Signal::SIGKILL);
    Blow::over(Instant::now(), pulse, format!("{kills} times")).await
}

async fn redis_stopped(subject: &Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    let pid = subject.signal_redis(Signal::SIGSTOP);
    let fault = Instant::now();
    pause(dice, HANG_LIMIT.as_millis() as usize / 2).await;
    subject.signal_redis(Signal::SIGCONT);
    let blow = Blow::over(fault, pulse, "").await;
    assert_eq!(subject.redis(), pid, "a Redis that stood still for a moment was ended");
    blow
}

/// It is told to end when the limit is over and the question that was under way then has not been
/// answered (5 s), and killed after 5 s more.
async fn redis_hung(subject: &Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    let pid = subject.signal_redis(Signal::SIGSTOP);
    let fault = Instant::now();
    let goes_on = dice.percent(50);
    if goes_on {
        // About when it is told to end, which it may then do by itself.
        tokio::time::sleep(HANG_LIMIT).await;
        pause(dice, 8000).await;
        subject.signal_redis(Signal::SIGCONT);
    } else {
        subject.redis_other_than(pid).await;
    }
    Blow::over(fault, pulse, if goes_on { "went on in the end" } else { "" }).await
}

async fn pkv_terminated(subject: &mut Subject, pulse: &Pulse) -> Blow {
    let fault = Instant::now();
    subject.stop().await;
    subject.start();
    Blow::over(fault, pulse, "").await
}

async fn pkv_killed(subject: &mut Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    let both = dice.percent(50);
    if both {
        subject.signal_redis(Signal::SIGKILL);
    }
    let fault = Instant::now();
    subject.kill().await;
    subject.start();
    Blow::over(fault, pulse, if both { "with its Redis" } else { "" }).await
}

/// The second start is the one that shows whether the first has cured the file.
async fn file_torn(subject: &mut Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    let data_dir = subject.disk.data_dir();
    let (before, floor) = tail::current(&data_dir);
    pulse.beats(100).await;
    let fault = Instant::now();
    subject.kill().await;
    let (path, _) = tail::current(&data_dir);
    // One that was begun since holds nothing older.
    let torn = tail::tear(&path, if path == before { floor } else { 0 }, dice);
    let zeros = if dice.percent(30) { dice.below(100_000) } else { 0 };
    tail::append_zeros(&path, zeros);
    subject.start();
    let inside = if torn.inside_transaction { ", inside a transaction" } else { "" };
    let behind = if zeros > 0 { format!(", and {zeros} zeros") } else { String::new() };
    let note = format!("{} bytes{inside}{behind}", torn.bytes);
    let blow = Blow { torn: torn.items, ..Blow::over(fault, pulse, note).await };
    pulse.beats(50).await;
    pkv_terminated(subject, pulse).await;
    blow
}

/// Reads go on, whatever ends while there is no room.
async fn disk_full(subject: &mut Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    let is_disk = subject.disk.mount().is_some();
    if !is_disk && subject.durability == "always" {
        // A limit stands for a full disk badly: that Redis would end, and the next one has no limit.
        subject.stop().await;
        subject.durability = "everysec";
        subject.start();
        pulse.beats(50).await;
    }
    let redis = subject.redis();
    let refused = pulse.refused.load(Ordering::Acquire);
    subject.disk.fill_nearly(redis);
    eventually("writes are refused", SOON, || async {
        pulse.refused.load(Ordering::Acquire) > refused
    })
    .await;
    subject.disk.fill();
    pause(dice, 2000).await;
    // Redis finds out by itself there, and loses what it could not append if it ends.
    let ends = is_disk && dice.percent(70);
    let note = match ends && dice.percent(50) {
        true => {
            subject.stop().await;
            "and pkv terminated"
        }
        false if ends => {
            subject.signal_redis(Signal::SIGKILL);
            "and redis-server killed"
        }
        false => "",
    };
    if subject.is_running() {
        let read = pulse.reads.load(Ordering::Acquire);
        eventually("reads go on", SOON, || async { pulse.reads.load(Ordering::Acquire) > read })
            .await;
    }
    subject.disk.free(redis);
    let fault = Instant::now();
    if !subject.is_running() {
        subject.start();
    }
    Blow::over(fault, pulse, note).await
}

async fn power_lost(subject: &mut Subject, pulse: &Pulse, dice: &mut Dice) -> Blow {
    if subject.durability == "none" {
        // It promises nothing that could be checked.
        subject.stop().await;
        subject.durability = "always";
        subject.start();
        pulse.beats(50).await;
    }
    // Longer than what may be lost, or a sync that is missing would not be missed.
    tokio::time::sleep(EVERYSEC + Duration::from_secs(1)).await;
    pause(dice, 4000).await;
    let Disk::Image(image) = &subject.disk else { unreachable!("dealt where there is an image") };
    image.cut().unwrap();
    let cut = Instant::now();
    subject.signal_redis(Signal::SIGKILL);
    subject.kill().await;
    let Disk::Image(image) = &subject.disk else { unreachable!("it was one above") };
    image.restore().unwrap();
    let loss = match subject.durability {
        "everysec" => Loss::LastBefore { since: cut - EVERYSEC, cut, until: Instant::now() },
        _ => Loss::Nothing,
    };
    subject.start();
    Blow { loss, ..Blow::over(cut, pulse, "").await }
}
