//! Replies as they came: RESP2, left in the bytes in which Redis sent it
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).
//!
//! Promises: nothing is copied, and nothing recurses, so that a reply may be nested as deeply as Redis
//! likes; what has been scanned once is well formed. Leaves to others: what a reply means.

use std::borrow::Cow;

use super::text;

/// Bytes of a line that announces a number, at the most: a sign, 19 digits, and what stands around them.
const NUMBER_LINE: usize = 24;

/// What comes is not RESP2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// A reply, or the beginning of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A line such as `OK`.
    Status(&'a [u8]),
    /// The line of an error.
    Error(&'a [u8]),
    /// The digits of a number.
    Integer(&'a [u8]),
    /// A string of any bytes.
    Bulk(&'a [u8]),
    /// Nothing; there are two ways to write it.
    Nil,
    /// So many items follow.
    Array(usize),
}

/// Why there is no token.
enum Unread {
    /// It goes on behind the bytes; there will be so many at least.
    Unfinished(usize),
    Malformed,
}

/// The first token, and its length. The end of a line is looked for behind `searched` bytes.
fn token(bytes: &[u8], searched: usize) -> Result<(Token<'_>, usize), Unread> {
    let kind = *bytes.first().ok_or(Unread::Unfinished(1))?;
    match kind {
        b'+' | b'-' => {
            let from = searched.max(1);
            let end = memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default());
            let end = from + end.ok_or(Unread::Unfinished(bytes.len() + 1))?;
            let line = bytes[1..end].strip_suffix(b"\r").ok_or(Unread::Malformed)?;
            let token = if kind == b'+' { Token::Status(line) } else { Token::Error(line) };
            Ok((token, end + 1))
        }
        b'$' | b'*' if let Some((number, length)) = small_number(bytes) => match kind {
            b'$' => bulk(bytes, length, number),
            _ => Ok((Token::Array(number), length)),
        },
        b':' | b'$' | b'*' => {
            let line = &bytes[..bytes.len().min(NUMBER_LINE)];
            let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
                return Err(match line.len() < NUMBER_LINE {
                    true => Unread::Unfinished(bytes.len() + 1),
                    false => Unread::Malformed,
                });
            };
            let digits = line[1..end].strip_suffix(b"\r").ok_or(Unread::Malformed)?;
            let number = number(digits).ok_or(Unread::Malformed)?;
            match (kind, usize::try_from(number)) {
                (b':', _) => Ok((Token::Integer(digits), end + 1)),
                (b'*', Ok(items)) => Ok((Token::Array(items), end + 1)),
                (_, Ok(length)) => bulk(bytes, end + 1, length),
                (_, Err(_)) if number == -1 => Ok((Token::Nil, end + 1)),
                _ => Err(Unread::Malformed),
            }
        }
        _ => Err(Unread::Malformed),
    }
}

/// The number of a line, and the line's length, if it is one of the usual: at most seven digits, all there.
fn small_number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0;
    for at in 1..=8 {
        match *bytes.get(at)? {
            digit @ b'0'..=b'9' => number = number * 10 + usize::from(digit - b'0'),
            b'\r' if at > 1 && bytes.get(at + 1) == Some(&b'\n') => return Some((number, at + 2)),
            _ => return None,
        }
    }
    None
}

fn bulk(bytes: &[u8], begin: usize, length: usize) -> Result<(Token<'_>, usize), Unread> {
    let end = begin.checked_add(length).ok_or(Unread::Malformed)?;
    let behind = end.checked_add(2).ok_or(Unread::Malformed)?;
    match bytes.get(end..behind) {
        Some(b"\r\n") => Ok((Token::Bulk(&bytes[begin..end]), behind)),
        Some(_) => Err(Unread::Malformed),
        None => Err(Unread::Unfinished(behind)),
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let (sign, digits) = match digits {
        [b'-', digits @ ..] => (-1, digits),
        // Redis writes none; other servers may.
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    let add = |number: i64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(sign * digit)
    };
    (!digits.is_empty()).then(|| digits.iter().try_fold(0, add))?
}

/// Finds where replies end, in bytes that come piece by piece.
#[derive(Debug)]
pub struct Scanner {
    /// Where the next token begins.
    at: usize,
    /// How far a line that has not ended was searched, from there.
    searched: usize,
    /// Tokens that are yet to come, as far as is known.
    left: usize,
}

/// How far the replies have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// All are there, in so many bytes.
    Whole(usize),
    /// There will be so many bytes at least.
    Unfinished(usize),
}

impl Scanner {
    /// For so many replies.
    pub fn new(replies: usize) -> Self {
        Self { at: 0, searched: 0, left: replies }
    }

    /// Looks at what has come by now: `bytes` begin with those of the call before.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Scan, Malformed> {
        while self.left > 0 {
            match token(&bytes[self.at..], self.searched) {
                Ok((token, length)) => {
                    self.at += length;
                    self.searched = 0;
                    self.left -= 1;
                    if let Token::Array(items) = token {
                        self.left = self.left.checked_add(items).ok_or(Malformed)?;
                    }
                }
                Err(Unread::Unfinished(least)) => {
                    self.searched = bytes.len() - self.at;
                    return Ok(Scan::Unfinished(self.at.saturating_add(least)));
                }
                Err(Unread::Malformed) => return Err(Malformed),
            }
        }
        Ok(Scan::Whole(self.at))
    }
}

/// One whole reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a>(&'a [u8]);

impl<'a> Frame<'a> {
    /// `bytes` are one reply. Of what is not well formed nothing is read.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// As Redis sent it.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its tokens: one, unless it is an array.
    pub fn tokens(self) -> Tokens<'a> {
        Tokens(self.0)
    }

    /// What it is.
    pub fn token(self) -> Token<'a> {
        self.tokens().next().unwrap_or(Token::Nil)
    }

    /// The items, if it is an array.
    pub fn items(self) -> Option<Frames<'a>> {
        match token(self.0, 0) {
            Ok((Token::Array(_), length)) => Some(Frames(&self.0[length..])),
            _ => None,
        }
    }

    /// The error's text, if it is one; what is not UTF-8 becomes `?`.
    pub fn error(self) -> Option<Cow<'a, str>> {
        match self.token() {
            Token::Error(line) => Some(text::of_line(line)),
            _ => None,
        }
    }
}

/// What it is, but nothing of its contents: data stays out of logs.
impl std::fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of reply", self.0.len())
    }
}

/// The tokens of a reply, in order.
#[derive(Debug, Clone)]
pub struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let (token, length) = token(self.0, 0).ok()?;
        self.0 = &self.0[length..];
        Some(token)
    }
}

/// Replies that stand one behind the other.
#[derive(Debug, Clone)]
pub struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// `bytes` are whole replies.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let Ok(Scan::Whole(length)) = Scanner::new(1).scan(self.0) else { return None };
        let (frame, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Frame(frame))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOME: &[u8] =
        b"+OK\r\n-ERR x\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n$4\r\n\r\n+x\r\n*3\r\n$1\r\na\r\n*0\r\n*1\r\n:1\r\n";

    #[test]
    fn replies_stand_one_behind_the_other() {
        let frames: Vec<_> = Frames::of(SOME).map(Frame::token).collect();
        assert_eq!(
            frames,
            [
                Token::Status(b"OK"),
                Token::Error(b"ERR x"),
                Token::Integer(b"-42"),
                Token::Nil,
                Token::Nil,
                Token::Bulk(b""),
                Token::Bulk(b"\r\n+x"),
                Token::Array(3),
            ]
        );
        let last = Frames::of(SOME).last().unwrap();
        let items: Vec<_> = last.items().unwrap().map(|item| item.bytes().to_vec()).collect();
        assert_eq!(items, [&b"$1\r\na\r\n"[..], b"*0\r\n", b"*1\r\n:1\r\n"]);
        assert_eq!(last.tokens().count(), 5);
    }

    #[test]
    fn what_is_no_resp2_is_malformed_as_soon_as_it_can_be_known() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"_\r\n",
            b"%1\r\n",
            b">1\r\n",
            b":\r\n",
            b":1x\r\n",
            b":12345678901234567890\r\n",
            b"$-2\r\n",
            b"*-2\r\n",
            b"$1\r\nabc",
            b"$99999999999999999999999999",
            b"$9223372036854775807\r\n$9223372036854775807\r\n",
            b"+OK\n",
            b"\r\n",
        ] {
            let mut scanner = Scanner::new(2);
            let scanned = scanner.scan(bytes);
            let is_waiting = matches!(scanned, Ok(Scan::Unfinished(least)) if least > bytes.len());
            let may_wait = bytes.starts_with(b"$9223");
            assert!(
                scanned == Err(Malformed) || (may_wait && is_waiting),
                "{bytes:?}: {scanned:?}"
            );
        }
    }

    #[test]
    fn a_hundred_thousand_levels_are_a_reply_like_any_other() {
        let deep = [b"*1\r\n".repeat(100_000), b":1\r\n".to_vec()].concat();
        let frames: Vec<_> = Frames::of(&deep).collect();
        assert_eq!((frames.len(), frames[0].tokens().count()), (1, 100_001));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_end_is_found(cut in 1usize..9) {
            let replies = Frames::of(SOME).count();
            let mut scanner = Scanner::new(replies);
            let mut come = 0;
            loop {
                match scanner.scan(&SOME[..come]).unwrap() {
                    Scan::Whole(length) => {
                        prop_assert_eq!(length, SOME.len());
                        break;
                    }
                    Scan::Unfinished(least) => prop_assert!((come + 1..=SOME.len()).contains(&least)),
                }
                come = SOME.len().min(come + cut);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), kind in "[-+:$*]") {
            let bytes = [kind.as_bytes(), &bytes].concat();
            let _ = Scanner::new(3).scan(&bytes);
            let _ = Frames::of(&bytes).map(|frame| frame.tokens().count()).sum::<usize>();
        }
    }
}
