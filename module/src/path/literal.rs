//! Strings and numbers in a path: RFC 9535, 2.3.1.1 and 2.3.5.1.

use super::cursor::Cursor;
use super::error::PathError;
use crate::text;
use crate::value::Value;

/// A string in either kind of quotes.
pub(super) fn string(cursor: &mut Cursor<'_>) -> Result<String, PathError> {
    let from = cursor.mark();
    let quote = if cursor.take("\"") { b'"' } else { b'\'' };
    if quote == b'\'' {
        cursor.expect("'", "expected a string")?;
    }
    let mut string = String::new();
    loop {
        let plain = cursor.take_while(|byte| byte != quote && byte != b'\\' && byte >= b' ');
        string.push_str(plain);
        match cursor.peek() {
            Some('\\') => string.push(escaped(cursor, quote)?),
            Some(c) if c == char::from(quote) => {
                cursor.next();
                return Ok(string);
            }
            Some(_) => return cursor.fail("a control character must be escaped"),
            None => return Err(cursor.error_at(from, "the string does not end")),
        }
    }
}

/// What follows a backslash.
fn escaped(cursor: &mut Cursor<'_>, quote: u8) -> Result<char, PathError> {
    let from = cursor.mark();
    cursor.take("\\");
    Ok(match cursor.next() {
        Some('b') => '\u{8}',
        Some('t') => '\t',
        Some('n') => '\n',
        Some('f') => '\u{c}',
        Some('r') => '\r',
        Some(c @ ('/' | '\\')) => c,
        Some(c) if c == char::from(quote) => c,
        Some('u') => return unicode(cursor, from),
        _ => return Err(cursor.error_at(from, "no such escape")),
    })
}

/// A character by its number, which may take two escapes.
fn unicode(cursor: &mut Cursor<'_>, from: usize) -> Result<char, PathError> {
    let wrong = |cursor: &Cursor<'_>| {
        cursor.error_at(from, "expected four hexadecimal digits, and both halves of a pair")
    };
    let mut units = vec![hexadecimal(cursor).ok_or_else(|| wrong(cursor))?];
    if matches!(units[0], 0xd800..0xdc00) && cursor.take("\\u") {
        units.push(hexadecimal(cursor).ok_or_else(|| wrong(cursor))?);
    }
    match String::from_utf16(&units) {
        Ok(text) if text.chars().count() == 1 => text.chars().next(),
        _ => None,
    }
    .ok_or_else(|| wrong(cursor))
}

fn hexadecimal(cursor: &mut Cursor<'_>) -> Option<u16> {
    let mut number = 0;
    for _ in 0..4 {
        number = number * 16 + cursor.next()?.to_digit(16)?;
    }
    u16::try_from(number).ok()
}

/// A number as JSON writes it.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<Value, PathError> {
    let from = cursor.mark();
    let number =
        cursor.take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    text::parse(number.as_bytes()).map_err(|_| cursor.error_at(from, "expected a number"))
}
