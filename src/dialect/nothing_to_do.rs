//! Commands that Redis refuses and Upstash answers with 0: they find nothing to do.
//!
//! | command | Redis |
//! |---|---|
//! | `COPY k k` | `ERR source and destination objects are the same` |
//! | `UNLINK`, `DEL` without keys | `ERR wrong number of arguments` |
//!
//! Sources: `@upstash/redis`' own test of COPY; serverless-redis-http's README, "Differences".

use redis::Value;

use super::Translation;
use crate::command::{Command, Name};

pub(super) fn rewrite(command: Command) -> Translation {
    let arguments = command.arguments();
    let nothing_to_do = match &*Name::of(command.name()) {
        b"UNLINK" | b"DEL" => arguments.is_empty(),
        // With DB the same key is another one.
        b"COPY" => match arguments {
            [from, to] => from == to,
            [from, to, option] => from == to && option.eq_ignore_ascii_case(b"REPLACE"),
            _ => false,
        },
        _ => false,
    };
    match nothing_to_do {
        true => Translation::constant(Value::Int(0)),
        false => command.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sent;
    use super::super::rewriting::{command, stays};
    use super::*;

    #[test]
    fn only_what_finds_nothing_to_do_is_answered() {
        for line in ["unlink", "DEL", "COPY k k", "copy k k replace"] {
            assert!(matches!(rewrite(command(line)).sent, Sent::Nothing), "{line}");
        }
        for line in ["UNLINK k", "COPY k l", "COPY k k DB 1", "COPY k", "TOUCH", "COPY"] {
            stays(rewrite, line);
        }
    }
}
