//! How much one use of a path may do: it runs in Redis's only thread.

use std::cell::Cell;

use super::error::TooMuch;

/// The steps of one `select` or `locate`; a step is a child looked at, or work
/// that takes as long, some 10 ns. Together they take about a second. `$..*`
/// takes up to 20 for a value, and a document of 10 MB has 5 million at most.
pub(super) const LIMIT: usize = 100_000_000;

/// Bytes that are compared, or read in order, in the time of a step. Less than
/// a processor can: the least that is compared are two values.
const BYTES_A_STEP: usize = 16;

/// What a match costs, beside being found: it takes 8 bytes of memory, and
/// twice that while their vector grows.
pub(super) const MATCH: usize = 5;

/// What finding a member costs, beside reading its name: up to 16 names are
/// compared with it, most of them by their length alone.
const MEMBER: usize = 6;

/// What is left.
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Cell::new(LIMIT))
    }

    /// Takes steps.
    #[inline]
    pub(super) fn spend(&self, steps: usize) -> Result<(), TooMuch> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(TooMuch)?);
        Ok(())
    }

    /// Takes what it costs to read a text, or to compare one.
    pub(super) fn spend_bytes(&self, bytes: usize) -> Result<(), TooMuch> {
        self.spend(1 + bytes / BYTES_A_STEP)
    }

    /// Takes what it costs to find a member.
    #[inline]
    pub(super) fn spend_member(&self, name: &str) -> Result<(), TooMuch> {
        self.spend(MEMBER + name.len() / 4)
    }

    /// Takes what it costs to remember where a match lies, at a depth.
    pub(super) fn spend_location(&self, depth: usize) -> Result<(), TooMuch> {
        self.spend(MATCH + 2 * depth)
    }
}
