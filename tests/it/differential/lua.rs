//! Scripts: what they return has every shape that a reply can have.

use std::fmt::Write;

use crate::support::Dice;

/// Deepest nesting of a returned table. (The `redis` crate reads 100 levels.)
const DEEPEST: usize = 6;

/// Scripts for SCRIPT LOAD and EVALSHA.
pub const STORED: &[&str] = &[
    "return {KEYS[1], ARGV[1], {1, {false, 'x'}}}",
    "return redis.call('EXISTS', KEYS[1])",
    "return redis.call('SET', KEYS[1], ARGV[1])",
];

/// Scripts that call commands: statuses, errors and nils, bare and inside arrays.
const CALLS: &[&str] = &[
    "return redis.call('GET', KEYS[1])",
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "return redis.call('TYPE', KEYS[1])",
    "return redis.call('STRLEN', KEYS[1])",
    "return redis.call('LRANGE', KEYS[1], 0, -1)",
    "return {redis.call('TYPE', KEYS[1]), redis.call('PING'), redis.call('EXISTS', KEYS[1])}",
    "return {redis.pcall('INCR', KEYS[1]), redis.pcall('GET', KEYS[1]), ARGV[1]}",
    "return redis.pcall('LPUSH', KEYS[1], ARGV[1])",
    "return {{redis.pcall('HGET', KEYS[1], 'a')}, {{redis.pcall('GET')}}}",
    "redis.call('ZADD', KEYS[1], 1.5, 'm') return redis.call('ZSCORE', KEYS[1], 'm')",
    "redis.setresp(3) return redis.call('ZSCORE', KEYS[1], 'a')",
    "redis.setresp(3) return redis.call('HGETALL', KEYS[1] .. '-missing')",
    "redis.setresp(3) return redis.pcall('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
    "return redis.call('NOSUCH')",
    "return redis.call('GET')",
    "return redis.pcall('SUBSCRIBE', 'c')",
    "return KEYS",
    "return ARGV",
    "return ARGV[1]",
    "return tostring(#ARGV[1])",
    "return redis.sha1hex(ARGV[1])",
    "return cjson.encode({ARGV[1] == '', 1.5, {a = {}}})",
    "return cjson.decode('[1, [null, \"x\"], 2.9]')",
    "return cmsgpack.pack({1, 'é', false})",
    "return cmsgpack.unpack(ARGV[1])",
    "error('thrown')",
    "error({err = 'MY thrown'})",
    "error()",
    "syntax error (",
    "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 1)",
    "#!lua flags=nosuch\nreturn 1",
    "return redis.error_reply('')",
    "return undefined_variable",
    "",
];

/// A script that calls something, or returns a literal of any shape.
pub fn script(dice: &mut Dice) -> String {
    match dice.percent(50) {
        true => (*dice.pick(CALLS)).to_owned(),
        false => format!("return {}", literal(dice, 0)),
    }
}

/// A library with one function, both of that name.
pub fn library(dice: &mut Dice, name: &str) -> String {
    let body = dice.pick(&["return {keys[1], args[1]}", "return redis.call('GET', keys[1])"]);
    let flags = dice.pick(&["", "'no-writes'"]);
    format!(
        "#!lua name={name}\nredis.register_function{{function_name='{name}', \
         callback=function(keys, args) {body} end, flags={{{flags}}}}}"
    )
}

fn literal(dice: &mut Dice, depth: usize) -> String {
    const LEAVES: &[&str] = &[
        "nil",
        "true",
        "false",
        "0",
        "-1",
        "3.99",
        "-3.99",
        "9007199254740991",
        "9223372036854775807",
        "1e300",
        "'OK'",
        "{ok = 'OK'}",
        "{ok = 'FINE é'}",
        "{ok = ''}",
        "{ok = 'a\\r\\nb'}",
        "{ok = '\\255\\240\\159'}",
        "{err = 'ERR of mine'}",
        "{err = 'WORD'}",
        "{err = 'MY  two  spaces '}",
        "{err = 'BAD \\255\\195 \\240\\159\\152'}",
        "{err = '-ERR x'}",
        "redis.error_reply('ERR é 😀')",
        "redis.error_reply('NOPERM no')",
        "redis.error_reply('MOVED 1 127.0.0.1:1')",
        "redis.error_reply('LOADING not really')",
        "redis.status_reply('QUEUED')",
        "{double = 1.5}",
        "{double = 1e300}",
        "{double = 1/0}",
        "{big_number = '123456789012345678901234567890'}",
        "{verbatim_string = {format = 'txt', string = 'v\\255'}}",
        "{map = {a = {1, 'x'}}}",
        "{set = {a = true}}",
        "{}",
        "{1, nil, 3}",
        "{'message', 'c', 'x'}",
        "{'pmessage', 'p', 'c', 'x'}",
        "{'subscribe', 'c', 1}",
        "{'invalidate', {'k'}}",
        "function() end",
    ];
    match dice.below(10) {
        0..3 if depth < DEEPEST => {
            let items: Vec<_> = (0..dice.below(5)).map(|_| literal(dice, depth + 1)).collect();
            format!("{{{}}}", items.join(", "))
        }
        3 => {
            let length = dice.below(12);
            quoted(&dice.bytes(length))
        }
        4 if depth == 0 => {
            let deep = 1 + dice.below(60);
            format!("{}'deep'{}", "{".repeat(deep), "}".repeat(deep))
        }
        _ => (*dice.pick(LEAVES)).to_owned(),
    }
}

/// Any bytes as a Lua string.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("'");
    for byte in bytes {
        let _ = write!(text, "\\{byte:03}");
    }
    text + "'"
}
