//! Everything that can end or hinder Redis and pkv, again and again, while clients write: after each
//! round everything that was acknowledged is there, and nothing was executed twice.
//!
//! `cargo test` runs one round of each kind, with a seed that stays. `scripts/torture` runs for minutes,
//! with a seed of its own, and where it may mount on a disk that can be cut off. A round has the run's
//! seed and its own number added: a run that begins with this sum begins with a round of the same kind,
//! with the same durability and the same throws of the dice.

mod disk;
mod faults;
mod figures;
mod journal;
mod recovery;
mod subject;
mod tail;
mod writers;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;

use self::faults::Fault;
use self::figures::Figures;
use self::journal::{Journal, Loss, Verdict};
use self::subject::Subject;
use self::writers::{CLIENTS, Writers, held};
use crate::support::Dice;

/// The seed of every run that is not told another.
const SEED: u64 = 20_261_124;

/// A run: the tortured, what its clients were told, and what has been seen.
struct Torture {
    subject: Subject,
    journals: Vec<Journal>,
    figures: Figures,
}

impl Torture {
    fn new() -> Self {
        let journals = (0..CLIENTS).map(Journal::new).collect();
        Self { subject: Subject::new(), journals, figures: Figures::default() }
    }

    /// Panics if something is wrong.
    async fn round(&mut self, seed: u64) {
        let mut dice = Dice::new(seed);
        self.figures.rounds += 1;
        self.subject.have(&mut dice).await;
        let writers = Writers::start(std::mem::take(&mut self.journals), &self.subject.url);
        writers.pulse.beats(50).await;
        tokio::time::sleep(Duration::from_millis(dice.below(800) as u64)).await;

        let fault = Fault::dealt(seed, &self.subject.disk);
        let blow = fault.happen(&mut self.subject, &writers.pulse, &mut dice).await;
        self.figures.add_outage(fault, blow.outage);
        writers.pulse.beats(50).await;

        self.figures.add_pulse(&writers.pulse);
        self.journals = writers.finish().await;
        let outage_ms = blow.outage.as_millis();
        let mut note = [fault.name(), self.subject.durability, &blow.note].to_vec();
        note.retain(|word| !word.is_empty());
        println!("round {:<4} {outage_ms:>6} ms  {}", self.figures.rounds, note.join(", "));
        self.figures.add_torn(&blow.torn);
        for (client, number) in blow.torn {
            self.journals[client].excuse(number);
        }
        self.check(blow.loss).await;
    }

    /// Compares what the clients were told with what Redis holds.
    async fn check(&mut self, loss: Loss) {
        let held = held(self.subject.pkv(), &self.journals).await;
        let mut bad = Vec::new();
        for (journal, held) in self.journals.iter_mut().zip(&held) {
            self.figures.add_journal(journal);
            let verdict = journal.settle(held, loss);
            self.figures.add_verdict(&verdict);
            bad.extend(Some((journal.client, verdict)).filter(|(_, verdict)| !verdict.is_good()));
        }
        let bad: Vec<(usize, Verdict)> = bad;
        assert!(bad.is_empty(), "by client: {bad:#?}");
    }
}

/// A variable of a run by hand.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_no_acknowledged_write_is_lost_and_none_is_executed_twice() {
    let limit = variable("TORTURE_SECONDS").map(Duration::from_secs);
    let clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let fresh = if limit.is_some() { clock() } else { SEED };
    let seed = variable("TORTURE_SEED").unwrap_or(fresh);
    let mut torture = Torture::new();
    // One deck, whatever it is cut to.
    let rounds = Fault::kinds(&torture.subject.disk);
    let first = if limit.is_some() { seed } else { seed / rounds * rounds };
    let started = Instant::now();
    let mut result = Ok(());
    for round in 0.. {
        if result.is_err() || limit.map_or(round == rounds, |limit| started.elapsed() >= limit) {
            break;
        }
        let seed = first + round;
        result = AssertUnwindSafe(torture.round(seed)).catch_unwind().await;
        if result.is_err() {
            println!("round {} failed; --seed {seed} begins with its like", torture.figures.rounds);
        }
    }
    println!("\nseed {first}, {} s", started.elapsed().as_secs());
    println!("disk full:  {}", torture.subject.disk.fullness());
    println!("power loss: {}", torture.subject.disk.power_loss());
    println!("{}", torture.figures);
    assert!(torture.figures.rounds > 0, "no round");
    if let Err(panic) = result {
        println!("data and log are kept in {}", torture.subject.keep().display());
        std::panic::resume_unwind(panic);
    }
}
