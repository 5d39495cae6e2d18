//! Where Upstash differs from Redis: one file per difference.
//!
//! A rule turns one command into what is sent for it (one command, two, or nothing) and says what
//! the replies mean. It knows nothing of the request, so that the same holds in `/`, in a path, in a
//! pipeline and in a transaction.
//!
//! | difference | file | source |
//! |---|---|---|
//! | a command that the server does not have | [`unknown_command`] | seen at Upstash |
//! | the script flag `allow-key-locking` | [`key_locking`] | Upstash docs, "Lua scripting" |
//! | `BITOP` with Redis 8.2's operations on older servers | [`bitop`] | Upstash docs, `@upstash/redis`' tests |
//! | `SET` with IFEQ, IFNE, IFDEQ, IFDNE, and `DELEX`, on older servers | [`compare_and_set`] | Upstash docs, "SET", "DELEX" |
//! | `XDELEX` and `XACKDEL` on older servers | [`delete_entries`] | `@upstash/redis`' tests |
//! | `DIGEST` on older servers | [`digest`] | Upstash docs, "DIGEST" |
//! | some errors' words | [`error_words`] | see there |
//! | `FCALL_RO` of a function without `no-writes` | [`reading_twin`] | `@upstash/redis`' tests |
//! | `HEXPIREAT` beyond Redis's range | [`far_expiry`] | `@upstash/redis`' tests |
//! | the type of a JSON key | [`json_type`] | Upstash's data browser |
//! | `COPY k k`, `UNLINK` and `DEL` without keys | [`nothing_to_do`] | `@upstash/redis`' tests, SRH's README |
//! | `CONFIG GET` and `SET` of one parameter only | [`notifications`] | Upstash docs, "CONFIG GET", "CONFIG SET" |
//! | `SCAN` without COUNT | [`scan_count`] | `upstash-redis`' tests |
//! | `XADD` and `XTRIM` with `~` | [`near_exact_trim`] | `@upstash/redis`' tests, Upstash's changelog |
//! | `COPY … DB n` | [`one_database`] | Upstash docs, "COPY" |
//! | `ZRANGE` with LIMIT on ranks | [`rank_limit`] | SRH's README |
//! | `SCAN … WITHTYPE` | [`scan_with_type`] | `@upstash/redis`' tests |
//! | `XREADGROUP … NOACK` by a new consumer | [`unnoticed_reader`] | `@upstash/redis`' tests |
//! | `XINFO CONSUMERS` of no group | [`unknown_group`] | `upstash-redis`' tests |
//! | `HEXPIRETIME` rounded down | [`whole_seconds`] | `upstash-redis`' tests |
//! | ACL users, `ACL GENTOKEN` and `ACL RESTTOKEN` | [`users`] | Upstash docs, "ACL" |
//!
//! Not followed, since it would take from what Redis promises: that a failing script's writes are
//! taken back, and that Lua numbers given to commands lose their fraction (both seen at Upstash).

mod bitop;
mod compare_and_set;
mod delete_entries;
mod digest;
mod error_words;
mod far_expiry;
mod function;
mod json_type;
mod key_locking;
mod lua;
mod near_exact_trim;
mod nothing_to_do;
mod notifications;
mod one_database;
mod rank_limit;
mod reading_twin;
mod scan_count;
mod scan_with_type;
mod script;
mod unknown_command;
mod unknown_group;
mod unnoticed_reader;
mod users;
mod whole_seconds;

pub use error_words::{no_permission, translate as error_in_upstash_words};

use bytes::Bytes;
use redis::Value;

use crate::command::{Command, Name};
use crate::engine::Engine;
use crate::reply::{self, Frame, Token};
use crate::rest_token::Key;

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
    /// Whether the user as whom the caller comes may run scripts. One who may not gets what the server
    /// itself makes of a command.
    pub takes_scripts: bool,
    /// Whether it is the bundled Redis, whose users and configuration pkv keeps.
    pub is_bundled: bool,
    /// The key for tokens of ACL users; without one the caller may make none.
    pub key: Option<&'a Key>,
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
    Two(Command, Command),
}

/// What the reply means to the caller. An error is always translated, never passed to a mapping of
/// one reply.
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
    /// What this makes of the replies to two commands, errors or not.
    Joined(fn(Value, Value) -> Value),
    /// So many of its items, after so many others.
    Slice { skip: usize, take: usize },
    /// This error, if the server does not know the command.
    Unknown(String),
    /// This value, in the place of an error that begins so.
    Forgiven { error: &'static str, value: Value },
    /// The digest of the rewritten script; the caller is to see that of the script he sent.
    Digest(String),
    /// A token, if the reply says that the caller knows the password.
    Granted(Box<users::Grant>),
}

/// The way from the replies to a command's translation to its answer.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    count: usize,
    meaning: Meaning,
    engine: &'a Engine,
    is_bundled: bool,
}

/// A reply, or the text of an error, in Upstash's words.
#[derive(Debug)]
pub enum Reply<'a> {
    /// What Redis sent; no error.
    Sent(Frame<'a>),
    /// What was made of it, or in its place; no error.
    Made(Value),
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

    /// Whether `command` was put into a script.
    fn is_script_for(&self, command: &Command) -> bool {
        let is_eval = |command: &Command| command.name().eq_ignore_ascii_case(b"EVAL");
        matches!(&self.sent, Sent::One(sent) if is_eval(sent) && !is_eval(command))
    }

    /// A change, and the command behind it that makes it last: it is answered once it will.
    fn lasting(change: Command, save: [&'static str; 2]) -> Self {
        let save = Command::new(save.map(Bytes::from).to_vec());
        let Some(save) = save else { return change.into() };
        let join = |changed, saved| match (&changed, &saved) {
            (Value::ServerError(_), _) => changed,
            (_, Value::ServerError(_)) => saved,
            _ => changed,
        };
        Self { sent: Sent::Two(change, save), meaning: Meaning::Joined(join) }
    }

    /// Nothing is sent: this is the error.
    fn error(text: String) -> Self {
        Self { sent: Sent::Nothing, meaning: Meaning::Error(text) }
    }
}

impl Dialect {
    /// With `on` false no command is rewritten, but for what concerns the bundled Redis's own users
    /// and configuration.
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
        // What would be sent if nothing may be put into a script.
        let itself = (!listener.takes_scripts).then(|| command.clone());
        let translation = match self.on {
            true => self.rewrite(command, listener),
            false if listener.is_bundled => administration(command, listener),
            false => command.into(),
        };
        let translation = match itself {
            Some(command) if translation.is_script_for(&command) => command.into(),
            _ => translation,
        };
        let before = batch.len();
        match translation.sent {
            Sent::Nothing => {}
            Sent::One(command) => batch.push(command),
            Sent::Two(first, second) => batch.extend([first, second]),
        }
        let count = batch.len() - before;
        Answer {
            count,
            meaning: translation.meaning,
            engine: listener.engine,
            is_bundled: listener.is_bundled,
        }
    }

    fn rewrite(&self, command: Command, listener: Listener<'_>) -> Translation {
        match &*Name::of(command.name()) {
            b"DELEX" => compare_and_set::delete(command, listener),
            b"DIGEST" => digest::rewrite(command, listener.engine),
            b"HEXPIRETIME" => whole_seconds::rewrite(command, listener.engine),
            b"TYPE" => json_type::answered(command),
            b"XINFO" => unknown_group::rewrite(command),
            b"ZRANGE" => rank_limit::range(command),
            b"ACL" | b"CONFIG" => administration(command, listener),
            _ if listener.only_reads => command.into(),
            b"BITOP" => bitop::rewrite(command, listener.engine),
            b"COPY" => match one_database::rewrite(command) {
                Ok(command) => nothing_to_do::rewrite(command),
                Err(refused) => refused,
            },
            b"DEL" | b"UNLINK" => nothing_to_do::rewrite(command),
            b"EVAL" | b"EVAL_RO" | b"EVALSHA" | b"EVALSHA_RO" | b"SCRIPT" => {
                self.key_locking.rewrite(command)
            }
            b"FCALL_RO" => reading_twin::rewrite(command),
            b"FUNCTION" => function::rewrite(command),
            b"HEXPIREAT" | b"HPEXPIREAT" => far_expiry::rewrite(command).into(),
            b"SCAN" => scan_with_type::rewrite(scan_count::rewrite(command)),
            b"SET" => compare_and_set::set(command, listener.engine),
            b"XACKDEL" | b"XDELEX" => delete_entries::rewrite(command, listener.engine),
            b"XADD" | b"XTRIM" => near_exact_trim::rewrite(command),
            b"XREADGROUP" => unnoticed_reader::rewrite(command),
            b"ZRANGESTORE" => rank_limit::store(command),
            _ => command.into(),
        }
    }
}

impl Answer<'_> {
    /// What Upstash would answer. Takes what belongs to this command from `sent`, the commands of
    /// the batch, and from the replies to them.
    pub fn next<'r>(
        &self,
        sent: &mut &[Command],
        replies: &mut impl Iterator<Item = Frame<'r>>,
    ) -> Reply<'r> {
        let (mine, rest) = sent.split_at(self.count.min(sent.len()));
        *sent = rest;
        match &self.meaning {
            Meaning::Constant(value) => return Reply::Made(value.clone()),
            Meaning::Error(text) => return Reply::Error(text.clone()),
            _ => {}
        }
        let Some(first) = replies.next() else { return no_answer() };
        let made = match (&self.meaning, first.error()) {
            (Meaning::Joined(join), _) => match replies.next() {
                Some(second) => join(first.value(), second.value()),
                None => return no_answer(),
            },
            (Meaning::Forgiven { error: begin, value }, Some(error))
                if error.starts_with(begin) =>
            {
                value.clone()
            }
            (_, Some(error)) => {
                return Reply::Error(self.in_upstash_words(mine, error.into_owned()));
            }
            (Meaning::Mapped(map), None) => map(first.value()),
            (Meaning::Slice { skip, take }, None) => match first.value() {
                Value::Array(items) => {
                    Value::Array(items.into_iter().skip(*skip).take(*take).collect())
                }
                other => other,
            },
            (Meaning::Digest(digest), None) => match first.token() {
                Token::Bulk(_) => Value::BulkString(digest.clone().into_bytes()),
                _ => return Reply::Sent(first),
            },
            (Meaning::Granted(grant), None) => match grant.answer(&first.value()) {
                Ok(token) => token,
                Err(text) => return Reply::Error(text),
            },
            (_, None) => return Reply::Sent(first),
        };
        match made {
            Value::ServerError(error) => {
                Reply::Error(self.in_upstash_words(mine, reply::error_text(&error).into_owned()))
            }
            made => Reply::Made(made),
        }
    }

    /// For replies that say whether a command was queued: why it was not, if so. Takes what
    /// [`Answer::next`] takes.
    pub fn next_queued<'r>(
        &self,
        sent: &mut &[Command],
        replies: &mut impl Iterator<Item = Frame<'r>>,
    ) -> Option<String> {
        let (mine, rest) = sent.split_at(self.count.min(sent.len()));
        *sent = rest;
        let mut refusal = None;
        for (command, reply) in mine.iter().zip(replies.take(self.count)) {
            let Some(error) = reply.error().filter(|_| refusal.is_none()) else { continue };
            refusal =
                Some(self.in_upstash_words(std::slice::from_ref(command), error.into_owned()));
        }
        refusal
    }

    fn in_upstash_words(&self, sent: &[Command], text: String) -> String {
        let Some(first) = sent.first() else { return text };
        let text = reading_twin::translate(text);
        let text = if self.is_bundled { error_words::of_the_bundled(text) } else { text };
        let text = unknown_command::translate(first, &self.meaning, self.engine, text);
        error_words::translate(text)
    }
}

/// Users and configuration.
fn administration(command: Command, listener: Listener<'_>) -> Translation {
    match &*Name::of(command.name()) {
        b"ACL" => users::rewrite(command, listener),
        b"CONFIG" => notifications::rewrite(command, listener.is_bundled),
        _ => command.into(),
    }
}

/// One reply per command is the upstream's promise.
fn no_answer<'r>() -> Reply<'r> {
    Reply::Error("ERR no answer from Redis".into())
}

/// What the rules' own tests say: one line becomes another, or stays.
#[cfg(test)]
mod rewriting {
    use bytes::Bytes;

    use super::{Sent, Translation};
    use crate::command::Command;

    pub fn command(line: &str) -> Command {
        let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes()));
        Command::new(words.collect()).unwrap()
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
