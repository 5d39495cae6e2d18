//! The commands, one file for each kind of value that they are about.
//!
//! A path that begins with `$` is answered with one reply for each match, in an
//! array; null for a match of the wrong type. A legacy path (`.a.b`) is answered
//! with one reply alone, the first match's, or the last change's; a missing or
//! wrong one with an error.
//!
//! What a command does is paid for from one [`Budget`](crate::budget::Budget), before
//! anything is changed.

pub mod array;
pub mod boolean;
pub mod delete;
mod layout;
mod matches;
pub mod number;
mod place;
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
        .and_then(|text| Some((text, text.parse::<i64>().ok()?)))
        // No `+1`, no `01`.
        .filter(|(text, number)| number.to_string() == *text)
        .map(|(_, number)| number)
        .ok_or_else(Failure::not_an_integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_that_redis_takes() {
        for (text, number) in [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX)] {
            assert_eq!(integer(text.as_bytes()), Ok(number));
        }
        for text in ["", "+1", "01", "-0", "1.0", " 1", "9223372036854775808", "x"] {
            assert_eq!(integer(text.as_bytes()), Err(Failure::not_an_integer()), "{text}");
        }
    }
}
