//! Any bytes as a document: they are refused, or they are a value that is
//! written and read again as the same one. From this directory:
//!
//!     RUSTC_BOOTSTRAP=1 cargo fuzz run load -- -dict=load.dict -max_len=4096 -timeout=20
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use pkv_json::document::{Document, text_len};
use pkv_json::text;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut document) = Document::load(bytes) else { return };
    let written = text::to_vec(&document.root);
    let (_, bound) = text::parse_bounded(bytes).expect("it was read already");
    assert!(written.len() <= bound);
    assert_eq!(text_len(&document.root), written.len());
    let again = Document::load(&written).expect("what is written can be read");
    assert_eq!(document.root, again.root);
    // 0 and -0, and 1 and 1.0, are the same value and not the same text.
    assert_eq!(text::to_vec(&again.root), written);
    // A document that is loaded again is no larger than before; smaller, where the first
    // text had named a member twice.
    assert!(again.root.heap_bytes() <= document.root.heap_bytes());
    // What defragmentation is to move is there, and moved once.
    let mut shown = HashSet::new();
    document.root.for_each_allocation(&mut |allocation| {
        // SAFETY: it points to the pointer that the value keeps.
        let memory = unsafe { *allocation };
        assert!(!memory.is_null() && shown.insert(memory));
    });
});
