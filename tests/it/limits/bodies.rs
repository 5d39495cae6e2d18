//! Bodies that never end, that are more than they seem, or that are many.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::bad_input::Witness;
use crate::bad_input::memory::megabytes;
use crate::bad_input::process;
use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, result};

/// Sends `more` for ever; returns what was answered, if anything, and how many bytes were taken.
async fn endless(pkv: &Pkv, begin: &[u8], more: &[u8]) -> (Option<u16>, usize) {
    let mut connection = Connection::open(pkv).await;
    connection.send(begin).await;
    let mut sent = 0;
    let sending = async {
        loop {
            if let Some(answer) = connection.try_answer_within(Duration::ZERO).await {
                return answer.ok().map(|answer| answer.status);
            }
            if connection.try_send(more).await.is_err() {
                let answer = connection.try_answer().await;
                return answer.ok().map(|answer| answer.status);
            }
            sent += more.len();
        }
    };
    let status = timeout(Duration::from_secs(15), sending).await;
    let begin = String::from_utf8_lossy(begin);
    (status.unwrap_or_else(|_| panic!("no end after {sent} bytes of {begin:?}")), sent)
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    let pkv = Pkv::start_with(&[("PKV_MAX_BODY", "100kb"), ("PKV_CLIENT_TIMEOUT", "2s")]);
    let mut witness = Witness::of(&pkv).await;
    let post = format!(
        "POST /set/endless HTTP/1.1\r\nHost: pkv\r\nAuthorization: {}\r\nTransfer-Encoding: chunked\r\n",
        pkv.token
    );
    let x = "x".repeat(1000);
    for (what, begin, more, statuses) in [
        ("a body", format!("{post}\r\n"), format!("3e8\r\n{x}\r\n"), &[400][..]),
        ("an extension", format!("{post}\r\n1;a="), x.clone(), &[400, 408]),
        ("a chunk's size", format!("{post}\r\n"), "0".repeat(1000), &[400, 408]),
        ("trailers", format!("{post}\r\n0\r\n"), "X: y\r\n".repeat(100), &[400, 408]),
        ("headers", "GET / HTTP/1.1\r\n".into(), "X: y\r\n".repeat(100), &[400, 431]),
        ("a header", "GET / HTTP/1.1\r\nX: ".into(), x.clone(), &[400, 431]),
        ("a path", "GET /get/".into(), x.clone(), &[400, 414, 431]),
        ("a method", String::new(), x.clone(), &[400, 431]),
    ] {
        let (status, sent) = endless(&pkv, begin.as_bytes(), more.as_bytes()).await;
        // A reset may overtake the answer.
        assert!(status.is_none_or(|status| statuses.contains(&status)), "{what}: {status:?}");
        // Both sockets' buffers hold more than what pkv reads.
        assert!(sent < 16 << 20, "{what}: {sent} bytes were taken");
        witness.all_is_well(&pkv, what).await;
    }
    assert_eq!(result(pkv.run(json!(["EXISTS", "endless"])).await), 0);
}

#[tokio::test]
async fn nothing_that_is_sent_is_ever_unpacked() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let pid = process(&pkv);
    // 1 GB of spaces, in 1 MB.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        std::io::Write::write_all(&mut bomb, &[b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    for encoding in ["gzip", "x-gzip", "gzip, gzip", "deflate", "br"] {
        let header = format!("Content-Encoding: {encoding}\r\n");
        for path in ["/", "/pipeline", "/multi-exec"] {
            let bytes = request(&pkv, "POST", path, &header, &bomb);
            let answer = Connection::open(&pkv).await.exchange(&bytes).await;
            assert_eq!(answer.status, 400, "{}", answer.json());
        }
        // As a value it is what it is.
        let bytes = request(&pkv, "POST", "/set/bomb", &header, &bomb);
        assert_eq!(Connection::open(&pkv).await.exchange(&bytes).await.status, 200);
        assert_eq!(result(pkv.run(json!(["STRLEN", "bomb"])).await), bomb.len());
    }
    assert!(megabytes(pid, "VmHWM") < 100, "{} MB", megabytes(pid, "VmHWM"));
    witness.all_is_well(&pkv, "gzip").await;
}

#[tokio::test]
async fn bodies_that_are_not_whole_yet_count() {
    // Three quarters of it are for large requests: four bodies of 1 MB.
    let pkv = Pkv::start_with(&[("PKV_MAX_QUEUE", "6mb")]);
    let bytes = request(&pkv, "POST", "/set/k", "", &vec![b'x'; 1 << 20]);
    let mut halves = Vec::new();
    let mut refused = 0;
    for _ in 0..8 {
        let mut connection = Connection::open(&pkv).await;
        // All but the last byte, which some are refused for already.
        let _ = connection.try_send(&bytes[..bytes.len() - 1]).await;
        let _ = connection.try_answer_within(Duration::from_millis(300)).await;
        halves.push(connection);
    }
    for mut connection in halves {
        let _ = connection.try_send(&bytes[bytes.len() - 1..]).await;
        let answer = connection.answer().await;
        if answer.status == 503 {
            assert!(answer.error().contains("was not sent"), "{}", answer.error());
            refused += 1;
        }
    }
    assert!((4..=5).contains(&refused), "{refused}");
    assert_eq!(result(pkv.run(json!(["STRLEN", "k"])).await), 1 << 20);
}
