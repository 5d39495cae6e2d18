//! Where Upstash differs from Redis: one file per difference.
//!
//! A rule turns one command into what is sent for it (one command, or nothing) and says what the
//! reply means. It knows nothing of the request, so that the same holds in `/`, in a path, in a
//! pipeline and in a transaction.
//!
//! | difference | file | source |
//! |---|---|---|
//! | a command that the server does not have | [`unknown_command`] | seen at Upstash |
//! | the script flag `allow-key-locking` | [`key_locking`] | Upstash docs, "Lua scripting" |
//! | `BITOP` with Redis 8.2's operations on older servers | [`bitop`] | Upstash docs, `@upstash/redis`' tests |
//! | `XDELEX` and `XACKDEL` on older servers | [`delete_entries`] | `@upstash/redis`' tests |
//! | some errors' words | [`error_words`] | see there |
//! | `HEXPIREAT` beyond Redis's range | [`far_expiry`] | `@upstash/redis`' tests |
//! | the type of a JSON key | [`json_type`] | Upstash's data browser |
//! | `COPY k k`, `UNLINK` and `DEL` without keys | [`nothing_to_do`] | `@upstash/redis`' tests, SRH's README |
//! | `SCAN` without COUNT | [`scan_count`] | `upstash-redis`' tests |
//! | `XADD` and `XTRIM` with `~` | [`near_exact_trim`] | `@upstash/redis`' tests, Upstash's changelog |
//! | `COPY … DB n` | [`one_database`] | Upstash docs, "COPY" |
//! | `ZRANGE` with LIMIT on ranks | [`rank_limit`] | SRH's README |
//! | `SCAN … WITHTYPE` | [`scan_with_type`] | `@upstash/redis`' tests |
//! | `XREADGROUP … NOACK` by a new consumer | [`unnoticed_reader`] | `@upstash/redis`' tests |
//!
//! Not followed, since it would take from what Redis promises: that a failing script's writes are
//! taken back, and that Lua numbers given to commands lose their fraction (both seen at Upstash).

mod bitop;
mod delete_entries;
mod error_words;
mod far_expiry;
mod json_type;
mod key_locking;
mod near_exact_trim;
mod nothing_to_do;
mod one_database;
mod rank_limit;
mod scan_count;
mod scan_with_type;
mod script;
mod unknown_command;
mod unnoticed_reader;

pub use error_words::no_permission;

use redis::Value;

use crate::command::Command;
use crate::engine::Engine;
use crate::reply;

/// The rules, with what they remember.
#[derive(Debug)]
pub struct Dialect {
    on: bool,
    key_locking: key_locking::Aliases,
}

/// Whom the commands are for.
#[derive(Debug, Clone, Copy)]
pub struct Listener<'a> {
    /// The server; rules for what older ones lack look at it.
    pub engine: &'a Engine,
    /// Whether the caller may only read. Then nothing is put into a script, which would be refused
    /// where the command itself is not, and no write is answered without the server's refusal.
    pub only_reads: bool,
}

/// What a command becomes.
#[derive(Debug)]
struct Translation {
    sent: Sent,
    meaning: Meaning,
}

/// What is sent for a command.
#[derive(Debug)]
enum Sent {
    Nothing,
    One(Command),
}

/// What the reply means to the caller. An error is always translated, never passed to a mapping.
#[derive(Debug, Clone)]
enum Meaning {
    /// What it says.
    Plain,
    /// This; nothing was sent.
    Constant(Value),
    /// This error; nothing was sent.
    Error(String),
    /// What this makes of it.
    Mapped(fn(Value) -> Value),
    /// The digest of the rewritten script; the caller is to see that of the script he sent.
    Digest(String),
}

/// The way from the replies to a command's translation to its answer.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    count: usize,
    meaning: Meaning,
    engine: &'a Engine,
}

/// A reply, or the text of an error, in Upstash's words.
#[derive(Debug)]
pub enum Reply {
    /// Anything but an error.
    Value(Value),
    /// An error's text.
    Error(String),
}

impl From<Command> for Translation {
    fn from(command: Command) -> Self {
        Self { sent: Sent::One(command), meaning: Meaning::Plain }
    }
}

impl Translation {
    /// Nothing needs to be sent: this is the answer.
    fn constant(value: Value) -> Self {
        Self { sent: Sent::Nothing, meaning: Meaning::Constant(value) }
    }
}

impl Dialect {
    /// With `on` false no command is rewritten.
    pub fn new(on: bool) -> Self {
        Self { on, key_locking: key_locking::Aliases::default() }
    }

    /// Adds to `batch` what is to be sent in the command's place, most often the command itself.
    pub fn translate<'a>(
        &self,
        command: Command,
        listener: Listener<'a>,
        batch: &mut Vec<Command>,
    ) -> Answer<'a> {
        let translation = match self.on {
            true => self.rewrite(command, listener),
            false => command.into(),
        };
        let before = batch.len();
        match translation.sent {
            Sent::Nothing => {}
            Sent::One(command) => batch.push(command),
        }
        let count = batch.len() - before;
        Answer { count, meaning: translation.meaning, engine: listener.engine }
    }

    fn rewrite(&self, command: Command, listener: Listener<'_>) -> Translation {
        // No name that a rule looks for is longer, and a name is caller's data of any length.
        const LONGEST_NAME: usize = 16;
        if command.name().len() > LONGEST_NAME {
            return command.into();
        }
        match command.name().to_ascii_uppercase().as_slice() {
            b"TYPE" => json_type::answered(command),
            b"ZRANGE" => rank_limit::rewrite(command).into(),
            _ if listener.only_reads => command.into(),
            b"BITOP" => bitop::rewrite(command, listener.engine),
            b"COPY" => match one_database::rewrite(command) {
                Ok(command) => nothing_to_do::rewrite(command),
                Err(refused) => refused,
            },
            b"DEL" | b"UNLINK" => nothing_to_do::rewrite(command),
            b"EVAL" | b"EVAL_RO" | b"EVALSHA" | b"EVALSHA_RO" | b"FUNCTION" | b"SCRIPT" => {
                self.key_locking.rewrite(command)
            }
            b"HEXPIREAT" | b"HPEXPIREAT" => far_expiry::rewrite(command).into(),
            b"SCAN" => scan_with_type::rewrite(scan_count::rewrite(command)),
            b"XACKDEL" | b"XDELEX" => delete_entries::rewrite(command, listener.engine),
            b"XADD" | b"XTRIM" => near_exact_trim::rewrite(command).into(),
            b"XREADGROUP" => unnoticed_reader::rewrite(command),
            b"ZRANGESTORE" => rank_limit::rewrite(command).into(),
            _ => command.into(),
        }
    }
}

impl Answer<'_> {
    /// What Upstash would answer. Takes what belongs to this command from `sent`, the commands of
    /// the batch, and from the replies to them.
    pub fn next(&self, sent: &mut &[Command], replies: &mut impl Iterator<Item = Value>) -> Reply {
        let (mine, rest) = sent.split_at(self.count.min(sent.len()));
        *sent = rest;
        let value = match (&self.meaning, replies.take(self.count).next()) {
            (Meaning::Constant(value), _) => value.clone(),
            (Meaning::Error(text), _) => return Reply::Error(text.clone()),
            (_, Some(Value::ServerError(error))) => Value::ServerError(error),
            (Meaning::Mapped(map), Some(value)) => map(value),
            (Meaning::Digest(digest), Some(Value::BulkString(_))) => {
                Value::BulkString(digest.clone().into_bytes())
            }
            (_, Some(value)) => value,
            // One reply per command is the upstream's promise.
            (_, None) => return Reply::Error("ERR no answer from Redis".into()),
        };
        self.in_upstash_words(mine, value)
    }

    /// As [`Answer::next`], for replies that say whether a command was queued. `None` if there was
    /// none.
    pub fn next_queued(
        &self,
        sent: &mut &[Command],
        replies: &mut impl Iterator<Item = Value>,
    ) -> Option<Reply> {
        let (mine, rest) = sent.split_at(self.count.min(sent.len()));
        *sent = rest;
        let mut refusal = None;
        for (command, reply) in mine.iter().zip(replies.take(self.count)) {
            if refusal.is_none() && matches!(reply, Value::ServerError(_)) {
                refusal = Some(self.in_upstash_words(std::slice::from_ref(command), reply));
            }
        }
        refusal
    }

    fn in_upstash_words(&self, sent: &[Command], value: Value) -> Reply {
        match (value, sent) {
            (Value::ServerError(error), [first, ..]) => {
                let text = reply::error_text(&error).into_owned();
                let text = unknown_command::translate(first, self.engine, text);
                Reply::Error(error_words::translate(text))
            }
            (Value::ServerError(error), []) => Reply::Error(reply::error_text(&error).into_owned()),
            (value, _) => Reply::Value(value),
        }
    }
}

/// What the rules' own tests say: one line becomes another, or stays.
#[cfg(test)]
mod rewriting {
    use super::{Sent, Translation};
    use crate::command::Command;

    pub fn command(line: &str) -> Command {
        Command::new(line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).unwrap()
    }

    #[track_caller]
    pub fn becomes<T: Into<Translation>>(rewrite: impl Fn(Command) -> T, line: &str, want: &str) {
        let Sent::One(sent) = rewrite(command(line)).into().sent else { panic!("{line}") };
        let sent: Vec<_> = sent.words().iter().map(|word| String::from_utf8_lossy(word)).collect();
        assert_eq!(sent.join(" "), want);
    }

    #[track_caller]
    pub fn stays<T: Into<Translation>>(rewrite: impl Fn(Command) -> T, line: &str) {
        becomes(rewrite, line, line);
    }
}
