//! Quantities as people write them: ports, byte counts, durations.

use std::time::Duration;

/// A TCP port; 0 is allowed.
pub fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is not a port number (0 to 65535)"))
}

/// How many connections a pool may hold: 1 to 1000 (Redis's own default limit is 10000 clients).
pub fn parse_connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1000) => Ok(count),
        _ => Err(format!("{text:?} is not a number from 1 to 1000")),
    }
}

/// A byte count in redis.conf's notation: `1k` is 1000, `1kb` is 1024, likewise `m` and `g`; upper
/// or lower case.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(format!("{text:?} is not a size (a number, then kb, mb or gb)")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is not a size (a number, then kb, mb or gb)"))
}

/// A duration such as `30s`, `500ms` or `2min`; more than nothing and at most an hour.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err(format!("{text:?} leaves no time at all")),
        Ok(duration) if duration > Duration::from_secs(3600) => {
            Err(format!("{text:?} is longer than an hour"))
        }
        Ok(duration) => Ok(duration),
        Err(_) => Err(format!("{text:?} is not a duration (a number, then ms, s or min)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_redis_conf() {
        assert_eq!(parse_bytes("512mb"), Ok(512 << 20));
        assert_eq!(parse_bytes("1GB"), Ok(1 << 30));
        assert_eq!(parse_bytes("1g"), Ok(1_000_000_000));
        assert_eq!(parse_bytes("123"), Ok(123));
        for bad in
            ["", "mb", "-1", "1.5gb", "1tb", "99999999999999999999", "18446744073709551615gb"]
        {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_a_unit_and_a_bound() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "30", "0s", "2h", "-1s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
