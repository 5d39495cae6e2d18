//! `HEXPIREAT` and `HPEXPIREAT` beyond the year 4199: Upstash takes any time (`@upstash/redis`' own
//! test gives milliseconds where seconds are meant), Redis refuses what does not fit in 46 bits.

use crate::command::Command;

/// Redis's latest time for a hash's field, in milliseconds (`HFE_MAX_ABS_TIME_MSEC` in its source).
const LATEST: u64 = (1 << 46) - 1;

pub(super) fn rewrite(command: Command) -> Command {
    let latest = match command.name().eq_ignore_ascii_case(b"HEXPIREAT") {
        true => LATEST / 1000,
        false => LATEST,
    };
    let time = command.words().get(2).and_then(|word| std::str::from_utf8(word).ok());
    match time.and_then(|time| time.parse::<i64>().ok()) {
        Some(time) if time > latest as i64 => command.with_word(2, latest.to_string()),
        _ => command,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, stays};
    use super::*;

    #[test]
    fn a_time_too_far_is_the_farthest_one() {
        let far = "HEXPIREAT h 1784281005242 FIELDS 1 f";
        becomes(rewrite, far, "HEXPIREAT h 70368744177 FIELDS 1 f");
        let far = "hpexpireat h 99999999999999 NX FIELDS 1 f";
        becomes(rewrite, far, "hpexpireat h 70368744177663 NX FIELDS 1 f");
        stays(rewrite, "HEXPIREAT h 1784281005 FIELDS 1 f");
        stays(rewrite, "HPEXPIREAT h 1784281005242 FIELDS 1 f");
        stays(rewrite, "HEXPIREAT h soon FIELDS 1 f");
    }
}
