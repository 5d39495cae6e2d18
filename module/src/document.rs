//! What a key holds: a value, and the bounds that Redis's own formats set.
//!
//! A document is saved, replicated and loaded as its text. One that grew beyond
//! what can be read back would be lost at the next start, so it may not: its
//! text, as it is written, ends at 512 MB (a Redis string's limit,
//! `proto-max-bulk-len`) and its nesting at 128 levels (the parser's).

use std::io;

use crate::failure::Failure;
use crate::text;
use crate::value::{Kind, Value};

/// Bytes of a document's text.
pub const MAX_TEXT: usize = 512 * 1024 * 1024;

/// Arrays and objects within each other.
pub const MAX_DEPTH: usize = 128;

/// A JSON document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its root.
    pub root: Value,
    /// Its text has at most so many bytes. Counted anew only where this comes to
    /// the limit, because counting takes a walk through all of it.
    text_bound: usize,
}

impl Document {
    /// A document that Redis has saved.
    ///
    /// # Errors
    /// If it is not JSON or too deep. Its length is no reason: whatever was saved is loaded.
    pub fn load(text: &[u8]) -> Result<Self, Failure> {
        let (root, text_bound) = text::parse_bounded(text)?;
        Ok(Self { root, text_bound })
    }

    /// A document whose text has at most so many bytes.
    ///
    /// # Errors
    /// If that is too long.
    pub fn new(root: Value, text_bound: usize) -> Result<Self, Failure> {
        let mut document = Self { root, text_bound };
        document.grow(0)?;
        Ok(document)
    }

    /// Makes room for so many more bytes of text. To be asked before anything
    /// is added, with the most that it may come to.
    ///
    /// # Errors
    /// If the text would get too long.
    pub fn grow(&mut self, by: usize) -> Result<(), Failure> {
        if self.text_bound.saturating_add(by) > MAX_TEXT {
            self.text_bound = text_len(&self.root);
        }
        let grown = self.text_bound.saturating_add(by);
        if grown > MAX_TEXT {
            return Err(Failure::err("the document would be longer than 512 MB"));
        }
        self.text_bound = grown;
        Ok(())
    }

    /// How much work it is to free it, in allocations, roughly: above 64, Redis
    /// leaves it to another thread (`lazyfree`).
    pub fn free_effort(&self) -> usize {
        // An allocation for each 32 bytes of text is more than most documents have. 0 would mean
        // that it should always be left to that thread.
        1 + self.text_bound / 32
    }
}

/// Whether a value of that depth may stand below so many levels.
///
/// # Errors
/// If not.
pub fn check_depth(levels: usize, value: &Value) -> Result<(), Failure> {
    // At the root it is as deep as its text may be, which was seen when that was read.
    if levels > 0 && levels + depth(value) > MAX_DEPTH {
        return Err(Failure::err("the document would be nested more deeply than 128 levels"));
    }
    Ok(())
}

/// How many arrays and objects are within each other.
fn depth(value: &Value) -> usize {
    match value.kind() {
        Kind::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Kind::Object(object) => 1 + object.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// The bytes of a value's text.
pub fn text_len(value: &Value) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither the counter nor the value can fail: its names are strings, its numbers finite.
    let _ = text::write(value, &mut counter);
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_grows_up_to_its_limit() {
        let mut document = Document::load(b"[1,2,3]").unwrap();
        // What was reckoned with and did not come about is forgotten when it matters.
        for _ in 0..10 {
            document.grow(MAX_TEXT - 7).unwrap();
        }
        let error = document.grow(MAX_TEXT - 6).unwrap_err();
        assert_eq!(error, Failure::err("the document would be longer than 512 MB"));
        assert!(document.grow(usize::MAX).is_err());
    }

    /// What is written counts, not what was read.
    #[test]
    fn no_document_is_taken_that_is_longer_when_it_is_written() {
        // 5 bytes each, with the comma, and written as `1000000000000000.0`: 19.
        let text = format!("[{}]", vec!["1e15"; 1000].join(","));
        let (value, bound) = text::parse_bounded(text.as_bytes()).unwrap();
        assert_eq!(text_len(&value), 19 * 1000 + 1);
        assert!(bound >= text_len(&value));
        // Where the bound is beyond the limit, the text counts.
        assert!(Document::new(value, usize::MAX).is_ok());
        for text in [
            "1e2",
            "-0",
            "5e-324",
            "1.7976931348623157e308",
            r#""\u0001\/\u00e9""#,
            "[1e2,{\"a\":-0}]",
        ] {
            let (value, bound) = text::parse_bounded(text.as_bytes()).unwrap();
            assert!(text_len(&value) <= bound, "{text}");
        }
    }

    #[test]
    fn depth_is_that_of_containers() {
        for (text, levels) in [("1", 0), ("[]", 1), (r#"{"a":[[],1],"b":2}"#, 3)] {
            let value = text::parse(text.as_bytes()).unwrap();
            assert_eq!(depth(&value), levels, "{text}");
            assert!(check_depth(MAX_DEPTH - levels, &value).is_ok());
            assert!(check_depth(MAX_DEPTH - levels + 1, &value).is_err());
        }
    }
}
