//! What stands in brackets: RFC 9535, 2.3.

use super::cursor::Cursor;
use super::error::PathError;
use super::tree::{Segment, Selector, Slice};
use super::{filter, literal};

/// A segment from its bracket on.
pub(super) fn segment(cursor: &mut Cursor<'_>) -> Result<Segment, PathError> {
    cursor.expect("[", "expected '['")?;
    let mut segment = Segment::child(selector(cursor)?);
    while cursor.take(",") {
        segment.more.push(selector(cursor)?);
    }
    cursor.expect("]", "expected ',' or ']'")?;
    Ok(segment)
}

/// A selector and the white space on both sides.
fn selector(cursor: &mut Cursor<'_>) -> Result<Selector, PathError> {
    cursor.skip_space();
    let selector = match cursor.peek() {
        Some('"' | '\'') => Selector::Name(literal::string(cursor)?.as_str().into()),
        Some('*') => {
            cursor.take("*");
            Selector::All
        }
        Some('?') => {
            cursor.take("?");
            Selector::Filter(Box::new(cursor.nested(filter::test)?))
        }
        Some('-' | '0'..='9' | ':') => numbers(cursor)?,
        _ => return cursor.fail("expected a quoted name, an index, a slice, '*' or '?'"),
    };
    cursor.skip_space();
    Ok(selector)
}

/// An index or a slice.
fn numbers(cursor: &mut Cursor<'_>) -> Result<Selector, PathError> {
    let start = integer(cursor)?;
    let before = cursor.mark();
    cursor.skip_space();
    if cursor.take(":") {
        return rest_of_slice(cursor, start);
    }
    cursor.back_to(before);
    match start {
        Some(index) => Ok(Selector::Index(index)),
        None => cursor.fail("expected an index"),
    }
}

fn rest_of_slice(cursor: &mut Cursor<'_>, start: Option<i64>) -> Result<Selector, PathError> {
    cursor.skip_space();
    let end = integer(cursor)?;
    let before = cursor.mark();
    cursor.skip_space();
    let mut step = None;
    if cursor.take(":") {
        cursor.skip_space();
        step = integer(cursor)?;
    } else {
        cursor.back_to(before);
    }
    Ok(Selector::Slice(Slice { start, end, step: step.unwrap_or(1) }))
}

/// RFC 9535, 2.1: I-JSON's integers, which are exact as doubles, too.
const LARGEST_INTEGER: i64 = (1 << 53) - 1;

/// An integer, if there is one.
fn integer(cursor: &mut Cursor<'_>) -> Result<Option<i64>, PathError> {
    let from = cursor.mark();
    let negative = cursor.take("-");
    let digits = cursor.take_while(|byte| byte.is_ascii_digit());
    if digits.is_empty() && !negative {
        return Ok(None);
    }
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') || negative && digits == "0"
    {
        return Err(cursor.error_at(from, "expected an integer without a leading zero"));
    }
    match digits.parse::<i64>() {
        Ok(number) if number <= LARGEST_INTEGER => {
            Ok(Some(if negative { -number } else { number }))
        }
        _ => Err(cursor.error_at(from, "an integer is at most 2^53 - 1")),
    }
}
