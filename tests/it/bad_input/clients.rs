//! Clients that speak no HTTP, stop in the middle, or take their time.

use std::time::Duration;

use serde_json::json;

use super::Witness;
use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, eventually, result};

#[tokio::test]
async fn what_is_no_http_gets_an_error_or_a_close() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5000));
    let garbage: &[&[u8]] = &[
        b"",
        b"\r\n\r\n",
        b"\0",
        b"hello\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]",
        b"POST / HTTP/1.1\r\nAuthorization: test-token-0123456789\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &every_byte,
        many_headers.as_bytes(),
    ];
    for bytes in garbage {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let mut connection = Connection::open(&pkv).await;
        // It may be closed while we still send.
        let _ = connection.try_send(bytes).await;
        connection.finish().await;
        if let Ok(answer) = connection.try_answer().await {
            assert!((400..500).contains(&answer.status), "{shown:?}: {}", answer.status);
        }
        witness.all_is_well(&pkv, &shown).await;
    }
}

#[tokio::test]
async fn a_header_of_a_megabyte_is_refused() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let value = "x".repeat(1 << 20);
    for bytes in [
        format!("GET /health HTTP/1.1\r\nHost: pkv\r\nX-Long: {value}\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: pkv\r\nAuthorization: Bearer {value}\r\n\r\n"),
        format!("GET /get/{value} HTTP/1.1\r\nHost: pkv\r\n\r\n"),
    ] {
        let mut connection = Connection::open(&pkv).await;
        let _ = connection.try_send(bytes.as_bytes()).await;
        // A reset may overtake the answer: the client was still sending.
        if let Ok(answer) = connection.try_answer().await {
            assert!(matches!(answer.status, 400 | 414 | 431), "{}", answer.status);
        }
        witness.all_is_well(&pkv, &bytes[..50]).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_request_runs_nothing() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let whole = request(&pkv, "POST", "/", "", br#"["SET","half","x"]"#);
    let chunked =
        b"POST /set/half HTTP/1.1\r\nHost: pkv\r\nAuthorization: test-token-0123456789\r\n\
        Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    // In the request line, in the headers, right before the body, in it, and before its last byte;
    // for one that announced no length, before the end of it.
    let body = whole.len() - 18;
    let cuts = [3, 30, body, body + 5, whole.len() - 1].map(|cut| &whole[..cut]);
    for bytes in cuts.into_iter().chain([&chunked[..]]) {
        for says_goodbye in [false, true] {
            let mut connection = Connection::open(&pkv).await;
            connection.send(bytes).await;
            if says_goodbye {
                connection.finish().await;
                // Whatever it is told, it is not told that this was done.
                if let Ok(answer) = connection.try_answer().await {
                    assert_ne!(answer.status, 200);
                }
            }
            drop(connection);
            witness.all_is_well(&pkv, &format!("{} bytes", bytes.len())).await;
        }
    }
    assert_eq!(result(pkv.run(json!(["EXISTS", "half"])).await), 0);
}

/// Processor time that a process has used, in ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may hold spaces; 11 and 12 fields behind it are user and system time.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_leaves_nothing_behind_for_others() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    let mut witness = Witness::of(&pkv).await;
    let redis = pkv.redis_pids()[0];
    let script = "local start = os.clock() repeat until os.clock() - start > 0.3 \
        return redis.call('INCR', KEYS[1])";
    let command = json!(["EVAL", script, 1, "left"]);
    let requests = [
        ("/", command.clone()),
        ("/pipeline", json!([command, ["ECHO", "not for you"]])),
        ("/multi-exec", json!([command, ["ECHO", "nor this"]])),
    ];
    for (round, (path, body)) in requests.iter().enumerate() {
        let before = ticks(redis);
        let mut connection = Connection::open(&pkv).await;
        connection.send(&request(&pkv, "POST", path, "", body.to_string().as_bytes())).await;
        eventually("Redis is busy with it", Duration::from_secs(5), async || {
            ticks(redis) >= before + 5
        })
        .await;
        drop(connection);
        // On the only connection to Redis, behind the answer that nobody reads any more.
        witness.all_is_well(&pkv, path).await;
        // Done once, as it had been sent.
        let done = result(pkv.run(json!(["GET", "left"])).await);
        assert_eq!(done, (round + 1).to_string(), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_sends_byte_by_byte_is_waited_for_and_holds_up_nobody() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let bytes = request(&pkv, "POST", "/pipeline", "", br#"[["SET","slow","x"],["GET","slow"]]"#);
    let mut slow = Connection::open(&pkv).await;
    for byte in &bytes {
        slow.send(&[*byte]).await;
        // Each byte in a packet of its own: the pause is what is tested.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    witness.all_is_well(&pkv, "a slow client").await;
    let answer = slow.answer().await;
    assert_eq!(answer.json(), json!([{ "result": "OK" }, { "result": "x" }]));
}
