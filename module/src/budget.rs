//! How much one command may do: it runs in Redis's only thread.

use std::cell::Cell;
use std::error::Error;
use std::fmt;

/// The steps of one command; a step is a child looked at, or work that takes as
/// long, some 10 ns. Together they take about a second. `$..*` takes up to 20 for
/// a value, and a document of 10 MB has 5 million at most.
const LIMIT: usize = 100_000_000;

/// Bytes that are compared, or read in order, in the time of a step. Less than
/// a processor can: the least that is compared are two values.
const BYTES_A_STEP: usize = 16;

/// What a match costs, beside being found: it takes 8 bytes of memory, and
/// twice that while their vector grows.
pub const MATCH: usize = 5;

/// What finding a member costs, beside reading its name: up to 16 names are
/// compared with it, most of them by their length alone.
const MEMBER: usize = 6;

/// What a reply costs: it takes 32 bytes of memory, and more while its array
/// grows, so that those of one command stay below 300 MB.
const REPLY: usize = 32;

/// A command that would take more steps than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the command takes more than {LIMIT} steps: use a narrower path")
    }
}

impl Error for TooMuch {}

/// What a command may still do.
pub struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(LIMIT))
    }
}

impl Budget {
    /// Takes steps.
    ///
    /// # Errors
    /// If there are not as many left: nothing more may be done then.
    #[inline]
    pub fn spend(&self, steps: usize) -> Result<(), TooMuch> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(TooMuch)?);
        Ok(())
    }

    /// Takes what it costs to read, to compare or to copy so many bytes.
    ///
    /// # Errors
    /// Those of `spend`, here and below.
    pub fn spend_bytes(&self, bytes: usize) -> Result<(), TooMuch> {
        self.spend(1 + bytes / BYTES_A_STEP)
    }

    /// Takes what it costs to find a member.
    #[inline]
    pub fn spend_member(&self, name: &str) -> Result<(), TooMuch> {
        self.spend(MEMBER + name.len() / 4)
    }

    /// Takes what it costs to remember where a match lies, at a depth.
    pub fn spend_location(&self, depth: usize) -> Result<(), TooMuch> {
        self.spend(MATCH + 2 * depth)
    }

    /// Takes what a reply costs that has so many bytes of its own.
    pub fn spend_reply(&self, bytes: usize) -> Result<(), TooMuch> {
        self.spend(REPLY + bytes / 2)
    }
}
