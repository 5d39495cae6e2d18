//! Strings: JSON.STRAPPEND and JSON.STRLEN.

use super::matches::{Missing, change_each, changed, no_key, read, type_name};
use super::{ROOT, last_path, path};
use crate::budget::Budget;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::server::Call;
use crate::text;
use crate::value::{Kind, Value};

/// `JSON.STRLEN key [path]`, in bytes of UTF-8.
pub fn len(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let Some(document) = call.read(0)? else { return no_key(&path) };
    let budget = Budget::default();
    read(&document.root, &path, &budget, &Missing::Error, "string", |value| {
        Ok(match value.kind() {
            Kind::String(text) => Some(Reply::count(text.len())),
            _ => None,
        })
    })
}

/// `JSON.STRAPPEND key [path] value`: the value is a JSON string.
pub fn append(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (path_text, suffix_text) = match call.arguments() {
        [_, suffix] => (ROOT.as_bytes(), *suffix),
        [_, path, suffix] => (*path, *suffix),
        _ => return Err(Failure::Arity),
    };
    let path = path(path_text)?;
    let suffix = text::parse(suffix_text)?;
    let Kind::String(suffix) = suffix.kind() else {
        return Err(Failure::Error(format!(
            "WRONGTYPE wrong type of value - expected string but found {}",
            type_name(&suffix)
        )));
    };
    let mut entry = call.open(0)?;
    let document = entry.document().ok_or_else(Failure::no_key)?;
    let budget = Budget::default();
    let locations = path.locate(&document.root, &budget)?;
    for location in &locations {
        if let Some(Kind::String(text)) = location.get(&document.root).map(Value::kind) {
            budget.spend_bytes(text.len() + suffix.len())?;
        }
    }
    document.grow(suffix_text.len().saturating_mul(locations.len()))?;
    let outcomes = change_each(&mut document.root, &locations, |_, value| match value.kind() {
        Kind::String(text) => {
            let longer = [text, suffix].concat();
            *value = Value::from(longer.as_str());
            Some(Reply::count(longer.len()))
        }
        _ => None,
    });
    drop(entry);
    if outcomes.iter().any(Option::is_some) {
        call.changed(0, c"json.strappend");
    }
    changed(&path, outcomes, "a string")
}
