//! What a request asks Redis to do: [`Command`] and [`Batch`], parsed from a JSON body or a path.
//!
//! Promises: a `Command` is never empty and is binary safe; parsing does no I/O and its cost grows
//! with the input's size alone. Leaves to others: whether the command may be sent (`policy`), and
//! whether Redis knows it.

pub mod acl;
pub mod body;
pub mod path;
pub mod policy;

use std::borrow::Cow;
use std::fmt;

/// What a word takes beside its bytes: its place in the command, what the allocator adds to it, and its
/// line on the way to Redis.
const WORD: usize = 64;

/// And a command beside its words: the same, and what is remembered of it for its answer.
const COMMAND: usize = 160;

/// One command: a name and its arguments, as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Command(Vec<Vec<u8>>);

impl Command {
    /// Name first, then the arguments; `None` if there is no name or it is empty.
    pub fn new(words: Vec<Vec<u8>>) -> Option<Self> {
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
    pub fn arguments(&self) -> &[Vec<u8>] {
        &self.0[1..]
    }

    /// The same command with another word at `at`, which must be an argument's place.
    pub fn with_word(mut self, at: usize, word: Vec<u8>) -> Self {
        debug_assert!(at > 0, "the name may not become empty");
        self.0[at] = word;
        self
    }

    /// The same command with more arguments at its end.
    pub fn with_words(mut self, words: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.0.extend(words);
        self
    }

    /// The length of all words together.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The memory that it takes until its answer is written, in bytes; roughly. Measured: 410 for a
    /// `SET` of two letters, its reply included.
    pub fn weight(&self) -> usize {
        self.bytes() + WORD * self.0.len() + COMMAND
    }

    /// Name and arguments.
    pub fn words(&self) -> &[Vec<u8>] {
        &self.0
    }
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
