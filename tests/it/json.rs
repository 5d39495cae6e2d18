//! The JSON module: in pkv's bundled Redis, and in servers that know nothing of pkv.

mod answers;
mod bundled;
mod in_redis;
mod persistence;

use std::path::PathBuf;

/// The module that was built with the pkv under test.
fn module() -> PathBuf {
    let pkv = std::env::var_os("PKV_BIN").unwrap_or(env!("CARGO_BIN_EXE_pkv").into());
    let path =
        PathBuf::from(pkv).with_file_name(format!("libpkv_json{}", std::env::consts::DLL_SUFFIX));
    assert!(path.exists(), "these tests need the module: cargo build --workspace");
    path
}

/// Documents of every kind, as JSON.GET writes them.
fn documents() -> Vec<String> {
    let many = |entry: &dyn Fn(usize) -> String| (0..1000).map(entry).collect::<Vec<_>>().join(",");
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let mut documents: Vec<String> = [
        "null",
        "true",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "0.1",
        "1.0",
        "-0.0",
        "5e-324",
        "1.7976931348623157e+308",
        r#""""#,
        r#""exactly fourteen""#,
        r#""fourteen bytes""#,
        r#""a\"b\\c\n\u0000é😀""#,
        "[]",
        "{}",
        r#"{"":{"":[[],{}]}}"#,
        r#"{"z":1,"a":{"long enough to have memory of its own":[1,2.5,"x",null,false]},"m":-7}"#,
    ]
    .map(str::to_owned)
    .into();
    documents.push(nested(128));
    documents.push(format!("[{}]", many(&|n| format!(r#"{{"id":{n},"name":"name {n}"}}"#))));
    documents
        .push(format!("{{{}}}", many(&|n| format!(r#""k{}":"{}""#, 999 - n, "v".repeat(n % 40)))));
    documents
}
