//! `SCAN … WITHTYPE`: Upstash answers each key with its type behind it, for its data browser
//! (`@upstash/redis`' tests); Redis has no such option.

use bytes::Bytes;

use super::{Translation, json_type, script};
use crate::command::Command;

const LUA: &str = "\
local scan = redis.pcall('SCAN', unpack(ARGV))
if scan.err then return scan end
local found = {}
for _, key in ipairs(scan[2]) do
  local type = redis.call('TYPE', key).ok
  if type == 'ReJSON-RL' then type = 'json' end
  found[#found + 1] = key
  found[#found + 1] = type
end
return {scan[1], found}";

pub(super) fn rewrite(command: Command) -> Translation {
    let is_it = |word: &Bytes| word.eq_ignore_ascii_case(b"WITHTYPE");
    let Some(at) = option(&command, is_it) else { return json_type::asked(command).into() };
    let mut words = command.words().to_vec();
    words.remove(at);
    let Some(scan) = Command::new(words) else { return command.into() };
    let scan = json_type::asked(scan);
    script::eval(LUA, [], scan.arguments().iter().cloned()).unwrap_or(command.into())
}

/// Where an option's name stands; what follows the names of the others is their value.
fn option(command: &Command, is_it: impl Fn(&Bytes) -> bool) -> Option<usize> {
    let mut at = 2;
    while let Some(word) = command.words().get(at) {
        if is_it(word) {
            return Some(at);
        }
        at += 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, stays};
    use super::*;

    #[test]
    fn the_option_stands_where_an_option_may_stand() {
        let scripted = |line: &str, rest: &str| {
            becomes(rewrite, line, &format!("EVAL {LUA} 0 {rest}"));
        };
        scripted("SCAN 0 MATCH x* COUNT 5 withtype", "0 MATCH x* COUNT 5");
        scripted("SCAN 0 WITHTYPE COUNT 5", "0 COUNT 5");
        scripted("SCAN 0 TYPE json WITHTYPE", "0 TYPE ReJSON-RL");
        stays(rewrite, "SCAN 0 MATCH withtype");
        stays(rewrite, "SCAN 0");
    }
}
