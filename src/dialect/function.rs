//! `FUNCTION`: two rules store a library otherwise than it was sent, [`key_locking`] and
//! [`reading_twin`]. Here they meet, and the library is shown as it was sent.

use redis::Value;

use super::{Meaning, Sent, Translation, key_locking, reading_twin};
use crate::command::{Command, Name};

pub(super) fn rewrite(command: Command) -> Translation {
    match command.arguments().first().map(|word| Name::of(word)).as_deref() {
        Some(b"LOAD") => load(command).into(),
        Some(b"LIST") => {
            Translation { sent: Sent::One(command), meaning: Meaning::Mapped(as_loaded) }
        }
        Some(b"STATS") => {
            let list = command.clone().with_word(1, "LIST");
            Translation { sent: Sent::Two(command, list), meaning: Meaning::Joined(without_twins) }
        }
        _ => command.into(),
    }
}

/// FUNCTION LOAD: the library is the last word.
fn load(command: Command) -> Command {
    let at = command.words().len() - 1;
    let code = &command.words()[at];
    let unlocked = key_locking::without_flags(code);
    match reading_twin::with_twins(unlocked.as_deref().unwrap_or(code)).or(unlocked) {
        Some(code) => command.with_word(at, code),
        None => command,
    }
}

/// FUNCTION LIST: flags and code as they were loaded, and no twins.
fn as_loaded(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let shown = items.into_iter().filter(|item| !reading_twin::is_twin(item));
            Value::Array(shown.map(as_loaded).collect())
        }
        Value::BulkString(text) => {
            let text = reading_twin::without_twins(&text).unwrap_or(text);
            key_locking::with_flags(Value::BulkString(text))
        }
        value => key_locking::with_flags(value),
    }
}

/// FUNCTION STATS: the names as they are called, and no twins counted; they are in FUNCTION LIST's
/// answer `list`. (While a function is running Redis answers the one and not the other: then all are
/// counted.)
fn without_twins(stats: Value, list: Value) -> Value {
    let mut stats = as_called(stats);
    let count = field(&mut stats, b"engines")
        .and_then(|engines| field(engines, b"LUA"))
        .and_then(|lua| field(lua, b"functions_count"));
    if let Some(Value::Int(count)) = count {
        // Between the two, somebody may have loaded a library.
        *count = (*count - twins(&list)).max(0);
    }
    stats
}

fn twins(list: &Value) -> i64 {
    match list {
        list if reading_twin::is_twin(list) => 1,
        Value::Array(items) => items.iter().map(twins).sum(),
        _ => 0,
    }
}

fn as_called(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(as_called).collect()),
        Value::BulkString(text) => Value::BulkString(reading_twin::called(text)),
        value => value,
    }
}

/// A value in a map, which is an array of keys and values.
fn field<'a>(map: &'a mut Value, key: &[u8]) -> Option<&'a mut Value> {
    let Value::Array(items) = map else { return None };
    let at = items.chunks_exact(2).position(|pair| pair[0] == Value::BulkString(key.to_vec()))?;
    items.get_mut(at * 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::super::rewriting::stays;
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    /// A library with these functions, as FUNCTION LIST shows it.
    fn library(names: &[&str], code: &str) -> Value {
        let entry = |name: &&str| {
            let flags = Value::Array(vec![Value::SimpleString("no-writes".into())]);
            let description = [text("description"), Value::Nil];
            let fields = [text("name"), text(name)].into_iter().chain(description);
            Value::Array(fields.chain([text("flags"), flags]).collect())
        };
        let functions = Value::Array(names.iter().map(entry).collect());
        let library = ["library_name", "l", "engine", "LUA", "functions"].map(text);
        let code = [text("library_code"), text(code)];
        Value::Array(library.into_iter().chain([functions]).chain(code).collect())
    }

    fn stats(functions: i64) -> Value {
        let counts = [text("libraries_count"), Value::Int(1), text("functions_count")];
        let lua = Value::Array(counts.into_iter().chain([Value::Int(functions)]).collect());
        let engines = Value::Array(vec![text("LUA"), lua]);
        Value::Array(vec![text("running_script"), Value::Nil, text("engines"), engines])
    }

    #[test]
    fn a_library_is_listed_as_it_was_loaded() {
        let code = "#!lua name=l\nredis.register_function{function_name='f', \
                    callback=f, flags={'no-writes', 'allow-key-locking'}}";
        let words = ["FUNCTION", "LOAD", "REPLACE", code].map(|word| word.into());
        let loaded = load(Command::new(words.to_vec()).unwrap());
        let stored = String::from_utf8(loaded.words()[3].to_vec()).unwrap();
        assert_ne!(stored, code);
        let list = |names, code| Value::Array(vec![library(names, code)]);
        let listed = as_loaded(list(&["f", "f_read_only_by_pkv", "g"], &stored));
        assert_eq!(listed, list(&["f", "g"], code));
    }

    #[test]
    fn twins_are_not_counted() {
        let list = Value::Array(vec![library(&["f", "f_read_only_by_pkv", "g"], "")]);
        assert_eq!(without_twins(stats(3), list), stats(2));
        assert_eq!(without_twins(stats(3), Value::Nil), stats(3));
        assert_eq!(without_twins(Value::Nil, Value::Nil), Value::Nil);
    }

    #[test]
    fn the_rest_stays() {
        for line in ["FUNCTION", "FUNCTION LOAD", "FUNCTION LOAD x", "FUNCTION DELETE l"] {
            stays(rewrite, line);
        }
    }
}
