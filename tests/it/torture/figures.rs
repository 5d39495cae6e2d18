//! What a run has seen, in numbers.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::faults::Fault;
use super::journal::{Journal, Verdict, Way};
use super::tail::Item;
use super::writers::Pulse;

/// The numbers of a run.
#[derive(Debug, Default)]
pub struct Figures {
    pub rounds: usize,
    outages: BTreeMap<Fault, Vec<Duration>>,
    acknowledged: BTreeMap<Way, usize>,
    refused: usize,
    unknown: usize,
    reads: usize,
    failed_reads: usize,
    lost: usize,
    doubled: usize,
    /// Acknowledged writes that torn bytes or a cut may have taken.
    torn: usize,
    cut: usize,
    oldest_cut: Duration,
    /// With the round that it was in.
    longest: (Duration, usize),
}

impl Figures {
    /// A fault, and how long nothing was acknowledged.
    pub fn add_outage(&mut self, fault: Fault, outage: Duration) {
        self.outages.entry(fault).or_default().push(outage);
        self.longest = self.longest.max((outage, self.rounds));
    }

    pub fn add_torn(&mut self, items: &[Item]) {
        self.torn += items.len();
    }

    pub fn add_pulse(&mut self, pulse: &Pulse) {
        self.reads += pulse.reads.load(Ordering::Acquire);
        self.failed_reads += pulse.failed_reads.load(Ordering::Acquire);
    }

    /// What one client was told in a round.
    pub fn add_journal(&mut self, journal: &Journal) {
        for way in Way::ALL {
            *self.acknowledged.entry(way).or_default() += journal.acknowledged(way);
        }
        self.refused += journal.refused();
        self.unknown += journal.unknown();
    }

    pub fn add_verdict(&mut self, verdict: &Verdict) {
        self.lost += verdict.lost.len();
        self.doubled += verdict.doubled.len();
        self.cut += verdict.taken;
        self.oldest_cut = self.oldest_cut.max(verdict.oldest_taken.unwrap_or_default());
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<33} {:>5}  {:>10}  {:>10}", "fault", "times", "median", "worst")?;
        for (fault, outages) in &self.outages {
            let (median, worst) = median_and_worst(outages);
            let (name, times) = (fault.name(), outages.len());
            writeln!(f, "{name:<33} {times:>5}  {median:>10}  {worst:>10}")?;
        }
        writeln!(f, "(outage: from the fault to the next acknowledged write; after a full disk")?;
        writeln!(f, "from there being room again)")?;
        let (longest, round) = self.longest;
        let ways: Vec<_> = self.acknowledged.values().map(ToString::to_string).collect();
        let total: usize = self.acknowledged.values().sum();
        let lines = [
            ("rounds", self.rounds.to_string()),
            ("longest outage", format!("{} (round {round})", millis(longest))),
            ("writes acknowledged", total.to_string()),
            ("  single, pipeline, transaction, script", ways.join(", ")),
            ("writes with unknown outcome", self.unknown.to_string()),
            ("writes refused", self.refused.to_string()),
            ("reads answered", self.reads.to_string()),
            ("reads failed, pkv or Redis away", self.failed_reads.to_string()),
            ("writes in torn bytes", self.torn.to_string()),
            ("writes cut off with everysec", self.cut.to_string()),
            ("  the oldest, before the cut", millis(self.oldest_cut)),
            ("writes lost", self.lost.to_string()),
            ("writes doubled", self.doubled.to_string()),
        ];
        lines.iter().try_for_each(|(name, value)| writeln!(f, "{name:<39} {value}"))
    }
}

/// Both in ms; of at least one.
pub fn median_and_worst(times: &[Duration]) -> (String, String) {
    let mut times = times.to_vec();
    times.sort();
    (millis(times[times.len() / 2]), millis(times[times.len() - 1]))
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
