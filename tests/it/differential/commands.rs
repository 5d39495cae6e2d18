//! Batches of commands, drawn from the templates.

use super::rows::{Order, REFUSED, ROWS};
use super::words::{Draw, Word, respell, spoil};
use crate::support::Dice;

/// One line of a batch.
#[derive(Debug, Clone)]
pub struct Line {
    pub words: Vec<Word>,
    pub order: Order,
    /// The answer's text, if pkv is to refuse it.
    pub refused: Option<&'static str>,
}

/// A command that is sent to both servers.
pub fn command(dice: &mut Dice, draw: &Draw) -> Line {
    let total: usize = ROWS.iter().map(|(weight, ..)| weight).sum();
    let mut place = dice.below(total);
    let row = ROWS.iter().find(|(weight, ..)| {
        let here = place < *weight;
        place = place.wrapping_sub(*weight);
        here
    });
    let (_, order, template) = row.expect("a place below the sum of all weights");
    let mut words = expand(dice, draw, &template.split(' ').collect::<Vec<_>>());
    respell(&mut words[0], dice);
    // Only by who is alone, since any word may become a key then. A spoilt COMMAND INFO has no order,
    // and `$Y` must keep its one score.
    let is_delicate = template.starts_with("COMMAND") || template.contains("$Y");
    let may_be_spoilt = draw.prefix.is_empty() && !is_delicate;
    if may_be_spoilt && *order == Order::Fixed && dice.percent(12) {
        spoil(&mut words, dice, draw);
    }
    Line { words, order: *order, refused: None }
}

/// A command that pkv does not pass on.
pub fn refused(dice: &mut Dice) -> Line {
    let (line, text) = dice.pick(REFUSED);
    let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    Line { words, order: Order::Fixed, refused: Some(text) }
}

fn expand(dice: &mut Dice, draw: &Draw, mut template: &[&str]) -> Vec<Word> {
    let mut words = Vec::new();
    while let Some((&word, rest)) = template.split_first() {
        template = rest;
        let times = match word {
            "{" => 1 + dice.below(4),
            "[" => dice.below(2),
            word => {
                words.push(match word.strip_prefix('$') {
                    Some(kind) if !kind.is_empty() => draw.word(dice, kind),
                    _ => {
                        let choices: Vec<_> = word.split('|').collect();
                        dice.pick(&choices).as_bytes().to_vec()
                    }
                });
                continue;
            }
        };
        let end = template.iter().position(|word| matches!(*word, "}" | "]")).expect("an end");
        for _ in 0..times {
            words.extend(expand(dice, draw, &template[..end]));
        }
        template = &template[end + 1..];
    }
    words
}

/// Whether no other Redis says what the bundled one is to answer: the dialect has its own idea of the
/// command, or callers may not use it there.
pub fn is_our_own(words: &[Word]) -> bool {
    let upper: Vec<_> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let has = |option: &[u8]| upper.iter().skip(1).any(|word| word == option);
    match upper[0].as_slice() {
        b"DEL" | b"UNLINK" => words.len() == 1,
        b"COPY" => words.len() > 2 && words[1] == words[2],
        b"SCAN" => !has(b"COUNT"),
        b"HEXPIREAT" | b"HPEXPIREAT" => true,
        // Of a function that is not flagged, and they are drawn.
        b"FCALL_RO" => true,
        b"XADD" | b"XTRIM" => has(b"~"),
        b"XREADGROUP" => has(b"NOACK"),
        b"ZRANGE" | b"ZRANGESTORE" => has(b"LIMIT"),
        b"CONFIG" => true,
        _ => false,
    }
}
