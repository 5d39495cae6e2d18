//! Path commands: `/set/key/value?EX=100`, with the body as the last argument before the query.
//!
//! The path is split while it is still escaped, so that `%2F` can be part of an argument, and then
//! decoded segment by segment into bytes, so that an argument need not be UTF-8.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode;

use super::{Command, ParseError};

/// The command in a path (escaped, beginning with `/`), a body and a query (escaped, without `?`).
/// One trailing slash is tolerated; an empty body is no argument; `_token` is left out.
pub fn parse(path: &str, body: &Bytes, query: Option<&str>) -> Result<Command, ParseError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let decode_segment = |segment: &str| decode(segment).into_owned().into();
    let mut words: Vec<Bytes> = path.split('/').map(decode_segment).collect();
    if !body.is_empty() {
        words.push(body.clone());
    }
    for (key, value) in parameters(query).filter(|(key, _)| key != b"_token") {
        words.push(key.into());
        words.extend(value.map(Bytes::from));
    }
    Command::new(words).ok_or(ParseError::new("ERR empty command"))
}

/// The last `_token` of a query: Upstash's alternative to the Authorization header.
pub fn token(query: Option<&str>) -> Option<Vec<u8>> {
    parameters(query).filter(|(key, _)| key == b"_token").filter_map(|(_, value)| value).last()
}

/// The parameters of a query in their order; a key without `=` has no value.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
    query.unwrap_or("").split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
        match parameter.split_once('=') {
            Some((key, value)) => (decode_spaced(key), Some(decode_spaced(value))),
            None => (decode_spaced(parameter), None),
        }
    })
}

/// In a query, unlike in a path, `+` is a space (HTML form encoding).
fn decode_spaced(text: &str) -> Vec<u8> {
    match text.contains('+') {
        true => decode(&text.replace('+', " ")).into_owned(),
        false => decode(text).into_owned(),
    }
}

fn decode(text: &str) -> Cow<'_, [u8]> {
    percent_decode(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(path: &str, body: &'static [u8], query: Option<&str>) -> Vec<Vec<u8>> {
        let command = parse(path, &Bytes::from_static(body), query).unwrap();
        command.words().iter().map(|word| word.to_vec()).collect()
    }

    #[test]
    fn segments_then_body_then_query() {
        assert_eq!(words("/set/foo/bar", b"", None), [b"set", b"foo", b"bar"]);
        assert_eq!(
            words("/set/foo", b"V\xff", Some("NX&EX=5&_token=T&x=&a+b=%2B+")),
            [&b"set"[..], b"foo", b"V\xff", b"NX", b"EX", b"5", b"x", b"", b"a b", b"+ "]
        );
    }

    #[test]
    fn segments_are_decoded_apart() {
        assert_eq!(words("/get/a%2Fb", b"", None), [&b"get"[..], b"a/b"]);
        assert_eq!(words("/get/a+b%20c%ff", b"", None), [&b"get"[..], b"a+b c\xff"]);
        assert_eq!(words("/get/100%", b"", None), [&b"get"[..], b"100%"]);
    }

    #[test]
    fn one_trailing_slash_is_tolerated_and_empty_segments_are_empty_arguments() {
        assert_eq!(words("/get/foo/", b"", None), [&b"get"[..], b"foo"]);
        assert_eq!(words("/set/foo//", b"", None), [&b"set"[..], b"foo", b""]);
        assert_eq!(words("/set//bar", b"", None), [&b"set"[..], b"", b"bar"]);
        assert!(parse("//x", &Bytes::new(), None).is_err());
    }

    #[test]
    fn the_token_is_found_and_left_out() {
        assert_eq!(token(Some("EX=1&_token=a%2Bb")), Some(b"a+b".to_vec()));
        assert_eq!(token(Some("EX=1")), None);
        assert_eq!(token(None), None);
        assert_eq!(words("/get/k", b"", Some("_token")), [&b"get"[..], b"k"]);
    }

    proptest! {
        #[test]
        fn no_input_panics(path in ".*", body in any::<Vec<u8>>(), query in ".*") {
            let _ = parse(&path, &body.into(), Some(&query));
            let _ = token(Some(&query));
        }
    }
}
