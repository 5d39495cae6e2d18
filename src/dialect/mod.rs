//! Where Upstash differs from Redis: one file per difference.
//!
//! A command is rewritten before it is sent, into one command, so that the same rule holds in `/`,
//! in a path, in a pipeline and in a transaction; what the rewriting would betray in the answer is
//! put right there.
//!
//! | difference | file | source |
//! |---|---|---|
//! | a command that does not exist | [`unknown_command`] | seen at Upstash |
//! | the script flag `allow-key-locking` | [`key_locking`] | Upstash docs, "Lua scripting" |
//! | `COPY k k`, `UNLINK` and `DEL` without keys | [`nothing_to_do`] | `@upstash/redis`' tests, SRH's README |
//! | `SCAN` without COUNT | [`scan_count`] | `upstash-redis`' tests |
//! | `XADD` and `XTRIM` with `~` | [`near_exact_trim`] | `@upstash/redis`' tests, Upstash's changelog |
//! | `ZRANGE` with LIMIT on ranks | [`rank_limit`] | SRH's README |

mod key_locking;
mod near_exact_trim;
mod nothing_to_do;
mod rank_limit;
mod scan_count;
mod unknown_command;

use redis::Value;

use crate::command::Command;
use crate::reply;

/// The rules, with what they remember.
#[derive(Debug)]
pub struct Dialect {
    on: bool,
    key_locking: key_locking::Aliases,
}

/// How the answer to a rewritten command becomes Upstash's.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer(Betrayed);

/// What the rewriting would betray.
#[derive(Debug, Clone, PartialEq)]
enum Betrayed {
    /// Nothing.
    Nothing,
    /// That something else was sent; this is the answer.
    Constant(Value),
    /// The digest of the rewritten script; the caller is to see that of the script he sent.
    Digest(String),
}

/// A reply, or the text of an error, in Upstash's words.
#[derive(Debug)]
pub enum Reply {
    /// Anything but an error.
    Value(Value),
    /// An error's text.
    Error(String),
}

impl Dialect {
    /// With `on` false no command is rewritten.
    pub fn new(on: bool) -> Self {
        Self { on, key_locking: key_locking::Aliases::default() }
    }

    /// The command to be sent instead of this one, most often the same.
    pub fn translate(&self, command: Command) -> (Command, Answer) {
        if !self.on {
            return (command, Answer(Betrayed::Nothing));
        }
        let (command, betrayed) = match nothing_to_do::rewrite(command) {
            Ok(answered) => answered,
            Err(command) => {
                let command = scan_count::rewrite(command);
                let command = near_exact_trim::rewrite(command);
                let command = rank_limit::rewrite(command);
                self.key_locking.rewrite(command)
            }
        };
        (command, Answer(betrayed))
    }
}

impl Answer {
    /// What Upstash would answer, given the reply to the command that was sent.
    pub fn to(&self, sent: &Command, reply: Value) -> Reply {
        match (reply, &self.0) {
            (Value::ServerError(error), _) => {
                let text = reply::error_text(&error).into_owned();
                Reply::Error(unknown_command::translate(sent, text))
            }
            (_, Betrayed::Constant(value)) => Reply::Value(value.clone()),
            (Value::BulkString(_), Betrayed::Digest(digest)) => {
                Reply::Value(Value::BulkString(digest.clone().into_bytes()))
            }
            (value, _) => Reply::Value(value),
        }
    }
}

/// What the rules' own tests say: one line becomes another, or stays.
#[cfg(test)]
mod rewriting {
    use crate::command::Command;

    #[track_caller]
    pub fn becomes(rewrite: impl Fn(Command) -> Command, line: &str, want: &str) {
        let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let sent = rewrite(Command::new(words).unwrap());
        let sent: Vec<_> = sent.words().iter().map(|word| String::from_utf8_lossy(word)).collect();
        assert_eq!(sent.join(" "), want);
    }

    #[track_caller]
    pub fn stays(rewrite: impl Fn(Command) -> Command, line: &str) {
        becomes(rewrite, line, line);
    }
}
