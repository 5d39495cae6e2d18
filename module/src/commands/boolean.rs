//! Booleans: JSON.TOGGLE.

use super::matches::{change_each, legacy};
use super::path;
use crate::budget::Budget;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::server::Call;
use crate::value::Kind;

/// `JSON.TOGGLE key path`: 1 and 0; for a legacy path `true` and `false`.
pub fn toggle(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let path = path(call.arguments()[1])?;
    let mut entry = call.open(0)?;
    let document = entry.document().ok_or_else(Failure::no_key)?;
    let locations = path.locate(&document.root, &Budget::default())?;
    // `true` becomes `false`, one byte more.
    document.grow(locations.len())?;
    let outcomes = change_each(&mut document.root, &locations, |_, value| match value.kind() {
        Kind::Bool(was) => {
            *value = (!was).into();
            Some(!was)
        }
        _ => None,
    });
    drop(entry);
    if outcomes.iter().any(Option::is_some) {
        call.changed(0, c"json.toggle");
    }
    if path.is_legacy() {
        let is = legacy(&path, outcomes, "a boolean")?;
        return Ok(if is { "true" } else { "false" }.into());
    }
    let replies =
        outcomes.into_iter().map(|is| is.map_or(Reply::Null, |is| Reply::Integer(is.into())));
    Ok(Reply::Array(replies.collect()))
}
