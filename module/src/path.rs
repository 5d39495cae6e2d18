//! JSONPath: which values of a document are meant.
//!
//! What begins with `$` is RFC 9535's, with its functions, and with what
//! Redis's users write beyond it: `=~`, a dot before a bracket, names with
//! more than letters after a dot. Everything else is a legacy path, whose
//! names end only at `.` and `[`: RedisJSON's documentation has both.
//!
//! It differs from the RFC in one thing: `..` answers what a value holds
//! before what its own members say, as Upstash does (its JSON.GET of `$..b`,
//! on `{"a":2,"b":3,"nested":{"a":4,"b":null}}`, is `[null,3]`).
//!
//! No crate does this: none that is maintained can be given a limit of time
//! and memory, which Redis's only thread needs, none has Upstash's order, and
//! none reads `=~`.
//!
//! What to do with the values is the commands'.

mod bracket;
mod cursor;
mod error;
mod filter;
mod function;
mod judge;
mod legacy;
mod literal;
mod location;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use error::PathError;
pub use location::Location;
pub use walk::position;

use std::fmt;

use crate::budget::{Budget, MATCH, TooMuch};
use crate::value::Value;
use judge::{Judge, lead};
use tree::{Segment, Selector};
use walk::{Walk, child};

/// Bytes of a path's text: 128 names of 64 bytes, as deep as a document can
/// be. What it becomes in memory, beside its regular expressions, is below a
/// megabyte.
const LONGEST: usize = 8 * 1024;

/// A path.
#[derive(Clone, Debug)]
pub struct Path {
    text: Box<str>,
    segments: Vec<Segment>,
    legacy: bool,
}

/// A path's last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'p> {
    /// To an object's member.
    Name(&'p str),
    /// To an array's element, from its end if negative.
    Index(i64),
}

/// As it was written.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// If the text is none, or longer or more deeply nested than paths may be.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > LONGEST {
            return Err(PathError::at(text, LONGEST, "a path has at most 8192 bytes"));
        }
        let legacy = !text.starts_with('$');
        let segments = if legacy { legacy::segments(text)? } else { parse::segments(text)? };
        Ok(Self { text: text.into(), segments, legacy })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it does not begin with `$`.
    pub fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Whether it is the whole document.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether it can lead to one value at most.
    pub fn is_single(&self) -> bool {
        self.segments.iter().all(|segment| segment.single().is_some())
    }

    /// The path to what could hold what it leads to, and the last step from there;
    /// nothing for the root, and where more than one step could be the last.
    pub fn split_last(&self) -> Option<(Self, Step<'_>)> {
        let (last, before) = self.segments.split_last()?;
        let step = match last.single()? {
            Selector::Name(name) => Step::Name(name.as_str()),
            Selector::Index(index) => Step::Index(*index),
            _ => return None,
        };
        let parent =
            Self { text: self.text.clone(), segments: before.to_vec(), legacy: self.legacy };
        Some((parent, step))
    }

    /// The values that it leads to. One that it leads to twice is there twice.
    ///
    /// # Errors
    /// If that takes more steps than are left.
    pub fn select<'v>(&self, root: &'v Value, budget: &Budget) -> Result<Vec<&'v Value>, TooMuch> {
        let (rest, Some(from)) = lead(&self.segments, root) else { return Ok(Vec::new()) };
        if rest.is_empty() {
            return Ok(vec![from]);
        }
        let judge = Judge::new(root, budget);
        let mut walk = Walk::new(rest, from);
        let mut values = Vec::new();
        while let Some(value) = walk.next(&judge)? {
            values.push(value);
            judge.budget.spend(MATCH)?;
        }
        Ok(values)
    }

    /// Where the values are that it leads to, in the order of `select`.
    ///
    /// # Errors
    /// If that takes more steps than are left.
    pub fn locate(&self, root: &Value, budget: &Budget) -> Result<Vec<Location>, TooMuch> {
        let (rest, Some(from)) = lead(&self.segments, root) else { return Ok(Vec::new()) };
        let above = self.positions(self.segments.len() - rest.len(), root);
        if rest.is_empty() {
            return Ok(vec![Location::new(above.into_iter())]);
        }
        let judge = Judge::new(root, budget);
        let mut walk = Walk::new(rest, from);
        let mut locations = Vec::new();
        while walk.next(&judge)?.is_some() {
            let location = Location::new(above.iter().copied().chain(walk.positions()));
            judge.budget.spend_location(location.positions().len())?;
            locations.push(location);
        }
        Ok(locations)
    }

    /// The positions of what the first segments, which are single, lead to.
    fn positions(&self, segments: usize, root: &Value) -> Vec<usize> {
        let mut value = root;
        let mut step = |segment: &Segment| {
            let (at, below) = child(value, segment.single()?)?;
            value = below;
            Some(at)
        };
        self.segments[..segments].iter().map_while(&mut step).collect()
    }
}
