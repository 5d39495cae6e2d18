//! The commands, one file for each kind of value that they are about.
//!
//! A path that begins with `$` is answered with one reply for each match, in an
//! array; null for a match of the wrong type. A legacy path (`.a.b`) is answered
//! with the first match's alone, and a missing or wrong one with an error.

pub mod array;
pub mod boolean;
pub mod delete;
mod layout;
mod matches;
pub mod number;
pub mod read;
pub mod set;
pub mod string;

use crate::failure::Failure;
use crate::path::Path;

/// The root's legacy path, for commands that were given none.
const ROOT: &str = ".";

/// An argument as a path.
fn path(argument: &[u8]) -> Result<Path, Failure> {
    let text = std::str::from_utf8(argument).map_err(|_| Failure::err("the path is not UTF-8"))?;
    Ok(Path::parse(text)?)
}

/// The path that is the last argument, number `at`, or else the root.
fn last_path(arguments: &[&[u8]], at: usize) -> Result<Path, Failure> {
    if arguments.len() > at + 1 {
        return Err(Failure::Arity);
    }
    path(arguments.get(at).copied().unwrap_or(ROOT.as_bytes()))
}

/// An argument as an integer, as Redis's own commands take it.
fn integer(argument: &[u8]) -> Result<i64, Failure> {
    std::str::from_utf8(argument)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(Failure::not_an_integer)
}
