//! Redis replies as JSON or as RESP2: straight into the answer's bytes.
//!
//! Replies are shaped by their RESP2 type alone, never by the command's name. `result` holds a
//! string, an integer, `null` or an array of these, as Upstash documents it
//! (<https://upstash.com/docs/redis/features/restapi>).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use redis::{ServerError, Value};

mod output;

pub use output::{Bounded, Output, TooLarge};

/// What the allocator adds to a piece of memory, in bytes.
const ALLOCATION: usize = 16;

/// An error's text, which is at most a few hundred bytes long.
const ERROR: usize = 256;

/// How strings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As text; what is not UTF-8 becomes U+FFFD.
    Text,
    /// In base64, the status `OK` excepted (`Upstash-Encoding: base64`).
    Base64,
}

/// Writes `{"result":…}`, or `{"error":…}` for a server's error.
pub fn write_item(out: &mut impl Output, reply: &Value, encoding: Encoding) {
    match reply {
        Value::ServerError(error) => write_error(out, &error_text(error)),
        // Only here, as a whole reply: the clients decode base64 in any string inside an array.
        Value::Okay => out.add(br#"{"result":"OK"}"#),
        reply => {
            out.add(br#"{"result":"#);
            write_value(out, reply, encoding);
            out.add(b"}");
        }
    }
}

/// Writes `{"error":…}`; error texts are never in base64.
pub fn write_error(out: &mut impl Output, text: &str) {
    out.add(br#"{"error":"#);
    write_json_string(out, text);
    out.add(b"}");
}

/// The error line as Redis sent it, without the leading `-`.
pub fn error_text(error: &ServerError) -> Cow<'_, str> {
    match error.details() {
        Some(details) => Cow::Owned(format!("{} {details}", error.code())),
        None => Cow::Borrowed(error.code()),
    }
}

/// The memory that the reply takes, in bytes; roughly.
pub fn weight(reply: &Value) -> usize {
    let inside = match reply {
        Value::BulkString(bytes) => bytes.len() + ALLOCATION,
        Value::SimpleString(text) => text.len() + ALLOCATION,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + ALLOCATION,
        Value::ServerError(_) => ERROR,
        _ => 0,
    };
    size_of::<Value>() + inside
}

fn write_value(out: &mut impl Output, value: &Value, encoding: Encoding) {
    match value {
        Value::Nil => out.add(b"null"),
        Value::Int(number) => out.add(itoa::Buffer::new().format(*number).as_bytes()),
        Value::BulkString(bytes) => write_bytes(out, bytes, encoding),
        Value::SimpleString(text) => write_bytes(out, text.as_bytes(), encoding),
        Value::Okay => write_bytes(out, b"OK", encoding),
        Value::ServerError(error) => write_bytes(out, error_text(error).as_bytes(), encoding),
        Value::Array(items) | Value::Set(items) => write_array(out, items.iter(), encoding),
        // The rest is RESP3, which is never asked for. Should a server send it all the same, it is
        // written as RESP2 would have it.
        Value::Map(pairs) => {
            write_array(out, pairs.iter().flat_map(|(key, value)| [key, value]), encoding);
        }
        Value::Push { data, .. } => write_array(out, data.iter(), encoding),
        Value::Attribute { data, .. } => write_value(out, data, encoding),
        Value::Double(number) => write_bytes(out, number.to_string().as_bytes(), encoding),
        Value::Boolean(truth) => out.add(if *truth { b"1" } else { b"0" }),
        Value::VerbatimString { text, .. } => write_bytes(out, text.as_bytes(), encoding),
        Value::BigNumber(digits) => write_bytes(out, digits, encoding),
        _ => out.add(b"null"),
    }
}

fn write_array<'a>(
    out: &mut impl Output,
    items: impl Iterator<Item = &'a Value>,
    encoding: Encoding,
) {
    out.add(b"[");
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.add(b",");
        }
        write_value(out, item, encoding);
    }
    out.add(b"]");
}

fn write_bytes(out: &mut impl Output, bytes: &[u8], encoding: Encoding) {
    match encoding {
        Encoding::Text => write_json_string(out, &String::from_utf8_lossy(bytes)),
        Encoding::Base64 => {
            out.add(b"\"");
            // Exactly what padded base64 takes: four characters for each three bytes.
            out.add_with(bytes.len().div_ceil(3) * 4, |room| {
                let written = STANDARD.encode_slice(bytes, room);
                debug_assert_eq!(written.ok(), Some(room.len()));
            });
            out.add(b"\"");
        }
    }
}

fn write_json_string(out: &mut impl Output, text: &str) {
    // Cannot fail: a string has no invalid state, and an output no I/O.
    let _ = serde_json::to_writer(out, text);
}

/// Writes the reply as RESP2, as Redis sent it (`Upstash-Response-Format: resp2`).
///
/// Redis has two kinds of nil; which one it was is not known any more, and the common one is written.
pub fn write_resp2(out: &mut impl Output, value: &Value) {
    match value {
        Value::Nil => out.add(b"$-1\r\n"),
        Value::Int(number) => write_line(out, b':', itoa::Buffer::new().format(*number)),
        Value::BulkString(bytes) => {
            write_line(out, b'$', itoa::Buffer::new().format(bytes.len()));
            out.add(bytes);
            out.add(b"\r\n");
        }
        Value::SimpleString(text) => write_line(out, b'+', text),
        Value::Okay => write_line(out, b'+', "OK"),
        Value::ServerError(error) => write_resp2_error(out, &error_text(error)),
        Value::Array(items) => {
            write_line(out, b'*', itoa::Buffer::new().format(items.len()));
            items.iter().for_each(|item| write_resp2(out, item));
        }
        // RESP3, which is never asked for.
        _ => write_resp2_error(out, "ERR a reply that RESP2 does not have"),
    }
}

/// Writes an error as RESP2; its text becomes one line.
pub fn write_resp2_error(out: &mut impl Output, text: &str) {
    write_line(out, b'-', text);
}

fn write_line(out: &mut impl Output, kind: u8, text: &str) {
    out.add(&[kind]);
    for (index, part) in text.split(['\r', '\n']).enumerate() {
        if index > 0 {
            out.add(b" ");
        }
        out.add(part.as_bytes());
    }
    out.add(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(value: &Value, encoding: Encoding) -> String {
        let mut out = Vec::new();
        write_item(&mut out, value, encoding);
        String::from_utf8(out).unwrap()
    }

    fn bulk(bytes: &[u8]) -> Value {
        Value::BulkString(bytes.to_vec())
    }

    #[test]
    fn shapes_follow_the_resp_type() {
        for (value, text, base64) in [
            (Value::Okay, r#""OK""#, r#""OK""#),
            (bulk(b"OK"), r#""OK""#, r#""T0s=""#),
            (Value::Array(vec![Value::Okay]), r#"["OK"]"#, r#"["T0s="]"#),
            (Value::SimpleString("PONG".into()), r#""PONG""#, r#""UE9ORw==""#),
            (Value::Nil, "null", "null"),
            (Value::Int(i64::MAX), "9223372036854775807", "9223372036854775807"),
            (bulk(b""), r#""""#, r#""""#),
            (bulk(b"bar"), r#""bar""#, r#""YmFy""#),
            (bulk(b"\xff\"\n"), "\"\u{FFFD}\\\"\\n\"", r#""/yIK""#),
            (
                Value::Array(vec![bulk(b"a"), Value::Nil, Value::Array(vec![Value::Int(1)])]),
                r#"["a",null,[1]]"#,
                r#"["YQ==",null,[1]]"#,
            ),
        ] {
            assert_eq!(item(&value, Encoding::Text), format!("{{\"result\":{text}}}"));
            assert_eq!(item(&value, Encoding::Base64), format!("{{\"result\":{base64}}}"));
        }
    }

    #[test]
    fn errors_are_the_servers_line_and_never_base64() {
        for line in ["WRONGTYPE Operation against", "ERR x", "NOSCRIPT No matching script.", "OOPS"]
        {
            let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
            assert_eq!(item(&reply, Encoding::Base64), format!("{{\"error\":\"{line}\"}}"));
        }
    }

    #[test]
    fn resp2_is_what_redis_sent() {
        for wire in [
            "+OK\r\n",
            "+PONG\r\n",
            ":-42\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$4\r\n\r\n+x\r\n",
            "-WRONGTYPE Operation\r\n",
            "*3\r\n$1\r\na\r\n*0\r\n*1\r\n-ERR x\r\n",
        ] {
            let mut out = Vec::new();
            write_resp2(&mut out, &redis::parse_redis_value(wire.as_bytes()).unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), wire);
        }
        let mut out = Vec::new();
        write_resp2_error(&mut out, "ERR a\r\n+OK");
        assert_eq!(out, b"-ERR a  +OK\r\n");
    }

    proptest! {
        #[test]
        fn base64_and_text_decode_to_what_went_in(bytes in any::<Vec<u8>>()) {
            let answer = |encoding| {
                let json: serde_json::Value = serde_json::from_str(&item(&bulk(&bytes), encoding)).unwrap();
                json["result"].as_str().unwrap().to_owned()
            };
            prop_assert_eq!(STANDARD.decode(answer(Encoding::Base64)).unwrap(), bytes.clone());
            prop_assert_eq!(answer(Encoding::Text), String::from_utf8_lossy(&bytes));
        }
    }
}
