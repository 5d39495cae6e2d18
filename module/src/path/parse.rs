//! Segments: RFC 9535, 2.5, and what Redis's users write in their place.

use super::bracket;
use super::cursor::Cursor;
use super::error::PathError;
use super::tree::{Segment, Selector};

/// The segments of a path that begins with `$`.
pub(super) fn segments(text: &str) -> Result<Vec<Segment>, PathError> {
    let mut cursor = Cursor::new(text);
    cursor.expect("$", "expected '$'")?;
    let segments = all(&mut cursor)?;
    if cursor.is_done() { Ok(segments) } else { cursor.fail("expected '.', '[' or the end") }
}

/// All segments that follow; white space before the first thing that is none
/// is not taken.
pub(super) fn all(cursor: &mut Cursor<'_>) -> Result<Vec<Segment>, PathError> {
    let mut segments = Vec::new();
    loop {
        let before = cursor.mark();
        cursor.skip_space();
        if !cursor.sees(".") && !cursor.sees("[") {
            cursor.back_to(before);
            return Ok(segments);
        }
        segments.push(segment(cursor)?);
    }
}

fn segment(cursor: &mut Cursor<'_>) -> Result<Segment, PathError> {
    let descends = cursor.take("..");
    if !descends {
        cursor.take(".");
    }
    let mut segment =
        if cursor.sees("[") { bracket::segment(cursor)? } else { Segment::child(dotted(cursor)?) };
    segment.descends = descends;
    Ok(segment)
}

/// What stands after a dot.
fn dotted(cursor: &mut Cursor<'_>) -> Result<Selector, PathError> {
    if cursor.take("*") {
        return Ok(Selector::All);
    }
    match cursor.take_while(is_name) {
        "" => cursor.fail("expected a name, '*' or '['"),
        name => Ok(Selector::Name(name.into())),
    }
}

/// The RFC's name has letters, `_`, what is beyond ASCII, and digits, but not
/// first. The others are what RedisJSON takes, too.
fn is_name(byte: u8) -> bool {
    let beyond_rfc = b"#$%+-/:@^`~";
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() || beyond_rfc.contains(&byte)
}
