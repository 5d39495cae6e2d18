//! Whether a filter is true of a value: RFC 9535, 2.3.5, and `=~`.

use std::cell::RefCell;
use std::cmp::Ordering;

use super::pattern::Patterns;
use super::tree::{Comparison, Extent, Matcher, Operand, Query, Segment, Selector, Test};
use super::walk::{Walk, child};
use crate::budget::Budget;
use crate::budget::TooMuch;
use crate::value::{Kind, Value};

/// What all filters of one use of a path share.
pub(super) struct Judge<'v> {
    root: &'v Value,
    pub(super) budget: &'v Budget,
    patterns: RefCell<Patterns>,
}

/// What an operand comes to.
enum Found<'a> {
    Nothing,
    There(&'a Value),
    Made(Value),
}

impl Found<'_> {
    fn value(&self) -> Option<&Value> {
        match self {
            Self::Nothing => None,
            Self::There(value) => Some(value),
            Self::Made(value) => Some(value),
        }
    }

    fn text(&self) -> Option<&str> {
        match self.value()?.kind() {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }
}

impl<'v> Judge<'v> {
    pub(super) fn new(root: &'v Value, budget: &'v Budget) -> Self {
        Self { root, budget, patterns: RefCell::default() }
    }

    /// Whether a test holds. It calls itself for what the path nests, and the
    /// parser sees to that not being deep.
    pub(super) fn holds(&self, test: &Test, value: &Value) -> Result<bool, TooMuch> {
        self.budget.spend(1)?;
        match test {
            Test::Any(tests) => self.any(tests, value, true),
            Test::All(tests) => Ok(!self.any(tests, value, false)?),
            Test::Not(test) => Ok(!self.holds(test, value)?),
            Test::Exists(query) => self.exists(query, value),
            Test::Compares(left, how, right) => {
                let (left, right) = (self.found(left, value)?, self.found(right, value)?);
                self.compares(&left, *how, &right)
            }
            Test::Matches(text, matcher) => self.matches(text, matcher, value),
        }
    }

    /// Whether one of the tests comes out as wanted.
    fn any(&self, tests: &[Test], value: &Value, wanted: bool) -> Result<bool, TooMuch> {
        for test in tests {
            if self.holds(test, value)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn exists(&self, query: &Query, value: &Value) -> Result<bool, TooMuch> {
        let (rest, Some(from)) = self.lead(query, value)? else { return Ok(false) };
        if rest.is_empty() {
            return Ok(true);
        }
        Ok(Walk::new(rest, from).next(self)?.is_some())
    }

    /// Follows the segments up to the first that may lead to several values.
    fn lead<'a>(
        &'a self,
        query: &'a Query,
        value: &'a Value,
    ) -> Result<(&'a [Segment], Option<&'a Value>), TooMuch> {
        self.budget.spend(1)?;
        for selector in query.segments.iter().map_while(Segment::single) {
            self.spend_single(selector)?;
        }
        Ok(lead(&query.segments, if query.from_root { self.root } else { value }))
    }

    /// Takes what it costs to find the one child that a selector means.
    #[inline]
    pub(super) fn spend_single(&self, selector: &Selector) -> Result<(), TooMuch> {
        match selector {
            Selector::Name(name) => self.budget.spend_member(name.as_str()),
            _ => self.budget.spend(1),
        }
    }

    fn found<'a>(&'a self, operand: &'a Operand, value: &'a Value) -> Result<Found<'a>, TooMuch> {
        Ok(match operand {
            Operand::Literal(value) => Found::There(value),
            Operand::Single(query) => match self.lead(query, value)?.1 {
                Some(value) => Found::There(value),
                None => Found::Nothing,
            },
            Operand::Length(of) => match self.found(of, value)?.value() {
                Some(value) => self.length(value)?,
                None => Found::Nothing,
            },
            Operand::Count(query) => Found::Made(number(self.first_and_count(query, value)?.1)),
            Operand::Value(query) => match self.first_and_count(query, value)? {
                (Some(value), 1) => Found::There(value),
                _ => Found::Nothing,
            },
        })
    }

    fn length(&self, value: &Value) -> Result<Found<'static>, TooMuch> {
        Ok(match value.kind() {
            Kind::String(text) => {
                self.budget.spend_bytes(text.len())?;
                Found::Made(number(text.chars().count()))
            }
            Kind::Array(_) | Kind::Object(_) => Found::Made(number(value.child_count())),
            _ => Found::Nothing,
        })
    }

    /// The first match, and how many there are.
    fn first_and_count<'a>(
        &'a self,
        query: &'a Query,
        value: &'a Value,
    ) -> Result<(Option<&'a Value>, usize), TooMuch> {
        let (rest, Some(from)) = self.lead(query, value)? else { return Ok((None, 0)) };
        if rest.is_empty() {
            return Ok((Some(from), 1));
        }
        let mut walk = Walk::new(rest, from);
        let (mut first, mut count) = (None, 0);
        while let Some(value) = walk.next(self)? {
            first = first.or(Some(value));
            count += 1;
        }
        Ok((first, count))
    }

    /// RFC 9535, 2.3.5.2.2.
    fn compares(
        &self,
        left: &Found<'_>,
        how: Comparison,
        right: &Found<'_>,
    ) -> Result<bool, TooMuch> {
        let less = |a: &Found<'_>, b: &Found<'_>| self.is_less(a, b);
        let same = || self.is_same(left, right);
        match how {
            Comparison::Equal => same(),
            Comparison::NotEqual => Ok(!same()?),
            Comparison::Less => less(left, right),
            Comparison::Greater => less(right, left),
            Comparison::LessOrEqual => Ok(less(left, right)? || same()?),
            Comparison::GreaterOrEqual => Ok(less(right, left)? || same()?),
        }
    }

    fn is_same(&self, left: &Found<'_>, right: &Found<'_>) -> Result<bool, TooMuch> {
        match (left.value(), right.value()) {
            (Some(left), Some(right)) => {
                left.same(right, &mut |bytes| self.budget.spend_bytes(bytes))
            }
            (left, right) => Ok(left.is_none() && right.is_none()),
        }
    }

    fn is_less(&self, left: &Found<'_>, right: &Found<'_>) -> Result<bool, TooMuch> {
        if let (Some(left), Some(right)) = (left.text(), right.text()) {
            self.budget.spend_bytes(left.len().min(right.len()))?;
            // The order of UTF-8's bytes is that of the characters.
            return Ok(left < right);
        }
        let (Some(left), Some(right)) = (left.value(), right.value()) else { return Ok(false) };
        Ok(left.order_of_numbers(right) == Some(Ordering::Less))
    }

    fn matches(&self, text: &Operand, matcher: &Matcher, value: &Value) -> Result<bool, TooMuch> {
        let text = self.found(text, value)?;
        let Some(text) = text.text() else { return Ok(false) };
        let mut patterns = self.patterns.borrow_mut();
        match matcher {
            Matcher::Literal(None) => Ok(false),
            Matcher::Literal(Some(pattern)) => patterns.literal(pattern, text, self.budget),
            Matcher::Found(operand, extent) => {
                drop(patterns);
                self.matches_found(text, operand, *extent, value)
            }
        }
    }

    fn matches_found(
        &self,
        text: &str,
        pattern: &Operand,
        extent: Extent,
        value: &Value,
    ) -> Result<bool, TooMuch> {
        let pattern = self.found(pattern, value)?;
        let Some(pattern) = pattern.text() else { return Ok(false) };
        self.patterns.borrow_mut().found(pattern, extent, text, self.budget)
    }
}

/// Follows the segments up to the first that may lead to several values: what
/// remains of them, and the value there, if any.
#[inline]
pub(super) fn lead<'p, 'v>(
    segments: &'p [Segment],
    from: &'v Value,
) -> (&'p [Segment], Option<&'v Value>) {
    let (mut rest, mut value) = (segments, from);
    while let Some((segment, after)) = rest.split_first() {
        let Some(selector) = segment.single() else { break };
        let Some((_, child)) = child(value, selector) else { return (rest, None) };
        (rest, value) = (after, child);
    }
    (rest, Some(value))
}

fn number(count: usize) -> Value {
    // A count is at most the budget, a length at most the memory's size: both fit.
    Value::from(count as u64)
}
