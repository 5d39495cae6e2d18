//! Any bytes as a document: they are refused, or they are a value that is
//! written and read again as the same one. From this directory:
//!
//!     RUSTC_BOOTSTRAP=1 cargo fuzz run load -- -dict=load.dict -max_len=4096 -timeout=20
#![no_main]

use libfuzzer_sys::fuzz_target;
use pkv_json::document::{Document, text_len};
use pkv_json::text;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut document) = Document::parse(bytes) else { return };
    let written = text::to_vec(&document.root);
    assert_eq!(text_len(&document.root), written.len());
    let mut again = Document::parse(&written).expect("what is written can be read");
    assert_eq!(document.root, again.root);
    // 0 and -0, and 1 and 1.0, are the same value and not the same text.
    assert_eq!(text::to_vec(&again.root), written);
    // A saved document is as large in memory as the one that it was saved from.
    assert_eq!(document.root.heap_bytes(), again.root.heap_bytes());
    let mut allocations = [0, 0];
    document.root.for_each_allocation(&mut |_| allocations[0] += 1);
    again.root.for_each_allocation(&mut |_| allocations[1] += 1);
    assert_eq!(allocations[0], allocations[1]);
});
