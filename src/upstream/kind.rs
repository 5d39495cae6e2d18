//! What the server's own command table (`COMMAND INFO`) says that a command does.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::Value;

use super::Link;
use crate::command::{Command, Name};

/// A command by its server's own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only reads.
    Read,
    /// It only reads, but what only an administrator should: all keys at once, say.
    DangerousRead,
    /// It may do more than read.
    Other,
    /// The server does not know it.
    Unknown,
}

impl Kind {
    /// A sub-command's kind is its container's if the server has none of its own for it.
    fn or(self, container: Self) -> Self {
        if self == Self::Unknown { container } else { self }
    }
}

impl Link {
    /// What the server's own command table says of each command, in their order; `None` if it does
    /// not answer.
    pub async fn kinds(&self, commands: &[Command], timeout: Duration) -> Option<Vec<Kind>> {
        let mut info: Vec<&[u8]> = vec![b"COMMAND", b"INFO"];
        let names: Vec<_> = commands.iter().map(names).collect();
        let mut asked: BTreeMap<&[u8], usize> = BTreeMap::new();
        for name in names.iter().flatten() {
            let next = asked.len();
            asked.entry(name).or_insert_with(|| {
                info.push(name);
                next
            });
        }
        let Value::Array(entries) = self.reply(&info, timeout).await? else {
            return Some(vec![Kind::Other; commands.len()]);
        };
        let kind = |name: &Vec<u8>| match (entries.len() == asked.len(), asked.get(&name[..])) {
            (true, Some(at)) => kind(&entries[*at]),
            _ => Kind::Other,
        };
        Some(names.iter().map(|[name, sub]| kind(sub).or(kind(name))).collect())
    }
}

/// The names that the command may have in the table: without and with its sub-command.
fn names(command: &Command) -> [Vec<u8>; 2] {
    let name = command.name().to_ascii_lowercase();
    let sub = match command.arguments().first() {
        Some(word) if Name::of(command.name()).is_container() => {
            [name.as_slice(), b"|", &word.to_ascii_lowercase()].concat()
        }
        _ => name.clone(),
    };
    [name, sub]
}

/// An entry of COMMAND INFO is `[name, arity, [flag, …], first, last, step, [category, …], …]`, or
/// nil for an unknown name; categories came with Redis 6.
fn kind(entry: &Value) -> Kind {
    let Value::Array(fields) = entry else { return Kind::Unknown };
    let has = |at: usize, word: &str| match fields.get(at) {
        Some(Value::Array(words)) => {
            words.iter().any(|one| matches!(one, Value::SimpleString(one) if one == word))
        }
        _ => false,
    };
    match (has(2, "readonly"), has(6, "@dangerous") || has(6, "@scripting")) {
        (false, _) => Kind::Other,
        (true, true) => Kind::DangerousRead,
        (true, false) => Kind::Read,
    }
}
