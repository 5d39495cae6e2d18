//! Parsing bodies and writing replies, by themselves: `cargo bench`. The requests are those of
//! `tests/bench/workloads.py`.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use pkv::command::body;
use pkv::reply::{Encoding, Frame, Scanner, write_item};

const GET: &str = r#"["GET","bench:small"]"#;

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_get(bencher: Bencher) {
    let body = as_received(GET);
    bencher.counter(BytesCount::of_str(GET)).bench(|| body::parse_command(divan::black_box(&body)));
}

#[divan::bench]
fn parse_pipeline_of_50(bencher: Bencher) {
    let lines = format!("[{}]", [GET; 50].join(","));
    let body = as_received(&lines);
    bencher
        .counter(BytesCount::of_str(&lines))
        .bench(|| body::parse_pipeline(divan::black_box(&body)));
}

/// Escapes make it another path through the parser.
#[divan::bench]
fn parse_set_of_64_kib_with_escapes(bencher: Bencher) {
    let line = format!(r#"["SET","bench:large","{}"]"#, r#"a \"quoted\" word"#.repeat(3856));
    let body = as_received(&line);
    bencher
        .counter(BytesCount::of_str(&line))
        .bench(|| body::parse_command(divan::black_box(&body)));
}

/// A part of a buffer that others hold as well.
fn as_received(body: &str) -> Bytes {
    Bytes::copy_from_slice(body.as_bytes()).slice(..)
}

const ENCODINGS: [Encoding; 2] = [Encoding::Text, Encoding::Base64];

#[divan::bench(args = ENCODINGS)]
fn write_16_bytes(bencher: Bencher, encoding: Encoding) {
    write(bencher, &bulk(16), encoding);
}

#[divan::bench(args = ENCODINGS)]
fn write_64_kib(bencher: Bencher, encoding: Encoding) {
    write(bencher, &bulk(64 << 10), encoding);
}

#[divan::bench(args = ENCODINGS)]
fn write_hash_of_1000_fields(bencher: Bencher, encoding: Encoding) {
    write(bencher, &array(2000, 12), encoding);
}

#[divan::bench(args = ENCODINGS)]
fn write_100_000_items(bencher: Bencher, encoding: Encoding) {
    write(bencher, &array(100_000, 8), encoding);
}

#[divan::bench]
fn scan_100_000_items(bencher: Bencher) {
    let reply = array(100_000, 8);
    bencher
        .counter(BytesCount::of_slice(&reply))
        .bench(|| Scanner::new(1).scan(divan::black_box(&reply)));
}

fn bulk(length: usize) -> Vec<u8> {
    let text: String = "0123456789abcdef".chars().cycle().take(length).collect();
    format!("${length}\r\n{text}\r\n").into_bytes()
}

fn array(items: usize, length: usize) -> Vec<u8> {
    [format!("*{items}\r\n").into_bytes(), bulk(length).repeat(items)].concat()
}

fn write(bencher: Bencher, reply: &[u8], encoding: Encoding) {
    let written = || {
        let mut out = Vec::new();
        write_item(&mut out, Frame::of(divan::black_box(reply)), encoding);
        out
    };
    bencher.counter(BytesCount::new(written().len())).bench(written);
}
