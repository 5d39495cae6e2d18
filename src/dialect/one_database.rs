//! `COPY … DB n`: Upstash has one database, which is 0 (Upstash docs, "COPY"). Whichever database
//! the caller's token leads to, it is that one; another one belongs to somebody else.

use super::Translation;
use crate::command::{Command, is_word};

/// Takes `DB 0` out, refuses another number, and leaves what is malformed to Redis.
pub(super) fn rewrite(command: Command) -> Result<Command, Translation> {
    let options = command.words().get(3..).unwrap_or_default();
    let Some(at) = options.iter().position(|word| is_word(word, b"DB")) else {
        return Ok(command);
    };
    let Some(number) = options.get(at + 1) else { return Ok(command) };
    match std::str::from_utf8(number).ok().and_then(|number| number.parse::<i64>().ok()) {
        Some(0) => {
            let mut words = command.words().to_vec();
            words.drain(3 + at..3 + at + 2);
            Ok(Command::new(words).unwrap_or(command))
        }
        Some(_) => Err(Translation::error("ERR DB index is out of range".into())),
        None => Ok(command),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, command, stays};
    use super::*;

    #[test]
    fn the_only_database_is_ones_own() {
        let rewrite = |command| rewrite(command).unwrap();
        becomes(rewrite, "COPY a b DB 0 REPLACE", "COPY a b REPLACE");
        becomes(rewrite, "COPY a b REPLACE db 0", "COPY a b REPLACE");
        stays(rewrite, "COPY a b REPLACE");
        stays(rewrite, "COPY DB 1");
        stays(rewrite, "COPY a b DB");
        stays(rewrite, "COPY a b DB x");
        assert!(super::rewrite(command("COPY a b DB 1")).is_err());
    }
}
