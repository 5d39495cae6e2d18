//! `HEXPIRETIME`: Upstash counts the seconds that are over (the bound in `upstash-redis`' own test),
//! Redis rounds up. So Redis is asked for milliseconds.

use bytes::Bytes;
use redis::Value;

use super::{Meaning, Sent, Translation};
use crate::command::Command;
use crate::engine::{Engine, Since};

/// Both commands are as old as each other; a server without them is asked what the caller asked.
const SINCE: Since = Since { redis: Some((7, 4)), valkey: Some((9, 0)) };

pub(super) fn rewrite(command: Command, engine: &Engine) -> Translation {
    if engine.lacks(SINCE) {
        return command.into();
    }
    let mut words = command.words().to_vec();
    words[0] = Bytes::from("HPEXPIRETIME");
    let Some(command) = Command::new(words) else { return command.into() };
    Translation { sent: Sent::One(command), meaning: Meaning::Mapped(seconds) }
}

/// Negative numbers say that there is no time.
fn seconds(times: Value) -> Value {
    let second = |time| match time {
        Value::Int(ms) if ms >= 0 => Value::Int(ms / 1000),
        time => time,
    };
    match times {
        Value::Array(times) => Value::Array(times.into_iter().map(second).collect()),
        times => times,
    }
}
