//! Requests as no client writes them: valid ones with something cut out, put in, turned over or
//! repeated, and bytes that were never any. By hand, for longer: `MUTATION_SECONDS=600 cargo test
//! mutated`, and `MUTATION_SEED=<seed>` for the same requests again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::memory::megabytes;
use super::{Witness, process};
use crate::support::raw_http::{Connection, chunked, request};
use crate::support::{Dice, Pkv};

/// Connections at once; after them, all must be well.
const BURST: usize = 40;

/// Without a variable that says otherwise.
const SECONDS: u64 = 2;

/// How long a client listens to what is said to its nonsense.
const LISTENS: Duration = Duration::from_millis(200);

/// What parsers have stumbled over.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"/",
    b"//",
    b"/../",
    b"%",
    b"%00",
    b"%2F",
    b"%zz",
    b"?",
    b"&",
    b"=",
    b"#",
    b"*",
    b"\xff",
    b"\xed\xa0\x80",
    b" HTTP/1.0\r\n",
    b" HTTP/1.1\r\n",
    b" HTTP/2.0\r\n",
    b"GET /get/k HTTP/1.1\r\n\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 18446744073709551615\r\n",
    b"Content-Length: +5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"Upstash-Encoding: base64\r\n",
    b"Upstash-Response-Format: resp2\r\n",
    b"Authorization: Bearer \r\n",
    b"[",
    b"]",
    b"[[",
    b"{",
    b"\"",
    b"\\",
    b"\\ud800",
    b"null",
    b",",
    b"1e999",
];

/// Requests that are answered as they are; nothing in them names an amount that a mutation could
/// turn into a large one.
fn valid(pkv: &Pkv) -> Vec<Vec<u8>> {
    let post = |target: &str, body: &str| request(pkv, "POST", target, "", body.as_bytes());
    let base64 = "Upstash-Encoding: base64\r\n";
    vec![
        post("/", r#"["SET","k","vé😀\n"]"#),
        post("/", r#"["HGETALL","h"]"#),
        post("/pipeline", r#"[["SET","k","v"],["GET","k"],["LRANGE","l",0,-1],[]]"#),
        post("/multi-exec", r#"[["HSET","h","f","v"],["INCR","k"],["NOPE"]]"#),
        post("/set/k", "\0\u{1} raw"),
        request(pkv, "GET", "/set/k%2Fl/v%20w?EX=100&NX&_token=x", base64, b""),
        request(pkv, "PUT", "/rpush/l/message/a", "Expect: 100-continue\r\n", b"b"),
        request(pkv, "POST", "/", base64, br#"["EVAL","return {1,{'a',false}}",0]"#),
        request(pkv, "OPTIONS", "/pipeline", "Origin: http://x\r\n", b""),
        request(pkv, "HEAD", "/get/k", "", b""),
        request(pkv, "POST", "/subscribe/c", "Accept: text/event-stream\r\n", b"[]"),
        request(pkv, "GET", "/psubscribe/a*/b*", "", b""),
        request(pkv, "DELETE", "/get/k", "", b""),
        request(pkv, "GET", "/health", "Upgrade: h2c\r\n", b""),
        chunked(pkv, "/", br#"["GET","k"]"#),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x05\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01x"
            .to_vec(),
    ]
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let (one, other) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
        let (from, to) = (one.min(other), one.max(other));
        match dice.below(7) {
            0 => drop(bytes.drain(from..to.min(from + 20))),
            1 => bytes.truncate(to),
            2..4 => drop(bytes.splice(from..from, dice.pick(TOKENS).to_vec())),
            4 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(to..to, part);
            }
            5 => bytes[from..].iter_mut().take(3).for_each(|byte| *byte = dice.roll() as u8),
            _ => bytes[from..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
        }
    }
}

/// What one connection sends; from one in ten, it was never HTTP.
fn nonsense(valid: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    if dice.percent(10) {
        let length = dice.below(3000);
        return dice.bytes(length);
    }
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(3) {
        bytes.extend_from_slice(dice.pick::<Vec<u8>>(valid));
    }
    mutate(&mut bytes, dice);
    bytes
}

/// Asks properly a few times, then sends nonsense on the same connection and listens.
async fn misbehave(pkv: &Pkv, valid: &[Vec<u8>], mut dice: Dice) {
    let mut connection = Connection::open(pkv).await;
    for _ in 0..dice.below(3) {
        let number = dice.roll();
        is_answered_rightly(pkv, &mut connection, number).await;
    }
    let bytes = nonsense(valid, &mut dice);
    for piece in bytes.chunks(1 + dice.below(bytes.len().max(1))) {
        // It may be closed while we still send.
        if connection.try_send(piece).await.is_err() {
            break;
        }
    }
    if dice.percent(70) {
        connection.finish().await;
    }
    let said = connection.rest(LISTENS).await;
    let shown = || format!("{:?} to {:?}", said.escape_ascii(), bytes.escape_ascii());
    if let Some(status) = said.strip_prefix(b"HTTP/1.") {
        assert!(status.len() < 5 || b"1245".contains(&status[2]), "{}", shown());
        // 500 would be a panic, or something that nobody has thought of.
        assert!(!status[2..].starts_with(b"500"), "{}", shown());
    }
}

async fn is_answered_rightly(pkv: &Pkv, connection: &mut Connection, number: u64) {
    let body = json!([["ECHO", number], ["ECHO", "between"], ["ECHO", number]]).to_string();
    let answer = connection.exchange(&request(pkv, "POST", "/pipeline", "", body.as_bytes())).await;
    let echo = json!({ "result": number.to_string() });
    assert_eq!(answer.json(), json!([echo, { "result": "between" }, echo]));
}

fn variable(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    }
}

#[tokio::test]
async fn mutated_requests_hurt_nobody() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    let mut witness = Witness::of(&pkv).await;
    let valid = valid(&pkv);
    let deadline = Instant::now() + Duration::from_secs(variable("MUTATION_SECONDS", SECONDS));
    let seed = variable("MUTATION_SEED", 1);
    let done = AtomicBool::new(false);
    let asked = AtomicU64::new(0);
    let bystander = async |number: u64| {
        let mut dice = Dice::new(number);
        let mut connection = Connection::open(&pkv).await;
        while !done.load(Ordering::Relaxed) {
            is_answered_rightly(&pkv, &mut connection, dice.roll()).await;
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let bursts = async {
        let mut burst = 0;
        while Instant::now() < deadline {
            let dice = |number| Dice::new(Dice::new(seed + burst).roll() + number);
            let all = (0..BURST as u64).map(|number| misbehave(&pkv, &valid, dice(number)));
            join_all(all).await;
            witness.all_is_well(&pkv, &format!("burst {burst} of seed {seed}")).await;
            burst += 1;
        }
        done.store(true, Ordering::Relaxed);
        burst
    };
    let (bursts, ..) = tokio::join!(bursts, bystander(1), bystander(2), bystander(3));
    // Measured: 25 MB after 2 seconds, and no more after ten minutes.
    let most = megabytes(process(&pkv), "VmHWM");
    println!("{bursts} bursts, {asked:?} answers to bystanders, {most} MB at the most");
    assert!(most < 150, "{most} MB");
    let log = pkv.log();
    let panic = log.iter().find(|entry| entry.to_string().contains("panicked"));
    assert_eq!(panic, None);
}
