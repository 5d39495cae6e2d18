//! Calls of RFC 9535's functions (2.4), whose types are checked here.

use std::sync::Arc;

use super::cursor::Cursor;
use super::error::PathError;
use super::filter;
use super::pattern::{Pattern, Rejected};
use super::tree::{Extent, Matcher, Operand, Test};
use crate::value::Kind;

/// What a call gives.
pub(super) enum Call {
    Operand(Operand),
    Test(Test),
}

/// A call, from its parenthesis on.
pub(super) fn call(cursor: &mut Cursor<'_>, name: &str, from: usize) -> Result<Call, PathError> {
    cursor.expect("(", "expected '('")?;
    cursor.skip_space();
    let call = match name {
        "length" => Call::Operand(Operand::Length(Box::new(filter::value(cursor)?))),
        "count" => Call::Operand(Operand::Count(filter::query(cursor)?)),
        "value" => Call::Operand(Operand::Value(filter::query(cursor)?)),
        "match" => Call::Test(matches(cursor, Extent::Whole)?),
        "search" => Call::Test(matches(cursor, Extent::Part)?),
        _ => return Err(cursor.error_at(from, "no such function")),
    };
    cursor.skip_space();
    cursor.expect(")", "expected ')'")?;
    Ok(call)
}

fn matches(cursor: &mut Cursor<'_>, extent: Extent) -> Result<Test, PathError> {
    let text = filter::value(cursor)?;
    cursor.skip_space();
    cursor.expect(",", "expected ','")?;
    cursor.skip_space();
    let from = cursor.mark();
    let pattern = filter::value(cursor)?;
    Ok(Test::Matches(text, matcher(cursor, from, pattern, extent)?))
}

/// What matches against a pattern; one that is written in the path is
/// compiled here.
pub(super) fn matcher(
    cursor: &mut Cursor<'_>,
    from: usize,
    pattern: Operand,
    extent: Extent,
) -> Result<Matcher, PathError> {
    let Operand::Literal(value) = &pattern else { return Ok(Matcher::Found(pattern, extent)) };
    let Kind::String(text) = value.kind() else { return Ok(Matcher::Literal(None)) };
    let too_large = "the regular expression is too large";
    match Pattern::compile(text, extent) {
        Ok(pattern) if cursor.has_room_for_pattern(pattern.bytes()) => {
            Ok(Matcher::Literal(Some(Arc::new(pattern))))
        }
        Err(Rejected::Syntax) => Ok(Matcher::Literal(None)),
        Ok(_) | Err(Rejected::TooLarge) => Err(cursor.error_at(from, too_large)),
    }
}
