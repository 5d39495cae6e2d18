//! Tearing the end of the append-only file, and knowing what was in the torn bytes.
//!
//! The file holds commands as clients send them, a transaction's or a script's between MULTI and EXEC
//! (<https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::support::Dice;

/// A client and a number that it wrote.
pub type Item = (usize, u32);

/// What was torn off.
#[derive(Debug, Default)]
pub struct Torn {
    pub bytes: usize,
    pub inside_transaction: bool,
    /// What stood in it, in whole or in part.
    pub items: Vec<Item>,
}

/// What is executed as one: a command, or everything from MULTI to EXEC.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unit {
    start: usize,
    end: usize,
    is_transaction: bool,
    items: Vec<Item>,
}

/// The file that Redis appends to, and its length; the last of type i in the manifest.
pub fn current(data_dir: &Path) -> (PathBuf, u64) {
    let files = data_dir.join("appendonlydir");
    let manifest = fs::read_to_string(files.join("appendonly.aof.manifest")).unwrap();
    let line = manifest.lines().rfind(|line| line.contains(" type i")).unwrap();
    let path = files.join(line.split(' ').nth(1).unwrap());
    let length = fs::metadata(&path).unwrap().len();
    (path, length)
}

/// Tears off some of what was appended behind `floor`: half of the time inside a transaction, if there
/// is one, else anywhere in the last 4 KB, down to a single byte.
pub fn tear(path: &Path, floor: u64, dice: &mut Dice) -> Torn {
    let bytes = fs::read(path).unwrap();
    let units = units(&bytes);
    let floor = floor as usize;
    if bytes.len() <= floor + 1 {
        return Torn::default();
    }
    let inside = units.iter().rfind(|unit| unit.is_transaction && unit.start >= floor);
    let cut = match inside.filter(|_| dice.percent(50)) {
        Some(unit) => unit.start + 1 + dice.below(unit.end - unit.start - 1),
        None => bytes.len() - 1 - dice.below((bytes.len() - 1 - floor).min(4096)),
    };
    File::options().write(true).open(path).unwrap().set_len(cut as u64).unwrap();
    let torn = units.into_iter().filter(|unit| unit.end > cut);
    let inside_transaction =
        |unit: &Unit| unit.is_transaction && unit.start < cut && unit.end > cut;
    let (mut items, mut inside) = (Vec::new(), false);
    for unit in torn {
        inside |= inside_transaction(&unit);
        items.extend(unit.items);
    }
    Torn { bytes: bytes.len() - cut, inside_transaction: inside, items }
}

/// What a loss of power may leave: a length that was stored, and a content that was not.
pub fn append_zeros(path: &Path, count: usize) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() + count as u64).unwrap();
}

/// The file's content; what a crash has left unfinished at its end is a unit too.
fn units(bytes: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut transaction: Option<Unit> = None;
    let mut at = 0;
    while let Some((words, end)) = command(bytes, at) {
        let name = words[0].to_ascii_uppercase();
        let item = item(&name, &words);
        match (name.as_slice(), &mut transaction) {
            (b"MULTI", _) => {
                transaction =
                    Some(Unit { start: at, end, is_transaction: true, ..Unit::default() });
            }
            (b"EXEC", Some(_)) => {
                units.extend(transaction.take().map(|unit| Unit { end, ..unit }));
            }
            (_, Some(unit)) => unit.items.extend(item),
            (_, None) => {
                let items = item.into_iter().collect();
                units.push(Unit { start: at, end, is_transaction: false, items });
            }
        }
        at = end;
    }
    units.extend(transaction.map(|unit| Unit { end: bytes.len(), ..unit }));
    units
}

/// RPUSH to a client's list.
fn item(name: &[u8], words: &[&[u8]]) -> Option<Item> {
    let text = |word: &&[u8]| String::from_utf8_lossy(word).into_owned();
    let client = text(words.get(1)?).strip_prefix("list")?.parse().ok()?;
    (name == b"RPUSH").then(|| Some((client, text(words.get(2)?).parse().ok()?)))?
}

/// The command at `at` and where it ends; `None` if it does not.
fn command(bytes: &[u8], at: usize) -> Option<(Vec<&[u8]>, usize)> {
    let (count, mut at) = number(bytes, at, b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, start) = number(bytes, at, b'$')?;
        words.push(bytes.get(start..start + length)?);
        at = start + length + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

fn number(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let rest = bytes.get(at..).filter(|rest| rest.first() == Some(&kind))?;
    let end = rest.windows(2).take(16).position(|pair| pair == b"\r\n")?;
    let number = std::str::from_utf8(&rest[1..end]).ok()?.parse().ok()?;
    Some((number, at + end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(commands: &[&str]) -> Vec<u8> {
        let command = |line: &&str| {
            let words: Vec<_> = line.split(' ').collect();
            let words: String =
                words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
            format!("*{}\r\n{words}", line.split(' ').count())
        };
        commands.iter().map(command).collect::<String>().into_bytes()
    }

    #[test]
    fn what_is_torn_off_is_known() {
        let before = written(&["SELECT 0", "RPUSH list1 7"]);
        let group = ["MULTI", "INCR count2", "RPUSH list2 8", "EXEC"];
        let transaction = written(&group);
        let after = written(&["RPUSH list1 9"]);
        let whole = [before.clone(), transaction.clone(), after].concat();
        let seen = units(&whole);
        let items: Vec<_> = seen.iter().map(|unit| unit.items.clone()).collect();
        assert_eq!(items, [vec![], vec![(1, 7)], vec![(2, 8)], vec![(1, 9)]]);
        assert_eq!(seen.last().unwrap().end, whole.len());

        let unfinished = [before.clone(), written(&group[..3])].concat();
        let seen = units(&unfinished);
        assert_eq!(seen.last().unwrap().items, [(2, 8)]);
        assert_eq!(seen.last().unwrap().end, unfinished.len());

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut inside = 0;
        for seed in 0..50 {
            fs::write(&path, &whole).unwrap();
            let torn = tear(&path, before.len() as u64, &mut Dice::new(seed));
            let left = fs::metadata(&path).unwrap().len() as usize;
            assert!(left >= before.len() && left + torn.bytes == whole.len());
            let cut_transaction = left < before.len() + transaction.len();
            assert_eq!(torn.items.contains(&(2, 8)), cut_transaction);
            assert!(torn.items.contains(&(1, 9)) && !torn.items.contains(&(1, 7)));
            assert_eq!(torn.inside_transaction, cut_transaction && left > before.len());
            inside += usize::from(torn.inside_transaction);
        }
        assert!(inside > 20, "{inside}");
    }
}
