//! `DIGEST` on a server that came before it (Redis 8.4): the value is fetched and hashed here, so that
//! who may only read can have it too.
//!
//! Upstash documents 16 digits of XXH3 (docs, "DIGEST"); that it is the one of 64 bits with seed 0,
//! highest digit first, was seen at Redis 8.6.3.

use bytes::Bytes;
use redis::Value;
use twox_hash::XxHash3_64;

use super::{Meaning, Sent, Translation, unknown_command};
use crate::command::Command;
use crate::engine::{Engine, Since};

const SINCE: Since = Since { redis: Some((8, 4)), valkey: None };

const ARITY: &str = "ERR wrong number of arguments for 'digest' command";

pub(super) fn rewrite(command: Command, engine: &Engine) -> Translation {
    if !engine.lacks(SINCE) {
        return command.into();
    }
    let [key] = command.arguments() else {
        return unknown_command::answered(command, ARITY.into());
    };
    let get = Command::new(vec![Bytes::from("GET"), key.clone()]).unwrap_or(command);
    Translation { sent: Sent::One(get), meaning: Meaning::Mapped(digested) }
}

fn digested(value: Value) -> Value {
    match value {
        Value::BulkString(bytes) => Value::BulkString(digest(&bytes).into_bytes()),
        value => value,
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("{:016x}", XxHash3_64::oneshot(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, command, stays};
    use super::*;

    fn old() -> Engine {
        Engine::Redis((8, 0), "8.0.2".into())
    }

    #[test]
    fn an_old_server_is_asked_for_the_value() {
        becomes(|command| rewrite(command, &old()), "digest k", "GET k");
        becomes(
            |command| rewrite(command, &Engine::Valkey((9, 1), "9.1.2".into())),
            "DIGEST k",
            "GET k",
        );
        stays(|command| rewrite(command, &Engine::Redis((8, 4), "8.4.0".into())), "DIGEST k");
        stays(|command| rewrite(command, &Engine::Unknown), "DIGEST k");
    }

    #[test]
    fn too_few_keys_or_too_many_are_an_error() {
        for line in ["DIGEST", "DIGEST k l"] {
            let meaning = rewrite(command(line), &old()).meaning;
            assert!(matches!(&meaning, Meaning::Unknown(text) if text == ARITY), "{meaning:?}");
        }
    }

    // What Redis 8.6.3 answers.
    #[test]
    fn the_digest_is_redis_own() {
        for (value, want) in
            [("", "2d06800538d394c2"), ("v", "f7042be43fb80714"), ("12345", "f34099ede96b5581")]
        {
            assert_eq!(digest(value.as_bytes()), want, "{value:?}");
        }
        assert_eq!(digested(Value::Nil), Value::Nil);
    }
}
