//! A command that the server does not know: Upstash's text instead of Redis's, and behind it, as far
//! as is known, where the command comes from and which server this is. Upstash's own commands
//! (`SEARCH.QUERY`) no server has; there is nothing more to say about them. Or what a server that knows
//! the command would say.

use super::{Meaning, Sent, Translation};
use crate::command::{Command, policy};
use crate::engine::{Engine, commands};

/// `command`, which the server does not know, and the error that one that does would answer with. It
/// is sent all the same, since such an error must discard a transaction.
pub(super) fn answered(command: Command, error: String) -> Translation {
    Translation { sent: Sent::One(command), meaning: Meaning::Unknown(error) }
}

/// The answer to `command`, which the server answered with the error `text`.
pub(super) fn translate(
    command: &Command,
    meaning: &Meaning,
    engine: &Engine,
    text: String,
) -> String {
    if !text.starts_with("ERR unknown command") {
        return text;
    }
    if let Meaning::Unknown(error) = meaning {
        return error.clone();
    }
    let name = command.display_name();
    let not_available = policy::not_available(&name);
    match origin(&name, engine) {
        // Behind it: clients know Upstash's text by how it begins.
        Some(origin) => format!("{not_available} ({origin}; this is {engine})"),
        None => not_available,
    }
}

/// Where the command comes from, unless this server ought to have it (somebody took it away then).
fn origin(name: &str, engine: &Engine) -> Option<String> {
    if let Some((prefix, module)) = commands::module(name) {
        return Some(format!("{prefix}* commands come with the {module} module"));
    }
    let release = engine.release_with(commands::since(name)?)?;
    Some(format!("{name} came with {release}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::policy::Policy;
    use crate::dialect::{delete_entries, rewriting};

    const UPSTASH: &str =
        "See https://upstash.com/docs/redis/overall/rediscompatibility for details";

    #[track_caller]
    fn is_told(line: &str, engine: &Engine, want: &str) {
        let command = rewriting::command(line);
        let text =
            translate(&command, &Meaning::Plain, engine, format!("ERR unknown command '{line}'"));
        let name = command.display_name();
        assert_eq!(text, format!("ERR Command is not available: '{name}'. {UPSTASH}{want}"));
    }

    #[test]
    fn who_asks_for_what_came_later_is_told_when() {
        let redis_7 = Engine::Redis((7, 0), "7.0.15".into());
        let redis_8 = Engine::Redis((8, 0), "8.0.2".into());
        let valkey_8 = Engine::Valkey((8, 1), "8.1.4".into());
        let valkey_9 = Engine::Valkey((9, 1), "9.1.2".into());
        for (line, engine, want) in [
            ("hgetex h", &redis_7, " (HGETEX came with Redis 8.0; this is Redis 7.0.15)"),
            ("MSETEX 1 k v", &redis_8, " (MSETEX came with Redis 8.4; this is Redis 8.0.2)"),
            ("SDIFFCARD", &redis_8, " (SDIFFCARD came with Redis 8.10; this is Redis 8.0.2)"),
            ("HGETEX h", &valkey_8, " (HGETEX came with Valkey 9.0; this is Valkey 8.1.4)"),
            ("DIGEST k", &valkey_9, " (DIGEST came with Redis 8.4; this is Valkey 9.1.2)"),
            ("DELIFEQ k v", &redis_8, " (DELIFEQ came with Valkey 9.0; this is Redis 8.0.2)"),
            (
                "FT.SEARCH",
                &redis_8,
                " (FT.* commands come with the search module; this is Redis 8.0.2)",
            ),
            (
                "HGETEX h",
                &Engine::Unknown,
                " (HGETEX came with Redis 8.0; this is a server that does not say what it is)",
            ),
        ] {
            is_told(line, engine, want);
        }
    }

    #[test]
    fn of_anything_else_only_upstashs_text_is_said() {
        let redis = Engine::Redis((8, 0), "8.0.2".into());
        for line in ["NOTACMD", "SEARCH.QUERY i", "VECTOR.UPSERT v", "HGETEXX", "\u{e9}"] {
            is_told(line, &redis, "");
        }
        // It has it, or had it: an operator has renamed it.
        is_told("HGETEX h", &redis, "");
        let text = "ERR unknown subcommand 'FOO'. Try OBJECT HELP.";
        let command = rewriting::command("OBJECT FOO");
        assert_eq!(translate(&command, &Meaning::Plain, &redis, text.to_owned()), text);
    }

    #[test]
    fn the_listed_commands_are_ones_that_are_sent_as_the_rules_have_it() {
        for name in commands::NEWER.iter().flat_map(|(_, names)| names.iter()) {
            let policy = policy::of(&rewriting::command(name), "default");
            assert!(!matches!(policy, Policy::Refuse(_)), "{name}");
        }
        for name in ["XACKDEL", "XDELEX"] {
            assert_eq!(commands::since(name), Some(delete_entries::SINCE), "{name}");
        }
    }
}
