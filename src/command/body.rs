//! JSON bodies: one array of words, or an array of such arrays.
//!
//! Numbers keep the text they were written in (`1.0`, `9007199254740993`), booleans become `true`
//! and `false`, `null` and nested values are refused: Upstash's rules and texts
//! (<https://upstash.com/docs/redis/features/restapi>).

use std::borrow::Cow;
use std::iter;

use bytes::Bytes;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::{Command, ParseError, is_part, scan};

/// The body of `POST /`: one command.
pub fn parse_command(body: &Bytes) -> Result<Command, ParseError> {
    let text = text(body)?;
    let mut command = match scan::command(body, text) {
        Some(command) => command,
        None => read_command(body, text)?,
    };
    if is_mostly_copied(body, iter::once(&command)) {
        command.let_go(body);
    }
    Ok(command)
}

/// One line of a pipeline: a command, or the text that stands in its place in the answer.
pub type PipelineLine = Result<Command, ParseError>;

/// The body of `/pipeline` and `/multi-exec`: one or more lines. An element that no command can
/// hold fails the whole request; an empty command fails its own line alone.
pub fn parse_pipeline(body: &Bytes) -> Result<Vec<PipelineLine>, ParseError> {
    let text = text(body)?;
    let mut lines = match scan::pipeline(body, text) {
        Some(lines) => lines,
        None => read_pipeline(body, text)?,
    };
    if is_mostly_copied(body, lines.iter().flatten()) {
        lines.iter_mut().flatten().for_each(|command| command.let_go(body));
    }
    Ok(lines)
}

fn text(body: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(body).map_err(|error| {
        ParseError::new(format!(
            "ERR request body is not UTF-8 at byte {}; send binary values as the body of a path \
             command, such as POST /set/key",
            error.valid_up_to()
        ))
    })
}

/// A smaller body may stay: what a request counts in any case is more.
const LARGE: usize = 4 << 10;

/// Whether words that had escapes take so much that the body, which the others keep, would double it:
/// a large value in JSON is such a word.
fn is_mostly_copied<'a>(body: &[u8], commands: impl Iterator<Item = &'a Command>) -> bool {
    let copied = |command: &Command| -> usize {
        command.0.iter().filter(|word| !is_part(word, body)).map(Bytes::len).sum()
    };
    body.len() > LARGE && commands.map(copied).sum::<usize>() > body.len() / 2
}

impl Command {
    /// Copies what is a part of the body.
    fn let_go(&mut self, body: &[u8]) {
        for word in self.0.iter_mut().filter(|word| is_part(word, body)) {
            *word = Bytes::copy_from_slice(word);
        }
    }
}

/// Any body, as [`parse_command`].
pub(super) fn read_command(body: &Bytes, text: &str) -> Result<Command, ParseError> {
    let line: Line<'_> = parse_array(text)?;
    line.command(body)?.ok_or(ParseError::new("ERR empty command"))
}

/// Any body, as [`parse_pipeline`].
pub(super) fn read_pipeline(body: &Bytes, text: &str) -> Result<Vec<PipelineLine>, ParseError> {
    let Lines(lines) = parse_array(text)?;
    if lines.is_empty() {
        return Err(ParseError::new("ERR empty pipeline request"));
    }
    let empty = || ParseError::new("ERR empty pipeline command");
    lines.into_iter().map(|line| Ok(line.command(body)?.ok_or_else(empty))).collect()
}

/// A command's words, or what is wrong with one of them.
struct Line<'a>(Result<Vec<Cow<'a, [u8]>>, ParseError>);

impl Line<'_> {
    /// `None` if it is empty.
    fn command(self, body: &Bytes) -> Result<Option<Command>, ParseError> {
        let word = |word| match word {
            Cow::Borrowed(part) => body.slice_ref(part),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Ok(Command::new(self.0?.into_iter().map(word).collect()))
    }
}

/// The lines of a pipeline.
struct Lines<'a>(Vec<Line<'a>>);

fn parse_array<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, ParseError> {
    match text.trim_start_matches([' ', '\t', '\r', '\n']).as_bytes().first() {
        // Upstash's server is written in Go; these are the texts that its clients see.
        None => return Err(ParseError::new("EOF")),
        Some(b'{' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            return Err(ParseError::new("expected JSON array"));
        }
        Some(_) => {}
    }
    serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            ParseError::new("unexpected EOF")
        } else {
            ParseError::new(format!("ERR failed to parse JSON: {error}"))
        }
    })
}

impl<'de> serde::Deserialize<'de> for Lines<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LinesVisitor;
        impl<'de> Visitor<'de> for LinesVisitor {
            type Value = Lines<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a JSON array of arrays")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Lines<'de>, A::Error> {
                let mut lines = Vec::new();
                while let Some(line) = array.next_element()? {
                    lines.push(line);
                }
                Ok(Lines(lines))
            }
        }
        deserializer.deserialize_seq(LinesVisitor)
    }
}

impl<'de> serde::Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineVisitor;
        impl<'de> Visitor<'de> for LineVisitor {
            type Value = Line<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a command as a JSON array, such as [\"GET\",\"key\"]")
            }
            /// Says what it is, unlike the default, which quotes it: it may be a secret, or megabytes.
            fn visit_str<E: Error>(self, _: &str) -> Result<Line<'de>, E> {
                Err(E::invalid_type(Unexpected::Other("string"), &self))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Line<'de>, A::Error> {
                let mut words = Vec::new();
                while let Some(element) = array.next_element::<&RawValue>()? {
                    match word(element.get()) {
                        Ok(word) => words.push(word),
                        Err(error) => {
                            // The rest must still be read, for the JSON to be known as well formed.
                            while array.next_element::<IgnoredAny>()?.is_some() {}
                            return Ok(Line(Err(error)));
                        }
                    }
                }
                Ok(Line(Ok(words)))
            }
        }
        // Not `deserialize_seq`, which would refuse a string by itself.
        deserializer.deserialize_any(LineVisitor)
    }
}

/// The bytes that one JSON element stands for.
fn word(json: &str) -> Result<Cow<'_, [u8]>, ParseError> {
    match json.as_bytes()[0] {
        b'"' => {
            let inner = &json[1..json.len() - 1];
            if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
                return Ok(inner.as_bytes().into());
            }
            unescape(json).map(Cow::Owned)
        }
        b'n' => Err(ParseError::new("ERR null args are not supported")),
        b'[' => Err(ParseError::new("ERR unsupported arg type: \"[\": json.Delim")),
        b'{' => Err(ParseError::new("ERR unsupported arg type: \"{\": json.Delim")),
        _ => Ok(json.as_bytes().into()),
    }
}

/// The bytes of a JSON string, quotes around it included.
pub(super) fn unescape(json: &str) -> Result<Vec<u8>, ParseError> {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return Ok(text.into_bytes());
    }
    // JavaScript strings may hold half of a surrogate pair; Go and browsers read U+FFFD for it.
    let bytes: LoneSurrogates = serde_json::from_str(json)
        .map_err(|error| ParseError::new(format!("ERR failed to parse JSON string: {error}")))?;
    Ok(bytes.0)
}

/// A JSON string whose unpaired surrogates became U+FFFD.
struct LoneSurrogates(Vec<u8>);

impl<'de> serde::Deserialize<'de> for LoneSurrogates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = LoneSurrogates;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a string")
            }
            /// serde_json hands unpaired surrogates over in WTF-8: ED, A0–BF, 80–BF.
            fn visit_bytes<E>(self, wtf8: &[u8]) -> Result<LoneSurrogates, E> {
                let mut bytes = wtf8.to_vec();
                for at in 0..bytes.len().saturating_sub(2) {
                    if bytes[at] == 0xED && bytes[at + 1] >= 0xA0 {
                        // U+FFFD is as long as a surrogate in WTF-8.
                        bytes[at..at + 3].copy_from_slice("\u{FFFD}".as_bytes());
                    }
                }
                Ok(LoneSurrogates(bytes))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(body: impl AsRef<[u8]>) -> Bytes {
        Bytes::copy_from_slice(body.as_ref())
    }

    fn words(body: &str) -> Vec<String> {
        let command = parse_command(&bytes(body)).unwrap();
        command.words().iter().map(|word| String::from_utf8(word.to_vec()).unwrap()).collect()
    }

    fn error(body: impl AsRef<[u8]>) -> String {
        parse_command(&bytes(body)).unwrap_err().to_string()
    }

    #[test]
    fn words_keep_the_text_they_were_written_in() {
        assert_eq!(
            words(r#"["SET","k",100,1.0,9007199254740993,1e21,-0]"#)[2..],
            ["100", "1.0", "9007199254740993", "1e21", "-0"]
        );
        assert_eq!(words(r#" [ "SET" , "k" , true , false ] "#)[2..], ["true", "false"]);
        assert_eq!(
            words(r#"["SET","\u0000\"\\\/\n","😀\ud83d\ude00",""]"#)[1..],
            ["\0\"\\/\n", "😀😀", ""]
        );
        assert_eq!(words("[1,2]"), ["1", "2"]);
    }

    #[test]
    fn half_a_surrogate_pair_is_the_replacement_character() {
        assert_eq!(
            words(r#"["SET","a\ud83dz\udc00","\ud800\ud800"]"#)[1..],
            ["a\u{FFFD}z\u{FFFD}", "\u{FFFD}\u{FFFD}"]
        );
    }

    #[test]
    fn what_is_no_command_gets_upstash_texts() {
        for (body, text) in [
            ("", "EOF"),
            ("  \n", "EOF"),
            ("{}", "expected JSON array"),
            ("\"x\"", "expected JSON array"),
            ("5", "expected JSON array"),
            ("null", "expected JSON array"),
            ("[]", "ERR empty command"),
            ("[\"\"]", "ERR empty command"),
            ("[\"SET\",\"k\",null]", "ERR null args are not supported"),
            ("[\"SET\",\"k\",[\"x\"]]", "ERR unsupported arg type: \"[\": json.Delim"),
            ("[\"SET\",\"k\",{\"x\":1}]", "ERR unsupported arg type: \"{\": json.Delim"),
            ("[\"SET\",", "unexpected EOF"),
            ("[\"SET", "unexpected EOF"),
            ("[\"SET\",null", "unexpected EOF"),
        ] {
            assert_eq!(error(body), text, "{body}");
        }
        for body in ["[abc", "[\"GET\" \"k\"]", "[\"GET\"] x", "[\"GET\",]", "abc"] {
            let text = error(body);
            assert!(text.starts_with("ERR failed to parse JSON"), "{body}: {text}");
        }
        assert!(error(b"[\"SET\",\"k\",\"\xff\"]").contains("not UTF-8 at byte 12"));
    }

    #[test]
    fn ten_thousand_levels_are_an_error_and_not_a_stack_overflow() {
        let deep = format!("[\"SET\",{}{}]", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(error(deep), "ERR unsupported arg type: \"[\": json.Delim");
        let open = "[".repeat(10_000);
        assert!(parse_command(&bytes(&open)).is_err());
        assert!(parse_pipeline(&bytes(&open)).is_err());
    }

    #[test]
    fn a_pipeline_is_lines() {
        let lines = parse_pipeline(&bytes(r#"[["SET","a",1],[],["GET","a"]]"#)).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], Err(ParseError::new("ERR empty pipeline command")));
        let error = |body: &str| parse_pipeline(&bytes(body)).unwrap_err().to_string();
        assert_eq!(error("[]"), "ERR empty pipeline request");
        assert_eq!(error("{}"), "expected JSON array");
        assert_eq!(error(""), "EOF");
        assert_eq!(error(r#"[["SET","a",null]]"#), "ERR null args are not supported");
        let text = error(r#"["s3cret","a",1]"#);
        assert!(text.contains("a command as a JSON array"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    proptest! {
        #[test]
        fn no_input_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_command(&bytes(&body));
            let _ = parse_pipeline(&bytes(&body));
        }

        #[test]
        fn every_string_survives(words in proptest::collection::vec(any::<String>(), 1..8)) {
            match parse_command(&serde_json::to_vec(&words).unwrap().into()) {
                Ok(command) => prop_assert_eq!(command.words(), &words[..]),
                Err(_) => prop_assert!(words[0].is_empty()),
            }
        }
    }
}
