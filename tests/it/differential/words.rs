//! The words that templates leave open, and what a careless caller makes of a command.

use sha1::{Digest, Sha1};

use super::lua;
use crate::support::Dice;

/// An argument, as bytes.
pub type Word = Vec<u8>;

/// Which words may be drawn.
#[derive(Debug, Clone)]
pub struct Draw {
    /// In front of every key: callers beside each other must not meet.
    pub prefix: String,
    /// Whether words may be something else than UTF-8.
    pub binary: bool,
}

/// Digits that a conversion to a double would change are among them, and what is no integer at all.
/// None between a million and 2^32: as an offset, these would fill the memory.
const INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "7",
    "100",
    "-250",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "4294967296",
    "007",
    "+5",
    "1e3",
    "abc",
    "",
];

const FRACTIONS: &[&str] =
    &["0.1", "-2.5", "3.0", "1e21", "1e-7", "5", "0", "-0", "1.7976931348623157e308", "inf", "x"];

const SCORES: &[&str] =
    &["0", "1", "2", "-3", "1.5", "0.1", "1e100", "inf", "-inf", "3.0000000000000004", "nan", "x"];

const BOUNDS: &[&str] = &["-inf", "+inf", "(1", "0", "2", "(1.5", "1e100", "x"];

const LEXICAL: &[&str] = &["-", "+", "[a", "(b", "[é", "(", "x"];

const IDS: &[&str] =
    &["1-1", "1-2", "2-0", "5-5", "7-1", "9", "0", "18446744073709551615-18446744073709551615"];

/// Seconds since 1970: in the past, in the year 2286 and beyond what Redis can count.
const SECONDS: &[&str] = &["9999999999", "9999999998", "99999999999", "1", "0", "-1", "x"];

const LONGITUDES: &[&str] = &["13.361389", "15.087269", "2.349014", "-179.5", "200", "x"];

const LATITUDES: &[&str] = &["38.115556", "37.502669", "48.864716", "0", "85", "-86"];

const NAMES: &[&str] = &["a", "b", "c", "é", "1", "2", "OK", "", "f f", "😀"];

/// What keys may be called behind their kind.
const KEYS: &[&str] = &["1", "2", "é 😀", "a/b%2F?c=d&e+f#g\"\\"];

const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-0",
    "1.0",
    "10",
    "3.50",
    "1e21",
    "9007199254740993",
    "true",
    "false",
    "null",
    "OK",
    "QUEUED",
    "T0s=",
    "YmFy",
    "hello",
    "héllo wörld 日本語",
    "😀\u{10FFFF}\u{FFFD}",
    "\0",
    "a\r\nb\r\n+OK\r\n",
    "\"quoted\\\" \\u0041 /",
    "\u{2028}<script>&amp;\u{7f}\u{1}",
    "%ff%00+&=?#",
    "message",
    "subscribe",
    "[\"GET\",\"k\"]",
];

/// Commands that no server has.
const UNKNOWN: &[&str] =
    &["NOPE", "json.set", "ge", "GETT", "😀", "straße", "a b", "\"'\\", "{}", "ÿ"];

/// Words that are not UTF-8.
const BROKEN: &[&[u8]] = &[b"\xff", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"a\xc3", b"\0\xff\r\n\xfe"];

/// Most of a word's bytes; one in a hundred is that long.
const LONG: usize = 20_000;

impl Draw {
    /// The word that a template's `$kind` stands for.
    pub fn word(&self, dice: &mut Dice, kind: &str) -> Word {
        let from = |dice: &mut Dice, pool: &[&str]| dice.pick(pool).as_bytes().to_vec();
        match kind {
            "v" => self.value(dice),
            "f" if self.binary && dice.percent(10) => dice.pick(BROKEN).to_vec(),
            "f" => from(dice, NAMES),
            "i" => (dice.below(9) as i64 - 3).to_string().into_bytes(),
            "o" => dice.below(300).to_string().into_bytes(),
            "n" => from(dice, INTEGERS),
            "x" => from(dice, FRACTIONS),
            "s" => from(dice, SCORES),
            "r" => from(dice, BOUNDS),
            "l" => from(dice, LEXICAL),
            "d" => from(dice, IDS),
            "t" => from(dice, SECONDS),
            "T" => [dice.pick(SECONDS).as_bytes(), b"123"].concat(),
            "lon" => from(dice, LONGITUDES),
            "lat" => from(dice, LATITUDES),
            "lua" => lua::script(dice).into_bytes(),
            "stored" => self.stored(dice),
            "sha" => Sha1::digest(self.stored(dice))
                .iter()
                .flat_map(|byte| format!("{byte:02x}").into_bytes())
                .collect(),
            "name" => self.library_name().into_bytes(),
            "library" => lua::library(dice, &self.library_name()).into_bytes(),
            "unknown" => from(dice, UNKNOWN),
            "pattern" => format!("{}*", self.prefix).into_bytes(),
            "K" => {
                let kind = *dice.pick(&["S", "H", "L", "E", "Z", "X", "B", "G", "P"]);
                self.key(dice, kind)
            }
            "Y" => self.key(dice, kind),
            // One in fifteen is the key of another type.
            kind if dice.below(15) == 0 => {
                debug_assert!("SHLEZXBGP".contains(kind), "no word is called {kind}");
                self.word(dice, "K")
            }
            kind => self.key(dice, kind),
        }
    }

    fn key(&self, dice: &mut Dice, kind: &str) -> Word {
        if self.prefix.is_empty() && dice.below(40) == 0 {
            return Vec::new();
        }
        let mut key = format!("{}{kind}{}", self.prefix, dice.pick(KEYS)).into_bytes();
        if self.binary && dice.percent(20) {
            key.extend_from_slice(dice.pick::<&[u8]>(BROKEN));
        }
        key
    }

    fn value(&self, dice: &mut Dice) -> Word {
        match dice.below(100) {
            0 => "long é ".repeat(dice.below(LONG / 8)).into_bytes(),
            1..20 if self.binary => match dice.percent(50) {
                true => dice.pick(BROKEN).to_vec(),
                false => {
                    let length = dice.below(70);
                    dice.bytes(length)
                }
            },
            1..15 => {
                // Any character: what is drawn in the surrogates' place is none.
                let any = |dice: &mut Dice| char::from_u32(dice.roll() as u32 % 0x11_0000);
                let length = dice.below(40);
                (0..length).filter_map(|_| any(dice)).collect::<String>().into_bytes()
            }
            _ => dice.pick(VALUES).as_bytes().to_vec(),
        }
    }

    /// One of the scripts that this caller loads; nobody else's.
    fn stored(&self, dice: &mut Dice) -> Word {
        let script = dice.pick(lua::STORED);
        format!("-- of {:?}\n{script}", self.prefix).into_bytes()
    }

    fn library_name(&self) -> String {
        format!("lib{}", self.prefix.trim_end_matches(':'))
    }
}

/// A command as somebody wrote it who was in a hurry: too few words, too many, wrong ones.
pub fn spoil(words: &mut Vec<Word>, dice: &mut Dice, draw: &Draw) {
    let at = dice.below(words.len());
    match dice.below(5) {
        0 if words.len() > 1 => drop(words.remove(at.max(1))),
        1 => words.insert(at + 1, draw.value(dice)),
        2 if at > 0 => words[at] = draw.word(dice, "n"),
        3 if at > 0 => words.insert(at, words[at].clone()),
        // No command's name ends so, and no other command's answer can come of it.
        _ => words[0].push(b'Q'),
    }
}

/// The same name in other letters, now and then.
pub fn respell(name: &mut [u8], dice: &mut Dice) {
    match dice.below(10) {
        0 => name.make_ascii_lowercase(),
        1 => name
            .iter_mut()
            .filter(|_| dice.percent(50))
            .for_each(|letter| *letter = letter.to_ascii_lowercase()),
        _ => {}
    }
}
