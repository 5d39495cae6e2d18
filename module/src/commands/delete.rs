//! Taking away: JSON.DEL, JSON.FORGET and JSON.CLEAR.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::last_path;
use super::matches::change_each;
use crate::budget::Budget;
use crate::failure::Failure;
use crate::path::Location;
use crate::reply::Reply;
use crate::server::Call;
use crate::value::{Kind, Value};

/// `JSON.DEL key [path]`: the number of values deleted, those within others not counted.
pub fn del(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let mut entry = call.open(0)?;
    let Some(document) = entry.document() else { return Ok(Reply::Integer(0)) };
    let locations = outermost(path.locate(&document.root, &Budget::default())?);
    if locations.iter().any(Location::is_root) {
        entry.remove();
        drop(entry);
        call.removed(0, c"json.del");
        return Ok(Reply::Integer(1));
    }
    remove_each(&mut document.root, &locations);
    drop(entry);
    if !locations.is_empty() {
        call.changed(0, c"json.del");
    }
    Ok(Reply::count(locations.len()))
}

/// Takes out what is at these places, which are in their order, and in one go
/// what one array or object loses.
fn remove_each(root: &mut Value, locations: &[Location]) {
    let mut losses: BTreeMap<(Reverse<usize>, Location), Vec<usize>> = BTreeMap::new();
    for location in locations {
        if let Some((parent, position)) = location.split_last() {
            losses.entry((Reverse(parent.len()), parent)).or_default().push(position);
        }
    }
    // The deepest first: the places of the rest stay true.
    for ((_, parent), positions) in losses {
        if let Some(parent) = parent.get_mut(root) {
            parent.remove_children(&positions);
        }
    }
}

/// In their order, without those that are within others or double.
fn outermost(mut locations: Vec<Location>) -> Vec<Location> {
    locations.sort_unstable();
    locations.dedup_by(|later, earlier| later.starts_with(earlier));
    locations
}

/// `JSON.CLEAR key [path]`: the number of arrays, objects and numbers that were
/// neither empty nor 0 before.
pub fn clear(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = last_path(call.arguments(), 1)?;
    let mut entry = call.open(0)?;
    let document = entry.document().ok_or_else(Failure::no_key)?;
    let locations = outermost(path.locate(&document.root, &Budget::default())?);
    let cleared = change_each(&mut document.root, &locations, |_, value| {
        let Some(empty) = emptied(value) else { return false };
        *value = empty;
        true
    });
    drop(entry);
    let count = cleared.into_iter().filter(|cleared| *cleared).count();
    if count > 0 {
        call.changed(0, c"json.clear");
    }
    Ok(Reply::count(count))
}

/// What takes the place of a value that can be cleared and is not clear yet.
fn emptied(value: &Value) -> Option<Value> {
    match value.kind() {
        Kind::Array(elements) if !elements.is_empty() => Some(Value::empty_array()),
        Kind::Object(object) if !object.is_empty() => Some(Value::empty_object()),
        Kind::Integer(number) if number != 0 => Some(0_i64.into()),
        Kind::Unsigned(_) => Some(0_i64.into()),
        Kind::Double(number) if number != 0.0 => Some(0_i64.into()),
        _ => None,
    }
}
