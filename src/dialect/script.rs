//! Commands put into a script, so that several steps stay one command: in a pipeline nothing comes
//! between them, and in a transaction they can stand at all.
//!
//! The script goes along each time (EVAL): EVALSHA could be answered with NOSCRIPT in the middle of
//! a transaction.

use bytes::Bytes;

use super::Translation;
use crate::command::Command;

/// `EVAL lua`, with these keys and arguments. Errors of commands that the script calls must be
/// returned (`redis.pcall`), since raised ones get the script's name into their text.
pub(super) fn eval(
    lua: impl Into<Bytes>,
    keys: impl IntoIterator<Item = Bytes>,
    arguments: impl IntoIterator<Item = Bytes>,
) -> Option<Translation> {
    let mut words = vec![Bytes::from("EVAL"), lua.into(), Bytes::new()];
    words.extend(keys);
    words[2] = (words.len() - 3).to_string().into();
    words.extend(arguments);
    Command::new(words).map(Translation::from)
}
