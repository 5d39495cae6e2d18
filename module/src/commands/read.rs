//! Looking: JSON.GET, MGET, TYPE, RESP, OBJKEYS, OBJLEN and DEBUG.

use std::collections::HashSet;

use serde::ser::{Serialize, Serializer};

use super::layout::Layout;
use super::matches::{Missing, no_key, no_match, read, type_name};
use super::{last_path, path};
use crate::budget::Budget;
use crate::document::MAX_TEXT;
use crate::failure::Failure;
use crate::path::Path;
use crate::reply::Reply;
use crate::server::Call;
use crate::value::{Kind, Object, Value};

/// `JSON.GET key [INDENT indent] [NEWLINE newline] [SPACE space] [path …]`
pub fn get(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (layout, paths) = options(&call.arguments()[1..])?;
    let Some(document) = call.read(0)? else { return Ok(Reply::Null) };
    let root = &document.root;
    let budget = Budget::default();
    let text = match paths.as_slice() {
        [] => layout.text(root)?,
        [path] if path.is_legacy() => layout.text(first(root, path, &budget)?)?,
        [path] => layout.text(&path.select(root, &budget)?)?,
        paths if paths.iter().all(Path::is_legacy) => {
            let values = paths.iter().map(|path| Ok((path.as_str(), first(root, path, &budget)?)));
            layout.text(&Members(once(values)?))?
        }
        paths => {
            let values = paths.iter().map(|path| Ok((path.as_str(), path.select(root, &budget)?)));
            layout.text(&Members(once(values)?))?
        }
    };
    Ok(Reply::Bulk(text))
}

/// What a legacy path means.
fn first<'v>(root: &'v Value, path: &Path, budget: &Budget) -> Result<&'v Value, Failure> {
    path.select(root, budget)?.first().copied().ok_or_else(|| no_match(path))
}

/// JSON.GET's options and paths, in whatever order they come.
fn options<'a>(mut arguments: &[&'a [u8]]) -> Result<(Layout<'a>, Vec<Path>), Failure> {
    let mut layout = Layout::default();
    let mut paths = Vec::new();
    while let [word, rest @ ..] = arguments {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        arguments = rest;
        let place = if is("INDENT") {
            &mut layout.indent
        } else if is("NEWLINE") {
            &mut layout.newline
        } else if is("SPACE") {
            &mut layout.space
        } else if is("FORMAT") {
            // For RESP3, which has JSON's types; a client that asks for it wants no text.
            return Err(Failure::err("FORMAT is not supported: the reply is JSON text"));
        } else {
            // NOESCAPE is RedisJSON's, without an effect there too.
            if !is("NOESCAPE") {
                paths.push(path(word)?);
            }
            continue;
        };
        let [value, rest @ ..] = rest else { return Err(Failure::Arity) };
        *place = value;
        arguments = rest;
    }
    Ok((layout, paths))
}

/// Without those whose path was there already.
fn once<'p, T>(
    values: impl Iterator<Item = Result<(&'p str, T), Failure>>,
) -> Result<Vec<(&'p str, T)>, Failure> {
    let mut seen = HashSet::new();
    let mut values = values.collect::<Result<Vec<_>, _>>()?;
    values.retain(|(path, _)| seen.insert(*path));
    Ok(values)
}

/// An object of what each path has matched.
struct Members<'p, T>(Vec<(&'p str, T)>);

impl<T: Serialize> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(path, value)| (path, value)))
    }
}

/// `JSON.MGET key [key …] path`: null for a key that is missing, holds something
/// else or in which a legacy path matches nothing.
pub fn mget(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let keys = call.arguments().len() - 1;
    let path = path(call.arguments()[keys])?;
    let budget = Budget::default();
    let mut room = MAX_TEXT;
    let mut replies = Vec::with_capacity(keys);
    for at in 0..keys {
        let Ok(Some(document)) = call.read(at) else {
            replies.push(Reply::Null);
            continue;
        };
        let matches = path.select(&document.root, &budget)?;
        let text = match matches.first() {
            Some(value) if path.is_legacy() => Layout::default().text_within(value, room)?,
            None if path.is_legacy() => {
                replies.push(Reply::Null);
                continue;
            }
            _ => Layout::default().text_within(&matches, room)?,
        };
        room -= text.len();
        replies.push(Reply::Bulk(text));
    }
    Ok(Reply::Array(replies))
}

/// `JSON.TYPE key [path]`
pub fn kind(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return Ok(Reply::Null) };
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Null, "", |value| {
        Ok(Some(type_name(value).into()))
    })
}

/// `JSON.OBJKEYS key [path]`
pub fn objkeys(call: &mut Call<'_>) -> Result<Reply, Failure> {
    of_object(call, |object, budget| {
        let names = object.iter().map(|(name, _)| bulk(name, budget));
        Ok(Reply::Array(names.collect::<Result<_, _>>()?))
    })
}

/// `JSON.OBJLEN key [path]`
pub fn objlen(call: &mut Call<'_>) -> Result<Reply, Failure> {
    of_object(call, |object, _| Ok(Reply::count(object.len())))
}

fn of_object(
    call: &mut Call<'_>,
    answer: impl Fn(Object<'_>, &Budget) -> Result<Reply, Failure>,
) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return no_key(&path) };
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Null, "object", |value| match value.kind() {
        Kind::Object(object) => answer(object, &budget).map(Some),
        _ => Ok(None),
    })
}

/// A text's reply, paid for.
fn bulk(text: &str, budget: &Budget) -> Result<Reply, Failure> {
    budget.spend_reply(text.len())?;
    Ok(text.into())
}

/// How deep a reply of JSON.RESP may be. Clients read replies with a limit too,
/// and lose their connection beyond it: that of the `redis` crate, and so of pkv,
/// is 100 levels, of which a transaction takes one.
const MAX_REPLY_DEPTH: usize = 90;

/// `JSON.RESP key [path]`
pub fn resp(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return Ok(Reply::Null) };
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Error, "", |value| {
        as_reply(value, MAX_REPLY_DEPTH, &budget).map(Some)
    })
}

/// A value in Redis's own types, down to so many levels; arrays and objects begin
/// with their bracket.
fn as_reply(value: &Value, levels: usize, budget: &Budget) -> Result<Reply, Failure> {
    budget.spend_reply(0)?;
    let below = || {
        levels.checked_sub(1).ok_or_else(|| {
            Failure::err(format!(
                "a reply of more than {MAX_REPLY_DEPTH} levels is more than clients read: use JSON.GET"
            ))
        })
    };
    Ok(match value.kind() {
        Kind::Null => Reply::Null,
        Kind::Bool(true) => Reply::Status(c"true"),
        Kind::Bool(false) => Reply::Status(c"false"),
        Kind::Integer(number) => Reply::Integer(number),
        // Redis's integers end where these begin.
        Kind::Unsigned(number) => number.to_string().as_str().into(),
        Kind::Double(number) => Reply::Double(number),
        Kind::String(text) => bulk(text, budget)?,
        Kind::Array(elements) => {
            let below = below()?;
            let mut replies = vec![Reply::Status(c"[")];
            for element in elements {
                replies.push(as_reply(element, below, budget)?);
            }
            Reply::Array(replies)
        }
        Kind::Object(object) => {
            let below = below()?;
            let mut replies = vec![Reply::Status(c"{")];
            for (name, value) in object.iter() {
                replies.push(bulk(name, budget)?);
                replies.push(as_reply(value, below, budget)?);
            }
            Reply::Array(replies)
        }
    })
}

/// `JSON.DEBUG MEMORY key [path]`, in bytes, and `JSON.DEBUG HELP`
pub fn debug(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let arguments = call.arguments();
    let subcommand = arguments[0];
    if subcommand.eq_ignore_ascii_case(b"HELP") && arguments.len() == 1 {
        return Ok(Reply::Array(HELP.iter().map(|line| (*line).into()).collect()));
    }
    if !subcommand.eq_ignore_ascii_case(b"MEMORY") {
        return Err(Failure::err("unknown subcommand - try `JSON.DEBUG HELP`"));
    }
    if arguments.len() == 1 {
        return Err(Failure::Arity);
    }
    let path = last_path(arguments, 2)?;
    let Some(document) = call.read(1)? else {
        return Ok(if path.is_legacy() { Reply::Integer(0) } else { Reply::Array(Vec::new()) });
    };
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Error, "", |value| {
        let bytes = size_of::<Value>() + value.heap_bytes();
        budget.spend_bytes(bytes)?;
        Ok(Some(Reply::count(bytes)))
    })
}

const HELP: &[&str] =
    &["MEMORY <key> [path] - reports memory usage", "HELP                - this message"];
