//! JSON bodies.

use bytes::Bytes;
use pkv::command::Command;
use pkv::command::body::{parse_command, parse_pipeline};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::in_time;
use super::json::{self, Json};

/// What JSON is made of, and what is almost JSON.
const TOKENS: &[&str] = &[
    "[",
    "]",
    "[",
    "]",
    "[[",
    "]]",
    ",",
    ",",
    "{",
    "}",
    ":",
    "\"",
    "\"",
    "\\",
    "\"GET\"",
    "\"k\"",
    "\"\"",
    "\"é😀\"",
    "\\u0041",
    "\\u0000",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\ude00",
    "\\uDBFF",
    "\\u12",
    "\\n",
    "\\/",
    "\\x",
    "null",
    "true",
    "false",
    "tru",
    "0",
    "-",
    "01",
    "1.0",
    "-0",
    "1e999",
    "1E+2",
    ".5",
    "9007199254740993",
    "123456789012345678901234567890.12345678901234567890",
    "NaN",
    "Infinity",
    " ",
    "\t\r\n",
    "\u{b}",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "{\"a\":[1,{\"b\":null}]}",
    "//",
    "'k'",
];

/// Bytes that are no text, or only the beginning of one.
const BROKEN: &[&[u8]] = &[b"\xff", b"\xc3", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80"];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => select(TOKENS).prop_map(|token| token.as_bytes().to_vec()),
        1 => select(BROKEN).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        2 => any::<String>().prop_map(String::into_bytes),
        4 => any::<String>().prop_map(|text| serde_json::to_vec(&text).unwrap()),
        2 => any::<f64>().prop_map(|number| number.to_string().into_bytes()),
    ]
}

/// Pieces of JSON in any order, in front of them perhaps what makes an array of them.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let frames = select(&[("", ""), ("[", "]"), ("[\"SET\",", "]"), ("[[\"GET\",", "]]")][..]);
    (frames, vec(piece(), 0..16)).prop_map(|((start, end), pieces)| {
        [start.as_bytes(), &pieces.concat(), end.as_bytes()].concat()
    })
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        2 => vec(any::<u16>(), 0..6).prop_map(|units| {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{escapes}\"")
        }),
        2 => "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,5})?",
        1 => select(&["true", "false"][..]).prop_map(str::to_owned),
    ]
}

/// A scalar most often, or what no command can hold.
fn element() -> impl Strategy<Value = String> {
    let refused = ["null", "[]", "{}", "[\"x\",[1]]", "{\"a\":null}"];
    prop_oneof![20 => scalar(), 1 => select(refused.to_vec()).prop_map(str::to_owned)]
}

fn array(element: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let space = select(&["", "", " ", "\r\n\t "][..]);
    vec((element, space), 0..8).prop_map(|items| {
        let items: Vec<_> =
            items.iter().map(|(item, space)| format!("{space}{item}{space}")).collect();
        format!("[{}]", items.join(","))
    })
}

/// A valid body with a few things done to it, perhaps none: something cut out, put in or repeated.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop_oneof![array(element()), array(array(element()))];
    let change = (0..4, any::<Index>(), any::<Index>(), piece());
    (valid, vec(change, 0..4)).prop_map(|(valid, changes)| {
        let mut bytes = valid.into_bytes();
        for (kind, from, to, piece) in changes {
            let (from, to) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            match kind {
                0 => drop(bytes.drain(from..to)),
                1 => bytes.truncate(to),
                2 => drop(bytes.splice(from..from, piece)),
                _ => {
                    let part = bytes[from..to].to_vec();
                    bytes.splice(to..to, part);
                }
            }
        }
        bytes
    })
}

/// The words of an array, or the text for the first element that is none.
fn words(array: &[Json]) -> Result<Vec<Vec<u8>>, &'static str> {
    let word = |element: &Json| match element {
        Json::String(text) | Json::Number(text) => Ok(text.clone().into_bytes()),
        Json::Boolean(truth) => Ok(truth.to_string().into_bytes()),
        Json::Null => Err("ERR null args are not supported"),
        Json::Array(_) => Err("ERR unsupported arg type: \"[\": json.Delim"),
        Json::Object(_) => Err("ERR unsupported arg type: \"{\": json.Delim"),
    };
    array.iter().map(word).collect()
}

/// What `/` is to make of a body; `None`: an error of any text.
fn expected_command(body: &[u8]) -> Option<Result<Vec<Vec<u8>>, &'static str>> {
    let Json::Array(elements) = json::read(body)? else { return Some(Err("expected JSON array")) };
    Some(words(&elements).and_then(|words| match words.first() {
        Some(name) if !name.is_empty() => Ok(words),
        _ => Err("ERR empty command"),
    }))
}

/// A pipeline's lines, each with its words or its error.
type Lines = Vec<Result<Vec<Vec<u8>>, String>>;

/// What `/pipeline` is to make of a body; `None`: an error of any text.
fn expected_pipeline(body: &[u8]) -> Option<Result<Lines, &'static str>> {
    let Json::Array(lines) = json::read(body)? else { return Some(Err("expected JSON array")) };
    if lines.is_empty() {
        return Some(Err("ERR empty pipeline request"));
    }
    let arrays: Option<Vec<_>> = lines
        .iter()
        .map(|line| match line {
            Json::Array(elements) => Some(words(elements)),
            _ => None,
        })
        .collect();
    let lines: Result<Vec<_>, _> = arrays?.into_iter().collect();
    Some(lines.map(|lines| {
        let line = |words: Vec<Vec<u8>>| match words.first() {
            Some(name) if !name.is_empty() => Ok(words),
            _ => Err("ERR empty pipeline command".to_owned()),
        };
        lines.into_iter().map(line).collect()
    }))
}

#[track_caller]
fn is_read_rightly(body: &[u8]) {
    let shown = || String::from_utf8_lossy(body);
    let words =
        |command: Command| -> Vec<_> { command.words().iter().map(|word| word.to_vec()).collect() };
    let bytes = Bytes::copy_from_slice(body);
    let got = parse_command(&bytes).map(words).map_err(|error| error.to_string());
    match expected_command(body) {
        Some(want) => assert_eq!(got, want.map_err(str::to_owned), "{}", shown()),
        None => assert!(!got.clone().expect_err("no JSON").is_empty(), "{}: {got:?}", shown()),
    }
    let got = parse_pipeline(&bytes).map_err(|error| error.to_string()).map(|lines| {
        let line = |line: Result<Command, _>| {
            line.map(words).map_err(|error: pkv::command::ParseError| error.to_string())
        };
        lines.into_iter().map(line).collect::<Lines>()
    });
    match expected_pipeline(body) {
        Some(want) => assert_eq!(got, want.map_err(str::to_owned), "{}", shown()),
        None => assert!(!got.clone().expect_err("no lines").is_empty(), "{}: {got:?}", shown()),
    }
}

proptest! {
    #[test]
    fn pieces_of_json_are_taken_if_and_only_if_they_make_a_command(body in soup()) {
        is_read_rightly(&body);
    }

    #[test]
    fn a_mutated_body_is_taken_if_and_only_if_it_is_still_one(body in mutated()) {
        is_read_rightly(&body);
    }

    #[test]
    fn bytes_are_taken_if_and_only_if_they_are_a_body(body in any::<Vec<u8>>()) {
        is_read_rightly(&body);
    }
}

#[test]
fn a_megabyte_of_anything_is_read_in_time() {
    const SIZE: usize = 1 << 20;
    for start in ["[", "[\"SET\",\"", "[[\"SET\","] {
        for unit in TOKENS.iter().chain(&["1,", "\"\",", "[],", "null,", "\\u0041\\ud83d"]) {
            let body = Bytes::from([start, &unit.repeat(SIZE / unit.len())].concat());
            in_time(&format!("{start}{unit}…"), || {
                let _ = parse_command(&body);
                let _ = parse_pipeline(&body);
            });
        }
    }
}
