//! The same command in the many ways in which clients write it.

use super::words::Word;
use crate::support::Dice;

/// HTTP servers take no longer ones; hyper's limit is 65534 bytes.
const LONGEST_TARGET: usize = 60_000;

/// Method, target and body of a request.
pub struct Written {
    pub method: &'static str,
    pub target: String,
    pub body: Vec<u8>,
}

impl Written {
    pub fn post(target: &str, body: String) -> Self {
        Self { method: "POST", target: target.to_owned(), body: body.into_bytes() }
    }
}

/// A JSON array of words, which must be UTF-8.
pub fn json_line(dice: &mut Dice, words: &[Word]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| json_word(dice, std::str::from_utf8(word).expect("no binary words in JSON")))
        .collect();
    let comma = dice.pick(&[",", ", ", "\n\t,"]);
    format!("[{}]", words.join(comma))
}

/// A string, or the number or boolean that stands for the same word.
fn json_word(dice: &mut Dice, word: &str) -> String {
    if (is_json_number(word) || matches!(word, "true" | "false")) && dice.percent(60) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' if dice.percent(50) => text.push_str("\\n"),
            '/' if dice.percent(50) => text.push_str("\\/"),
            '\0'..' ' => escape(&mut text, character),
            _ if dice.below(12) == 0 => escape(&mut text, character),
            _ => text.push(character),
        }
    }
    text + "\""
}

/// `\u0041`; beyond 16 bits a pair of surrogates.
fn escape(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        text.push_str(&format!("\\u{unit:04x}"));
    }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_json_number(word: &str) -> bool {
    fn digits(text: &str) -> Option<&str> {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < text.len()).then_some(rest)
    }
    fn fraction_and_exponent(rest: &str) -> Option<&str> {
        let rest = match rest.strip_prefix('.') {
            Some(fraction) => digits(fraction)?,
            None => rest,
        };
        match rest.strip_prefix(['e', 'E']) {
            Some(exponent) => digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
            None => Some(rest),
        }
    }
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let rest = match unsigned.strip_prefix('0') {
        Some(rest) => Some(rest),
        None => digits(unsigned),
    };
    rest.and_then(fraction_and_exponent) == Some("")
}

/// A path command: segments, then perhaps one word as the body, then perhaps some as parameters.
/// `None` if they cannot be written so.
pub fn path(dice: &mut Dice, words: &[Word]) -> Option<Written> {
    if words[0].is_empty() {
        return None;
    }
    let (mut segments, mut rest) = words.split_at(1 + dice.below(words.len()));
    if dice.percent(50) {
        (segments, rest) = (words, &[]);
    }
    let mut target = String::new();
    for segment in segments {
        target.push('/');
        percent_encode(dice, &mut target, segment, b"!$'()*,;:@=+", None);
    }
    // One trailing slash is taken off, so that behind an empty segment there must be another.
    if segments.last().is_some_and(Vec::is_empty) || dice.below(20) == 0 {
        target.push('/');
    }
    let mut body = Vec::new();
    if let Some((first, others)) = rest.split_first()
        && !first.is_empty()
        && dice.percent(80)
    {
        body.clone_from(first);
        rest = others;
    }
    query(dice, &mut target, rest)?;
    if target.len() > LONGEST_TARGET {
        return None;
    }
    let method = match body.is_empty() {
        true => *dice.pick(&["GET", "POST", "PUT"]),
        false => *dice.pick(&["POST", "PUT"]),
    };
    Some(Written { method, target, body })
}

/// `?k=v&k`; a word that stands alone must not be empty.
fn query(dice: &mut Dice, target: &mut String, mut words: &[Word]) -> Option<()> {
    let mut separator = '?';
    while let Some((key, rest)) = words.split_first() {
        target.push(separator);
        separator = '&';
        percent_encode(dice, target, key, b"!$'()*,;:@/?", Some('+'));
        words = rest;
        match rest.split_first() {
            Some((value, rest)) if key.is_empty() || dice.percent(60) => {
                target.push('=');
                percent_encode(dice, target, value, b"!$'()*,;:@/?=", Some('+'));
                words = rest;
            }
            _ if key.is_empty() => return None,
            _ => {}
        }
    }
    Some(())
}

/// `also` may stand as it is, like letters and digits; `space` may stand for a space.
fn percent_encode(
    dice: &mut Dice,
    text: &mut String,
    word: &[u8],
    also: &[u8],
    space: Option<char>,
) {
    for &byte in word {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte);
        match space {
            Some(space) if byte == b' ' && dice.percent(50) => text.push(space),
            _ if plain && dice.below(15) > 0 => text.push(byte as char),
            _ if dice.percent(50) => text.push_str(&format!("%{byte:02X}")),
            _ => text.push_str(&format!("%{byte:02x}")),
        }
    }
}
