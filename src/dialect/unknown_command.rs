//! A command that the server does not know: Upstash's text instead of Redis's, or what a server that
//! knows it would say.

use super::{Meaning, Sent, Translation};
use crate::command::{Command, policy};

/// `command`, which the server does not know, and the error that one that does would answer with. It
/// is sent all the same, since such an error must discard a transaction.
pub(super) fn answered(command: Command, error: String) -> Translation {
    Translation { sent: Sent::One(command), meaning: Meaning::Unknown(error) }
}

/// The answer to `command`, which the server answered with the error `text`.
pub(super) fn translate(command: &Command, meaning: &Meaning, text: String) -> String {
    match meaning {
        _ if !text.starts_with("ERR unknown command") => text,
        Meaning::Unknown(error) => error.clone(),
        _ => policy::not_available(&command.display_name()),
    }
}
