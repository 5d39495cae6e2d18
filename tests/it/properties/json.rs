//! A JSON reader of the tests' own (RFC 8259, to the letter): what pkv takes and writes is not judged
//! by the library that it uses itself.

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Boolean(bool),
    /// The text that it was written in.
    Number(String),
    /// Half of a surrogate pair became U+FFFD.
    String(String),
    Array(Vec<Json>),
    /// Keys in their order, doubles kept.
    Object(Vec<(String, Json)>),
}

/// The one value that `text` consists of, or nothing if it is no JSON.
pub fn read(text: &[u8]) -> Option<Json> {
    let mut reader = Reader { rest: std::str::from_utf8(text).ok()? };
    let value = reader.value()?;
    reader.skip_space();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    fn value(&mut self) -> Option<Json> {
        self.skip_space();
        match self.rest.chars().next()? {
            'n' => self.take("null").map(|()| Json::Null),
            't' => self.take("true").map(|()| Json::Boolean(true)),
            'f' => self.take("false").map(|()| Json::Boolean(false)),
            '"' => self.string().map(Json::String),
            '[' => self.sequence('[', ']', Self::value).map(Json::Array),
            '{' => self.sequence('{', '}', Self::member).map(Json::Object),
            _ => self.number().map(Json::Number),
        }
    }

    fn member(&mut self) -> Option<(String, Json)> {
        self.skip_space();
        let name = self.string()?;
        self.skip_space();
        self.take(":")?;
        Some((name, self.value()?))
    }

    fn sequence<T>(
        &mut self,
        start: char,
        end: char,
        item: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.take(start.encode_utf8(&mut [0; 4]))?;
        self.skip_space();
        if self.rest.starts_with(end) {
            self.next();
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            self.skip_space();
            match self.next()? {
                ',' => {}
                character if character == end => return Some(items),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let mut units = Vec::new();
        self.take("\"")?;
        loop {
            match self.next()? {
                '"' => return Some(String::from_utf16_lossy(&units)),
                '\\' => units.push(self.escaped()?),
                '\0'..' ' => return None,
                character => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escaped(&mut self) -> Option<u16> {
        let byte = match self.next()? {
            character @ ('"' | '\\' | '/') => character as u8,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'u' => {
                let digits: Option<Vec<_>> =
                    (0..4).map(|_| self.next().and_then(|digit| digit.to_digit(16))).collect();
                return Some(digits?.iter().fold(0, |unit, digit| unit << 4 | *digit as u16));
            }
            _ => return None,
        };
        Some(byte.into())
    }

    fn number(&mut self) -> Option<String> {
        let whole = self.rest;
        let _ = self.take("-");
        if self.take("0").is_none() {
            self.digits()?;
        }
        if self.take(".").is_some() {
            self.digits()?;
        }
        if self.rest.starts_with(['e', 'E']) {
            self.next();
            let _ = self.take("+").or_else(|| self.take("-"));
            self.digits()?;
        }
        Some(whole[..whole.len() - self.rest.len()].to_owned())
    }

    /// One at least.
    fn digits(&mut self) -> Option<()> {
        let behind = self.rest.trim_start_matches(|character: char| character.is_ascii_digit());
        let found = behind.len() < self.rest.len();
        self.rest = behind;
        found.then_some(())
    }
}

#[test]
fn the_reader_takes_json_and_nothing_else() {
    for text in ["", "[", "[1,]", "01", "1.", "+1", ".5", "1e", "\"\t\"", "\"\\x\"", "[1] 2", "nul"]
    {
        assert_eq!(read(text.as_bytes()), None, "{text}");
    }
    let text = |text: &str| Json::String(text.into());
    let want = [
        Json::Number("-0.5E+2".into()),
        text("a\u{1F600}\u{FFFD}"),
        Json::Object(vec![("k".into(), Json::Null), ("k".into(), Json::Array(vec![]))]),
    ];
    let json = r#" [ -0.5E+2 , "\u0061\ud83d\ude00\udc00",{"k":null, "k" : [ ]}] "#;
    assert_eq!(read(json.as_bytes()), Some(Json::Array(want.to_vec())));
}
