//! `MAXLEN ~ n` and `MINID ~ id`: Upstash trims nearly exactly (`@upstash/redis`' own test, Upstash's
//! changelog of February 2024), Redis in whole nodes of 100 entries. With LIMIT it stays `~`, since
//! Redis refuses LIMIT with `=`.

use crate::command::Command;

/// What may stand between XADD's key and its trimming.
const XADD_OPTIONS: [&[u8]; 4] = [b"NOMKSTREAM", b"KEEPREF", b"DELREF", b"ACKED"];

pub(super) fn rewrite(command: Command) -> Command {
    match command.name().to_ascii_uppercase().as_slice() {
        b"XTRIM" => exactly(command, 2),
        b"XADD" => {
            let options = command.words().iter().skip(2);
            let before = options.take_while(|word| is_one_of(word, &XADD_OPTIONS)).count();
            exactly(command, 2 + before)
        }
        _ => command,
    }
}

/// `at`: where the trimming stands, if there is any: `MAXLEN ~ n`.
fn exactly(command: Command, at: usize) -> Command {
    match command.words().get(at..) {
        Some([strategy, about, _threshold, rest @ ..])
            if is_one_of(strategy, &[b"MAXLEN", b"MINID"]) && about == b"~" && !has_limit(rest) =>
        {
            command.with_word(at + 1, b"=".to_vec())
        }
        _ => command,
    }
}

/// LIMIT may stand behind other options, but not behind XADD's id.
fn has_limit(options: &[Vec<u8>]) -> bool {
    let mut words = options.iter().skip_while(|word| is_one_of(word, &XADD_OPTIONS));
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LIMIT"))
}

fn is_one_of(word: &[u8], list: &[&[u8]]) -> bool {
    list.iter().any(|one| word.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, stays};
    use super::*;

    #[test]
    fn trimming_about_is_trimming_exactly() {
        becomes(rewrite, "XTRIM s MAXLEN ~ 30", "XTRIM s MAXLEN = 30");
        becomes(rewrite, "XTRIM s minid ~ 5-1 DELREF", "XTRIM s minid = 5-1 DELREF");
        becomes(
            rewrite,
            "XADD s NOMKSTREAM MAXLEN ~ 30 * a b",
            "XADD s NOMKSTREAM MAXLEN = 30 * a b",
        );
        stays(rewrite, "XTRIM s MAXLEN ~ 30 LIMIT 10");
        stays(rewrite, "XADD s MAXLEN ~ 30 NOMKSTREAM LIMIT 10 * a b");
        stays(rewrite, "XTRIM s MAXLEN 30");
        stays(rewrite, "XADD s * MAXLEN ~ 30 x");
        stays(rewrite, "XADD");
    }
}
