//! JSON text to values and back: serde_json does it, this says into what.
//!
//! Of a member that is named twice, the last value counts, at the first one's place.

use std::fmt;
use std::io;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use thin_vec::ThinVec;

use crate::document::MAX_DEPTH;
use crate::string::JsonString;
use crate::value::{Kind, Value};

/// The longest text of a number has so many bytes.
pub const NUMBER_TEXT: usize = 25;

/// The value that a JSON text says.
///
/// # Errors
/// If it is not JSON, or nested more deeply than [`MAX_DEPTH`].
pub fn parse(text: &[u8]) -> serde_json::Result<Value> {
    parse_bounded(text).map(|(value, _)| value)
}

/// The same, and how many bytes it has at most when it is written: only doubles
/// can take more than they had (`1e2` is written as `100.0`).
///
/// # Errors
/// Those of `parse`.
pub fn parse_bounded(text: &[u8]) -> serde_json::Result<(Value, usize)> {
    let len = text.len();
    // All of it at once: the parser would look at each string by itself.
    let text = std::str::from_utf8(text).map_err(|_| serde_json::Error::custom("not UTF-8"))?;
    let mut parser = serde_json::Deserializer::from_str(text);
    // Its own limit is one level below ours; `Parts` counts.
    parser.disable_recursion_limit();
    let mut stack = Stack::default();
    Parts { levels: MAX_DEPTH, stack: &mut stack }.deserialize(&mut parser)?;
    parser.end()?;
    let value = stack.elements.pop().unwrap_or(Value::NULL);
    Ok((value, len + NUMBER_TEXT * stack.doubles))
}

/// Writes a value as JSON text, without white space.
///
/// # Errors
/// Those of the writer.
pub fn write(value: &Value, out: impl io::Write) -> serde_json::Result<()> {
    serde_json::to_writer(out, value)
}

/// A value as JSON text.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    // A vector takes all, and there is nothing in a value that JSON cannot say.
    let _ = write(value, &mut text);
    text
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.kind() {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(value),
            Kind::Integer(value) => serializer.serialize_i64(value),
            Kind::Unsigned(value) => serializer.serialize_u64(value),
            Kind::Double(value) => serializer.serialize_f64(value),
            Kind::String(value) => serializer.serialize_str(value),
            Kind::Array(elements) => serializer.collect_seq(elements),
            Kind::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (name, value) in object.iter() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// What has been read of the arrays and objects that are not at their end yet:
/// when they are, it is known how much memory each takes, and asked for once.
#[derive(Default)]
struct Stack {
    elements: Vec<Value>,
    names: Vec<JsonString>,
    doubles: usize,
}

/// Puts the values that the parser meets on the stack, down to so many levels. They
/// are not handed up one by one, since a value within a `Result` is copied in odd
/// pieces: so it takes three quarters of the time.
struct Parts<'s> {
    levels: usize,
    stack: &'s mut Stack,
}

impl Parts<'_> {
    /// Those for what is within an array or an object.
    fn below<E: Error>(&mut self) -> Result<Parts<'_>, E> {
        let levels = self
            .levels
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("nested more deeply than {MAX_DEPTH} levels")))?;
        Ok(Parts { levels, stack: self.stack })
    }
}

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.stack.elements.push(Value::NULL);
        Ok(())
    }

    #[inline]
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.stack.elements.push(value.into());
        Ok(())
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.stack.elements.push(value.into());
        Ok(())
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.stack.elements.push(value.into());
        Ok(())
    }

    #[inline]
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let value = Value::double(value).ok_or_else(|| E::custom("number out of range"))?;
        self.stack.doubles += 1;
        self.stack.elements.push(value);
        Ok(())
    }

    #[inline]
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.stack.elements.push(value.into());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let start = self.stack.elements.len();
        while access.next_element_seed(self.below()?)?.is_some() {}
        let elements: ThinVec<Value> = self.stack.elements.drain(start..).collect();
        self.stack.elements.push(elements.into());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let start = self.stack.elements.len();
        let names = self.stack.names.len();
        while access.next_key_seed(Name(&mut self.stack.names))?.is_some() {
            access.next_value_seed(self.below()?)?;
        }
        let object =
            Value::object(self.stack.names.drain(names..).zip(self.stack.elements.drain(start..)));
        self.stack.elements.push(object);
        Ok(())
    }
}

/// Puts members' names on the stack.
struct Name<'s>(&'s mut Vec<JsonString>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    #[inline]
    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.push(name.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn again(text: &str) -> serde_json::Result<String> {
        parse(text.as_bytes()).map(|value| String::from_utf8(to_vec(&value)).unwrap())
    }

    #[test]
    fn text_is_written_as_it_was_read() {
        for text in [
            "null",
            "-9223372036854775808",
            "18446744073709551615",
            "5e-324",
            r#"{"b":[1,{"a":"\u0000\"\\é😀"}],"a":0.1}"#,
        ] {
            assert_eq!(again(text).unwrap(), text);
        }
        for (text, written) in [
            (" [ 1 , 2 ] ", "[1,2]"),
            ("1E2", "100.0"),
            ("18446744073709551616", "1.8446744073709552e+19"),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#""\/\u00e9""#, r#""/é""#),
        ] {
            assert_eq!(again(text).unwrap(), written);
        }
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_refused() {
        for text in
            ["", "[1,]", "01", "NaN", "'a'", "{\"a\"}", "1 2", "\"\\ud800\"", "\"\u{1}\"", "1e400"]
        {
            assert!(again(text).is_err(), "{text}");
        }
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(again(&nested(MAX_DEPTH)).is_ok());
        let error = again(&nested(MAX_DEPTH + 1)).unwrap_err().to_string();
        assert!(error.starts_with("nested more deeply than 128 levels"), "{error}");
        assert!(again(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 30, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..30).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..30)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_json_comes_back(value in json()) {
            let text = value.to_string();
            prop_assert_eq!(again(&text).unwrap(), text);
        }
    }
}
