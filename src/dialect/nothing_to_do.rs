//! Commands that Redis refuses and Upstash answers with 0: they find nothing to do.
//!
//! | command | Redis |
//! |---|---|
//! | `COPY k k` | `ERR source and destination objects are the same` |
//! | `UNLINK`, `DEL` without keys | `ERR wrong number of arguments` |
//!
//! Sources: `@upstash/redis`' own test of COPY; serverless-redis-http's README, "Differences".

use redis::Value;

use super::Betrayed;
use crate::command::Command;

/// What is sent in their place: a place in the batch, and in a transaction, needs a command.
pub(super) fn rewrite(command: Command) -> Result<(Command, Betrayed), Command> {
    let arguments = command.arguments();
    let nothing_to_do = match command.name().to_ascii_uppercase().as_slice() {
        b"UNLINK" | b"DEL" => arguments.is_empty(),
        // With DB the same key is another one.
        b"COPY" => match arguments {
            [from, to] => from == to,
            [from, to, option] => from == to && option.eq_ignore_ascii_case(b"REPLACE"),
            _ => false,
        },
        _ => false,
    };
    match (nothing_to_do, Command::new(vec![b"PING".to_vec()])) {
        (true, Some(ping)) => Ok((ping, Betrayed::Constant(Value::Int(0)))),
        _ => Err(command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_finds_nothing_to_do_is_answered() {
        let answered = |line: &str| {
            let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            rewrite(Command::new(words).unwrap()).is_ok()
        };
        for line in ["unlink", "DEL", "COPY k k", "copy k k replace"] {
            assert!(answered(line), "{line}");
        }
        for line in ["UNLINK k", "COPY k l", "COPY k k DB 1", "COPY k", "TOUCH", "COPY"] {
            assert!(!answered(line), "{line}");
        }
    }
}
