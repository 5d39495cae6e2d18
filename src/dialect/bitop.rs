//! `BITOP DIFF`, `DIFF1`, `ANDOR` and `ONE` on a server that came before them (Redis 8.2): the same
//! out of AND, OR and XOR, in one script.

use bytes::Bytes;

use super::{Translation, script};
use crate::command::{Command, Name};
use crate::engine::{Engine, Since};

const SINCE: Since = Since { redis: Some((8, 2)), valkey: None };

/// KEYS: destination, three keys for what lies between, sources; ARGV: the operation. `a and not b` is
/// `a xor (a and b)`, whatever their lengths.
const LUA: &str = "\
local to, one, two, both = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local from = {unpack(KEYS, 5)}
local operation = ARGV[1]
for _, key in ipairs(from) do
  local length = redis.pcall('STRLEN', key)
  if type(length) == 'table' then return length end
end
local bytes
if operation == 'ONE' then
  for _, key in ipairs(from) do
    redis.call('BITOP', 'AND', both, one, key)
    redis.call('BITOP', 'OR', two, two, both)
    redis.call('BITOP', 'XOR', one, one, key)
  end
  redis.call('BITOP', 'AND', two, two, one)
  bytes = redis.call('BITOP', 'XOR', to, one, two)
else
  redis.call('BITOP', 'OR', one, unpack(from, 2))
  redis.call('BITOP', 'AND', two, from[1], one)
  if operation == 'DIFF' then bytes = redis.call('BITOP', 'XOR', to, from[1], two) end
  if operation == 'DIFF1' then bytes = redis.call('BITOP', 'XOR', to, one, two) end
  if operation == 'ANDOR' then bytes = redis.call('BITOP', 'AND', to, two, two) end
end
redis.call('DEL', one, two, both)
return bytes";

pub(super) fn rewrite(command: Command, engine: &Engine) -> Translation {
    let [operation, to, from @ ..] = command.arguments() else { return command.into() };
    let operation = Name::of(operation);
    let least = match &*operation {
        b"DIFF" | b"DIFF1" | b"ANDOR" => 2,
        b"ONE" => 1,
        _ => return command.into(),
    };
    if !engine.lacks(SINCE) || from.is_empty() {
        return command.into();
    }
    if from.len() < least {
        let operation = String::from_utf8_lossy(&operation);
        let text = format!("ERR BITOP {operation} must be called with at least two source keys.");
        return Translation::error(text);
    }
    let between = |name: &str| [to, name.as_bytes()].concat().into();
    let mut keys = vec![to.clone(), between("\0pkv1"), between("\0pkv2"), between("\0pkv3")];
    keys.extend_from_slice(from);
    script::eval(LUA, keys, [Bytes::copy_from_slice(&operation)]).unwrap_or(command.into())
}
