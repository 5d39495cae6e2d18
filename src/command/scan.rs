//! The usual body, read in one go: arrays of strings, integers and booleans.
//!
//! Promises: what it gives is what [`super::body`] makes of the whole of JSON. Whatever is unusual it
//! gives up, errors above all, so that there is one place that knows their texts. Words are parts of the
//! body; a string with escapes is a copy.

use bytes::Bytes;

use super::Command;
use super::body::{PipelineLine, unescape};

/// Room for as many words at once: most commands have no more.
const WORDS: usize = 4;

/// Room for as many lines at once: 2 KB.
const LINES: usize = 64;

/// One command. `text` is the body.
pub(super) fn command(body: &Bytes, text: &str) -> Option<Command> {
    let mut scanner = Scanner { body, text, at: 0 };
    scanner.skip_space();
    let command = scanner.command()?;
    scanner.end().then_some(command)
}

/// The lines of a pipeline.
pub(super) fn pipeline(body: &Bytes, text: &str) -> Option<Vec<PipelineLine>> {
    let mut scanner = Scanner { body, text, at: 0 };
    scanner.skip_space();
    let lines = scanner.array(LINES, |scanner| scanner.command().map(Ok))?;
    scanner.end().then_some(lines)
}

struct Scanner<'a> {
    body: &'a Bytes,
    text: &'a str,
    /// What stands before it has been read.
    at: usize,
}

impl Scanner<'_> {
    fn command(&mut self) -> Option<Command> {
        Command::new(self.array(WORDS, Self::word)?)
    }

    /// An array with one element or more.
    fn array<T>(
        &mut self,
        room: usize,
        element: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        if self.next()? != b'[' {
            return None;
        }
        let mut elements = Vec::with_capacity(room);
        loop {
            self.skip_space();
            elements.push(element(self)?);
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Some(elements),
                _ => return None,
            }
        }
    }

    fn word(&mut self) -> Option<Bytes> {
        let start = self.at;
        match self.next()? {
            b'"' => return self.string(),
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            b'-' => match self.next()? {
                b'0' => {}
                b'1'..=b'9' => self.digits(),
                _ => return None,
            },
            b't' => self.literal("rue")?,
            b'f' => self.literal("alse")?,
            _ => return None,
        }
        Some(self.body.slice(start..self.at))
    }

    /// From behind the quote that begins it.
    fn string(&mut self) -> Option<Bytes> {
        let start = self.at;
        let mut is_plain = true;
        loop {
            self.at += plain(self.body.get(self.at..)?)?;
            match self.next()? {
                b'"' => break,
                // What it stands before ends nothing.
                b'\\' => self.at += 1,
                _ => return None,
            }
            is_plain = false;
        }
        match is_plain {
            true => Some(self.body.slice(start..self.at - 1)),
            false => unescape(&self.text[start - 1..self.at]).ok().map(Bytes::from),
        }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn literal(&mut self, rest: &str) -> Option<()> {
        let is_it = self.body[self.at..].starts_with(rest.as_bytes());
        self.at += rest.len();
        is_it.then_some(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Whether nothing but space is left.
    fn end(&mut self) -> bool {
        self.skip_space();
        self.at == self.body.len()
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

/// How many bytes stand before the first quote, backslash or control character. Eight are looked at
/// together, each in its place of a number ("Bit Twiddling Hacks", "Determine if a word has a zero byte"
/// and "… a byte less than n"): the lowest bit that is set is right, those above it need not be.
fn plain(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGHEST: u64 = ONES << 7;
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
    let is = |bytes: u64, byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    let (eights, rest) = text.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        let bytes = u64::from_le_bytes(*eight);
        let ends = (is(bytes, b'"') | is(bytes, b'\\') | below(bytes, b' ')) & HIGHEST;
        if ends != 0 {
            return Some(at * 8 + ends.trailing_zeros() as usize / 8);
        }
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    Some(eights.len() * 8 + end)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::super::body::{read_command, read_pipeline};
    use super::*;

    fn command_of(body: &str) -> Option<Command> {
        command(&Bytes::copy_from_slice(body.as_bytes()), body)
    }

    /// What is not given up is what the other reader reads.
    #[track_caller]
    fn is_read_alike(bytes: Vec<u8>) {
        let body = Bytes::from(bytes);
        let Ok(text) = std::str::from_utf8(&body) else { return };
        if let Some(command) = command(&body, text) {
            assert_eq!(Ok(command), read_command(&body, text), "{text}");
        }
        if let Some(lines) = pipeline(&body, text) {
            assert_eq!(Ok(lines), read_pipeline(&body, text), "{text}");
        }
    }

    #[test]
    fn the_usual_body_is_not_given_up() {
        let body =
            "\r\n [ \"SET\" ,\t\"k\",\"a \\\"b\\\\\" , 0,-10,true,false,\"\", \"\\u00e9é\"] ";
        let command = command_of(body).unwrap();
        let words = ["SET", "k", "a \"b\\", "0", "-10", "true", "false", "", "éé"];
        assert_eq!(command.words(), words);
        let body = r#"[["GET","k"] , [1]]"#;
        let lines = pipeline(&Bytes::from(body), body).unwrap();
        assert_eq!(lines[0].as_ref().unwrap().words(), ["GET", "k"]);
        assert_eq!(lines[1].as_ref().unwrap().words(), ["1"]);
    }

    #[test]
    fn words_are_parts_of_the_body_and_escaped_ones_are_not() {
        let text = r#"["SET","k",12,"a\n"]"#;
        let body = Bytes::from(text.to_owned());
        let command = command(&body, text).unwrap();
        let are_parts =
            command.words().iter().map(|word| body.as_ptr_range().contains(&word.as_ptr()));
        assert!(are_parts.eq([true, true, true, false]));
    }

    #[test]
    fn what_is_unusual_is_given_up() {
        for body in [
            "",
            "[",
            "[]",
            "[\"\"]",
            "[\"a",
            "[\"a\"",
            "[\"a\",",
            "[\"a\",]",
            "[\"a\"]]",
            "[\"a\" \"b\"]",
            "[\"a\\",
            "[\"a\\\"]",
            "[\"a\\x\"]",
            "[\"a\u{1f}\"]",
            "[\"abcdefgh\u{1f}\"]",
            "[\"a\n\\n\"]",
            "[\"\\n\u{1}\"]",
            "[-]",
            "[-01]",
            "[01]",
            "[1x]",
            "[1.5]",
            "[tru]",
            "[true1]",
            "[null]",
            "[\"a\",[]]",
            "{}",
            "\u{feff}[\"a\"]",
        ] {
            assert_eq!(command_of(body), None, "{body}");
        }
    }

    fn element() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            8 => "[a-zé]{0,20}".prop_map(|text| format!("\"{text}\"")),
            2 => "-?(0|[1-9][0-9]{0,20})",
            1 => "-?[0-9]{1,3}(\\.[0-9]{1,3})?(e-?[0-9])?",
            3 => select(&["true", "false", "null", "[]", "\"\\ud83d\"", "\"\\\\\"", "\"\u{7f}\""][..])
                .prop_map(str::to_owned),
        ]
    }

    fn array(element: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        let space = select(&["", "", "", " ", "\r\n\t "][..]);
        vec((element, space), 0..6).prop_map(|items| {
            let items: Vec<_> =
                items.iter().map(|(item, space)| format!("{space}{item}{space}")).collect();
            format!("[{}]", items.join(","))
        })
    }

    proptest! {
        #[test]
        fn a_body_is_read_as_the_whole_of_json_is(
            body in prop_oneof![array(element()), array(array(element()))],
        ) {
            is_read_alike(body.into_bytes());
        }

        #[test]
        fn a_mutated_body_is_too(
            body in prop_oneof![array(element()), array(array(element()))],
            changes in vec((any::<Index>(), 0..2_usize, "[\\[\\]\",\\\\ \u{1}\n0-9.eutrfals-]{0,2}"), 1..4),
        ) {
            let mut body = body.into_bytes();
            for (at, length, text) in changes {
                let at = at.index(body.len());
                let end = (at + length).min(body.len());
                body.splice(at..end, text.into_bytes());
                body.push(b']');
            }
            is_read_alike(body.clone());
            body.pop();
            is_read_alike(body);
        }

        #[test]
        fn strings_are_never_given_up(words in vec(any::<String>(), 1..6)) {
            prop_assume!(!words[0].is_empty());
            let body = serde_json::to_string(&words).unwrap();
            let command = command_of(&body).unwrap();
            prop_assert_eq!(command.words(), &words[..]);
        }

        #[test]
        fn the_end_of_what_is_plain_is_found(
            text in vec(prop_oneof![20 => any::<u8>(), 1 => select(&b"\"\\\x00\x1f \x80"[..])], 0..40),
        ) {
            let end = text.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(plain(&text), end);
        }
    }
}
