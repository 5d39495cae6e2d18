//! What paths lead to: the RFC's own examples' kind, Upstash's order, what
//! Redis's users write beyond the RFC, and what must be refused.

use proptest::prelude::*;

use super::{Path, Step};
use crate::budget::{Budget, TooMuch};
use crate::text;
use crate::value::Value;

/// A document in which every kind of value is met.
const DOCUMENT: &str = r#"{
    "a": {"b": [{"c": 1, "p": "^f.*o$"}, {"c": 2, "s": "foo"}, {"c": 3, "s": "Boo\nx"}], "n": null},
    "foo-bar": 4, "foo bar": 5, "1st": 6, "x.y": 7, "c": 8, "é": 9, "user:1": 10,
    "arr": [1, 2.5, "three", true, null], "big": [9007199254740993, 9007199254740992.0],
    "pattern": "^fo+$"
}"#;

fn value(text: &str) -> Value {
    text::parse(text.as_bytes()).unwrap()
}

fn answer(path: &str, document: &str) -> String {
    let document = value(document);
    let path = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let values: Vec<_> = path.select(&document, &Budget::default()).unwrap();
    let texts: Vec<_> = values
        .into_iter()
        .map(|value| {
            let mut text = Vec::new();
            text::write(value, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        })
        .collect();
    format!("[{}]", texts.join(","))
}

fn assert_answers(answers: &[(&str, &str)]) {
    for (path, wanted) in answers {
        assert_eq!(answer(path, DOCUMENT), *wanted, "{path}");
    }
}

fn error(path: &str) -> String {
    match Path::parse(path) {
        Ok(_) => panic!("{path} is a path"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_a_value_holds_comes_before_its_own_match() {
    let nested = r#"{"a":2,"b":3,"nested":{"a":4,"b":null}}"#;
    assert_eq!(answer("$..b", nested), "[null,3]");
    assert_eq!(answer("$..a", r#"[{"a":{"a":1}},{"a":2}]"#), r#"[1,{"a":1},2]"#);
    assert_eq!(answer("$..[0]", "[[[1]],[2]]"), "[1,[1],2,[[1]]]");
    assert_eq!(answer("$..*", "[1,[2]]"), "[2,1,[2]]");
    assert_eq!(answer("$..['b','a']", nested), "[null,4,3,2]");
}

#[test]
fn selectors_are_the_rfcs() {
    assert_answers(&[
        ("$.a.b[0].c", "[1]"),
        ("$['a'][\"n\"]", "[null]"),
        ("$.arr[-1,0,0]", "[null,1,1]"),
        ("$.arr[1:3]", "[2.5,\"three\"]"),
        ("$.arr[::-2]", "[null,\"three\",1]"),
        ("$.arr[-2:]", "[true,null]"),
        ("$.arr[5:0:-2]", "[null,\"three\"]"),
        ("$.arr[::0]", "[]"),
        ("$.arr[7]", "[]"),
        ("$.arr[-6]", "[]"),
        ("$.a.b[*].c", "[1,2,3]"),
        ("$ .arr\n[ 0 , 1:2 ]", "[1,2.5]"),
        (r"$['\u00e9']", "[9]"),
        ("$.a.c.b", "[]"),
        ("$.c[0]", "[]"),
    ]);
    assert_eq!(answer(r"$['\ud83d\ude00']", r#"{"😀":1}"#), "[1]");
}

#[test]
fn filters_are_the_rfcs() {
    assert_answers(&[
        ("$.a.b[?@.s].c", "[2,3]"),
        ("$.a.b[?!@.s].c", "[1]"),
        ("$.a.b[?@.c>1 && @.c<3].c", "[2]"),
        ("$.a.b[?@.c==1 || @.c==2 && @.c==3].c", "[1]"),
        ("$.a.b[?(@.c==1 || @.c==2) && !(@.c==1)].c", "[2]"),
        ("$.arr[?@ == 2.50]", "[2.5]"),
        ("$.arr[?@ <= null]", "[null]"),
        ("$.arr[?@ < 'z']", "[\"three\"]"),
        ("$.a.b[?@.c == $.a.b[1].c].c", "[2]"),
        ("$.a.b[?@.x == @.y].c", "[1,2,3]"),
        ("$[?length(@) == 3].n", "[]"),
        ("$.a.b[?length(@.s) == 3].c", "[2]"),
        ("$[?count(@.*) == 2][0]", "[9007199254740993]"),
        ("$.a.b[?value(@..c) == 3].c", "[3]"),
        ("$.a.b[?match(@.s, 'fo')].c", "[]"),
        ("$.a.b[?match(@.s, 'fo.')].c", "[2]"),
        ("$.a.b[?search(@.s, 'oo')].c", "[2,3]"),
        ("$.a.b[?search(@.s, 'o.x')].c", "[]"),
        ("$.a.b[?search(@.s, 'o[^o]x')].c", "[3]"),
        ("$[?search(@, '^.$')]", "[]"),
        ("$.a.b[?match(@.s, '\\\\p{Lu}oo\\\\n.')].c", "[3]"),
        ("$.a.b[?match(@.s, '(')].c", "[]"),
        ("$.a.b[?match(@.s, 'b|foo|c')].c", "[2]"),
        ("$.a.b[?match($.c, '8')].c", "[]"),
        ("$[?@[?@.c == 1]].n", "[]"),
        ("$[?@.b[?@.c == 1]].n", "[null]"),
    ]);
}

#[test]
fn integers_are_not_rounded_to_compare_them() {
    assert_answers(&[
        ("$.big[?@ == 9007199254740992]", "[9007199254740992.0]"),
        ("$.big[?@ > 9007199254740992.0]", "[9007199254740993]"),
    ]);
}

#[test]
fn more_is_taken_than_the_rfc_has() {
    assert_answers(&[
        ("$.[\"a\"].[\"n\"]", "[null]"),
        ("$.foo-bar", "[4]"),
        ("$.1st", "[6]"),
        ("$.user:1", "[10]"),
        ("$.é", "[9]"),
        ("$.a.b[?(@.s =~ 'o+$')].c", "[2]"),
        ("$.a.b[?(@.s=~\"(?i)BOO\")].c", "[3]"),
        ("$.a.b[?@.s =~ $.pattern].c", "[2]"),
        ("$.a.b[?'foo' =~ @.p].c", "[1]"),
        ("$.a.b[?@.s =~ @.c].c", "[]"),
        ("$.a.b[?(@.[\"c\"]==1)].c", "[1]"),
        ("$.a.b[?(2<@.c)].c", "[3]"),
    ]);
}

#[test]
fn legacy_names_end_at_a_dot_or_a_bracket() {
    assert_answers(&[
        (".a.b[0].c", "[1]"),
        ("a.b[0].c", "[1]"),
        (".c", "[8]"),
        ("..c", "[1,2,3,8]"),
        ("[\"a\"].n", "[null]"),
        (".a[\"b\"].[0].c", "[1]"),
        ("foo bar", "[5]"),
        (".[\"x.y\"]", "[7]"),
        (".arr[*]", "[1,2.5,\"three\",true,null]"),
        ("arr.*", "[1,2.5,\"three\",true,null]"),
        (".a.b[?(@.c>2)].c", "[3]"),
    ]);
    assert_eq!(answer(".", "[1]"), "[[1]]");
}

#[test]
fn a_path_tells_what_it_is() {
    let path = |text| Path::parse(text).unwrap();
    assert!(path("a").is_legacy() && path(".").is_legacy() && !path("$").is_legacy());
    assert!(path("$").is_root() && path(".").is_root() && !path("$.a").is_root());
    assert!(path("$.a[0]['b']").is_single() && path("$").is_single());
    assert!(!path("$.a[0,1]").is_single() && !path("$..a").is_single());

    let path = path("$.a[*].b");
    let (parent, step) = path.split_last().unwrap();
    assert_eq!(step, Step::Name("b"));
    assert_eq!(parent.select(&value(DOCUMENT), &Budget::default()).unwrap().len(), 2);
    assert_eq!(Path::parse(".a[-2]").unwrap().split_last().unwrap().1, Step::Index(-2));
    for text in ["$", "$..a", "$['a','b']", "$.*", "$[?@]"] {
        assert!(Path::parse(text).unwrap().split_last().is_none(), "{text}");
    }
    assert_eq!(path.to_string(), "$.a[*].b");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    assert_eq!(
        error("$.é["),
        "invalid JSON path at character 5: expected a quoted name, an index, a slice, '*' or '?'"
    );
    assert_eq!(
        error("$.a[?@.b =~ '(']"),
        "invalid JSON path at character 13: expected a regular expression"
    );
    assert_eq!(error("$.a]"), "invalid JSON path at character 4: expected '.', '[' or the end");
    for text in
        ["", " $", "..", "a.", "a..", "a[0]b", "$.", "$a", "$.a ", "$[?@.a==@.*]", "$[?foo(@)]"]
    {
        error(text);
    }
}

#[test]
fn text_and_nesting_have_limits() {
    assert!(error(&format!("$.{}", "a".repeat(9000))).ends_with("a path has at most 8192 bytes"));
    let filters = |n| format!("${}{}", "[?@".repeat(n), "]".repeat(n));
    let parentheses = |n| format!("$[?{}@{}]", "(".repeat(n), ")".repeat(n));
    let calls = |n| format!("$[?{}@{}==1]", "length(".repeat(n), ")".repeat(n));
    for nested in [filters as fn(usize) -> String, parentheses, calls] {
        assert!(Path::parse(&nested(20)).is_ok(), "{}", nested(20));
        assert!(error(&nested(800)).ends_with("filters are nested too deeply"));
    }
    assert!(error("$[?@=~'(\\\\w{100}){100}']").ends_with("regular expression is too large"));
    let many = vec!["@=~'a{9000}'"; 20].join("||");
    assert!(error(&format!("$[?{many}]")).ends_with("regular expression is too large"));
    assert!(Path::parse("$[?@=~'a{9000}']").is_ok());
}

/// `[[[...]]]`, as deep as a document can be.
fn deepest() -> Value {
    value(&format!("{}{}", "[".repeat(127), "]".repeat(127)))
}

#[test]
fn the_deepest_filters_fit_the_stack() {
    let path = format!("${}", "..[?$".repeat(31)) + &"]".repeat(31);
    let path = Path::parse(&path).unwrap();
    let _ = path.select(&deepest(), &Budget::default());
}

/// What takes more steps than there are; few of them one by one, for the test's own time.
#[test]
fn work_has_a_limit() {
    let objects = value(&format!("[{}1]", "{\"a\":1},".repeat(2_000)));
    let count = format!("$[?count($..{})>0]", "a".repeat(4000));
    let texts = |text: &str| value(&format!("[\"{text}\",{}\"x\"]", "1,".repeat(2_000)));
    let long = texts(&"ab".repeat(500_000));
    let foreign = texts(&format!("é{}", "ab".repeat(50_000)));
    let patterns: Vec<_> = (0..300).map(|n| format!("\"\\\\w{{900}}{n}\"")).collect();
    let patterns = value(&format!("[{}]", patterns.join(",")));
    for (path, document) in [
        (count.as_str(), &objects),
        ("$[?$==$]", &long),
        ("$[?$[0]<=$[0]]", &long),
        ("$[?length($[0])>1]", &long),
        ("$[?search($[0],'x')]", &long),
        ("$[?search($[0],'[ab]*a[ab]{900}c')]", &long),
        ("$[?search($[0],'\\\\bx{900}')]", &foreign),
        ("$[?'x'=~@]", &patterns),
    ] {
        let path = Path::parse(path).unwrap();
        assert_eq!(
            path.select(document, &Budget::default()).map(|found| found.len()),
            Err(TooMuch),
            "{path:?}"
        );
    }
    let path = Path::parse("$..*..*..*..*..*").unwrap();
    assert_eq!(path.locate(&deepest(), &Budget::default()), Err(TooMuch));
}

#[test]
fn all_of_a_large_document_is_within_the_limit() {
    let document = value(&format!("[{}[[1]]]", "[[1]],".repeat(100_000)));
    let path = Path::parse("$..*").unwrap();
    assert_eq!(path.select(&document, &Budget::default()).unwrap().len(), 300_003);
    assert_eq!(path.locate(&document, &Budget::default()).unwrap().len(), 300_003);
}

/// Pieces of paths in whatever order, most of them no path.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "$", "@", ".", "..", "[", "]", "a", "*", "0", "-1", ":", ",", "?", "(", ")", "!", "==",
        "<", "=~", "'a'", "\"b\"", "&&", "||", " ", "length", "count", "true", "1.5e3", "\\u00e9",
        "é",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Paths, which often lead somewhere.
fn paths() -> impl Strategy<Value = String> {
    let test = prop::sample::select(vec![
        "@",
        "!@.a",
        "@.a==1",
        "@!=$.a",
        "@<2",
        "count(@.*)>1",
        "length(@)<2",
        "@..b",
        "@=~'a'",
        "value(@..a)==null",
        "(@.a||@[0])&&@.a<=@.b",
        "@[?@.a]",
        "match(@,'.')",
        "'a'=~@",
    ]);
    let plain = prop::sample::select(vec![
        ".a",
        ".b",
        ".*",
        "..a",
        "..*",
        "[0]",
        "[-1]",
        "[1:]",
        "[::-1]",
        "['b','a']",
        "[0,*,0]",
    ]);
    let segment = prop_oneof![
        3 => plain.prop_map(String::from),
        1 => test.clone().prop_map(|test| format!("[?{test}]")),
        1 => test.prop_map(|test| format!("..[?{test}]")),
    ];
    prop::collection::vec(segment, 0..4).prop_map(|segments| segments.concat())
}

fn document() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["null", "1", "2.5", "\"a\"", "true", "[]"]);
    leaf.prop_map(String::from).prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
            (inner.clone(), inner)
                .prop_map(|(first, second)| format!("{{\"a\":{first},\"b\":{second}}}")),
        ]
    })
}

fn assert_agree(path: &Path, document: &Value) {
    let (values, locations) = (
        path.select(document, &Budget::default()).unwrap(),
        path.locate(document, &Budget::default()).unwrap(),
    );
    assert_eq!(values.len(), locations.len());
    for (value, location) in values.into_iter().zip(&locations) {
        assert!(location.get(document).is_some_and(|found| std::ptr::eq(found, value)));
    }
    assert!(!path.is_single() || locations.len() <= 1);
}

proptest! {
    #[test]
    fn any_text_is_a_path_or_an_error(text in "\\PC{0,40}", pieces in pieces()) {
        let document = value(DOCUMENT);
        for text in [&text, &pieces, &format!("${text}"), &format!("$..{pieces}"), &format!("$[?{pieces}]")] {
            if let Ok(path) = Path::parse(text) {
                assert_agree(&path, &document);
            }
        }
    }

    #[test]
    fn select_and_locate_agree(path in paths(), document in document()) {
        let document = value(&document);
        for text in [format!("${path}"), path] {
            // Without `$`, nothing is left of the root's path.
            if !text.is_empty() {
                assert_agree(&Path::parse(&text).unwrap(), &document);
            }
        }
    }
}
