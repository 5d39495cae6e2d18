//! Errors that Upstash words differently from the server.
//!
//! | error | Upstash | server |
//! |---|---|---|
//! | an unknown script | `NOSCRIPT No matching script. Please use EVAL.` (`@upstash/redis`' tests) | Valkey says less |
//! | a write while the disk of the bundled Redis is full | - | the supervisor has it refuse writes that no replica would get; what Redis says when it fails to write says more |
//! | a command that the user may not run | Redis 6's wording (seen by users) | Redis 7.0 says less, later ones name the user |

const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";

const DISK_FULL: &str = "MISCONF Errors writing to the AOF file: No space left on device";

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

/// An error of the bundled Redis, which has no replicas to miss.
pub fn of_the_bundled(text: String) -> String {
    match text.strip_prefix(NO_REPLICAS) {
        Some(where_in_a_script) => format!("{DISK_FULL}{where_in_a_script}"),
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
