//! Errors that Upstash words differently from the server.
//!
//! | error | Upstash | server |
//! |---|---|---|
//! | an unknown script | `NOSCRIPT No matching script. Please use EVAL.` (`@upstash/redis`' tests) | Valkey says less |
//! | a command that the user may not run | Redis 6's wording (seen by users) | Redis 7.0 says less, later ones name the user |

const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// An error of the server, in Upstash's words.
pub fn translate(text: String) -> String {
    if text.starts_with("NOSCRIPT ") {
        return NOSCRIPT.to_owned();
    }
    let denied = text
        .strip_prefix("NOPERM ")
        .and_then(|rest| rest.split_once(" has no permissions to run the '"))
        .and_then(|(_, rest)| rest.split_once('\''));
    match denied {
        Some((command, _)) => no_permission(command),
        None => text,
    }
}

/// Upstash's refusal of a command; of a container the container is named.
pub fn no_permission(command: &str) -> String {
    let name = command.split('|').next().unwrap_or(command).to_lowercase();
    format!("NOPERM this user has no permissions to run the '{name}' command or its subcommand")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_in_upstashs_words() {
        for (text, want) in [
            ("NOSCRIPT No matching script.", NOSCRIPT),
            (
                "NOPERM User default_ro has no permissions to run the 'config|set' command",
                "NOPERM this user has no permissions to run the 'config' command or its subcommand",
            ),
            (
                "NOPERM this user has no permissions to run the 'set' command",
                "NOPERM this user has no permissions to run the 'set' command or its subcommand",
            ),
            ("NOPERM No permissions to access a key", "NOPERM No permissions to access a key"),
            ("ERR syntax error", "ERR syntax error"),
        ] {
            assert_eq!(translate(text.to_owned()), want);
        }
    }
}
