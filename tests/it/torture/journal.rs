//! What one client was told about its writes, and whether what Redis holds agrees with it.
//!
//! A client writes numbers, each one once and each larger than the last, into a list of its own. So
//! a number that is missing was lost, one that stands there twice was executed twice, and one that
//! stands there although the client was told otherwise makes it try again, which is the same.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How a write is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Single,
    Pipeline,
    Transaction,
    Script,
}

impl Way {
    pub const ALL: [Self; 4] = [Self::Single, Self::Pipeline, Self::Transaction, Self::Script];

    /// Whether a counter goes up in the same transaction or script, and maybe a large value is set.
    pub fn is_atomic(self) -> bool {
        matches!(self, Self::Transaction | Self::Script)
    }
}

/// What the client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Executed.
    Acknowledged,
    /// Not executed; with the words.
    Refused(String),
    /// Either, or nothing at all.
    Unknown,
}

/// One write.
#[derive(Debug, Clone)]
struct Entry {
    number: u32,
    way: Way,
    outcome: Outcome,
    told: Instant,
}

/// What a fault may have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    /// What was acknowledged between `since` and `until` (what was acknowledged after the cut was never
    /// written), but nothing before something that has stayed.
    LastBefore {
        since: Instant,
        cut: Instant,
        until: Instant,
    },
}

/// What Redis holds for a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The list, from where it ended when it was looked at last.
    pub numbers: Vec<u32>,
    pub counter: u64,
    /// The number in the large value.
    pub bulk: Option<u32>,
}

/// What does not agree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged, and not there.
    pub lost: Vec<u32>,
    /// There twice, or there although the client was told that they are not; and what it was told.
    pub doubled: Vec<(u32, Option<Outcome>)>,
    /// Anything else.
    pub wrong: Vec<String>,
    /// How long before the cut the oldest was acknowledged that it took.
    pub oldest_taken: Option<Duration>,
    /// How many it took.
    pub taken: usize,
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.wrong.is_empty()
    }
}

/// One client's journal. What has been looked at is settled, and only remembered in sum.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pub client: usize,
    turn: usize,
    next: u32,
    entries: Vec<Entry>,
    /// Items of the list.
    pub settled: usize,
    counter: u64,
    bulk: Option<u32>,
}

impl Journal {
    pub fn new(client: usize) -> Self {
        Self { client, ..Self::default() }
    }

    /// The next way, and the numbers to write.
    pub fn next(&mut self) -> (Way, Vec<u32>) {
        let way = Way::ALL[self.turn % Way::ALL.len()];
        self.turn += 1;
        let count = if way == Way::Pipeline { 3 } else { 1 };
        let first = self.next;
        self.next += count;
        (way, (first..self.next).collect())
    }

    /// Whether a large value is set together with this number: larger than a page, so that a crash
    /// can tear it, and so much that Redis rewrites its file now and then.
    pub fn is_bulky(way: Way, number: u32) -> bool {
        way.is_atomic() && number.is_multiple_of(8)
    }

    pub fn note(&mut self, way: Way, number: u32, outcome: Outcome) {
        self.entries.push(Entry { number, way, outcome, told: Instant::now() });
    }

    /// The write may be missing, whatever the client was told.
    pub fn excuse(&mut self, number: u32) {
        if let Ok(at) = self.find(number)
            && self.entries[at].outcome == Outcome::Acknowledged
        {
            self.entries[at].outcome = Outcome::Unknown;
        }
    }

    fn entry(&self, number: u32) -> Option<&Entry> {
        self.find(number).ok().map(|at| &self.entries[at])
    }

    fn find(&self, number: u32) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&number, |entry| entry.number)
    }

    /// Acknowledged writes by way, since it was settled.
    pub fn acknowledged(&self, way: Way) -> usize {
        self.count(|entry| entry.way == way && entry.outcome == Outcome::Acknowledged)
    }

    /// Writes of which nobody knows, since it was settled.
    pub fn unknown(&self) -> usize {
        self.count(|entry| entry.outcome == Outcome::Unknown)
    }

    /// Writes that were refused, since it was settled.
    pub fn refused(&self) -> usize {
        self.count(|entry| matches!(entry.outcome, Outcome::Refused(_)))
    }

    fn count(&self, matches: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().filter(|entry| matches(entry)).count()
    }

    /// Compares with what Redis holds; afterwards that is settled, and must never change again.
    pub fn settle(&mut self, held: &Held, loss: Loss) -> Verdict {
        let mut verdict = Verdict::default();
        let there = held.numbers.iter().copied().collect();
        self.judge_missing(&there, loss, &mut verdict);
        self.judge_doubled(held, &mut verdict);
        self.judge_atomic(held, &there, &mut verdict);
        self.settled += held.numbers.len();
        self.counter = held.counter;
        self.bulk = held.bulk;
        self.entries.clear();
        verdict
    }

    fn judge_missing(&self, there: &BTreeSet<u32>, loss: Loss, verdict: &mut Verdict) {
        let mut missing_before = false;
        for entry in self.entries.iter().filter(|entry| entry.outcome == Outcome::Acknowledged) {
            let may_be_missing = match loss {
                Loss::Nothing => None,
                Loss::LastBefore { since, cut, until } => {
                    (entry.told >= since && entry.told <= until).then_some(cut)
                }
            };
            match (there.contains(&entry.number), may_be_missing) {
                (false, None) => verdict.lost.push(entry.number),
                (false, Some(cut)) => {
                    verdict.taken += 1;
                    verdict.oldest_taken.get_or_insert(cut.saturating_duration_since(entry.told));
                    missing_before = true;
                }
                (true, Some(_)) if missing_before => verdict.wrong.push(format!(
                    "client {}: {} is there, but something acknowledged before it is not",
                    self.client, entry.number
                )),
                (true, _) => {}
            }
        }
    }

    fn judge_doubled(&self, held: &Held, verdict: &mut Verdict) {
        let mut seen = BTreeSet::new();
        for number in &held.numbers {
            let entry = self.entry(*number);
            // One that is not in the journal has been settled before: it was executed since.
            let told = entry.map(|entry| &entry.outcome);
            let may_be_there = matches!(told, Some(Outcome::Acknowledged | Outcome::Unknown));
            if !seen.insert(number) || !may_be_there {
                verdict.doubled.push((*number, told.cloned()));
            }
        }
        if !held.numbers.is_sorted() {
            verdict.wrong.push(format!("client {}: the list is out of order", self.client));
        }
    }

    /// What is done together is there together.
    fn judge_atomic(&self, held: &Held, there: &BTreeSet<u32>, verdict: &mut Verdict) {
        let is_there = |entry: &&Entry| there.contains(&entry.number);
        let atomic = self.entries.iter().filter(|entry| entry.way.is_atomic());
        let atomic: Vec<_> = atomic.filter(is_there).collect();
        let counter = self.counter + atomic.len() as u64;
        if held.counter != counter {
            verdict.wrong.push(format!(
                "client {}: the counter is {}, the items counted with it are {counter}",
                self.client, held.counter
            ));
        }
        let bulky = atomic.iter().rfind(|entry| Self::is_bulky(entry.way, entry.number));
        let bulk = bulky.map(|entry| entry.number).or(self.bulk);
        if held.bulk != bulk {
            verdict.wrong.push(format!(
                "client {}: the large value is {:?}, the item set with it is {bulk:?}",
                self.client, held.bulk
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven rounds of turns, everything acknowledged but the numbers in `unknown` and `refused`.
    fn journal(unknown: &[u32], refused: &[u32]) -> Journal {
        let mut journal = Journal::new(0);
        for _ in 0..28 {
            let (way, numbers) = journal.next();
            for number in numbers {
                let outcome = match (unknown.contains(&number), refused.contains(&number)) {
                    (true, _) => Outcome::Unknown,
                    (_, true) => Outcome::Refused("no".into()),
                    _ => Outcome::Acknowledged,
                };
                journal.note(way, number, outcome);
            }
        }
        journal
    }

    /// What a right Redis holds then, but for `missing`.
    fn held(journal: &Journal, missing: &[u32]) -> Held {
        let there: Vec<_> =
            journal.entries.iter().filter(|entry| !missing.contains(&entry.number)).collect();
        let atomic: Vec<_> = there.iter().filter(|entry| entry.way.is_atomic()).collect();
        let bulky = atomic.iter().rfind(|entry| Journal::is_bulky(entry.way, entry.number));
        Held {
            numbers: there.iter().map(|entry| entry.number).collect(),
            counter: atomic.len() as u64,
            bulk: bulky.map(|entry| entry.number),
        }
    }

    #[test]
    fn everything_acknowledged_must_be_there_and_nothing_refused() {
        let good = journal(&[5, 6], &[7]);
        for missing in [&[7][..], &[5, 7], &[5, 6, 7]] {
            let mut journal = good.clone();
            let held = held(&journal, missing);
            let verdict = journal.settle(&held, Loss::Nothing);
            assert_eq!(verdict, Verdict::default(), "{missing:?}");
        }
        let verdict = good.clone().settle(&held(&good, &[7, 8]), Loss::Nothing);
        assert_eq!((verdict.lost, verdict.doubled), (vec![8], vec![]));
        let verdict = good.clone().settle(&held(&good, &[]), Loss::Nothing);
        assert!(verdict.lost.is_empty());
        assert_eq!(verdict.doubled, [(7, Some(Outcome::Refused("no".into())))]);
    }

    #[test]
    fn what_is_there_twice_or_comes_late_is_found() {
        let mut journal = journal(&[], &[]);
        let mut twice = held(&journal, &[]);
        twice.numbers.insert(9, twice.numbers[9]);
        let told = Some(Outcome::Acknowledged);
        let doubled = [(twice.numbers[9], told)];
        assert_eq!(journal.clone().settle(&twice, Loss::Nothing).doubled, doubled);

        let once = held(&journal, &[4]);
        assert_eq!(journal.settle(&once, Loss::Nothing).lost, [4]);
        let (way, numbers) = journal.next();
        journal.note(way, numbers[0], Outcome::Acknowledged);
        let late = Held { numbers: vec![4, numbers[0]], ..once };
        assert_eq!(journal.settle(&late, Loss::Nothing).doubled, [(4, None)]);
    }

    #[test]
    fn what_is_done_together_is_there_together() {
        let journal = journal(&[], &[]);
        let right = held(&journal, &[]);
        assert!(right.bulk.is_some());
        let counted_twice = Held { counter: right.counter + 1, ..right.clone() };
        assert_eq!(journal.clone().settle(&counted_twice, Loss::Nothing).wrong.len(), 1);
        let bulk_lost = Held { bulk: None, ..right };
        assert_eq!(journal.clone().settle(&bulk_lost, Loss::Nothing).wrong.len(), 1);
    }

    #[test]
    fn a_cut_takes_the_last_ones_and_only_as_long_as_it_may() {
        let journal = journal(&[], &[]);
        let (first, last) = (journal.entries[0].told, journal.entries.last().unwrap().told);
        let end = journal.next;
        let cut = Loss::LastBefore { since: first, cut: last, until: last };
        let verdict = journal.clone().settle(&held(&journal, &[end - 2, end - 1]), cut);
        assert!(verdict.is_good() && verdict.taken == 2, "{verdict:?}");
        let verdict = journal.clone().settle(&held(&journal, &[end - 2]), cut);
        assert_eq!(verdict.wrong.len(), 1, "a hole: {verdict:?}");
        let short = Loss::LastBefore { since: last, cut: last, until: last };
        let verdict = journal.clone().settle(&held(&journal, &[end - 9]), short);
        assert_eq!(verdict.lost, [end - 9]);
    }
}
