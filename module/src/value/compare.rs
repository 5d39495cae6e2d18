//! Which values are the same, and which number or string is the smaller.
//!
//! RFC 9535, 2.3.5.2.2: numbers count by their value (`1` is `1.0`), arrays
//! element by element, objects without regard to order. Numbers are compared
//! exactly: an integer is never rounded to a double.

use std::cmp::Ordering;
use std::convert::Infallible;

use super::{Kind, Object, Value};

/// 2^64: above all integers that a value can hold.
const ABOVE_INTEGERS: f64 = 18_446_744_073_709_551_616.0;

/// -2^63, the smallest integer that a value can hold.
const LOWEST_INTEGER: f64 = -9_223_372_036_854_775_808.0;

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match self.same(other, &mut |_| Ok::<_, Infallible>(())) {
            Ok(same) => same,
            Err(never) => match never {},
        }
    }
}

impl Value {
    /// Whether both are the same, where looking has a price: `spend` is told,
    /// for each pair of values, of how many bytes the two are at most, and may
    /// end it.
    ///
    /// # Errors
    /// Those of `spend`.
    pub fn same<E>(
        &self,
        other: &Self,
        spend: &mut impl FnMut(usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        match (self.kind(), other.kind()) {
            (Kind::Null, Kind::Null) => Ok(true),
            (Kind::Bool(a), Kind::Bool(b)) => Ok(a == b),
            (Kind::String(a), Kind::String(b)) => {
                spend(a.len().min(b.len()))?;
                Ok(a == b)
            }
            (Kind::Array(a), Kind::Array(b)) => same_elements(a, b, spend),
            (Kind::Object(a), Kind::Object(b)) => same_members(a, b, spend),
            _ => Ok(self.order_of_numbers(other) == Some(Ordering::Equal)),
        }
    }

    /// How two numbers stand to each other; nothing where one is none.
    pub fn order_of_numbers(&self, other: &Self) -> Option<Ordering> {
        match (self.number()?, other.number()?) {
            (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(&b)),
            (Number::Double(a), Number::Double(b)) => a.partial_cmp(&b),
            (Number::Whole(a), Number::Double(b)) => Some(whole_to_double(a, b)),
            (Number::Double(a), Number::Whole(b)) => Some(whole_to_double(b, a).reverse()),
        }
    }

    fn number(&self) -> Option<Number> {
        match self.kind() {
            Kind::Integer(value) => Some(Number::Whole(value.into())),
            Kind::Unsigned(value) => Some(Number::Whole(value.into())),
            Kind::Double(value) => Some(Number::Double(value)),
            _ => None,
        }
    }
}

enum Number {
    Whole(i128),
    Double(f64),
}

fn same_elements<E>(
    a: &[Value],
    b: &[Value],
    spend: &mut impl FnMut(usize) -> Result<(), E>,
) -> Result<bool, E> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        spend(size_of::<Value>())?;
        if !a.same(b, spend)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_members<E>(
    a: Object<'_>,
    b: Object<'_>,
    spend: &mut impl FnMut(usize) -> Result<(), E>,
) -> Result<bool, E> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (name, a) in a.iter() {
        spend(name.len() + size_of::<Value>())?;
        let Some((_, b)) = b.find(name) else { return Ok(false) };
        if !a.same(b, spend)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Compares without rounding the integer.
fn whole_to_double(whole: i128, double: f64) -> Ordering {
    if double >= ABOVE_INTEGERS {
        return Ordering::Less;
    }
    if double < LOWEST_INTEGER {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between -2^63 and 2^64")]
    let floor = double.floor() as i128;
    // Where the integer is the floor itself, the fraction makes the double the larger.
    let fraction = if double.fract() == 0.0 { Ordering::Equal } else { Ordering::Less };
    whole.cmp(&floor).then(fraction)
}

#[cfg(test)]
mod tests {
    use crate::text::parse;

    fn same(a: &str, b: &str) -> bool {
        let (a, b) = (parse(a.as_bytes()).unwrap(), parse(b.as_bytes()).unwrap());
        let (same, reverse) = (a == b, b == a);
        assert_eq!(same, reverse);
        same
    }

    #[test]
    fn numbers_are_the_same_by_their_value() {
        assert!(same("1", "1.0"));
        assert!(same("0", "-0.0"));
        assert!(same("18446744073709551615", "18446744073709551615"));
        assert!(!same("1", "1.5"));
        assert!(!same("-1", "-1.5"));
        assert!(!same("1", "\"1\""));
        assert!(!same("0", "null"));
    }

    #[test]
    fn an_integer_is_not_rounded_to_a_double() {
        assert!(same("9007199254740992", "9007199254740992.0"));
        assert!(!same("9007199254740993", "9007199254740992.0"));
        assert!(!same("18446744073709551615", "18446744073709551616.0"));
        assert!(!same("9223372036854775807", "9223372036854775808.0"));
        assert!(same("-9223372036854775808", "-9223372036854775808.0"));
        assert!(!same("-9223372036854775808", "-1e300"));
    }

    #[test]
    fn objects_have_no_order_and_arrays_have() {
        assert!(same(r#"{"a":1,"b":[1,{}]}"#, r#"{"b":[1.0,{}],"a":1}"#));
        assert!(!same(r#"{"a":1,"b":2}"#, r#"{"a":1,"c":2}"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!same("[1,2]", "[2,1]"));
        assert!(!same("[1]", "[1,2]"));
        assert!(!same("[]", "{}"));
    }

    #[test]
    fn large_objects_are_compared_by_name() {
        let members = |from: Box<dyn Iterator<Item = u32>>| {
            let members: Vec<_> = from.map(|n| format!("\"{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(same(&members(Box::new(0..50_000)), &members(Box::new((0..50_000).rev()))));
    }
}
