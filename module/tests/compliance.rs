//! RFC 9535's compliance suite (jsonpath-standard's `cts.json`), from the file
//! that PKV_JSONPATH_SUITE names.
//!
//! Each test must come out as the suite says, but for what `DEVIATIONS` lists,
//! and but for the order of what `..` answers, which is Upstash's.

use std::{env, fs};

use pkv_json::budget::Budget;
use pkv_json::path::Path;
use pkv_json::text;
use pkv_json::value::{Kind, Value};

/// Selectors that are invalid in the suite and paths here, and why.
const DEVIATIONS: &[(&str, &str)] =
    &[("$.1", "keys in Redis's documents often are numbers, or begin with a digit: `$.users.42`")];

#[derive(PartialEq)]
enum Outcome {
    Same,
    /// As the suite says, but for the order of `..`.
    Reordered,
    Different,
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value.kind() {
        Kind::Object(object) => object.find(name).map(|(_, value)| value),
        _ => None,
    }
}

fn string<'a>(test: &'a Value, name: &str) -> &'a str {
    match member(test, name).map(Value::kind) {
        Some(Kind::String(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

fn elements(value: &Value) -> &[Value] {
    match value.kind() {
        Kind::Array(elements) => elements,
        other => panic!("{other:?} is no array"),
    }
}

fn same(found: &[&Value], wanted: &Value) -> bool {
    found.len() == elements(wanted).len()
        && found.iter().zip(elements(wanted)).all(|(found, wanted)| *found == wanted)
}

/// Whether both hold the same, in whatever order.
fn same_set(found: &[&Value], wanted: &Value) -> bool {
    let mut left: Vec<_> = elements(wanted).iter().collect();
    for found in found {
        let Some(at) = left.iter().position(|wanted| wanted == found) else { return false };
        left.remove(at);
    }
    left.is_empty()
}

fn outcome(test: &Value) -> Outcome {
    let selector = string(test, "selector");
    let path = Path::parse(selector);
    if member(test, "invalid_selector").is_some() {
        return if path.is_err() { Outcome::Same } else { Outcome::Different };
    }
    let (Ok(path), Some(document)) = (path, member(test, "document")) else {
        return Outcome::Different;
    };
    let found = path.select(document, &Budget::default()).expect("small documents");
    let located = path.locate(document, &Budget::default()).expect("small documents");
    let located: Vec<_> = located.iter().filter_map(|location| location.get(document)).collect();
    assert!(found.iter().zip(&located).all(|(a, b)| std::ptr::eq(*a, *b)), "{selector}");
    assert_eq!(found.len(), located.len(), "{selector}");

    let one = member(test, "result").map(std::slice::from_ref);
    let wanted = one.or(member(test, "results").map(elements)).expect("a result");
    if wanted.iter().any(|wanted| same(&found, wanted)) {
        Outcome::Same
    } else if selector.contains("..") && same_set(&found, &wanted[0]) {
        Outcome::Reordered
    } else {
        Outcome::Different
    }
}

#[test]
fn the_compliance_suite_holds() {
    let file = env::var_os("PKV_JSONPATH_SUITE").expect("PKV_JSONPATH_SUITE names cts.json");
    let suite = text::parse(&fs::read(file).expect("cts.json is read")).expect("cts.json is JSON");
    let tests = elements(member(&suite, "tests").expect("tests"));
    let (mut different, mut reordered) = (Vec::new(), Vec::new());
    for test in tests {
        match outcome(test) {
            Outcome::Same => {}
            Outcome::Reordered => reordered.push(string(test, "selector")),
            Outcome::Different => different.push(string(test, "selector")),
        }
    }
    println!("{} tests, {} in another order: {reordered:?}", tests.len(), reordered.len());
    let deviations: Vec<_> = DEVIATIONS.iter().map(|(selector, _)| *selector).collect();
    assert_eq!(different, deviations);
}
