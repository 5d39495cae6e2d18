//! `ZRANGE` and `ZRANGESTORE` with LIMIT but without BYSCORE and BYLEX: Upstash slices the range of
//! ranks (serverless-redis-http's README, "Differences"), Redis answers with a syntax error.
//!
//! Where that slice begins and ends may depend on the set's size, if ranks count from its end. Then
//! ZRANGE gets the whole range, of which the slice is cut here, since who may only read may run no
//! script.

use bytes::Bytes;

use super::{Meaning, Sent, Translation, script};
use crate::command::Command;

/// Ranks between which there is nothing.
const NOTHING: (i64, i64) = (1, 0);

/// KEYS: destination, source; ARGV: first and last rank, offset, count, other options.
const LUA: &str = "\
local start, stop = tonumber(ARGV[1]), tonumber(ARGV[2])
local offset, count = tonumber(ARGV[3]), tonumber(ARGV[4])
local size = redis.pcall('ZCARD', KEYS[2])
if type(size) == 'table' then return size end
if start < 0 then start = math.max(start + size, 0) end
if stop < 0 then stop = stop + size end
local first, last = start + offset, math.min(stop, size - 1)
if count >= 0 then last = math.min(last, first + count - 1) end
if first > last then first, last = 1, 0 end
return redis.pcall('ZRANGESTORE', KEYS[1], KEYS[2], first, last, unpack(ARGV, 5))";

/// A range of ranks with a LIMIT.
struct Limited {
    start: i64,
    stop: i64,
    offset: i64,
    /// All that there are, if negative.
    count: i64,
    /// Name and keys.
    before: Vec<Bytes>,
    /// The other options.
    options: Vec<Bytes>,
}

/// ZRANGE.
pub(super) fn range(command: Command) -> Translation {
    let Some(limited) = Limited::of(&command, 2) else { return command.into() };
    let (ranks, meaning) = match limited.ranks() {
        Some(ranks) => (ranks, Meaning::Plain),
        None => ((limited.start, limited.stop), limited.slice()),
    };
    Translation { sent: Sent::One(limited.between(ranks).unwrap_or(command)), meaning }
}

/// ZRANGESTORE.
pub(super) fn store(command: Command) -> Translation {
    let Some(limited) = Limited::of(&command, 3) else { return command.into() };
    let translation = match limited.ranks() {
        Some(ranks) => limited.between(ranks).map(Translation::from),
        None => {
            let Limited { start, stop, offset, count, before, options } = limited;
            let numbers = [start, stop, offset, count].map(|number| number.to_string().into());
            let keys = before.into_iter().skip(1);
            script::eval(LUA, keys, numbers.into_iter().chain(options))
        }
    };
    translation.unwrap_or(command.into())
}

impl Limited {
    /// `at`: where the first rank stands. `None` for what Redis understands, and for what is
    /// malformed.
    fn of(command: &Command, at: usize) -> Option<Self> {
        let (before, [start, stop, options @ ..]) = command.words().split_at_checked(at)? else {
            return None;
        };
        if has(options, b"BYSCORE") || has(options, b"BYLEX") {
            return None;
        }
        let limit = options.iter().position(|word| word.eq_ignore_ascii_case(b"LIMIT"))?;
        let offset = number(options.get(limit + 1)?).filter(|offset| *offset >= 0)?;
        Some(Self {
            start: number(start)?,
            stop: number(stop)?,
            offset,
            count: number(options.get(limit + 2)?)?,
            before: before.to_vec(),
            options: [&options[..limit], &options[limit + 3..]].concat(),
        })
    }

    /// The slice's own ranks; `None` if they depend on the set's size.
    fn ranks(&self) -> Option<(i64, i64)> {
        let first = self.start.saturating_add(self.offset);
        let most = first.saturating_add(self.count.saturating_sub(1));
        let (first, last) = match (self.count, self.stop) {
            (0, _) => return Some(NOTHING),
            (..0, stop) if self.offset == 0 => return Some((self.start, stop)),
            _ if self.start < 0 => return None,
            (..0, stop) => (first, stop),
            (_, -1) => (first, most),
            (_, 0..) => (first, self.stop.min(most)),
            _ => return None,
        };
        Some(if last >= 0 && last < first { NOTHING } else { (first, last) })
    }

    /// What to cut of the range's members.
    fn slice(&self) -> Meaning {
        let items = if has(&self.options, b"WITHSCORES") { 2 } else { 1 };
        let members =
            |number: i64| usize::try_from(number).map(|number| number.saturating_mul(items));
        Meaning::Slice {
            skip: members(self.offset).unwrap_or(usize::MAX),
            take: members(self.count).unwrap_or(usize::MAX),
        }
    }

    /// The command with these ranks and without the LIMIT.
    fn between(&self, (first, last): (i64, i64)) -> Option<Command> {
        let ranks = [first, last].map(|rank| rank.to_string().into());
        Command::new([&self.before[..], &ranks, &self.options].concat())
    }
}

fn has(options: &[Bytes], name: &[u8]) -> bool {
    options.iter().any(|word| word.eq_ignore_ascii_case(name))
}

fn number(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, command, stays};
    use super::*;

    #[test]
    fn a_limit_on_ranks_is_a_slice_of_them() {
        becomes(range, "ZRANGE z 0 -1 LIMIT 2 3", "ZRANGE z 2 4");
        becomes(range, "ZRANGE z 1 5 REV LIMIT 2 10 WITHSCORES", "ZRANGE z 3 5 REV WITHSCORES");
        becomes(range, "ZRANGE z 0 -1 LIMIT 2 -1", "ZRANGE z 2 -1");
        becomes(range, "ZRANGE z 0 -3 LIMIT 2 -1", "ZRANGE z 2 -3");
        becomes(range, "ZRANGE z -5 -3 LIMIT 0 -1", "ZRANGE z -5 -3");
        becomes(range, "ZRANGE z -5 -3 LIMIT 1 0", "ZRANGE z 1 0");
        becomes(range, "ZRANGE z 0 -1 LIMIT 2 0", "ZRANGE z 1 0");
        becomes(range, "ZRANGE z 0 1 LIMIT 5 1", "ZRANGE z 1 0");
        becomes(range, "ZRANGE z 0 1 LIMIT 5 -1", "ZRANGE z 1 0");
        becomes(store, "zrangestore d z 0 -1 limit 0 2", "zrangestore d z 0 1");
        for line in [
            "ZRANGE z 0 1 BYSCORE LIMIT 0 1",
            "ZRANGE z 0 -1",
            "ZRANGE z 0 -1 LIMIT 1",
            "ZRANGE z 0 -1 LIMIT -1 2",
            "ZRANGE z a b LIMIT 1 2",
            "ZRANGE z 0",
            "ZRANGE",
        ] {
            stays(range, line);
        }
    }

    #[test]
    fn a_slice_that_depends_on_the_size_is_cut_from_the_reply() {
        for (line, sent, slice) in [
            ("ZRANGE z -3 -1 LIMIT 1 2", "ZRANGE z -3 -1", (1, 2)),
            ("ZRANGE z 0 -2 LIMIT 1 2 REV", "ZRANGE z 0 -2 REV", (1, 2)),
            ("ZRANGE z -3 2 LIMIT 1 -1", "ZRANGE z -3 2", (1, usize::MAX)),
            ("ZRANGE z -3 -1 withscores LIMIT 1 2", "ZRANGE z -3 -1 withscores", (2, 4)),
        ] {
            becomes(range, line, sent);
            let Meaning::Slice { skip, take } = range(command(line)).meaning else {
                panic!("{line}")
            };
            assert_eq!((skip, take), slice, "{line}");
        }
        let want = format!("EVAL {LUA} 2 d z -3 -1 1 2 REV");
        becomes(store, "ZRANGESTORE d z -3 -1 REV LIMIT 1 2", &want);
    }
}
