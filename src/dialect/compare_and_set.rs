//! `SET` with IFEQ, IFNE, IFDEQ or IFDNE, and `DELEX`, on a server that came before them (Redis 8.4;
//! Valkey 8.1 has IFEQ alone): one script that compares, then sets or deletes.
//!
//! Sources: Upstash docs, "SET" and "DELEX"; what they leave open is as Redis 8.6.3 was seen to do
//! it, errors too. Where Redis takes a second condition in one order and refuses it in another, it
//! is refused, since both say that there may be one at most.
//!
//! IFDEQ and IFDNE hash the value in Lua: some 0.05 s for each MB, in which Redis does nothing else.
//! From about 100 MB on it finds the script too slow (5 s) and answers others with BUSY meanwhile.

use std::sync::LazyLock;

use bytes::Bytes;

use super::{Listener, Meaning, Sent, Translation, error_words, script, unknown_command};
use crate::command::{Command, Name};
use crate::engine::{Engine, Since};

/// SET's conditions with the releases that know them.
const CONDITIONS: [(&[u8], Since); 4] = [
    (b"IFEQ", Since { redis: Some((8, 4)), valkey: Some((8, 1)) }),
    (b"IFNE", SINCE),
    (b"IFDEQ", SINCE),
    (b"IFDNE", SINCE),
];

const SINCE: Since = Since { redis: Some((8, 4)), valkey: None };

/// The function `digest`.
const DIGEST: &str = include_str!("xxh3.lua");

/// What stands in its place where values are compared with each other.
const NO_DIGEST: &str = "local digest\n";

/// KEYS: the key; ARGV: condition, operand, more. Behind it stands SET or DELETE.
const JUDGE: &str = "\
local condition, operand = ARGV[1], ARGV[2]
local same = ({IFEQ = true, IFNE = false, IFDEQ = true, IFDNE = false})[condition]
local current = redis.pcall('GET', KEYS[1])
local function judge()
  if same == nil then
    return nil, redis.error_reply('ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE')
  end
  if not digest then return (current == operand) == same end
  if #operand ~= 16 then
    return nil, redis.error_reply('ERR must be exactly 16 hexadecimal characters')
  end
  return (digest(current) == string.lower(operand)) == same
end
";

/// A condition that failed becomes one that always does, and that every SET knows: so the options
/// are checked and GET is answered in any case.
const SET: &str = "\
if type(current) == 'table' then return current end
local passes, failure = not same, nil
if current then passes, failure = judge() end
if failure then return failure end
local set = {unpack(ARGV, 3)}
if not passes then set[#set + 1] = current and 'NX' or 'XX' end
return redis.pcall('SET', KEYS[1], unpack(set))";

const DELETE: &str = "\
if not current then return 0 end
if type(current) == 'table' then
  if not string.find(current.err, '^WRONGTYPE') then return current end
  return redis.error_reply('ERR Key should be of string type if conditions are specified')
end
local passes, failure = judge()
if failure then return failure end
return passes and redis.pcall('DEL', KEYS[1]) or 0";

/// The scripts, for operands that are values and for digests. A pipeline's commands share them.
static SETTING: LazyLock<[Bytes; 2]> = LazyLock::new(|| scripts(SET));
static DELETING: LazyLock<[Bytes; 2]> = LazyLock::new(|| scripts(DELETE));

fn scripts(lua: &str) -> [Bytes; 2] {
    [NO_DIGEST, DIGEST].map(|digest| [digest, JUDGE, lua].concat().into())
}

/// SET's only condition, one that the server lacks.
struct Conditional {
    /// In upper case.
    name: Bytes,
    operand: Bytes,
    /// The other options.
    rest: Vec<Bytes>,
}

pub(super) fn set(command: Command, engine: &Engine) -> Translation {
    let (Some(conditional), [key, value, ..]) =
        (Conditional::of(&command, engine), command.arguments())
    else {
        return command.into();
    };
    let Conditional { name, operand, rest } = conditional;
    let arguments = [name, operand, value.clone()].into_iter().chain(rest);
    eval(&SETTING, key.clone(), arguments).unwrap_or(command.into())
}

pub(super) fn delete(command: Command, listener: Listener<'_>) -> Translation {
    const ARITY: &str = "ERR wrong number of arguments for 'delex' command";
    if !listener.engine.lacks(SINCE) {
        return command.into();
    }
    match command.arguments() {
        [] => unknown_command::answered(command, ARITY.into()),
        _ if listener.only_reads => {
            unknown_command::answered(command, error_words::no_permission("delex"))
        }
        [key] => Command::new(vec!["DEL".into(), key.clone()]).map_or(command.into(), Into::into),
        [key, condition, operand] => {
            let arguments = [condition.to_ascii_uppercase().into(), operand.clone()];
            eval(&DELETING, key.clone(), arguments).unwrap_or(command.into())
        }
        // Redis queues it in a transaction all the same, so that the others are run.
        _ => Translation { sent: Sent::Nothing, meaning: Meaning::Error(ARITY.into()) },
    }
}

/// `arguments` begin with the condition, in upper case.
fn eval(
    [by_value, by_digest]: &[Bytes; 2],
    key: Bytes,
    arguments: impl IntoIterator<Item = Bytes>,
) -> Option<Translation> {
    let mut arguments = arguments.into_iter().peekable();
    let script = match &**arguments.peek()? {
        b"IFDEQ" | b"IFDNE" => by_digest,
        _ => by_value,
    };
    script::eval(script.clone(), [key], arguments)
}

impl Conditional {
    /// Walks SET's options as Redis does: whatever follows an option that takes a value is its
    /// value. `None` for what is malformed, too: a server that lacks the conditions answers any of
    /// them with the right error, a syntax error.
    fn of(command: &Command, engine: &Engine) -> Option<Self> {
        let options = command.arguments().get(2..)?;
        let (mut condition, mut at) = (None, 0);
        while let Some(option) = options.get(at) {
            let name = Name::of(option);
            match &*name {
                b"GET" | b"KEEPTTL" => at += 1,
                b"EX" | b"PX" | b"EXAT" | b"PXAT" => {
                    options.get(at + 1)?;
                    at += 2;
                }
                name => {
                    let (name, since) = CONDITIONS.iter().find(|(one, _)| *one == name)?;
                    let operand = options.get(at + 1)?;
                    if !engine.lacks(*since) || condition.replace((at, *name, operand)).is_some() {
                        return None;
                    }
                    at += 2;
                }
            }
        }
        let (at, name, operand) = condition?;
        let rest = [&options[..at], &options[at + 2..]].concat();
        Some(Self { name: Bytes::from(name), operand: operand.clone(), rest })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, command, stays};
    use super::*;

    fn old() -> Engine {
        Engine::Redis((8, 0), "8.0.2".into())
    }

    fn listener(engine: &Engine, only_reads: bool) -> Listener<'_> {
        Listener { engine, only_reads, takes_scripts: true, is_bundled: false, key: None }
    }

    #[track_caller]
    fn scripted(line: &str, parts: [&str; 3], rest: &str) {
        let want = format!("EVAL {} 1 {rest}", parts.concat());
        let rewrite = |command: Command| match command.name().eq_ignore_ascii_case(b"SET") {
            true => set(command, &old()),
            false => delete(command, listener(&old(), false)),
        };
        becomes(rewrite, line, &want);
    }

    #[test]
    fn a_condition_is_found_wherever_it_stands() {
        let by_value = |line, rest| scripted(line, [NO_DIGEST, JUDGE, SET], rest);
        let by_digest = |line, rest| scripted(line, [DIGEST, JUDGE, SET], rest);
        by_value("SET k v IFEQ x", "k IFEQ x v");
        by_value("set k v get ex 10 ifne x", "k IFNE x v get ex 10");
        by_value("SET k v IFEQ EX PXAT 5", "k IFEQ EX v PXAT 5");
        by_value("SET k v EX 1 EX 2 IFEQ IFEQ KEEPTTL", "k IFEQ IFEQ v EX 1 EX 2 KEEPTTL");
        by_digest("SET k v IFDEQ f7042be43fb80714", "k IFDEQ f7042be43fb80714 v");
        by_digest("SET k v Ifdne abc GET", "k IFDNE abc v GET");
    }

    #[test]
    fn what_sets_without_a_condition_or_is_malformed_stays() {
        for line in [
            "SET k v",
            "SET k IFEQ",
            "SET k v EX IFEQ",
            "SET k v EX IFEQ 10",
            "SET IFEQ v NX",
            "SET k v IFEQ",
            "SET k v IFEQ x EX",
            "SET k v IFEQ x NX",
            "SET k v XX IFEQ x",
            "SET k v IFEQ x IFEQ x",
            "SET k v IFEQ x IFDNE y",
            "SET k v IFEQ x PERSIST",
            "SET k",
        ] {
            stays(|command| set(command, &old()), line);
        }
    }

    #[test]
    fn a_server_that_knows_the_condition_gets_it() {
        let new = Engine::Redis((8, 4), "8.4.0".into());
        let valkey = Engine::Valkey((9, 1), "9.1.2".into());
        for engine in [&new, &Engine::Unknown] {
            stays(|command| set(command, engine), "SET k v IFDEQ f7042be43fb80714");
            stays(|command| delete(command, listener(engine, false)), "DELEX k IFEQ v");
        }
        stays(|command| set(command, &valkey), "SET k v IFEQ x");
        let script = [NO_DIGEST, JUDGE, SET].concat();
        let want = format!("EVAL {script} 1 k IFNE x v");
        becomes(|command| set(command, &valkey), "SET k v IFNE x", &want);
        becomes(|command| delete(command, listener(&valkey, false)), "DELEX k", "DEL k");
    }

    #[test]
    fn deleting_takes_one_condition_or_none() {
        becomes(|command| delete(command, listener(&old(), false)), "delex k", "DEL k");
        scripted("DELEX k ifeq v", [NO_DIGEST, JUDGE, DELETE], "k IFEQ v");
        scripted("DELEX k IFDNE v", [DIGEST, JUDGE, DELETE], "k IFDNE v");
        scripted("DELEX k WHEN v", [NO_DIGEST, JUDGE, DELETE], "k WHEN v");
        for line in ["DELEX k IFEQ", "DELEX k IFEQ v IFNE w"] {
            let translation = delete(command(line), listener(&old(), false));
            assert!(matches!(translation.sent, Sent::Nothing), "{line}");
        }
    }

    #[test]
    fn who_may_only_read_is_refused() {
        for line in ["DELEX k", "DELEX k IFEQ v"] {
            let translation = delete(command(line), listener(&old(), true));
            let Meaning::Unknown(text) = translation.meaning else { panic!("{line}") };
            assert!(text.starts_with("NOPERM "), "{text}");
        }
    }
}
