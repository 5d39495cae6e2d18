//! Replies as trees, for those few that something is made of.

use std::borrow::Cow;

use redis::{ServerError, Value};

use super::frame::{Frame, Token};
use super::{Output, text, write_resp2_error};

/// Most levels of arrays in a tree: more than any reply has that something is made of.
const DEEPEST: usize = 64;

impl Frame<'_> {
    /// The reply as a tree.
    pub fn value(self) -> Value {
        // Of each array that is open: how many items are still to come, and those that have.
        let mut open: Vec<(usize, Vec<Value>)> = Vec::new();
        for token in self.tokens() {
            let mut value = match token {
                Token::Status(b"OK") => Value::Okay,
                Token::Status(line) => Value::SimpleString(text::of_line(line).into_owned()),
                Token::Error(line) => error(&text::of_line(line)),
                Token::Integer(digits) => {
                    let number =
                        std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
                    Value::Int(number.unwrap_or(0))
                }
                Token::Bulk(bytes) => Value::BulkString(bytes.to_vec()),
                Token::Nil => Value::Nil,
                Token::Array(0) => Value::Array(Vec::new()),
                Token::Array(_) if open.len() == DEEPEST => {
                    return error("ERR the reply is nested too deeply to be translated");
                }
                Token::Array(items) => {
                    open.push((items, Vec::new()));
                    continue;
                }
            };
            loop {
                let Some((left, items)) = open.last_mut() else { return value };
                items.push(value);
                *left -= 1;
                if *left > 0 {
                    break;
                }
                let Some((_, items)) = open.pop() else { break };
                value = Value::Array(items);
            }
        }
        Value::Nil
    }
}

/// The `redis` crate has no other way to make one.
fn error(text: &str) -> Value {
    let mut line = Vec::new();
    write_resp2_error(&mut line, text);
    redis::parse_redis_value(&line).unwrap_or(Value::Nil)
}

/// The error line as Redis sent it, without the leading `-`.
pub fn error_text(error: &ServerError) -> Cow<'_, str> {
    match error.details() {
        Some(details) => Cow::Owned(format!("{} {details}", error.code())),
        None => Cow::Borrowed(error.code()),
    }
}

/// The value as Redis would send it.
pub fn to_resp2(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    let number = |number: usize| number.to_string().into_bytes();
    match value {
        Value::Nil => out.add([b"$-1\r\n"]),
        Value::Int(number) => out.add([b":", number.to_string().as_bytes(), b"\r\n"]),
        Value::BulkString(bytes) => {
            out.add([b"$", &number(bytes.len()), b"\r\n", bytes, b"\r\n"]);
        }
        Value::SimpleString(text) => out.add([b"+", text.as_bytes(), b"\r\n"]),
        Value::Okay => out.add([b"+OK\r\n"]),
        Value::ServerError(error) => write_resp2_error(out, &error_text(error)),
        Value::Array(items) => {
            out.add([b"*", &number(items.len()), b"\r\n"]);
            items.iter().for_each(|item| write(out, item));
        }
        // RESP3, which is never asked for, nor made here.
        _ => write_resp2_error(out, "ERR a reply that RESP2 does not have"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_a_tree_becomes_the_same_bytes() {
        for bytes in [
            "+OK\r\n",
            "+PONG\r\n",
            ":-42\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$4\r\n\r\n+x\r\n",
            "-WRONGTYPE Operation\r\n",
            "-ERR x\r\n",
            "*3\r\n$1\r\na\r\n*0\r\n*2\r\n-ERR x\r\n*1\r\n:1\r\n",
        ] {
            let tree = Frame::of(bytes.as_bytes()).value();
            assert_eq!(tree, redis::parse_redis_value(bytes.as_bytes()).unwrap());
            assert_eq!(to_resp2(&tree), bytes.as_bytes());
        }
    }

    #[test]
    fn a_tree_is_not_deeper_than_anybody_needs() {
        let deep = |levels| [b"*1\r\n".repeat(levels), b":1\r\n".to_vec()].concat();
        assert!(matches!(Frame::of(&deep(DEEPEST)).value(), Value::Array(_)));
        let Value::ServerError(error) = Frame::of(&deep(DEEPEST + 1)).value() else { panic!() };
        assert!(error_text(&error).contains("nested too deeply"));
    }
}
