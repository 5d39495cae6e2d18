//! Numbers: JSON.NUMINCRBY and JSON.NUMMULTBY.
//!
//! Integers stay integers as long as 64 bits hold them, and become doubles beyond.

use std::ffi::CStr;

use super::matches::{change_each, legacy};
use super::path;
use crate::budget::Budget;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::server::Call;
use crate::text;
use crate::value::{Kind, Value};

/// A way to make one number of two.
struct Operation {
    integers: fn(i128, i128) -> Option<i128>,
    doubles: fn(f64, f64) -> f64,
}

/// `JSON.NUMINCRBY key path number`
pub fn incrby(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let add = Operation { integers: i128::checked_add, doubles: |one, other| one + other };
    change(call, c"json.numincrby", &add)
}

/// `JSON.NUMMULTBY key path number`
pub fn multby(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let multiply = Operation { integers: i128::checked_mul, doubles: |one, other| one * other };
    change(call, c"json.nummultby", &multiply)
}

fn change(call: &mut Call<'_>, event: &CStr, operation: &Operation) -> Result<Reply, Failure> {
    let path = path(call.arguments()[1])?;
    let operand = text::parse(call.arguments()[2])?;
    let operand = Number::of(&operand)
        .ok_or_else(|| Failure::err("the value to calculate with is not a number"))?;
    let mut entry = call.open(0)?;
    let document = entry.document().ok_or_else(Failure::no_key)?;
    let locations = path.locate(&document.root, &Budget::default())?;
    document.grow(text::NUMBER_TEXT.saturating_mul(locations.len()))?;
    // All or none: what was there is put back if one result is no number.
    let mut undo = Vec::new();
    let mut is_number = true;
    let outcomes = change_each(&mut document.root, &locations, |location, value| {
        let result = Number::of(value)?.combined(operand, operation);
        is_number &= result.is_some();
        let result = result?;
        undo.push((location, std::mem::replace(value, result.clone())));
        Some(result)
    });
    if !is_number {
        for (location, before) in undo.into_iter().rev() {
            if let Some(value) = location.get_mut(&mut document.root) {
                *value = before;
            }
        }
        return Err(Failure::err("result is not a number"));
    }
    drop(entry);
    if outcomes.iter().any(Option::is_some) {
        call.changed(0, event);
    }
    if path.is_legacy() {
        return Ok(Reply::Bulk(text::to_vec(&legacy(&path, outcomes, "a number")?)));
    }
    // One JSON text for all, where other commands have an array of replies.
    let results: thin_vec::ThinVec<Value> =
        outcomes.into_iter().map(|result| result.unwrap_or(Value::NULL)).collect();
    Ok(Reply::Bulk(text::to_vec(&results.into())))
}

#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Double(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            Kind::Integer(value) => Some(Self::Integer(value.into())),
            Kind::Unsigned(value) => Some(Self::Integer(value.into())),
            Kind::Double(value) => Some(Self::Double(value)),
            _ => None,
        }
    }

    /// The result; nothing if it is infinite.
    fn combined(self, other: Self, operation: &Operation) -> Option<Value> {
        if let (Self::Integer(one), Self::Integer(other)) = (self, other)
            && let Some(result) = (operation.integers)(one, other)
        {
            if let Ok(result) = i64::try_from(result) {
                return Some(result.into());
            }
            if let Ok(result) = u64::try_from(result) {
                return Some(result.into());
            }
        }
        Value::double((operation.doubles)(self.as_double(), other.as_double()))
    }

    #[expect(clippy::cast_precision_loss, reason = "what a double cannot hold is rounded")]
    fn as_double(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Double(value) => value,
        }
    }
}
