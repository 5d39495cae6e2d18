//! A command that the server does not know: Upstash's text instead of Redis's.

use crate::command::{Command, policy};

/// The answer to `command`, which the server answered with the error `text`.
pub(super) fn translate(command: &Command, text: String) -> String {
    if text.starts_with("ERR unknown command") {
        policy::not_available(&command.display_name())
    } else {
        text
    }
}
