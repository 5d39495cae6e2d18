//! Any text as a path: it is read or refused, and what it selects in a few
//! documents is what it locates there, within the budget. From this directory:
//!
//!     RUSTC_BOOTSTRAP=1 cargo fuzz run -s none path -- -dict=path.dict -max_len=512 -timeout=60
//!
//! Without a sanitizer, because the budget is a second's work without one, and
//! nothing in a path is `unsafe`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use pkv_json::budget::Budget;
use pkv_json::path::Path;
use pkv_json::text;
use pkv_json::value::Value;

/// Every kind of value, names of every kind, both kinds of objects, and depth.
static DOCUMENTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let large: Vec<_> = (0..40).map(|n| format!("\"k{n}\":{{\"a\":{n}}}")).collect();
    let documents = [
        r#"{"a":{"b":[{"c":1,"p":"^f.*o$"},{"c":2.5,"s":"foo"},{"c":-3,"s":"Boo\nx"}],"n":null},
            "foo-bar":4,"":5,"x.y":7,"é":"é😀","arr":[1,2.5,"three",true,null,[],{}],
            "big":[18446744073709551615,9007199254740993,1e300,-0.0],"pattern":"(a|ab)*c"}"#
            .to_owned(),
        "[[[1]],[2,[\"a\",{\"a\":[\"a\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}]],\"a\",{\"a\":{\"a\":1}}]"
            .to_owned(),
        format!("{{{}}}", large.join(",")),
        format!("{}{}", "[".repeat(128), "]".repeat(128)),
        format!("{}1{}", "{\"a\":".repeat(128), "}".repeat(128)),
        "1".to_owned(),
    ];
    let parse = |document: &String| text::parse(document.as_bytes()).expect("all are JSON");
    documents.iter().map(parse).collect()
});

/// Matches that are looked at: walking to each of millions takes longer than finding them.
const CHECKED: usize = 10_000;

fuzz_target!(|text: &str| -> Corpus {
    let Ok(path) = Path::parse(text) else { return Corpus::Keep };
    assert_eq!(path.to_string(), text);
    for document in DOCUMENTS.iter() {
        check(&path, document);
    }
    Corpus::Keep
});

fn check(path: &Path, document: &Value) {
    // Remembering where takes more of the budget than looking.
    let (Ok(values), Ok(locations)) = (
        path.select(document, &Budget::default()),
        path.locate(document, &Budget::default()),
    ) else {
        return;
    };
    assert_eq!(values.len(), locations.len());
    for (value, location) in values.iter().zip(&locations).take(CHECKED) {
        assert!(location.get(document).is_some_and(|found| std::ptr::eq(found, *value)));
    }
    assert!(!path.is_single() || locations.len() <= 1);
    assert!(!path.is_root() || locations.iter().all(|location| location.is_root()));
}
