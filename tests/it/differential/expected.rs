//! What the REST API answers, given Redis's reply: the documented rules, written down a second time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::commands::Line;
use super::rows::Order;
use crate::support::{Reply, Resp, read_resp};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    Text,
    Base64,
    Resp2,
}

/// The answer to one command.
pub fn single(line: &Line, reply: &Resp, form: Form) -> Reply {
    let body = item(line, reply, form);
    Reply { status: if body.get("error").is_some() { 400 } else { 200 }, body }
}

/// The answer to a transaction: `queued` are the replies to its commands, `exec` is EXEC's.
pub fn transaction(lines: &[Line], queued: &[Resp], exec: &Resp, form: Form) -> Reply {
    if let Resp::Array(replies) = exec {
        assert_eq!(lines.len(), replies.len(), "EXEC answers every command");
        let items = lines.iter().zip(replies);
        let body = items.map(|(line, reply)| item(line, reply, form)).collect();
        return Reply { status: 200, body: Value::Array(body) };
    }
    // Nothing was executed, and the answer says which command is why.
    let first = lines.iter().zip(queued).find(|(_, reply)| matches!(reply, Resp::Error(_)));
    let (line, reply) = first.expect("EXEC fails because of a command before it");
    Reply { status: 400, body: item(line, reply, form) }
}

/// `{"result":…}` or `{"error":…}`.
pub fn item(line: &Line, reply: &Resp, form: Form) -> Value {
    match (line.refused, reply) {
        (Some(text), _) => json!({ "error": text }),
        (None, Resp::Error(text)) => json!({ "error": error(line, text) }),
        // The only string that base64 leaves alone: a whole reply that is the status OK.
        (None, Resp::Status(text)) if text == b"OK" && form != Form::Resp2 => {
            json!({ "result": "OK" })
        }
        (None, reply) => {
            let mut item = json!({ "result": value(reply, form) });
            sort(&mut item, line.order);
            item
        }
    }
}

/// How Upstash's text ends about a command that there is not.
const DETAILS: &str = "See https://upstash.com/docs/redis/overall/rediscompatibility for details";

fn error(line: &Line, text: &[u8]) -> String {
    if text.starts_with(b"ERR unknown command '") {
        let name = String::from_utf8_lossy(&line.words[0]).to_uppercase();
        return format!("ERR Command is not available: '{name}'. {DETAILS}");
    }
    String::from_utf8(text_line(text)).expect("what is not UTF-8 was replaced")
}

/// Where the line of an error or a status is text, each byte that is not UTF-8 becomes a question mark.
fn text_line(bytes: &[u8]) -> Vec<u8> {
    let valid = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.valid().to_owned() + &"?".repeat(chunk.invalid().len())
    };
    bytes.utf8_chunks().map(valid).collect::<String>().into_bytes()
}

fn value(reply: &Resp, form: Form) -> Value {
    // In RESP2 a string's type can be told; here it stands before it.
    let string = |kind: &str, bytes: &[u8]| match form {
        Form::Text => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Form::Base64 => Value::String(STANDARD.encode(bytes)),
        Form::Resp2 => Value::String(format!("{kind} {}", bytes.escape_ascii())),
    };
    let line = |bytes: &[u8]| match form {
        Form::Text => text_line(bytes),
        Form::Base64 | Form::Resp2 => bytes.to_vec(),
    };
    match reply {
        Resp::Nil => Value::Null,
        Resp::Integer(number) => json!(number),
        Resp::Bulk(bytes) => string("bulk", bytes),
        Resp::Status(text) => string("status", &line(text)),
        Resp::Error(text) => string("error", &line(text)),
        Resp::Array(items) => items.iter().map(|item| value(item, form)).collect(),
    }
}

/// The body of an answer to one command, or to several.
pub fn body(bytes: &[u8], form: Form, several: bool) -> Value {
    if form != Form::Resp2 {
        // What is no JSON is no right answer either, and is best shown beside the right one.
        let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
        return serde_json::from_slice(bytes).unwrap_or_else(|_| text());
    }
    let (mut items, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let Some((reply, behind)) = read_resp(rest) else {
            return Value::String(bytes.escape_ascii().to_string());
        };
        items.push(match &reply {
            Resp::Error(text) => json!({ "error": String::from_utf8_lossy(text) }),
            reply => json!({ "result": value(reply, form) }),
        });
        rest = behind;
    }
    match (several, items.as_slice()) {
        (false, [item]) => item.clone(),
        _ => Value::Array(items),
    }
}

/// Leaves out what pkv says behind Upstash's text, of releases and modules: `dialect` tests that.
pub fn cut_origin(item: &mut Value) {
    if let Some(Value::String(text)) = item.get_mut("error")
        && let Some((start, _)) = text.split_once(&format!("{DETAILS} ("))
    {
        *text = format!("{start}{DETAILS}");
    }
}

/// Brings what has no order into one.
pub fn sort(item: &mut Value, order: Order) {
    let result = item.get_mut("result").and_then(Value::as_array_mut);
    let Some(items) = result else { return };
    let (items, size) = match order {
        Order::Fixed => return,
        Order::Items => (Some(items), 1),
        Order::Pairs => (Some(items), 2),
        Order::Cursor => (items.get_mut(1).and_then(Value::as_array_mut), 1),
        Order::CursorPairs => (items.get_mut(1).and_then(Value::as_array_mut), 2),
    };
    let Some(items) = items else { return };
    let mut groups: Vec<_> = items.chunks(size).map(<[Value]>::to_vec).collect();
    groups.sort_by_key(|group| group.iter().map(Value::to_string).collect::<Vec<_>>());
    *items = groups.concat();
}
