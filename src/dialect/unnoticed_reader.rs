//! `XREADGROUP … NOACK`: at Upstash it does not create the consumer (`@upstash/redis`' tests), in
//! Redis it does.

use bytes::Bytes;

use super::{Translation, script};
use crate::command::{Command, Name};

/// ARGV: group, consumer, then XREADGROUP's own arguments. With NOACK nothing becomes pending, so
/// that a consumer that is new can go again.
const LUA: &str = "\
local new = {}
for _, key in ipairs(KEYS) do
  local consumers = redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])
  local known = consumers.err ~= nil
  if not known then
    for _, consumer in ipairs(consumers) do
      if consumer[2] == ARGV[2] then known = true end
    end
  end
  if not known then new[#new + 1] = key end
end
local reply = redis.pcall('XREADGROUP', unpack(ARGV, 3))
for _, key in ipairs(new) do redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], ARGV[2]) end
return reply";

pub(super) fn rewrite(command: Command) -> Translation {
    match keys(&command) {
        Some(keys) => {
            let arguments = command.arguments();
            let named = [arguments[1].clone(), arguments[2].clone()];
            let arguments = named.into_iter().chain(arguments.iter().cloned());
            script::eval(LUA, keys, arguments).unwrap_or(command.into())
        }
        None => command.into(),
    }
}

/// The streams of `GROUP g c … NOACK … STREAMS key… id…`; `None` if it is anything else.
fn keys(command: &Command) -> Option<Vec<Bytes>> {
    let [group, _, _, options @ ..] = command.arguments() else { return None };
    if !group.eq_ignore_ascii_case(b"GROUP") {
        return None;
    }
    let (mut at, mut noack) = (0, false);
    loop {
        match &*Name::of(options.get(at)?) {
            b"STREAMS" => break,
            b"NOACK" => (noack, at) = (true, at + 1),
            _ => at += 2,
        }
    }
    let streams = &options[at + 1..];
    let complete = !streams.is_empty() && streams.len() % 2 == 0;
    (noack && complete).then(|| streams[..streams.len() / 2].to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::{becomes, stays};
    use super::*;

    #[test]
    fn only_a_reader_that_acknowledges_nothing_goes_unnoticed() {
        becomes(
            rewrite,
            "XREADGROUP GROUP g c COUNT 1 NOACK STREAMS a b > >",
            &format!("EVAL {LUA} 2 a b g c GROUP g c COUNT 1 NOACK STREAMS a b > >"),
        );
        stays(rewrite, "XREADGROUP GROUP g c COUNT 1 STREAMS NOACK >");
        stays(rewrite, "XREADGROUP GROUP g NOACK STREAMS a >");
        stays(rewrite, "XREADGROUP GROUP g c NOACK STREAMS a b >");
        stays(rewrite, "XREADGROUP GROUP g");
    }
}
