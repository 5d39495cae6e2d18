//! What a command answers, before it is written in the client's protocol.

use std::ffi::CStr;

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A number with a fraction.
    Double(f64),
    /// A status, such as `OK`.
    Status(&'static CStr),
    /// A text.
    Bulk(Vec<u8>),
    /// Several replies.
    Array(Vec<Reply>),
}

impl Reply {
    /// A length, a position or a count.
    pub fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::Bulk(text.as_bytes().to_vec())
    }
}
