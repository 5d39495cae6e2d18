//! What is wrong with a path.

use std::error::Error;
use std::fmt;

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// What should have been there, or what is too much.
    pub(super) problem: &'static str,
    /// Counted in characters from 1, as people do.
    pub(super) position: usize,
}

impl PathError {
    pub(super) fn at(text: &str, byte: usize, problem: &'static str) -> Self {
        let position = 1 + text.char_indices().take_while(|(at, _)| *at < byte).count();
        Self { problem, position }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON path at character {}: {}", self.position, self.problem)
    }
}

impl Error for PathError {}
