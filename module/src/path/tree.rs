//! What a path says, parsed: RFC 9535's syntax and `=~`.

use std::sync::Arc;

use super::pattern::Pattern;
use crate::string::JsonString;
use crate::value::Value;

/// One step down.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Whether it is `..`: applies to all that the value holds, too.
    pub(super) descends: bool,
    pub(super) first: Selector,
    /// Only brackets can have more than one.
    pub(super) more: Vec<Selector>,
}

impl Segment {
    pub(super) fn child(selector: Selector) -> Self {
        Self { descends: false, first: selector, more: Vec::new() }
    }

    #[inline]
    pub(super) fn selector(&self, at: usize) -> Option<&Selector> {
        match at {
            0 => Some(&self.first),
            _ => self.more.get(at - 1),
        }
    }

    /// The selector, if this leads to one child at most.
    #[inline]
    pub(super) fn single(&self) -> Option<&Selector> {
        let single = matches!(self.first, Selector::Name(_) | Selector::Index(_));
        (single && !self.descends && self.more.is_empty()).then_some(&self.first)
    }
}

/// Which children.
#[derive(Clone, Debug)]
pub(super) enum Selector {
    Name(JsonString),
    /// Negative from the end.
    Index(i64),
    Slice(Slice),
    All,
    Filter(Box<Test>),
}

/// `start:end:step`
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) step: i64,
}

/// What is true or false of a child.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Exists(Query),
    Compares(Operand, Comparison, Operand),
    Matches(Operand, Matcher),
}

/// A path in a filter.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// Whether it begins with `$` rather than `@`.
    pub(super) from_root: bool,
    pub(super) segments: Vec<Segment>,
}

impl Query {
    pub(super) fn is_single(&self) -> bool {
        self.segments.iter().all(|segment| segment.single().is_some())
    }
}

/// What can be compared.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Literal(Value),
    /// It leads to one value at most.
    Single(Query),
    /// `length(...)`
    Length(Box<Operand>),
    /// `count(...)`
    Count(Query),
    /// `value(...)`
    Value(Query),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Where a regular expression comes from.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Written in the path. Nothing where it is not a regular expression.
    Literal(Option<Arc<Pattern>>),
    /// To be found in the document.
    Found(Operand, Extent),
}

impl Matcher {
    pub(super) fn is_never(&self) -> bool {
        matches!(self, Self::Literal(None))
    }
}

/// How much of a text a regular expression must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Part,
}
