//! `XDELEX` and `XACKDEL` on a server that came before them (Redis 8.2), as Redis documents them
//! (<https://redis.io/docs/latest/commands/xdelex/>, <https://redis.io/docs/latest/commands/xackdel/>).

use bytes::Bytes;

use super::{Translation, script};
use crate::command::Command;
use crate::engine::{Engine, Since};

pub(super) const SINCE: Since = Since { redis: Some((8, 2)), valkey: None };

/// KEYS: the stream; ARGV: strategy, group (empty for XDELEX), ids. The answer for each id: -1 it
/// does not exist (XACKDEL: or the group has not read it), 1 deleted, 2 kept, since a group still needs
/// it. XACKDEL of an entry that was acknowledged before deletes it (`upstash-redis`' own test).
const LUA: &str = "\
local key, strategy, group = KEYS[1], ARGV[1], ARGV[2]
local ids = {unpack(ARGV, 3)}
for at, id in ipairs(ids) do
  local entry = redis.pcall('XRANGE', key, id, id)
  if entry.err then return entry end
  if not string.find(id, '-', 1, true) then ids[at] = id .. '-0' end
end
local groups = {}
if redis.call('EXISTS', key) == 1 then groups = redis.call('XINFO', 'GROUPS', key) end
for at, fields in ipairs(groups) do
  local map = {}
  for field = 1, #fields, 2 do map[fields[field]] = fields[field + 1] end
  groups[at] = map
end
local function after(a, b)
  local function padded(id)
    local ms, seq = string.match(id, '^(%d+)-?(%d*)$')
    return string.rep('0', 20 - #ms) .. ms .. string.rep('0', 20 - #seq) .. seq
  end
  return padded(a) > padded(b)
end
local function is_pending(of, id)
  return #redis.call('XPENDING', key, of, id, id, 1) > 0
end
local function is_needed(id)
  for _, one in ipairs(groups) do
    if after(id, one['last-delivered-id']) or is_pending(one.name, id) then return true end
  end
  return false
end
local known = nil
for _, one in ipairs(groups) do
  if one.name == group then known = one end
end
local answer = {}
for at, id in ipairs(ids) do
  local result = -1
  local here = #redis.call('XRANGE', key, id, id) > 0
  if group ~= '' then
    local acked = redis.call('XACK', key, group, id) == 1
    here = known and (acked or here and not after(id, known['last-delivered-id']))
  end
  if here then
    result = 1
    if strategy == 'ACKED' and is_needed(id) then
      result = 2
    else
      if strategy == 'DELREF' then
        for _, one in ipairs(groups) do redis.call('XACK', key, one.name, id) end
      end
      redis.call('XDEL', key, id)
    end
  end
  answer[at] = result
end
return answer";

pub(super) fn rewrite(command: Command, engine: &Engine) -> Translation {
    if !engine.lacks(SINCE) {
        return command.into();
    }
    let (group, rest) = match command.arguments() {
        [_, rest @ ..] if command.name().eq_ignore_ascii_case(b"XDELEX") => (Bytes::new(), rest),
        [_, group, rest @ ..] if !group.is_empty() => (group.clone(), rest),
        _ => return command.into(),
    };
    let (strategy, rest) = match rest {
        [word, rest @ ..] if !word.eq_ignore_ascii_case(b"IDS") => {
            (Bytes::from(word.to_ascii_uppercase()), rest)
        }
        rest => (Bytes::from("KEEPREF"), rest),
    };
    // What is malformed is left to the server, which does not know the command.
    let ids = match rest {
        [word, count, ids @ ..]
            if word.eq_ignore_ascii_case(b"IDS")
                && !ids.is_empty()
                && ids.len().to_string().as_bytes() == count =>
        {
            ids
        }
        _ => return command.into(),
    };
    if ![&b"KEEPREF"[..], b"DELREF", b"ACKED"].contains(&&*strategy) {
        return command.into();
    }
    let arguments = [strategy, group].into_iter().chain(ids.iter().cloned());
    script::eval(LUA, [command.arguments()[0].clone()], arguments).unwrap_or(command.into())
}
