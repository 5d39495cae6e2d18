//! Arrays: JSON.ARRAPPEND, ARRINDEX, ARRINSERT, ARRLEN, ARRPOP and ARRTRIM.

use std::ffi::CStr;

use super::matches::{Missing, change_each, changed, no_key, read};
use super::{ROOT, integer, last_path, path};
use crate::budget::Budget;
use crate::document::check_depth;
use crate::failure::Failure;
use crate::path::{Location, Path, position};
use crate::reply::Reply;
use crate::server::Call;
use crate::text;
use crate::value::{Kind, Value};

const ARRAY: &str = "an array";

/// `JSON.ARRLEN key [path]`
pub fn len(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return no_key(&path) };
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Error, "array", |value| {
        Ok(match value.kind() {
            Kind::Array(elements) => Some(Reply::count(elements.len())),
            _ => None,
        })
    })
}

/// `JSON.ARRAPPEND key path value [value …]`
pub fn append(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = path(call.arguments()[1])?;
    let values = Values::parse(&call.arguments()[2..])?;
    add(call, &path, &values, c"json.arrappend", Some)
}

/// `JSON.ARRINSERT key path index value [value …]`
pub fn insert(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = path(call.arguments()[1])?;
    let index = integer(call.arguments()[2])?;
    let values = Values::parse(&call.arguments()[3..])?;
    add(call, &path, &values, c"json.arrinsert", |len| position(index, len).filter(|at| *at <= len))
}

/// Values that are to be added.
struct Values {
    values: Vec<Value>,
    /// Bytes of their text at most, with the commas.
    text_bound: usize,
}

impl Values {
    fn parse(texts: &[&[u8]]) -> Result<Self, Failure> {
        let mut parsed = Self { values: Vec::with_capacity(texts.len()), text_bound: 0 };
        for text in texts {
            let (value, bound) = text::parse_bounded(text)?;
            parsed.values.push(value);
            parsed.text_bound += bound + 1;
        }
        Ok(parsed)
    }
}

/// Puts values into each array that a path matches, to where `place` says for
/// an array of so many elements.
fn add(
    call: &mut Call<'_>,
    path: &Path,
    values: &Values,
    event: &CStr,
    place: impl Fn(usize) -> Option<usize>,
) -> Result<Reply, Failure> {
    let mut entry = call.open(0)?;
    let document = entry.document().ok_or_else(Failure::no_key)?;
    let budget = Budget::default();
    let locations = path.locate(&document.root, &budget)?;
    let mut arrays = 0;
    for location in &locations {
        let Some(Kind::Array(elements)) = location.get(&document.root).map(Value::kind) else {
            continue;
        };
        let at = place(elements.len()).ok_or_else(|| Failure::err("index out of bounds"))?;
        // What is moved, and what is copied.
        budget.spend_bytes(size_of_val(&elements[at..]) + values.text_bound)?;
        for value in &values.values {
            check_depth(location.len() + 1, value)?;
        }
        arrays += 1;
    }
    document.grow(values.text_bound.saturating_mul(arrays))?;
    let outcomes = change_each(&mut document.root, &locations, |_, value| {
        let elements = value.elements_mut()?;
        // An array that matches twice has grown since it was looked at, and an index
        // that was within it still is.
        let at = place(elements.len())?.min(elements.len());
        let tail = elements.split_off(at);
        elements.extend(values.values.iter().cloned());
        elements.extend(tail);
        Some(Reply::count(elements.len()))
    });
    drop(entry);
    if arrays > 0 {
        call.changed(0, event);
    }
    changed(path, outcomes, ARRAY)
}

/// `JSON.ARRINDEX key path value [start [stop]]`: `stop` is not searched itself,
/// and 0 is the end.
pub fn index(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let arguments = call.arguments();
    if arguments.len() > 5 {
        return Err(Failure::Arity);
    }
    let path = path(arguments[1])?;
    let sought = text::parse(arguments[2])?;
    let start = arguments.get(3).map_or(Ok(0), |text| integer(text))?;
    let stop = arguments.get(4).map_or(Ok(0), |text| integer(text))?;
    let document = call.read(0)?.ok_or_else(Failure::no_key)?;
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Error, "array", |value| {
        let Kind::Array(elements) = value.kind() else { return Ok(None) };
        let len = elements.len();
        // As RedisJSON has it: a start beyond the end is the last element.
        let start = clamped(start, len).min(len.saturating_sub(1));
        let stop = if stop == 0 { len } else { clamped(stop, len) };
        for (at, element) in elements.iter().enumerate().take(stop).skip(start) {
            budget.spend(1)?;
            if element.same(&sought, &mut |bytes| budget.spend_bytes(bytes))? {
                return Ok(Some(Reply::count(at)));
            }
        }
        Ok(Some(Reply::Integer(-1)))
    })
}

/// `JSON.ARRPOP key [path [index]]`
pub fn pop(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let arguments = call.arguments();
    if arguments.len() > 3 {
        return Err(Failure::Arity);
    }
    let path = path(arguments.get(1).copied().unwrap_or(ROOT.as_bytes()))?;
    let index = arguments.get(2).map_or(Ok(-1), |text| integer(text))?;
    let mut popped = false;
    let reply = edit(call, &path, |value| {
        let elements = value.elements_mut()?;
        if elements.is_empty() {
            return Some(Reply::Null);
        }
        popped = true;
        let at = clamped(index, elements.len()).min(elements.len() - 1);
        Some(Reply::Bulk(text::to_vec(&elements.remove(at))))
    })?;
    if popped {
        call.changed(0, c"json.arrpop");
    }
    Ok(reply)
}

/// `JSON.ARRTRIM key path start stop`: both are kept.
pub fn trim(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = path(call.arguments()[1])?;
    let start = integer(call.arguments()[2])?;
    let stop = integer(call.arguments()[3])?;
    let mut trimmed = false;
    let reply = edit(call, &path, |value| {
        let elements = value.elements_mut()?;
        let before = elements.len();
        let start = clamped(start, before);
        let end = clamped(stop, before).saturating_add(1).min(before);
        if start < end {
            elements.truncate(end);
            elements.drain(..start);
        } else {
            elements.clear();
        }
        trimmed |= elements.len() < before;
        let len = elements.len();
        value.shrink();
        Some(Reply::count(len))
    })?;
    if trimmed {
        call.changed(0, c"json.arrtrim");
    }
    Ok(reply)
}

/// Does something to each array that a path matches.
fn edit(
    call: &mut Call<'_>,
    path: &Path,
    mut change: impl FnMut(&mut Value) -> Option<Reply>,
) -> Result<Reply, Failure> {
    let mut entry = call.open(0)?;
    let document = entry.document().ok_or_else(Failure::no_key)?;
    let budget = Budget::default();
    let locations: Vec<Location> = path.locate(&document.root, &budget)?;
    for location in &locations {
        let elements = location.get(&document.root).map_or(0, Value::child_count);
        budget.spend_bytes(size_of::<Value>() * elements)?;
    }
    let outcomes = change_each(&mut document.root, &locations, |_, value| change(value));
    changed(path, outcomes, ARRAY)
}

/// The position that an index means, and the nearest that there is instead of one that there is not.
fn clamped(index: i64, len: usize) -> usize {
    position(index, len).unwrap_or(0).min(len)
}
