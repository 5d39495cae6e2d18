//! `FCALL_RO` of a function that was registered without the flag `no-writes`: Upstash runs it and
//! refuses only the writes that it tries (`@upstash/redis`' tests; the docs' page of FCALL_RO says
//! otherwise). Redis refuses the call by the flag.
//!
//! Therefore such a function gets a twin in its library: the same callback, with the flag, under
//! [its name and more](SUFFIX). FCALL_RO becomes two commands, one for the twin and one for the
//! function itself. Redis runs exactly one of them, since a function with the flag has no twin and
//! one without it is refused; and of a library that was loaded past pkv it answers as always. No
//! memory is needed, neither pkv's nor a connection's: the twins are persisted, replicated, replaced
//! and deleted with their library.
//!
//! The twins are made while the library is loaded, by a line of Lua in front of it and a word at each
//! place where it reads `register_function`. While a library is loaded, Redis lets it see a
//! read-only table `redis` and nothing else: neither `setmetatable` nor `pairs`. And a local variable
//! `redis` would hide from the callbacks the other table of that name, with which they call commands.
//! The library's own code runs as it was written, when FCALL runs it too.
//!
//! What can be seen of it: `FUNCTION LIST` past pkv, the payload of `FUNCTION DUMP`, `INFO`'s count of
//! functions; one of the 200 local variables that Lua allows a library is used. A library that gets
//! at `register_function` by other ways than `name.register_function`, or spells the names of its
//! arguments in capitals, has no twins. (One that spells only `flags` so has too many, and FCALL_RO
//! reads twice.) In a transaction, a full Redis refuses the function for its flags before it comes to
//! the twin.

use memchr::{memchr, memmem};
use redis::Value;

use super::{Meaning, Sent, Translation, lua};
use crate::command::Command;
use crate::reply;

/// What a twin has behind its function's name; so has what belongs to twins in a library's code.
/// Libraries that an earlier pkv has loaded are listed by it: like [`BEGIN`], [`END`] and [`WRAP`] it
/// must stay.
const SUFFIX: &str = "_read_only_by_pkv";

/// One line, in front of the library's second: then line numbers in errors stay, and the first line
/// must be the library's. Lua's `redis` is here the one that a library sees while it is loaded.
const PRELUDE: &str = "\
local redis_read_only_by_pkv=(function(redis) \
local both={register_function=function(...) \
redis.register_function(...) \
local name,callback,flags=... \
if not callback then name,callback,flags=name.function_name,name.callback,name.flags end \
local all,at={'no-writes'},1 \
while flags and flags[at] do \
if flags[at]:lower()=='no-writes' then return end \
all[at+1]=flags[at] at=at+1 \
end \
if name and callback then \
redis.register_function{function_name=name..'_read_only_by_pkv',callback=callback,flags=all} \
end end} \
return function(it) if it==redis then return both end return it end \
end)(redis)--[[_read_only_by_pkv]];";

/// How the prelude begins.
const BEGIN: &str = "local redis_read_only_by_pkv=";

/// How it ends. (Without the semicolon, a bracket behind it would be a call.)
const END: &str = "--[[_read_only_by_pkv]];";

/// What stands in front of `redis`, or of what else it is called, in `redis.register_function`; a
/// `)` stands behind. It begins with the name that an error is to show which Lua finds here.
const WRAP: &str = "redis_read_only_by_pkv(";

/// FCALL_RO: of the twin, and of the function itself.
pub(super) fn rewrite(command: Command) -> Translation {
    let Some(name) = command.arguments().first() else { return command.into() };
    let twin = command.clone().with_word(1, [name, SUFFIX.as_bytes()].concat());
    Translation { sent: Sent::Two(twin, command), meaning: Meaning::Joined(existing) }
}

/// The twin's reply if there is one.
fn existing(twin: Value, itself: Value) -> Value {
    match &twin {
        Value::ServerError(error) if reply::error_text(error) == "ERR Function not found" => itself,
        _ => twin,
    }
}

/// The library's code, with what makes twins; `None` if it needs nothing, or has it.
pub(super) fn with_twins(code: &[u8]) -> Option<Vec<u8>> {
    let second_line = memchr(b'\n', code)? + 1;
    let names = lua::registrars(&code[second_line..]);
    if names.is_empty() || memmem::find(code, SUFFIX.as_bytes()).is_some() {
        return None;
    }
    let (first, library) = code.split_at(second_line);
    let mut twinned = [first, PRELUDE.as_bytes()].concat();
    let mut copied = 0;
    for name in names {
        twinned.extend_from_slice(&library[copied..name.start]);
        twinned.extend_from_slice(WRAP.as_bytes());
        twinned.extend_from_slice(&library[name.clone()]);
        twinned.push(b')');
        copied = name.end;
    }
    twinned.extend_from_slice(&library[copied..]);
    Some(twinned)
}

/// What [`with_twins`] made the code of; `None` if it did not.
pub(super) fn without_twins(code: &[u8]) -> Option<Vec<u8>> {
    let begin = memmem::find(code, BEGIN.as_bytes())?;
    let end = begin + memmem::find(&code[begin..], END.as_bytes())? + END.len();
    let mut library = code[..begin].to_vec();
    let mut rest = &code[end..];
    while let Some(at) = memmem::find(rest, WRAP.as_bytes()) {
        library.extend_from_slice(&rest[..at]);
        let name = &rest[at + WRAP.len()..];
        let close = memchr(b')', name)?;
        library.extend_from_slice(&name[..close]);
        rest = &name[close + 1..];
    }
    library.extend_from_slice(rest);
    Some(library)
}

/// Whether it is FUNCTION LIST's entry of a twin: `[name, …, description, …, flags, …]`.
pub(super) fn is_twin(entry: &Value) -> bool {
    match entry {
        Value::Array(fields) => match fields.as_slice() {
            [Value::BulkString(key), Value::BulkString(name), ..] => {
                key == b"name" && name.ends_with(SUFFIX.as_bytes())
            }
            _ => false,
        },
        _ => false,
    }
}

/// A name, without what a twin has behind it.
pub(super) fn called(mut name: Vec<u8>) -> Vec<u8> {
    if name.ends_with(SUFFIX.as_bytes()) {
        name.truncate(name.len() - SUFFIX.len());
    }
    name
}

/// An error's text without the names that come of twins.
pub(super) fn translate(text: String) -> String {
    match text.contains(SUFFIX) {
        true => text.replace(SUFFIX, ""),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::command;
    use super::*;

    fn twinned(code: &str) -> Option<String> {
        with_twins(code.as_bytes()).map(|code| String::from_utf8(code).unwrap())
    }

    #[test]
    fn a_library_gets_a_prelude_and_is_listed_without_it() {
        for (code, want) in [
            (
                "#!lua name=l\nredis.register_function(f)",
                "redis_read_only_by_pkv(redis).register_function(f)",
            ),
            (
                "#!lua name=l\r\n(f or g)() r.register_function(f)\n'redis.register_function'",
                "(f or g)() redis_read_only_by_pkv(r).register_function(f)\n'redis.register_function'",
            ),
        ] {
            let twinned = twinned(code).unwrap();
            let (first, library) = twinned.split_once('\n').unwrap();
            assert_eq!(library, format!("{PRELUDE}{want}"));
            assert!(code.starts_with(first));
            let listed = without_twins(twinned.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(listed).unwrap(), code);
            assert_eq!(with_twins(twinned.as_bytes()), None, "twins have no twins");
        }
    }

    #[test]
    fn what_registers_nothing_stays() {
        for code in ["", "redis.register_function(f)", "#!lua name=l\n-- redis.register_function()"]
        {
            assert_eq!(twinned(code), None, "{code}");
            assert_eq!(without_twins(code.as_bytes()), None, "{code}");
        }
    }

    #[test]
    fn the_prelude_is_what_listing_looks_for() {
        assert!(PRELUDE.starts_with(BEGIN) && PRELUDE.ends_with(END) && !PRELUDE.contains('\n'));
        assert!(PRELUDE.contains(&format!("name..'{SUFFIX}'")));
        for part in [BEGIN, END, WRAP] {
            assert!(part.contains(SUFFIX), "{part}");
        }
    }

    #[test]
    fn a_read_only_call_is_one_of_the_twin_or_of_the_function() {
        let Translation { sent: Sent::Two(twin, itself), .. } = rewrite(command("fcall_ro f 1 k"))
        else {
            panic!("not two commands")
        };
        assert_eq!(twin, command("fcall_ro f_read_only_by_pkv 1 k"));
        assert_eq!(itself, command("fcall_ro f 1 k"));
        assert!(matches!(rewrite(command("FCALL_RO")).sent, Sent::One(_)));
    }
}
