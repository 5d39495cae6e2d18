//! `MAXLEN ~ n` and `MINID ~ id`: Redis trims whole nodes of 100 entries, Upstash trims nearly exactly
//! (its changelog of February 2024), but not for a few entries: its clients' own tests want 30 of 1000
//! entries left and 5 of 130, and 111 and 121 untouched when 30 would do. So the stream is trimmed
//! exactly once there are 100 entries too many. With LIMIT it stays `~`, since Redis refuses LIMIT with
//! `=`.

use bytes::Bytes;

use super::{Translation, script};
use crate::command::{Command, Name};

/// What may stand between XADD's key and its trimming, and behind either's.
const OPTIONS: [&[u8]; 4] = [b"NOMKSTREAM", b"KEEPREF", b"DELREF", b"ACKED"];

/// KEYS: the stream; ARGV: how many entries are to stay, how many trimming options follow, these,
/// then XADD's other arguments, if it is XADD.
const LUA: &str = "\
local most, options = tonumber(ARGV[1]), tonumber(ARGV[2])
local trim = {'XTRIM', KEYS[1], 'MAXLEN', '=', ARGV[1], unpack(ARGV, 3, 2 + options)}
local added
if #ARGV > 2 + options then
  added = redis.pcall('XADD', KEYS[1], unpack(ARGV, 3 + options))
  if not added or added.err then return added end
end
local length = redis.pcall('XLEN', KEYS[1])
if type(length) == 'table' then return added or length end
local trimmed = 0
if length - most >= 100 then trimmed = redis.pcall(unpack(trim)) end
return added or trimmed";

/// Lua cannot unpack more (`LUAI_MAXCSTACK` is 8000).
const MOST_WORDS: usize = 7_000;

pub(super) fn rewrite(command: Command) -> Translation {
    let is_xadd = command.name().eq_ignore_ascii_case(b"XADD");
    let words = command.words().iter().skip(2);
    let before = match is_xadd {
        true => words.take_while(|word| is_one_of(word, &OPTIONS)).count(),
        false => 0,
    };
    let at = 2 + before;
    let Some([strategy, about, threshold, rest @ ..]) = command.words().get(at..) else {
        return command.into();
    };
    if about != "~" || has_limit(rest) {
        return command.into();
    }
    let is_number = (1..16).contains(&threshold.len()) && threshold.iter().all(u8::is_ascii_digit);
    let is_short = command.words().len() <= MOST_WORDS;
    match &*Name::of(strategy) {
        b"MAXLEN" if is_number && is_short => scripted(&command, at).unwrap_or(command.into()),
        b"MAXLEN" | b"MINID" => command.with_word(at + 1, "=").into(),
        _ => command.into(),
    }
}

/// `at`: where `MAXLEN ~ n` stands.
fn scripted(command: &Command, at: usize) -> Option<Translation> {
    let words = command.words();
    let (before, rest) = (&words[2..at], &words[at + 3..]);
    let behind = rest.iter().take_while(|word| is_one_of(word, &OPTIONS)).count();
    // NOMKSTREAM is not about trimming.
    let is_about_trimming = |word: &&Bytes| !word.eq_ignore_ascii_case(b"NOMKSTREAM");
    let options: Vec<_> = before.iter().chain(&rest[..behind]).filter(is_about_trimming).collect();
    let nomkstream = before.iter().chain(&rest[..behind]).filter(|word| !is_about_trimming(word));
    let counts = [words[at + 2].clone(), options.len().to_string().into()];
    let arguments = counts
        .into_iter()
        .chain(options.into_iter().cloned())
        .chain(nomkstream.cloned())
        .chain(rest[behind..].iter().cloned());
    script::eval(LUA, [words[1].clone()], arguments)
}

/// LIMIT may stand behind other options, but not behind XADD's id.
fn has_limit(options: &[Bytes]) -> bool {
    let mut words = options.iter().skip_while(|word| is_one_of(word, &OPTIONS));
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
    fn trimming_about_is_trimming_exactly_when_it_is_worth_it() {
        let scripted = |line: &str, rest: &str| {
            becomes(rewrite, line, &format!("EVAL {LUA} 1 s {rest}"));
        };
        scripted("XTRIM s MAXLEN ~ 30", "30 0");
        scripted("XTRIM s maxlen ~ 30 DELREF", "30 1 DELREF");
        scripted("XADD s MAXLEN ~ 30 * a b", "30 0 * a b");
        scripted(
            "XADD s NOMKSTREAM KEEPREF MAXLEN ~ 30 1-1 a b",
            "30 1 KEEPREF NOMKSTREAM 1-1 a b",
        );
        becomes(rewrite, "XTRIM s minid ~ 5-1 DELREF", "XTRIM s minid = 5-1 DELREF");
        stays(rewrite, "XTRIM s MAXLEN ~ 30 LIMIT 10");
        stays(rewrite, "XADD s MAXLEN ~ 30 NOMKSTREAM LIMIT 10 * a b");
        stays(rewrite, "XTRIM s MAXLEN 30");
        stays(rewrite, "XADD s * MAXLEN ~ 30 x");
        stays(rewrite, "XADD");
        becomes(rewrite, "XTRIM s MAXLEN ~ x", "XTRIM s MAXLEN = x");
        let long = format!("XADD s MAXLEN ~ 30 *{}", " x".repeat(7_000));
        becomes(rewrite, &long, &long.replacen('~', "=", 1));
    }
}
