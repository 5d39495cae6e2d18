//! Why a command was not done, as its caller is told.

use crate::budget::TooMuch;
use crate::path::PathError;

/// An error reply.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// Too few or too many arguments: Redis has the words.
    Arity,
    /// The reply's text, with its code.
    Error(String),
}

impl Failure {
    /// `ERR` and a text.
    pub fn err(text: impl AsRef<str>) -> Self {
        Self::Error(format!("ERR {}", text.as_ref()))
    }

    /// The command changes only what there is.
    pub fn no_key() -> Self {
        Self::err("could not perform this operation on a key that doesn't exist")
    }

    /// The key holds something else.
    pub fn wrong_type() -> Self {
        Self::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into())
    }

    /// An argument that should be an integer.
    pub fn not_an_integer() -> Self {
        Self::err("value is not an integer or out of range")
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self::err(error.to_string())
    }
}

impl From<TooMuch> for Failure {
    fn from(error: TooMuch) -> Self {
        Self::err(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::err(format!("invalid JSON: {error}"))
    }
}
