//! Goes through a value along segments, match by match.
//!
//! What it has open lies in a vector, not on the stack: a step down adds one
//! entry, so there are never more than the document is deep.

use super::judge::Judge;
use super::tree::{Segment, Selector, Slice};
use crate::budget::TooMuch;
use crate::value::{Kind, Value};

/// A value whose children are being looked through.
struct Open<'v> {
    value: &'v Value,
    /// Which child of the one before it is.
    position: usize,
    /// Which segment looks for children.
    segment: usize,
    /// Whether children's children still come first: Upstash answers what a
    /// value holds before what its own members say.
    below: bool,
    /// Which of the segment's selectors, and how far it is.
    selector: usize,
    at: usize,
}

impl<'v> Open<'v> {
    fn new(value: &'v Value, position: usize, segment: usize, segments: &[Segment]) -> Self {
        Self { value, position, segment, below: segments[segment].descends, selector: 0, at: 0 }
    }
}

/// Where the walk is.
pub(super) struct Walk<'p, 'v> {
    segments: &'p [Segment],
    open: Vec<Open<'v>>,
    /// Which child of the last open value is the match.
    last: usize,
}

impl<'p, 'v> Walk<'p, 'v> {
    /// From a value, which is not a match itself.
    ///
    /// # Panics
    /// If there is no segment.
    pub(super) fn new(segments: &'p [Segment], from: &'v Value) -> Self {
        Self { segments, open: vec![Open::new(from, 0, 0, segments)], last: 0 }
    }

    /// The next match.
    pub(super) fn next(&mut self, judge: &Judge<'_>) -> Result<Option<&'v Value>, TooMuch> {
        while let Some(open) = self.open.last_mut() {
            let segment = &self.segments[open.segment];
            judge.budget.spend(1)?;
            if open.below {
                let at = open.at;
                let Some(child) = open.value.child(at) else {
                    open.below = false;
                    open.at = 0;
                    continue;
                };
                open.at += 1;
                let same = open.segment;
                self.enter(child, at, same);
                continue;
            }
            let Some((at, child)) = select(open, segment, judge)? else {
                self.open.pop();
                continue;
            };
            let next = open.segment + 1;
            if next == self.segments.len() {
                self.last = at;
                return Ok(Some(child));
            }
            self.enter(child, at, next);
        }
        Ok(None)
    }

    /// The positions of the match that came last, from where the walk began.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.open.iter().skip(1).map(|open| open.position).chain([self.last])
    }

    fn enter(&mut self, value: &'v Value, position: usize, segment: usize) {
        if value.child_count() > 0 {
            self.open.push(Open::new(value, position, segment, self.segments));
        }
    }
}

/// The next child that the segment selects.
fn select<'v>(
    open: &mut Open<'v>,
    segment: &Segment,
    judge: &Judge<'_>,
) -> Result<Option<(usize, &'v Value)>, TooMuch> {
    while let Some(selector) = segment.selector(open.selector) {
        let child = match selector {
            Selector::Name(_) | Selector::Index(_) if open.at > 0 => None,
            Selector::Name(_) | Selector::Index(_) => {
                judge.spend_single(selector)?;
                child(open.value, selector)
            }
            Selector::All => open.value.child(open.at).map(|child| (open.at, child)),
            Selector::Slice(slice) => element(open.value, *slice, open.at),
            Selector::Filter(test) => loop {
                let Some(child) = open.value.child(open.at) else { break None };
                if judge.holds(test, child)? {
                    break Some((open.at, child));
                }
                open.at += 1;
                judge.budget.spend(1)?;
            },
        };
        if child.is_some() {
            open.at += 1;
            return Ok(child);
        }
        open.selector += 1;
        open.at = 0;
        judge.budget.spend(1)?;
    }
    Ok(None)
}

/// The child of a name, or at an index.
#[inline]
pub(super) fn child<'v>(value: &'v Value, selector: &Selector) -> Option<(usize, &'v Value)> {
    match (selector, value.kind()) {
        (Selector::Name(name), Kind::Object(object)) => object.find(name.as_str()),
        (Selector::Index(index), Kind::Array(elements)) => {
            let at = position(*index, elements.len())?;
            elements.get(at).map(|element| (at, element))
        }
        _ => None,
    }
}

/// The position that an index means, which counts from the end if it is negative;
/// nothing before the first.
pub fn position(index: i64, len: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(at) => Some(at),
        Err(_) => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// The `nth` element of a slice: RFC 9535, 2.3.4.2.2.
fn element(value: &Value, slice: Slice, nth: usize) -> Option<(usize, &Value)> {
    let Kind::Array(elements) = value.kind() else { return None };
    let len = i64::try_from(elements.len()).ok()?;
    let normal = |index: i64| if index >= 0 { index } else { len + index };
    let step = slice.step;
    let (first, past) = if step > 0 {
        let start = normal(slice.start.unwrap_or(0)).clamp(0, len);
        (start, normal(slice.end.unwrap_or(len)).clamp(0, len))
    } else {
        let start = normal(slice.start.unwrap_or(len - 1)).clamp(-1, len - 1);
        (start, slice.end.map_or(-1, normal).clamp(-1, len - 1))
    };
    let at = i64::try_from(nth).ok()?.checked_mul(step)?.checked_add(first)?;
    let within = if step > 0 { at < past } else { step < 0 && at > past };
    let at = usize::try_from(at).ok().filter(|_| within)?;
    elements.get(at).map(|element| (at, element))
}
