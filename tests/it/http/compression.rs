//! Answers in gzip: which, for whom, and that nothing but their size changes.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::json;

use crate::support::raw_http::{Answer, Connection, request};
use crate::support::{Pkv, result};

/// As Node's `fetch` sends it.
const NODE: &str = "Accept-Encoding: gzip, deflate\r\n";

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// Asks, and reads the answer whole, as it was sent.
async fn ask(connection: &mut Connection, bytes: &[u8]) -> Answer {
    let mut answer = connection.exchange(bytes).await;
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = connection.chunks().await;
    }
    answer
}

#[tokio::test]
async fn a_large_answer_is_the_same_bytes_in_gzip() {
    let pkv = Pkv::start();
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number / 7) as u8).collect();
    let set = pkv.request("POST", "/set/k").bearer_auth(&pkv.token).body(bytes);
    assert_eq!(result(pkv.send(set).await.unwrap()), "OK");
    let error = json!(["EVAL", "return redis.error_reply('ERR ' .. string.rep('x', 5000))", 0]);
    let lines = r#"[["GET","k"],["NOPE"],["MGET","k","none","k"],["STRLEN","k"]]"#;
    // All on one connection: each body must end where the next answer begins.
    let mut connection = Connection::open(&pkv).await;
    for (method, target, body, status) in [
        ("GET", "/get/k", "", 200),
        ("POST", "/", r#"["GET","k"]"#, 200),
        ("POST", "/", &error.to_string(), 400),
        ("POST", "/pipeline", lines, 200),
        ("POST", "/multi-exec", r#"[["GET","k"],["INCR","k"]]"#, 200),
    ] {
        for form in ["", "Upstash-Encoding: base64\r\n", "Upstash-Response-Format: resp2\r\n"] {
            let what = format!("{method} {target} {form:?}");
            let as_sent = request(&pkv, method, target, form, body.as_bytes());
            let plain = ask(&mut connection, &as_sent).await;
            assert_eq!((plain.status, plain.header("content-encoding")), (status, None), "{what}");
            assert_eq!(plain.header("vary"), Some("accept-encoding"), "{what}");
            let announced = plain.header("content-length").map(str::to_owned);
            assert_eq!(announced, Some(plain.body.len().to_string()), "{what}");

            let headers = format!("{form}{NODE}");
            let as_sent = request(&pkv, method, target, &headers, body.as_bytes());
            let zipped = ask(&mut connection, &as_sent).await;
            assert_eq!(zipped.status, status, "{what}");
            assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{what}");
            assert_eq!(zipped.header("vary"), Some("accept-encoding"), "{what}");
            assert_eq!(zipped.header("content-type"), plain.header("content-type"), "{what}");
            assert!(zipped.header("upstash-sync-token").is_some(), "{what}");
            assert!(zipped.body.len() < plain.body.len(), "{what}: {} bytes", zipped.body.len());
            assert!(unzipped(&zipped.body) == plain.body, "{what}: other bytes");
        }
    }
}

#[tokio::test]
async fn only_who_asks_for_gzip_gets_it() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let set = request(&pkv, "POST", "/set/k", "", "x".repeat(5000).as_bytes());
    assert_eq!(connection.exchange(&set).await.status, 200);
    for (accepted, want) in [
        ("gzip", Some("gzip")),
        ("GZip", Some("gzip")),
        ("br, deflate;q=0.5 , gzip;q=0.1", Some("gzip")),
        ("identity;q=0.5, gzip;q=1.0", Some("gzip")),
        ("gzip;q=0", None),
        ("gzip;q=0.0, deflate", None),
        ("gzip;q=0.5, identity", None),
        ("br, deflate, zstd", None),
        ("identity", None),
        ("gzipped", None),
        ("", None),
    ] {
        let headers = format!("Accept-Encoding: {accepted}\r\n");
        let answer = ask(&mut connection, &request(&pkv, "GET", "/get/k", &headers, b"")).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, want), "{accepted}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"), "{accepted}");
    }
}

#[tokio::test]
async fn a_small_answer_stays_as_it_is() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let around = r#"{"result":""}"#.len();
    for (length, want) in [(14, None), (1023, None), (1024, Some("gzip")), (1025, Some("gzip"))] {
        let value = "x".repeat(length - around);
        let asked = request(&pkv, "POST", "/echo", NODE, value.as_bytes());
        let answer = ask(&mut connection, &asked).await;
        assert_eq!(answer.header("content-encoding"), want, "{length} bytes");
        if want.is_none() {
            assert_eq!(answer.header("vary"), None, "{length} bytes");
            let announced = answer.header("content-length").map(str::to_owned);
            assert_eq!(announced, Some(answer.body.len().to_string()), "{length} bytes");
        }
    }
    for (method, target, status) in [("OPTIONS", "/", 200), ("DELETE", "/", 405), ("GET", "/", 200)]
    {
        let answer = connection.exchange(&request(&pkv, method, target, NODE, b"")).await;
        let got = (answer.status, answer.header("content-encoding"));
        assert_eq!(got, (status, None), "{method} {target}");
    }
}

#[tokio::test]
async fn a_head_says_what_a_get_would_say() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    for (key, length) in [("small", 10), ("large", 5000)] {
        let target = format!("/set/{key}");
        let set = request(&pkv, "POST", &target, "", "x".repeat(length).as_bytes());
        assert_eq!(connection.exchange(&set).await.status, 200);
        let target = format!("/get/{key}");
        for headers in ["", NODE] {
            let what = format!("{key} {headers:?}");
            connection.send(&request(&pkv, "HEAD", &target, headers, b"")).await;
            let head = connection.head().await;
            // Had the answer a body after all, this would not be the next one.
            let get = ask(&mut connection, &request(&pkv, "GET", &target, headers, b"")).await;
            for name in ["content-type", "content-encoding", "content-length", "vary"] {
                assert_eq!(head.header(name), get.header(name), "{what}: {name}");
            }
            assert_eq!((head.status, get.status), (200, 200), "{what}");
            assert!(!get.body.is_empty(), "{what}");
        }
    }
}

#[tokio::test]
async fn a_stream_is_never_compressed_and_sends_each_event_at_once() {
    let pkv = Pkv::start();
    let headers = format!("Accept: text/event-stream\r\n{NODE}");
    let mut stream = Connection::open(&pkv).await;
    let head = stream.exchange(&request(&pkv, "POST", "/subscribe/c", &headers, b"[]")).await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!((head.header("content-encoding"), head.header("vary")), (None, None));
    assert_eq!(stream.chunk().await, b"data: subscribe,c,1\n\n");
    // Small and large: were one of them held back, waiting for it would not end.
    for payload in ["hello".to_owned(), "x".repeat(5000), "bye".to_owned()] {
        assert_eq!(result(pkv.run(json!(["PUBLISH", "c", payload])).await), 1);
        let want = format!("data: message,c,{payload}\n\n").into_bytes();
        let mut got = Vec::new();
        while got.len() < want.len() {
            got.extend(stream.chunk().await);
        }
        assert!(got == want, "{:?}", String::from_utf8_lossy(&got));
    }
    let mut monitor = Connection::open(&pkv).await;
    let head = monitor.exchange(&request(&pkv, "POST", "/monitor", &headers, b"")).await;
    assert_eq!((head.status, head.header("content-encoding")), (200, None));
    assert_eq!(monitor.chunk().await, b"data: \"OK\"\n\n");
}
