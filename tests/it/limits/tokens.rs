//! Tokens that are wrong, in any number: constant work for each, and nothing that stays.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::bad_input::{Witness, field, process};
use crate::support::raw_http::Connection;
use crate::support::{Pkv, TOKEN, result};
use crate::users::{gentoken, make};

/// How many are tried; more if the environment asks for it (`PKV_TEST_TOKENS=1000000`).
fn count() -> usize {
    std::env::var("PKV_TEST_TOKENS").map_or(20_000, |count| count.parse().unwrap())
}

const CONNECTIONS: usize = 8;

/// Requests that are sent on one of them before their answers are read.
const AT_ONCE: usize = 50;

/// The wrong token of this number, in one of several shapes; `real` is an ACL user's.
fn wrong(number: usize, real: &str) -> String {
    let number_in_hex = format!("{number:012x}");
    match number % 5 {
        0 => format!("token-{number}"),
        1 => format!("{TOKEN}{number}"),
        // As long as a header may be.
        2 => number_in_hex.repeat(300),
        // Signed by nobody: the key's name is right, the signature is not.
        3 => format!("{}{number_in_hex}{}", &real[..14], &real[26..]),
        _ => format!("{real}{number_in_hex}"),
    }
}

fn kilobytes(pid: i32) -> usize {
    field(pid, "VmRSS").strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

/// What Redis has counted: connections and commands.
async fn counted(pkv: &Pkv) -> [i64; 2] {
    let info = result(pkv.run(json!(["INFO", "stats"])).await);
    ["total_connections_received:", "total_commands_processed:"].map(|name| {
        let line = info.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    })
}

/// Tries its part of the tokens.
async fn try_tokens(pkv: &Pkv, real: &str, numbers: std::ops::Range<usize>) {
    let mut connection = Connection::open(pkv).await;
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(AT_ONCE) {
        let requests = some.iter().map(|number| {
            let token = wrong(*number, real);
            format!("GET /set/k/x HTTP/1.1\r\nHost: pkv\r\nAuthorization: Bearer {token}\r\n\r\n")
        });
        connection.send(requests.collect::<String>().as_bytes()).await;
        for number in some {
            let answer = connection.answer().await;
            assert_eq!(answer.status, 401, "{}", wrong(*number, real));
        }
    }
}

#[tokio::test]
async fn any_number_of_wrong_tokens_leaves_nothing_behind() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let real = gentoken(&pkv, "app").await;
    let all = async |from: usize, to: usize| {
        let part = (to - from) / CONNECTIONS;
        let parts = (0..CONNECTIONS).map(|at| from + at * part..from + (at + 1) * part);
        join_all(parts.map(|numbers| try_tokens(&pkv, &real, numbers))).await;
    };
    // Buffers, threads and connections find their size first.
    for _ in 0..5 {
        counted(&pkv).await;
    }
    all(0, count() / 10).await;
    let (before, [connections, commands]) = (kilobytes(process(&pkv)), counted(&pkv).await);
    let begun = Instant::now();
    all(count() / 10, count()).await;
    let (after, [more_connections, more_commands]) =
        (kilobytes(process(&pkv)), counted(&pkv).await);
    println!("{} wrong tokens: {before} kB before, {after} kB after", count());
    assert!(after < before + 4096, "{before} kB before, {after} kB after");
    assert_eq!(more_connections, connections, "Redis was asked");
    // pkv looks after Redis every few seconds.
    let most = 20 + begun.elapsed().as_secs().cast_signed();
    assert!(more_commands - commands < most, "Redis was asked: {}", more_commands - commands);
    assert_eq!(result(pkv.run(json!(["EXISTS", "k"])).await), 0);
    witness.all_is_well(&pkv, "wrong tokens").await;
}

#[tokio::test]
async fn a_token_that_was_right_once_is_not_tried_at_redis_each_time() {
    let pkv = Pkv::start();
    let token = make(&pkv, "app", &["~*", "+get"]).await;
    result(pkv.run(json!(["ACL", "DELUSER", "app"])).await);
    let ask = async || {
        let request = pkv.request("GET", "/get/k").bearer_auth(&token);
        pkv.send(request).await.unwrap().status
    };
    assert_eq!(ask().await, 401);
    let begun = Instant::now();
    let [before, _] = counted(&pkv).await;
    for _ in 0..200 {
        assert_eq!(ask().await, 401);
    }
    let [after, _] = counted(&pkv).await;
    // Once in a second.
    let most = 2 + i64::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(after - before <= most, "{} connections", after - before);
    // It is right again as soon as it is made so.
    let rule = format!(">{token}");
    result(pkv.run(json!(["ACL", "SETUSER", "app", "on", rule, "~*", "+get"])).await);
    let request = pkv.request("GET", "/get/k").bearer_auth(&token).timeout(Duration::from_secs(5));
    assert_eq!(result(pkv.send(request).await.unwrap()), Value::Null);
}
