//! Looking: JSON.GET, MGET, TYPE, RESP, OBJKEYS, OBJLEN and DEBUG.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::layout::Layout;
use super::matches::{Missing, no_match, read, type_name};
use super::{last_path, path};
use crate::failure::Failure;
use crate::path::Path;
use crate::reply::Reply;
use crate::server::Call;
use crate::value::{Kind, Value};

/// `JSON.GET key [INDENT indent] [NEWLINE newline] [SPACE space] [path …]`
pub fn get(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (layout, paths) = options(&call.arguments()[1..])?;
    let paths = paths.iter().map(|text| path(text)).collect::<Result<Vec<_>, _>>()?;
    let Some(document) = call.read(0)? else { return Ok(Reply::Null) };
    let root = &document.root;
    let text = match paths.as_slice() {
        [] => layout.text(root)?,
        [path] if path.is_legacy() => layout.text(first(root, path)?)?,
        [path] => layout.text(&path.select(root)?)?,
        paths if paths.iter().all(Path::is_legacy) => {
            let values = paths.iter().map(|path| Ok((path, first(root, path)?)));
            layout.text(&Members(values.collect::<Result<_, Failure>>()?))?
        }
        paths => {
            let values = paths.iter().map(|path| Ok((path, path.select(root)?)));
            layout.text(&Members(values.collect::<Result<_, Failure>>()?))?
        }
    };
    Ok(Reply::Bulk(text))
}

/// What a legacy path means.
fn first<'v>(root: &'v Value, path: &Path) -> Result<&'v Value, Failure> {
    path.select(root)?.first().copied().ok_or_else(|| no_match(path))
}

/// JSON.GET's options, and the paths behind them.
fn options<'a, 'b>(mut arguments: &'b [&'a [u8]]) -> Result<(Layout<'a>, &'b [&'a [u8]]), Failure> {
    let mut layout = Layout::default();
    loop {
        let place = match arguments {
            [name, ..] if name.eq_ignore_ascii_case(b"INDENT") => &mut layout.indent,
            [name, ..] if name.eq_ignore_ascii_case(b"NEWLINE") => &mut layout.newline,
            [name, ..] if name.eq_ignore_ascii_case(b"SPACE") => &mut layout.space,
            // For RESP3, which has JSON's types; a client that asks for it wants no text.
            [name, _, ..] if name.eq_ignore_ascii_case(b"FORMAT") => {
                return Err(Failure::err("FORMAT is not supported: the reply is JSON text"));
            }
            // RedisJSON's, without an effect there too.
            [name, rest @ ..] if name.eq_ignore_ascii_case(b"NOESCAPE") => {
                arguments = rest;
                continue;
            }
            _ => return Ok((layout, arguments)),
        };
        let [_, value, rest @ ..] = arguments else { return Err(Failure::Arity) };
        *place = value;
        arguments = rest;
    }
}

/// An object of what each path has matched.
struct Members<'p, T>(Vec<(&'p Path, T)>);

impl<T: Serialize> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, (path, value)) in self.0.iter().enumerate() {
            let name = path.to_string();
            if !self.0[..at].iter().any(|(earlier, _)| earlier.to_string() == name) {
                map.serialize_entry(&name, value)?;
            }
        }
        map.end()
    }
}

/// `JSON.MGET key [key …] path`: null for a key that is missing, holds something
/// else or in which a legacy path matches nothing.
pub fn mget(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let keys = call.arguments().len() - 1;
    let path = path(call.arguments()[keys])?;
    let replies = (0..keys).map(|at| {
        let Ok(Some(document)) = call.read(at) else { return Ok(Reply::Null) };
        let matches = path.select(&document.root)?;
        if !path.is_legacy() {
            return Ok(Reply::Bulk(Layout::default().text(&matches)?));
        }
        match matches.first() {
            Some(value) => Ok(Reply::Bulk(Layout::default().text(value)?)),
            None => Ok(Reply::Null),
        }
    });
    Ok(Reply::Array(replies.collect::<Result<_, Failure>>()?))
}

/// `JSON.TYPE key [path]`
pub fn kind(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return Ok(Reply::Null) };
    read(&document.root, &path, &Missing::Null, "", |value| Some(type_name(value).into()))
}

/// `JSON.OBJKEYS key [path]`
pub fn objkeys(call: &mut Call<'_>) -> Result<Reply, Failure> {
    of_object(call, |object| Reply::Array(object.iter().map(|(name, _)| name.into()).collect()))
}

/// `JSON.OBJLEN key [path]`
pub fn objlen(call: &mut Call<'_>) -> Result<Reply, Failure> {
    of_object(call, |object| Reply::count(object.len()))
}

fn of_object(
    call: &mut Call<'_>,
    answer: impl Fn(crate::value::Object<'_>) -> Reply,
) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else {
        return if path.is_legacy() { Ok(Reply::Null) } else { Err(Failure::no_key()) };
    };
    read(&document.root, &path, &Missing::Null, "object", |value| match value.kind() {
        Kind::Object(object) => Some(answer(object)),
        _ => None,
    })
}

/// `JSON.RESP key [path]`
pub fn resp(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return Ok(Reply::Null) };
    read(&document.root, &path, &Missing::Error, "", |value| Some(as_reply(value)))
}

/// A value in Redis's own types; arrays and objects begin with their bracket.
fn as_reply(value: &Value) -> Reply {
    match value.kind() {
        Kind::Null => Reply::Null,
        Kind::Bool(true) => Reply::Status(c"true"),
        Kind::Bool(false) => Reply::Status(c"false"),
        Kind::Integer(number) => Reply::Integer(number),
        // Redis's integers end where these begin.
        Kind::Unsigned(number) => number.to_string().as_str().into(),
        Kind::Double(number) => Reply::Double(number),
        Kind::String(text) => text.into(),
        Kind::Array(elements) => {
            let bracket = std::iter::once(Reply::Status(c"["));
            Reply::Array(bracket.chain(elements.iter().map(as_reply)).collect())
        }
        Kind::Object(object) => {
            let bracket = std::iter::once(Reply::Status(c"{"));
            let members = object.iter().flat_map(|(name, value)| [name.into(), as_reply(value)]);
            Reply::Array(bracket.chain(members).collect())
        }
    }
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
    read(&document.root, &path, &Missing::Error, "", |value| {
        Some(Reply::count(size_of::<Value>() + value.heap_bytes()))
    })
}

const HELP: &[&str] =
    &["MEMORY <key> [path] - reports memory usage", "HELP                - this message"];
