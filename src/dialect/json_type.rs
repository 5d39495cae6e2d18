//! The type of a JSON key: `json` at Upstash (its data browser asks for it), `ReJSON-RL` in Redis.

use redis::Value;

use super::{Meaning, Sent, Translation};
use crate::command::Command;

const REDIS: &str = "ReJSON-RL";

/// `TYPE k`: the answer in Upstash's word.
pub(super) fn answered(command: Command) -> Translation {
    let meaning = Meaning::Mapped(|value| match value {
        Value::SimpleString(text) if text == REDIS => Value::SimpleString("json".into()),
        value => value,
    });
    Translation { sent: Sent::One(command), meaning }
}

/// `SCAN … TYPE json`: the question in Redis's word.
pub(super) fn asked(command: Command) -> Command {
    let options = command.words().get(2..).unwrap_or_default();
    let at = options.chunks_exact(2).position(|option| {
        option[0].eq_ignore_ascii_case(b"TYPE") && option[1].eq_ignore_ascii_case(b"json")
    });
    match at {
        Some(at) => command.with_word(2 + 2 * at + 1, REDIS),
        None => command,
    }
}
