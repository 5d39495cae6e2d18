//! Lua 5.1's tokens, as far as a rule needs them: what is in strings and comments is no code.
//!
//! (Lua 5.1 Reference Manual, §2.1. A text that is no Lua has tokens too; Redis refuses it later.)

use std::ops::Range;

/// The names at which `name.register_function` is read, as places in `code`: not where such a field
/// is set or defined, and not where the name is itself a field.
pub(super) fn registrars(code: &[u8]) -> Vec<Range<usize>> {
    let end = code.len()..code.len();
    let mut found = Vec::new();
    let mut window: [Range<usize>; 5] = Default::default();
    for token in (Tokens { code, at: 0 }).chain([end]) {
        window.rotate_left(1);
        window[4] = token;
        let [before, name, dot, field, after] = window.each_ref().map(|token| &code[token.clone()]);
        let is_field = dot == b"." && field == b"register_function" && is_name(name);
        let is_read = !matches!(before, b"." | b":" | b"function" | b"local") && after != b"=";
        if is_field && is_read {
            found.push(window[1].clone());
        }
    }
    found
}

/// The words that are no names.
const KEYWORDS: &str = "and break do else elseif end false for function if in local nil not or repeat \
                        return then true until while";

fn is_name(token: &[u8]) -> bool {
    let begins = |first: &u8| is_word(first) && !first.is_ascii_digit();
    let is_keyword = || KEYWORDS.split(' ').any(|keyword| keyword.as_bytes() == token);
    token.first().is_some_and(begins) && !is_keyword()
}

/// Words, strings and single characters; neither space nor comments.
struct Tokens<'a> {
    code: &'a [u8],
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = &self.code[self.at..];
            let (length, is_token) = match rest {
                [] => return None,
                [b'-', b'-', comment @ ..] => (2 + comment_length(comment), false),
                [b'\'' | b'"', ..] => (string_length(rest), true),
                [b'[', ..] => (long_length(rest).unwrap_or(1), true),
                [first, ..] if is_word(first) => {
                    (rest.iter().take_while(|byte| is_word(byte)).count(), true)
                }
                [first, ..] => (1, !first.is_ascii_whitespace()),
            };
            let start = self.at;
            self.at += length;
            if is_token {
                return Some(start..self.at);
            }
        }
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// How long the comment is that `--` begins.
fn comment_length(text: &[u8]) -> usize {
    let line = || memchr::memchr(b'\n', text).unwrap_or(text.len());
    long_length(text).unwrap_or_else(line)
}

/// How long the string is that a quote begins.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match *byte {
            b'\\' => at += 2,
            byte if byte == text[0] => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// How long the string is that `[[`, `[=[`, `[==[` … begins; `None` if none of them stands here.
fn long_length(text: &[u8]) -> Option<usize> {
    let equals = text.strip_prefix(b"[")?.iter().take_while(|byte| **byte == b'=').count();
    if text.get(equals + 1) != Some(&b'[') {
        return None;
    }
    let close = [&b"]"[..], &text[1..=equals], b"]"].concat();
    Some(memchr::memmem::find(text, &close).map_or(text.len(), |at| at + close.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code with each name found in `<>`.
    fn marked(code: &str) -> String {
        let mut text = code.to_owned();
        for name in registrars(code.as_bytes()).into_iter().rev() {
            text.insert(name.end, '>');
            text.insert(name.start, '<');
        }
        text
    }

    #[test]
    fn a_registrar_is_code_that_reads_the_field() {
        for (code, want) in [
            ("redis.register_function('f', g)", "<redis>.register_function('f', g)"),
            ("local r = redis.register_function", "local r = <redis>.register_function"),
            ("redis\n . register_function{}", "<redis>\n . register_function{}"),
            (
                "r.register_function 'x' s.register_function",
                "<r>.register_function 'x' <s>.register_function",
            ),
            ("('é'):rep(2) redis.register_function()", "('é'):rep(2) <redis>.register_function()"),
            (
                "x=[==[ ]] ]==] redis.register_function()",
                "x=[==[ ]] ]==] <redis>.register_function()",
            ),
            ("t[a[1]] = redis.register_function", "t[a[1]] = <redis>.register_function"),
            ("--[=x\nredis.register_function()", "--[=x\n<redis>.register_function()"),
            ("'\\'' redis.register_function()", "'\\'' <redis>.register_function()"),
            ("'a\\\nb' redis.register_function()", "'a\\\nb' <redis>.register_function()"),
        ] {
            assert_eq!(marked(code), want);
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for code in [
            "",
            "redis.register_functions()",
            "redis.register_function = 1",
            "function m.register_function() end",
            "local r.register_function()",
            "a.redis.register_function()",
            "a:redis.register_function()",
            "redis:register_function()",
            "redis['register_function']()",
            "1.register_function",
            "do .register_function()",
            "-- redis.register_function()",
            "--[[\nredis.register_function()]]",
            "--[==[ ]] redis.register_function() ]==]",
            "'redis.register_function()'",
            "\"'redis.register_function()\\\"",
            "[[redis.register_function()]]",
            "[=[ redis.register_function()",
            "'redis.register_function()",
            "register_function",
        ] {
            assert_eq!(marked(code), code);
        }
    }
}
