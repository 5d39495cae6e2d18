//! What a request asks Redis to do: [`Command`] and [`Batch`], parsed from a JSON body or a path.
//!
//! Promises: a `Command` is never empty and is binary safe; parsing does no I/O and its cost grows
//! with the input's size alone. Leaves to others: whether the command may be sent (`policy`), and
//! whether Redis knows it.

pub mod acl;
pub mod body;
mod name;
pub mod path;
pub mod policy;
mod scan;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
pub use name::Name;

/// What a word takes beside its bytes and its place in the command: its line on the way to Redis.
const WORD: usize = 16;

/// What the allocator adds to a word that is no part of the body.
const COPY: usize = 32;

/// What a command takes beside its words: its own place, what the allocator adds, and what is remembered
/// of it for its answer.
const COMMAND: usize = 160;

/// One command: a name and its arguments, as bytes. They may be parts of the body that they were read
/// from, which then lives as long as they do: whoever keeps a word for longer than its request copies it.
#[derive(Clone, PartialEq, Eq)]
pub struct Command(Vec<Bytes>);

impl Command {
    /// Name first, then the arguments; `None` if there is no name or it is empty.
    pub fn new(words: Vec<Bytes>) -> Option<Self> {
        words.first().is_some_and(|name| !name.is_empty()).then_some(Self(words))
    }

    /// The name as it was written.
    pub fn name(&self) -> &[u8] {
        &self.0[0]
    }

    /// The name in upper case, for messages; what is not UTF-8 is replaced.
    pub fn display_name(&self) -> String {
        String::from_utf8_lossy(self.name()).to_uppercase()
    }

    /// The arguments behind the name.
    pub fn arguments(&self) -> &[Bytes] {
        &self.0[1..]
    }

    /// The same command with another word at `at`, which must be an argument's place.
    pub fn with_word(mut self, at: usize, word: impl Into<Bytes>) -> Self {
        debug_assert!(at > 0, "the name may not become empty");
        self.0[at] = word.into();
        self
    }

    /// The same command with more arguments at its end.
    pub fn with_words(mut self, words: impl IntoIterator<Item = Bytes>) -> Self {
        self.0.extend(words);
        self
    }

    /// The length of all words together.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Name and arguments.
    pub fn words(&self) -> &[Bytes] {
        &self.0
    }

    /// What it takes beside the bytes of its words.
    fn overhead(&self) -> usize {
        COMMAND + WORD * self.0.len() + size_of::<Bytes>() * self.0.capacity()
    }
}

/// The memory that commands take until their answers are written, in bytes, together with the body that
/// they were read from if a word is a part of it; roughly, but rather more than less.
pub fn weight<'a>(commands: impl Iterator<Item = &'a Command>, body: &[u8]) -> usize {
    let (mut weight, mut kept) = (0, 0);
    for command in commands {
        weight += command.overhead();
        for word in &command.0 {
            match is_part(word, body) {
                true => kept = body.len(),
                false => weight += COPY + word.len(),
            }
        }
    }
    weight + kept
}

/// Whether the word lies in the body instead of in memory of its own.
fn is_part(word: &[u8], body: &[u8]) -> bool {
    body.as_ptr_range().contains(&word.as_ptr())
}

/// Whether Redis takes `word` for `name`: in any case, and up to a NUL, since it reads both as C does.
pub fn is_word(word: &[u8], name: &[u8]) -> bool {
    let end = memchr::memchr(0, word).unwrap_or(word.len());
    word[..end].eq_ignore_ascii_case(name)
}

/// The name alone: arguments are data, and data stays out of logs.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {} arguments", self.display_name(), self.arguments().len())
    }
}

/// Commands that are sent together; in a transaction if `atomic`.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In the order in which they are executed.
    pub commands: Vec<Command>,
    /// One MULTI/EXEC that nothing can interleave with.
    pub atomic: bool,
}

/// Why a request holds no command: the text is the answer's `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(Cow<'static, str>);

impl ParseError {
    fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight_of(body: &str) -> (usize, usize) {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let command = body::parse_command(&body).unwrap();
        (weight([&command].into_iter(), &body) - command.overhead(), body.len())
    }

    #[test]
    fn a_body_is_counted_once_as_long_as_it_is_kept() {
        let value = "x".repeat(100_000);
        let (weight, body) = weight_of(&format!(r#"["SET","k","{value}"]"#));
        assert_eq!(weight, body);
        // The copy is kept instead, and so are copies of the others.
        let (weight, _) = weight_of(&format!(r#"["SET","k","{value}\n"]"#));
        assert_eq!(weight, 3 * COPY + "SETk\n".len() + value.len());
        // Both are kept.
        let (weight, body) = weight_of(&format!(r#"["SET","{value}{value}","{value}\n"]"#));
        assert_eq!(weight, body + COPY + value.len() + 1);
    }

    #[test]
    fn commands_of_one_body_share_it() {
        let text = r#"[["SET","k","v"],["GET","k"]]"#;
        let body = Bytes::from(text);
        let lines = body::parse_pipeline(&body).unwrap();
        let places = 2 * 4 * size_of::<Bytes>();
        let want = 2 * COMMAND + 5 * WORD + places + text.len();
        assert_eq!(weight(lines.iter().flatten(), &body), want);
    }
}
