//! What a path has matched, and how that is answered.

use std::cmp::Reverse;

use crate::budget::Budget;
use crate::failure::Failure;
use crate::path::{Location, Path};
use crate::reply::Reply;
use crate::value::{Kind, Value};

/// What a legacy path that matches nothing is answered with.
pub enum Missing {
    /// With null.
    Null,
    /// With an error.
    Error,
}

/// The answer of a command that reads: `answer` of each match, which is nothing
/// for one that is not `wanted` (a type's name).
///
/// # Errors
/// If a legacy path matches nothing or something else, and if it is too much.
pub fn read(
    root: &Value,
    path: &Path,
    budget: &Budget,
    missing: &Missing,
    wanted: &str,
    mut answer: impl FnMut(&Value) -> Result<Option<Reply>, Failure>,
) -> Result<Reply, Failure> {
    let matches = path.select(root, budget)?;
    if !path.is_legacy() {
        let replies = matches.into_iter().map(|value| {
            budget.spend_reply(0)?;
            Ok(answer(value)?.unwrap_or(Reply::Null))
        });
        return Ok(Reply::Array(replies.collect::<Result<_, Failure>>()?));
    }
    match (matches.first(), missing) {
        (Some(value), _) => answer(value)?.ok_or_else(|| wrong_type(wanted, value)),
        (None, Missing::Null) => Ok(Reply::Null),
        (None, Missing::Error) => Err(no_match(path)),
    }
}

/// What is answered where there is no key: null to a legacy path.
///
/// # Errors
/// To a path that begins with `$`.
pub fn no_key(path: &Path) -> Result<Reply, Failure> {
    if path.is_legacy() { Ok(Reply::Null) } else { Err(Failure::no_key()) }
}

/// The answer of a command that changes: for each match what the change gave,
/// which is nothing for one that is not `wanted`.
///
/// # Errors
/// If a legacy path matches nothing that is wanted.
pub fn changed(path: &Path, outcomes: Vec<Option<Reply>>, wanted: &str) -> Result<Reply, Failure> {
    if !path.is_legacy() {
        return Ok(Reply::Array(
            outcomes.into_iter().map(|reply| reply.unwrap_or(Reply::Null)).collect(),
        ));
    }
    legacy(path, outcomes, wanted)
}

/// What a legacy path is answered with: the last change, as all have been done.
///
/// # Errors
/// If there was none.
pub fn legacy<T>(path: &Path, outcomes: Vec<Option<T>>, wanted: &str) -> Result<T, Failure> {
    outcomes
        .into_iter()
        .flatten()
        .last()
        .ok_or_else(|| Failure::err(format!("Path '{path}' does not exist or is not {wanted}")))
}

/// A path's error where something had to match.
pub fn no_match(path: &Path) -> Failure {
    Failure::err(format!("Path '{path}' does not exist"))
}

fn wrong_type(wanted: &str, value: &Value) -> Failure {
    let found = type_name(value);
    Failure::Error(format!(
        "WRONGTYPE wrong type of path value - expected {wanted} but found {found}"
    ))
}

/// A type's name (JSON.TYPE).
pub fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        Kind::Null => "null",
        Kind::Bool(_) => "boolean",
        Kind::Integer(_) | Kind::Unsigned(_) => "integer",
        Kind::Double(_) => "number",
        Kind::String(_) => "string",
        Kind::Array(_) => "array",
        Kind::Object(_) => "object",
    }
}

/// Does a change at each place; what it gave, in the places' order.
///
/// What lies deeper or later is changed first, so that the places of the rest
/// stay true whatever a change moves.
pub fn change_each<'l, T>(
    root: &mut Value,
    locations: &'l [Location],
    mut change: impl FnMut(&'l Location, &mut Value) -> T,
) -> Vec<T> {
    let mut order: Vec<usize> = (0..locations.len()).collect();
    order.sort_by_key(|&at| (Reverse(&locations[at]), at));
    let mut outcomes: Vec<(usize, T)> = order
        .into_iter()
        .filter_map(|at| {
            let location = &locations[at];
            Some((at, change(location, location.get_mut(root)?)))
        })
        .collect();
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
