//! Replies on their way out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkv::reply::{Encoding, Frame, Scan, Scanner, to_resp2, write_item};
use proptest::collection::vec;
use proptest::prelude::*;

use super::in_time;
use super::json::{self, Json};
use crate::support::{Resp, read_resp};

/// As many levels of arrays as what reads them here can take.
const DEEPEST: u32 = 500;

/// The line of a status or an error, which Redis keeps free of line ends.
fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just("OK".to_owned()),
        "(ERR|WRONGTYPE|NOSCRIPT|MOVED|LOADING|[A-Z]{0,6}) {0,2}[^\r\n]{0,20}",
        "[^\r\n]{0,30}",
    ]
    .prop_map(String::into_bytes)
}

/// Any reply of RESP2.
fn reply() -> impl Strategy<Value = Resp> {
    let leaf = prop_oneof![
        Just(Resp::Nil),
        any::<i64>().prop_map(Resp::Integer),
        line().prop_map(Resp::Status),
        line().prop_map(Resp::Error),
        any::<Vec<u8>>().prop_map(Resp::Bulk),
        any::<String>().prop_map(|text| Resp::Bulk(text.into_bytes())),
        Just(Resp::Bulk(b"OK".to_vec())),
    ];
    leaf.prop_recursive(8, 64, 6, |item| vec(item, 0..6).prop_map(Resp::Array))
}

/// As a server sends it.
fn wire(reply: &Resp, out: &mut Vec<u8>) {
    let line = |out: &mut Vec<u8>, kind: u8, text: &[u8]| {
        out.push(kind);
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    };
    match reply {
        Resp::Status(text) => line(out, b'+', text),
        Resp::Error(text) => line(out, b'-', text),
        Resp::Integer(number) => line(out, b':', number.to_string().as_bytes()),
        Resp::Nil => line(out, b'$', b"-1"),
        Resp::Bulk(bytes) => {
            line(out, b'$', bytes.len().to_string().as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        Resp::Array(items) => {
            line(out, b'*', items.len().to_string().as_bytes());
            items.iter().for_each(|item| wire(item, out));
        }
    }
}

fn string(bytes: &[u8], encoding: Encoding) -> Json {
    Json::String(match encoding {
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Text => String::from_utf8_lossy(bytes).into_owned(),
    })
}

fn value(reply: &Resp, encoding: Encoding) -> Json {
    match reply {
        Resp::Nil => Json::Null,
        Resp::Integer(number) => Json::Number(number.to_string()),
        Resp::Bulk(bytes) | Resp::Status(bytes) | Resp::Error(bytes) => string(bytes, encoding),
        Resp::Array(items) => Json::Array(items.iter().map(|item| value(item, encoding)).collect()),
    }
}

/// `{"result":…}` or `{"error":…}`.
fn item(reply: &Resp, encoding: Encoding) -> Json {
    let (name, value) = match reply {
        Resp::Error(text) => ("error", string(text, Encoding::Text)),
        Resp::Status(text) if text == b"OK" => ("result", Json::String("OK".into())),
        reply => ("result", value(reply, encoding)),
    };
    Json::Object(vec![(name.to_owned(), value)])
}

fn written(sent: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    write_item(&mut out, Frame::of(sent), encoding);
    out
}

#[track_caller]
fn is_written_rightly(reply: &Resp) {
    let mut sent = Vec::new();
    wire(reply, &mut sent);
    assert_eq!(read_resp(&sent), Some((reply.clone(), &b""[..])));
    assert_eq!(Scanner::new(1).scan(&sent), Ok(Scan::Whole(sent.len())));
    for encoding in [Encoding::Text, Encoding::Base64] {
        let out = written(&sent, encoding);
        let shown = String::from_utf8_lossy(&out);
        assert_eq!(json::read(&out), Some(item(reply, encoding)), "{shown}");
    }
}

proptest! {
    #[test]
    fn what_redis_sent_is_what_clients_read(reply in reply()) {
        is_written_rightly(&reply);
    }

    /// The trees that the dialect's rules look into.
    #[test]
    fn what_becomes_a_tree_is_what_the_client_library_reads(reply in reply()) {
        let mut sent = Vec::new();
        wire(&reply, &mut sent);
        let tree = Frame::of(&sent).value();
        prop_assert_eq!(&tree, &redis::parse_redis_value(&sent).unwrap());
        prop_assert_eq!(to_resp2(&tree).escape_ascii().to_string(), sent.escape_ascii().to_string());
    }
}

#[test]
fn deep_and_large_replies_are_written_in_time() {
    let deep = (0..DEEPEST).fold(Resp::Nil, |inner, _| Resp::Array(vec![inner]));
    is_written_rightly(&deep);
    let items = |item: Resp, count| Resp::Array(vec![item; count]);
    for (what, reply) in [
        ("many integers", items(Resp::Integer(i64::MIN), 50_000)),
        ("many empty strings", items(Resp::Bulk(vec![]), 150_000)),
        ("a long string that is no text", Resp::Bulk(vec![0xFF; 1 << 20])),
        ("a long string to be escaped", Resp::Bulk(vec![1; 1 << 20])),
        ("a long error", Resp::Error(vec![b'"'; 1 << 20])),
    ] {
        let mut sent = Vec::new();
        wire(&reply, &mut sent);
        in_time(what, || {
            written(&sent, Encoding::Text);
            written(&sent, Encoding::Base64);
            Frame::of(&sent).value();
        });
    }
}
