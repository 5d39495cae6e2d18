//! `XINFO CONSUMERS` of a group that a stream does not have: Upstash answers that there are none
//! (`upstash-redis`' own test), Redis with an error.

use redis::Value;

use super::{Meaning, Sent, Translation};
use crate::command::Command;

pub(super) fn rewrite(command: Command) -> Translation {
    let asks_for_consumers =
        matches!(command.arguments(), [word, _, _] if word.eq_ignore_ascii_case(b"CONSUMERS"));
    let meaning = match asks_for_consumers {
        true => Meaning::Forgiven { error: "NOGROUP ", value: Value::Array(Vec::new()) },
        false => Meaning::Plain,
    };
    Translation { sent: Sent::One(command), meaning }
}
