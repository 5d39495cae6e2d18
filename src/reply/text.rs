//! Lines of Redis as text.

use std::borrow::Cow;

/// The line of a status or an error. Redis repeats arguments in errors and cuts them at 128 bytes, in
/// the middle of a character if need be: what is not UTF-8 becomes `?`, byte by byte.
pub fn of_line(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(line) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_that_is_no_text_is_a_question_mark() {
        assert_eq!(of_line(b"ERR '\xf0\x9f\x98' \xff\xc3\xa9"), "ERR '???' ?\u{e9}");
        assert_eq!(of_line(b""), "");
    }
}
