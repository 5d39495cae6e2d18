//! A path's text and how far it has been read.

use super::error::PathError;

/// How many filters, parentheses and calls may lie in each other: reading and
/// judging them takes the stack.
const DEEPEST: usize = 32;

/// Bytes of all regular expressions of a path, compiled.
const PATTERNS: usize = 1024 * 1024;

/// The text, and what reading it has taken.
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    patterns: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0, patterns: 0 }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn sees(&self, token: &str) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        // Tokens are too short for `starts_with`, which calls `memcmp`.
        rest.len() >= token.len() && rest.iter().zip(token.as_bytes()).all(|(a, b)| a == b)
    }

    /// Goes past a token, if it is there.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let sees = self.sees(token);
        if sees {
            self.at += token.len();
        }
        sees
    }

    /// Goes past a token that must be there.
    pub(super) fn expect(&mut self, token: &str, problem: &'static str) -> Result<(), PathError> {
        if self.take(token) { Ok(()) } else { self.fail(problem) }
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes bytes for as long as they are of a kind, to which all that are
    /// beyond ASCII belong, or none.
    pub(super) fn take_while(&mut self, kind: impl Fn(u8) -> bool) -> &'t str {
        let from = self.at;
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| kind(*byte)) {
            self.at += 1;
        }
        &self.text[from..self.at]
    }

    /// Goes past white space: RFC 9535's `S`.
    pub(super) fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// A place to come back to, or to blame.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    pub(super) fn back_to(&mut self, mark: usize) {
        self.at = mark;
    }

    pub(super) fn fail<T>(&self, problem: &'static str) -> Result<T, PathError> {
        Err(self.error_at(self.at, problem))
    }

    pub(super) fn error_at(&self, mark: usize, problem: &'static str) -> PathError {
        PathError::at(self.text, mark, problem)
    }

    /// Reads what lies one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, PathError>,
    ) -> Result<T, PathError> {
        if self.depth == DEEPEST {
            return self.fail("filters are nested too deeply");
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Counts a compiled regular expression; false if that is too much.
    pub(super) fn has_room_for_pattern(&mut self, bytes: usize) -> bool {
        self.patterns += bytes;
        self.patterns <= PATTERNS
    }
}
