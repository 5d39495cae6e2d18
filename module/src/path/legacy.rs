//! Paths that do not begin with `$`: RedisJSON's first ones, which have no
//! grammar that is written down. A name is all up to the next `.` or `[`;
//! brackets are RFC 9535's. White space at the beginning is refused: who
//! writes ` $.a` does not mean a name.

use super::bracket;
use super::cursor::Cursor;
use super::error::PathError;
use super::tree::{Segment, Selector};

/// The segments of such a path.
pub(super) fn segments(text: &str) -> Result<Vec<Segment>, PathError> {
    let mut segments = Vec::new();
    if text == "." {
        return Ok(segments);
    }
    let mut cursor = Cursor::new(text);
    if text.starts_with(char::is_whitespace) {
        return cursor.fail("a path does not begin with white space");
    }
    if !cursor.sees(".") && !cursor.sees("[") {
        segments.push(Segment::child(name(&mut cursor)?));
    }
    while !cursor.is_done() {
        segments.push(segment(&mut cursor)?);
    }
    Ok(segments)
}

/// A segment; where a name ends, nothing but one or the end follows.
fn segment(cursor: &mut Cursor<'_>) -> Result<Segment, PathError> {
    let descends = cursor.take("..");
    let dotted = descends || cursor.take(".");
    if !dotted && !cursor.sees("[") {
        return cursor.fail("expected '.', '[' or the end");
    }
    let mut segment =
        if cursor.sees("[") { bracket::segment(cursor)? } else { Segment::child(name(cursor)?) };
    segment.descends = descends;
    Ok(segment)
}

fn name(cursor: &mut Cursor<'_>) -> Result<Selector, PathError> {
    match cursor.take_while(|byte| byte != b'.' && byte != b'[') {
        "" => cursor.fail("expected a name, '*' or '['"),
        "*" => Ok(Selector::All),
        name => Ok(Selector::Name(name.into())),
    }
}
