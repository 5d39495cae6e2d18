//! Path commands.

use bytes::Bytes;
use pkv::command::path::{parse, token};
use proptest::collection::vec;
use proptest::prelude::*;

use super::in_time;

type Word = Vec<u8>;

/// A word, and for each of its bytes whether it stands as it is where it may.
type Spelt = (Word, Vec<bool>);

fn word() -> impl Strategy<Value = Spelt> {
    let bytes = prop_oneof![
        any::<Vec<u8>>(),
        "[a-z/%+&=?#. é😀]{0,12}".prop_map(String::into_bytes),
        Just(b"_token".to_vec()),
        Just(Vec::new()),
    ];
    (bytes, vec(any::<bool>(), 128))
}

/// `may_stand`: what may be written as it is in this place.
fn encoded((word, plain): &Spelt, may_stand: fn(u8) -> bool) -> String {
    let mut text = String::new();
    for (at, byte) in word.iter().enumerate() {
        match may_stand(*byte) && plain[at % plain.len()] {
            true => text.push(*byte as char),
            false if at % 2 == 0 => text += &format!("%{byte:02X}"),
            false => text += &format!("%{byte:02x}"),
        }
    }
    text
}

fn in_path(byte: u8) -> bool {
    byte.is_ascii() && !b"/%".contains(&byte)
}

fn in_query(byte: u8) -> bool {
    byte.is_ascii() && !b"&=%+".contains(&byte)
}

/// `%XX` decoded, everything else as it is; written without the library that pkv uses.
fn decoded(text: &str, plus_is_space: bool) -> Word {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let (mut word, mut at) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                word.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus_is_space => word.push(b' '),
            _ => word.push(byte),
        }
        at += 1;
    }
    word
}

proptest! {
    #[test]
    fn any_words_can_be_written_as_a_path(
        segments in vec(word(), 1..6),
        body in any::<Vec<u8>>(),
        parameters in vec((word(), proptest::option::of(word())), 0..5),
        token in proptest::option::of(any::<String>()),
    ) {
        prop_assume!(!segments[0].0.is_empty());
        let mut path: String = segments.iter().map(|word| format!("/{}", encoded(word, in_path))).collect();
        // One trailing slash is tolerated, which is why an empty word at the end needs one.
        path.push('/');
        let mut want: Vec<Word> = segments.iter().map(|(word, _)| word.clone()).collect();
        if !body.is_empty() {
            want.push(body.clone());
        }
        let mut query = Vec::new();
        for (key, value) in &parameters {
            // A parameter of this name is none of the command's, and an empty one is nothing.
            if key.0 == b"_token" || (key.0.is_empty() && value.is_none()) {
                continue;
            }
            want.push(key.0.clone());
            let value = value.as_ref().map(|value| {
                want.push(value.0.clone());
                format!("={}", encoded(value, in_query))
            });
            query.push(encoded(key, in_query) + &value.unwrap_or_default());
        }
        if let Some(token) = &token {
            let spelt = (token.clone().into_bytes(), vec![false]);
            query.insert(query.len() / 2, format!("_token={}", encoded(&spelt, in_query)));
        }
        let query = query.join("&");
        let command = parse(&path, &body.into(), Some(&query)).unwrap();
        prop_assert_eq!(command.words(), &want[..]);
        prop_assert_eq!(super::path::token(Some(&query)), token.map(String::into_bytes));
    }

    #[test]
    fn any_text_is_read_by_the_same_rules(
        path in "[/a%é+]{0,8}|(/[%0-9a-fA-F/+?&=é\u{0}]{0,12}){0,4}|.*",
        query in "([_token&=+%0-9a-f]{0,12}){0,3}|.*",
    ) {
        let one_less = path.strip_prefix('/').unwrap_or(&path);
        let one_less = one_less.strip_suffix('/').unwrap_or(one_less);
        let mut want: Vec<_> = one_less.split('/').map(|segment| decoded(segment, false)).collect();
        let mut last_token = None;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let mut parts = parameter.splitn(2, '=').map(|part| decoded(part, true));
            let key = parts.next().unwrap();
            match key == b"_token" {
                true => last_token = parts.next().or(last_token),
                false => want.extend(std::iter::once(key).chain(parts)),
            }
        }
        match parse(&path, &Bytes::new(), Some(&query)) {
            Ok(command) => prop_assert_eq!(command.words(), &want[..]),
            Err(error) => {
                prop_assert!(want[0].is_empty(), "{:?}", want);
                prop_assert_eq!(error.to_string(), "ERR empty command");
            }
        }
        prop_assert_eq!(token(Some(&query)), last_token);
    }
}

#[test]
fn a_megabyte_of_path_and_query_is_read_in_time() {
    for unit in ["a", "/", "//a", "%", "%2", "%2F", "%ff", "&", "=", "+", "a=b&", "_token=x&", "é"]
    {
        let text = unit.repeat((1 << 20) / unit.len());
        in_time(unit, || {
            let _ = parse(&text, &Bytes::new(), None);
            let _ = parse("/get", &Bytes::copy_from_slice(text.as_bytes()), Some(&text));
            let _ = token(Some(&text));
        });
    }
}
