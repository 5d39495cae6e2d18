//! `SCAN` without COUNT: at Upstash a small database comes back in one pass, and `upstash-redis`' own
//! tests rely on it. Redis's default is 10 keys a pass.

use bytes::Bytes;

use crate::command::Command;

/// Enough for a small database; a pass over it takes Redis a fraction of a millisecond.
const COUNT: &str = "1000";

/// Every option of SCAN has a value, so that COUNT as a value (`MATCH count`) is none.
pub(super) fn rewrite(command: Command) -> Command {
    let mut options = command.words().iter().skip(2).step_by(2);
    let applies = command.name().eq_ignore_ascii_case(b"SCAN")
        && command.words().len() >= 2
        && !options.any(|option| option.eq_ignore_ascii_case(b"COUNT"));
    match applies {
        true => command.with_words(["COUNT", COUNT].map(Bytes::from)),
        false => command,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, stays};
    use super::*;

    #[test]
    fn scan_takes_a_larger_step_unless_told() {
        becomes(rewrite, "SCAN 0", "SCAN 0 COUNT 1000");
        becomes(rewrite, "scan 5 MATCH count TYPE set", "scan 5 MATCH count TYPE set COUNT 1000");
        stays(rewrite, "SCAN 0 MATCH x count 3");
        stays(rewrite, "SCAN");
        stays(rewrite, "HSCAN h 0");
    }
}
