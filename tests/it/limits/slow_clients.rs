//! Clients that take their time: each has a limit, and a close or an error behind it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::bad_input::Witness;
use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, result};

fn start() -> Pkv {
    Pkv::start_with(&[("PKV_IDLE_TIMEOUT", "1s"), ("PKV_CLIENT_TIMEOUT", "1s")])
}

/// The limits are 1 s; the rest is for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(8);

/// Sends `begin`, then `drip` again and again with pauses, until pkv closes the connection or answers;
/// the status, if there was one.
async fn drip(pkv: &Pkv, begin: &[u8], drip: &[u8]) -> Option<u16> {
    let what = String::from_utf8_lossy(begin).into_owned();
    let begun = Instant::now();
    let mut connection = Connection::open(pkv).await;
    connection.send(begin).await;
    while begun.elapsed() < SOON {
        let answer = connection.try_answer_within(Duration::from_millis(100)).await;
        match answer {
            Some(Ok(answer)) => return Some(answer.status),
            Some(Err(_)) => return None,
            None => drop(connection.try_send(drip).await),
        }
    }
    panic!("nothing happened to {what:?}");
}

#[tokio::test]
async fn slow_heads_are_cut_off() {
    let pkv = start();
    let mut witness = Witness::of(&pkv).await;
    let heads: [(&[u8], &[u8]); 8] = [
        (b"", b""),
        // The beginning of HTTP/1 and of HTTP/2 alike.
        (b"P", b""),
        (b"PRI * HTTP/2.0\r\n\r\n", b""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
        (b"GET /health HT", b""),
        (b"GET /health HTTP/1.1\r\nHost: pkv\r\n", b""),
        (b"GET /health HTTP/1.1\r\nHost: pkv\r\n", b"X: y\r\n"),
        (b"GET /health HTTP/1.1\r\nHost: pkv\r\nX: ", b"y"),
    ];
    let statuses = join_all(heads.map(|(begin, more)| drip(&pkv, begin, more))).await;
    assert!(statuses.iter().flatten().all(|status| *status == 408), "{statuses:?}");
    // One that has asked before has no longer for its next request.
    let mut connection = Connection::open(&pkv).await;
    let asked = connection.exchange(b"GET /health HTTP/1.1\r\nHost: pkv\r\n\r\n").await;
    assert_eq!(asked.status, 200);
    let end = connection.try_answer_within(SOON).await.expect("it is closed in time");
    assert!(end.is_err());
    witness = witness_again(witness, &pkv).await;
    witness.all_is_well(&pkv, "slow heads").await;
}

/// The witness's own connection has been idle for too long as well.
async fn witness_again(witness: Witness, pkv: &Pkv) -> Witness {
    drop(witness);
    Witness::of(pkv).await
}

#[tokio::test]
async fn slow_bodies_are_cut_off() {
    let pkv = start();
    let head = |more: &str| {
        let token = &pkv.token;
        format!("POST /set/slow HTTP/1.1\r\nHost: pkv\r\nAuthorization: {token}\r\n{more}\r\n\r\n")
    };
    let length = head("Content-Length: 100000");
    let chunked = head("Transfer-Encoding: chunked");
    let bodies: [(&str, &[u8]); 4] = [
        // A pause, and bytes that come often enough for that, but not fast enough to ever be whole.
        (&length, b""),
        (&length, b"xxxxxxxx"),
        (&chunked, b""),
        (&chunked, b"2\r\nxx\r\n"),
    ];
    let statuses = join_all(bodies.map(|(begin, more)| drip(&pkv, begin.as_bytes(), more))).await;
    assert_eq!(statuses, [Some(408); 4]);
    assert_eq!(pkv.run(json!(["EXISTS", "slow"])).await.body, json!({ "result": 0 }));
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_tell_is_not_slow() {
    let pkv = start();
    let mut stream = Connection::open(&pkv).await;
    stream.send(&request(&pkv, "GET", "/subscribe/quiet", "", b"")).await;
    assert_eq!(stream.answer().await.status, 200);
    assert_eq!(stream.chunk().await, b"data: subscribe,quiet,1\n\n");
    // For longer than anything else may be idle or take its time.
    assert!(stream.try_answer_within(Duration::from_secs(4)).await.is_none(), "it has ended");
    result(pkv.run(json!(["PUBLISH", "quiet", "x"])).await);
    assert_eq!(stream.chunk().await, b"data: message,quiet,x\n\n");
}

#[tokio::test]
async fn a_client_that_takes_its_answer_piece_by_piece_gets_all_of_it() {
    let pkv = start();
    const LENGTH: usize = 8 << 20;
    let set = pkv.request("POST", "/set/k").bearer_auth(&pkv.token).body(vec![b'x'; LENGTH]);
    assert_eq!(pkv.send(set).await.unwrap().status, 200);
    let mut response = pkv.request("GET", "/get/k").bearer_auth(&pkv.token).send().await.unwrap();
    let (mut length, mut paused) = (0, 0);
    let begun = Instant::now();
    while let Some(chunk) = response.chunk().await.unwrap() {
        length += chunk.len();
        // For longer than the limit in all, but never at once.
        if length / (LENGTH / 8) > paused {
            paused += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert!(begun.elapsed() > Duration::from_secs(2));
    assert_eq!(length, LENGTH + r#"{"result":""}"#.len());
}
