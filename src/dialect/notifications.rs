//! `CONFIG GET` and `CONFIG SET`: at Upstash there is one parameter, `notify-keyspace-events` (docs,
//! "CONFIG GET" and "CONFIG SET"). Others are none of a caller's business: passwords are among them.
//! (`command::policy` refuses to set them.)
//!
//! On the bundled Redis a change is written to its configuration file, so that it survives a restart.

use redis::Value;

use super::{Meaning, Sent, Translation};
use crate::command::policy::NOTIFICATIONS;
use crate::command::{Command, Name};

pub(super) fn rewrite(command: Command, is_bundled: bool) -> Translation {
    match command.arguments().first().map(|word| Name::of(word)).as_deref() {
        Some(b"GET") => Translation { sent: Sent::One(command), meaning: Meaning::Mapped(alone) },
        Some(b"SET") if is_bundled => Translation::lasting(command, ["CONFIG", "REWRITE"]),
        _ => command.into(),
    }
}

/// Of alternating names and values the one pair.
fn alone(parameters: Value) -> Value {
    let Value::Array(parameters) = parameters else { return parameters };
    let is_it = |name: &Value| matches!(name, Value::BulkString(name) if name.eq_ignore_ascii_case(NOTIFICATIONS.as_bytes()));
    let kept = parameters.chunks_exact(2).filter(|pair| is_it(&pair[0])).flatten();
    Value::Array(kept.cloned().collect())
}
