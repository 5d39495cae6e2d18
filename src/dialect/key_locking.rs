//! Scripts with the flag `allow-key-locking`, which `@upstash/ratelimit` sets in every script.
//!
//! Redis refuses the unknown flag, so it is taken out. A script's digest is then another one than
//! its sender knows, so each digest that was sent stands for the digest that Redis has
//! ([`Aliases`]). An alias follows from the script's text alone and can therefore never lead to
//! another script: a forgotten one, like a script that Redis has lost, is answered with NOSCRIPT,
//! and clients then send the text again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redis::Value;
use sha1::{Digest, Sha1};

use super::{Meaning, Sent, Translation};
use crate::command::{Command, Name};

const FLAG: &str = "allow-key-locking";

/// `allow-stale` in Lua: `\116` is a `t`.
const STAND_IN: &str = r"allow-s\116ale";

/// Aliases that are remembered (each takes about 200 bytes); with more of them all are forgotten,
/// which costs each script one more round trip.
const MOST: usize = 10_000;

/// SHA1 in hexadecimal digits, as Redis names scripts.
type Sha1Hex = String;

/// The digest that a caller knows → the digest that Redis knows.
#[derive(Debug, Default)]
pub struct Aliases(RwLock<HashMap<Sha1Hex, Sha1Hex>>);

impl Aliases {
    /// Takes the flag out of scripts and puts Redis's digests in the place of callers'.
    pub(super) fn rewrite(&self, command: Command) -> Translation {
        let subcommand = command.arguments().first().map(|word| Name::of(word));
        let command = match (&*Name::of(command.name()), subcommand.as_deref()) {
            (b"EVAL" | b"EVAL_RO", Some(_)) => self.script(command, 1).0,
            (b"EVALSHA" | b"EVALSHA_RO", Some(_)) => self.digests(command, 1, 2),
            (b"SCRIPT", Some(b"LOAD")) => {
                let (command, digest) = self.script(command, 2);
                let meaning = digest.map_or(Meaning::Plain, Meaning::Digest);
                return Translation { sent: Sent::One(command), meaning };
            }
            (b"SCRIPT", Some(b"EXISTS")) => {
                let end = command.words().len();
                self.digests(command, 2, end)
            }
            _ => command,
        };
        command.into()
    }

    /// Rewrites the script in the word at `at`; returns the digest of what it was, if it changed.
    fn script(&self, command: Command, at: usize) -> (Command, Option<Sha1Hex>) {
        let Some(script) = command.words().get(at) else { return (command, None) };
        let Some(rewritten) = without_flag(script) else { return (command, None) };
        let (digest, redis_digest) = (digest(script), self::digest(&rewritten));
        let mut aliases = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if aliases.len() >= MOST {
            aliases.clear();
        }
        aliases.insert(digest.clone(), redis_digest);
        (command.with_word(at, rewritten), Some(digest))
    }

    /// Replaces the digests in the words from `start` to before `end`.
    fn digests(&self, mut command: Command, start: usize, end: usize) -> Command {
        let aliases = self.aliases();
        if aliases.is_empty() {
            return command;
        }
        for at in start..end {
            let Some(word) = command.words().get(at) else { break };
            // Redis takes digests in any case.
            let known = String::from_utf8_lossy(word).to_ascii_lowercase();
            if let Some(digest) = aliases.get(&known) {
                command = command.with_word(at, digest.clone());
            }
        }
        command
    }

    fn aliases(&self) -> RwLockReadGuard<'_, HashMap<Sha1Hex, Sha1Hex>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The script with the flag taken out of its first line, `#!lua flags=a,b`; `None` if it is not
/// there. The line stays, so that line numbers in errors do.
fn without_flag(script: &[u8]) -> Option<Vec<u8>> {
    let end = memchr::memchr(b'\n', script).unwrap_or(script.len());
    let (line, rest) = script.split_at(end);
    let line = std::str::from_utf8(line).ok().filter(|line| line.starts_with("#!"))?;
    let words: Vec<Cow<'_, str>> = line
        .split(' ')
        .filter_map(|word| match word.strip_prefix("flags=") {
            None => Some(Cow::Borrowed(word)),
            Some(flags) => {
                let kept: Vec<_> = flags.split(',').filter(|flag| flag.trim() != FLAG).collect();
                (!kept.is_empty()).then(|| Cow::Owned(format!("flags={}", kept.join(","))))
            }
        })
        .collect();
    let rewritten = words.join(" ");
    (rewritten != line).then(|| [rewritten.as_bytes(), rest].concat())
}

/// A library's code: the flag stands in Lua tables, `flags = {'allow-key-locking'}`. There it becomes
/// `allow-stale`, which means nothing to a Redis that is no replica, in a spelling by which
/// [`with_flags`] knows it again. `None` if it is not there.
pub(super) fn without_flags(code: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(code).ok().filter(|text| text.contains(FLAG))?;
    let rewritten = ['\'', '"'].iter().fold(text.to_owned(), |text, quote| {
        text.replace(&format!("{quote}{FLAG}{quote}"), &format!("{quote}{STAND_IN}{quote}"))
    });
    Some(rewritten.into_bytes())
}

/// A flag, or a library's code, of FUNCTION LIST as it was loaded. (A function that its author flagged
/// `allow-stale`, and nobody else's, is listed with the other flag.)
pub(super) fn with_flags(value: Value) -> Value {
    match value {
        Value::SimpleString(flag) if flag == "allow-stale" => Value::SimpleString(FLAG.into()),
        Value::BulkString(flag) if flag == b"allow-stale" => Value::BulkString(FLAG.into()),
        Value::BulkString(code) => match std::str::from_utf8(&code) {
            Ok(text) if text.contains(STAND_IN) => {
                Value::BulkString(text.replace(STAND_IN, FLAG).into_bytes())
            }
            _ => Value::BulkString(code),
        },
        value => value,
    }
}

fn digest(script: &[u8]) -> Sha1Hex {
    base16ct::lower::encode_string(&Sha1::digest(script))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn command(words: &[&str]) -> Command {
        Command::new(words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect())
            .unwrap()
    }

    fn rewritten(script: &str) -> Option<String> {
        without_flag(script.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_flag_goes_and_everything_else_stays() {
        for (script, want) in [
            ("#!lua flags=allow-key-locking\nreturn 1", Some("#!lua\nreturn 1")),
            ("#!lua flags=no-writes,allow-key-locking\nx", Some("#!lua flags=no-writes\nx")),
            ("#!lua flags=allow-key-locking,no-writes\r\nx", Some("#!lua flags=no-writes\r\nx")),
            ("#!lua name=l flags=allow-key-locking", Some("#!lua name=l")),
            ("#!lua flags=no-writes\nx", None),
            ("return 'flags=allow-key-locking'", None),
            ("#!lua\nreturn 'flags=allow-key-locking'", None),
            ("", None),
        ] {
            assert_eq!(rewritten(script).as_deref(), want, "{script:?}");
        }
    }

    #[test]
    fn a_digest_stands_for_the_script_that_redis_has() {
        let aliases = Aliases::default();
        let sent = |words: &[&str]| match aliases.rewrite(command(words)).sent {
            Sent::One(command) => command,
            other => panic!("{other:?}"),
        };
        let script = "#!lua flags=allow-key-locking\nreturn 1";
        let original = digest(script.as_bytes());
        let evalsha = |sha: &str| sent(&["EVALSHA", sha, "0"]);
        assert_eq!(evalsha(&original).words()[1], original.as_bytes(), "not known yet");

        let eval = sent(&["eval", script, "0"]);
        assert_eq!(eval.words()[1], "#!lua\nreturn 1");
        let real = digest(&eval.words()[1]);
        assert_eq!(evalsha(&original).words()[1], real.as_bytes());
        assert_eq!(evalsha(&original.to_uppercase()).words()[1], real.as_bytes());

        let loaded = aliases.rewrite(command(&["SCRIPT", "LOAD", script]));
        assert!(matches!(loaded.meaning, Meaning::Digest(digest) if digest == original));
        let exists = sent(&["SCRIPT", "EXISTS", "0", &original]);
        assert_eq!(exists.words()[2..], ["0", &real]);
    }

    #[test]
    fn a_function_keeps_its_flags_but_this_one() {
        let code = "#!lua name=l\nredis.register_function{function_name='f', callback=f, \
                    flags={'no-writes', 'allow-key-locking'}}";
        let sent = without_flags(code.as_bytes()).unwrap();
        let text = String::from_utf8(sent.clone()).unwrap();
        assert!(text.contains(r"flags={'no-writes', 'allow-s\116ale'}"), "{text}");
        assert_eq!(with_flags(Value::BulkString(sent)), Value::BulkString(code.into()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let aliases = Aliases::default();
        for number in 0..=MOST {
            let script = format!("#!lua flags=allow-key-locking\nreturn {number}");
            aliases.rewrite(command(&["EVAL", &script, "0"]));
        }
        assert!(aliases.aliases().len() <= MOST);
    }
}
