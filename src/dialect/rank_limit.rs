//! `ZRANGE` and `ZRANGESTORE` with LIMIT but without BYSCORE and BYLEX: Upstash slices the range of
//! ranks (serverless-redis-http's README, "Differences"), Redis answers with a syntax error.

use crate::command::Command;

pub(super) fn rewrite(command: Command) -> Command {
    match command.name().to_ascii_uppercase().as_slice() {
        b"ZRANGE" => slice(command, 2),
        b"ZRANGESTORE" => slice(command, 3),
        _ => command,
    }
}

/// `at`: where the first rank stands. Ranks that count from the end are left to Redis, and so to
/// its error: where they lead depends on the set's size.
fn slice(command: Command, at: usize) -> Command {
    let words = command.words();
    let Some([start, stop, options @ ..]) = words.get(at..) else { return command };
    if options
        .iter()
        .any(|word| word.eq_ignore_ascii_case(b"BYSCORE") || word.eq_ignore_ascii_case(b"BYLEX"))
    {
        return command;
    }
    let Some(limit) = options.iter().position(|word| word.eq_ignore_ascii_case(b"LIMIT")) else {
        return command;
    };
    let Some([offset, count]) = options.get(limit + 1..limit + 3) else { return command };
    let (Some(start), Some(stop)) = (number(start), number(stop)) else { return command };
    let (Some(offset), Some(count)) = (number(offset), number(count)) else { return command };
    if start < 0 || stop < -1 || offset < 0 {
        return command;
    }
    let first = start.saturating_add(offset);
    let last = match (count, stop) {
        (..0, stop) => stop,
        (count, -1) => first.saturating_add(count - 1),
        (count, stop) => stop.min(first.saturating_add(count - 1)),
    };
    // An empty slice: `last` may not become -1, which would mean the last rank.
    let (first, last) =
        if count == 0 || (last >= 0 && last < first) { (1, 0) } else { (first, last) };
    let mut sliced = words[..at].to_vec();
    sliced.extend([first.to_string().into_bytes(), last.to_string().into_bytes()]);
    sliced.extend_from_slice(&options[..limit]);
    sliced.extend_from_slice(&options[limit + 3..]);
    Command::new(sliced).unwrap_or(command)
}

fn number(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, stays};
    use super::*;

    #[test]
    fn a_limit_on_ranks_is_a_slice_of_them() {
        becomes(rewrite, "ZRANGE z 0 -1 LIMIT 2 3", "ZRANGE z 2 4");
        becomes(rewrite, "ZRANGE z 1 5 REV LIMIT 2 10 WITHSCORES", "ZRANGE z 3 5 REV WITHSCORES");
        becomes(rewrite, "ZRANGE z 0 -1 LIMIT 2 -1", "ZRANGE z 2 -1");
        becomes(rewrite, "ZRANGE z 0 -1 LIMIT 2 0", "ZRANGE z 1 0");
        becomes(rewrite, "ZRANGE z 0 1 LIMIT 5 1", "ZRANGE z 1 0");
        becomes(rewrite, "ZRANGE z 0 1 LIMIT 5 -1", "ZRANGE z 1 0");
        becomes(rewrite, "zrangestore d z 0 -1 limit 0 2", "zrangestore d z 0 1");
        stays(rewrite, "ZRANGE z 0 1 BYSCORE LIMIT 0 1");
        stays(rewrite, "ZRANGE z -3 -1 LIMIT 0 1");
        stays(rewrite, "ZRANGE z 0 -1");
        stays(rewrite, "ZRANGE z 0 -1 LIMIT 1");
        stays(rewrite, "ZRANGE z a b LIMIT 1 2");
    }
}
