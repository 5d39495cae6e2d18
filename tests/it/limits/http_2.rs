//! HTTP/2, frame by frame (RFC 9113): what a proper client never sends.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bad_input::memory::megabytes;
use crate::bad_input::{Witness, process};
use crate::support::{Pkv, result};

const LIMIT: Duration = Duration::from_secs(20);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The code of a stream that is refused for now.
const REFUSED_STREAM: u32 = 7;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that no table has, its name and value plain (RFC 7541, section 6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        // A number with a prefix of 7 bits (section 5.1).
        let mut rest = text.len();
        if rest < 127 {
            bytes.push(rest as u8);
        } else {
            bytes.push(127);
            rest -= 127;
            while rest >= 128 {
                bytes.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            bytes.push(rest as u8);
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The header block of a request.
fn block(pkv: &Pkv, method: &str, path: &str) -> Vec<u8> {
    [
        header(":method", method),
        header(":scheme", "http"),
        header(":authority", "pkv"),
        header(":path", path),
        header("authorization", &pkv.token),
    ]
    .concat()
}

struct Http2(TcpStream);

impl Http2 {
    async fn open(pkv: &Pkv) -> Self {
        let stream = TcpStream::connect(pkv.url.strip_prefix("http://").unwrap()).await.unwrap();
        let mut connection = Self(stream);
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        connection.send(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
        connection
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        timeout(LIMIT, self.0.write_all(bytes)).await.expect("it takes the bytes")
    }

    /// The next frame: kind, stream, payload; `None` once the connection is closed.
    async fn frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        timeout(LIMIT, self.0.read_exact(&mut head)).await.expect("a frame in time").ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], stream, payload))
    }

    /// Frames until one of this kind; whether one came before the connection was closed.
    async fn until(&mut self, kind: u8) -> bool {
        while let Some((found, _, _)) = self.frame().await {
            if found == kind {
                return true;
            }
        }
        false
    }
}

#[tokio::test]
async fn streams_at_the_same_time_are_limited() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let mut connection = Http2::open(&pkv).await;
    // Bodies that do not come.
    const STREAMS: u32 = 300;
    for number in 0..STREAMS {
        let block = block(&pkv, "POST", "/set/k");
        connection.send(&frame(HEADERS, END_HEADERS, 2 * number + 1, &block)).await.unwrap();
    }
    connection.send(&frame(PING, 0, 0, &[0; 8])).await.unwrap();
    let mut refused = 0;
    while let Some((kind, _, payload)) = connection.frame().await {
        match kind {
            RST_STREAM => {
                assert_eq!(u32::from_be_bytes(payload.try_into().unwrap()), REFUSED_STREAM);
                refused += 1;
            }
            PING => break,
            _ => {}
        }
    }
    assert_eq!(refused, STREAMS - 200);
    witness.all_is_well(&pkv, "many streams").await;
}

#[tokio::test]
async fn a_connection_that_asks_no_more_is_ended() {
    let pkv = Pkv::start_with(&[("PKV_IDLE_TIMEOUT", "1s")]);
    for asks in [false, true] {
        let mut connection = Http2::open(&pkv).await;
        if asks {
            let block = block(&pkv, "GET", "/get/k");
            connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await.unwrap();
        }
        // It answers every ping, so that it is known to be there.
        let pings = async {
            while let Some((kind, _, payload)) = connection.frame().await {
                if kind == PING {
                    let _ = connection.send(&frame(PING, ACK, 0, &payload)).await;
                }
            }
        };
        timeout(LIMIT, pings).await.expect("it goes on for ever");
    }
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_end_the_connection() {
    // CVE-2023-44487
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let mut connection = Http2::open(&pkv).await;
    let mut taken = 0;
    let block = block(&pkv, "GET", "/incr/n");
    for number in 0..100_000_u32 {
        let stream = 2 * number + 1;
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block);
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        if connection.send(&[open, reset].concat()).await.is_err() {
            break;
        }
        taken = number;
    }
    assert!(taken < 100_000 - 1, "all of them were taken");
    let executed = result(pkv.run(json!(["GET", "n"])).await);
    println!("{taken} were sent, {executed} executed");
    witness.all_is_well(&pkv, "streams that are reset").await;
}

#[tokio::test]
async fn headers_are_limited_and_so_are_frames_that_go_on_with_them() {
    // CVE-2024-27316 and its like
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let large = [block(&pkv, "GET", "/get/k"), header("x", &"y".repeat(12 << 10))].concat();
    let mut connection = Http2::open(&pkv).await;
    connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &large)).await.unwrap();
    assert!(connection.until(DATA).await, "12 KB are answered");

    let mut connection = Http2::open(&pkv).await;
    connection.send(&frame(HEADERS, END_STREAM, 1, &block(&pkv, "GET", "/get/k"))).await.unwrap();
    let more = header("x", &"y".repeat(8 << 10));
    let mut sent = 0;
    while connection.send(&frame(CONTINUATION, 0, 1, &more)).await.is_ok() {
        sent += more.len();
        assert!(sent < 64 << 20, "it takes them for ever");
    }
    assert!(megabytes(process(&pkv), "VmHWM") < 60);
    witness.all_is_well(&pkv, "endless headers").await;
}

#[tokio::test]
async fn pings_and_settings_without_end_are_not_kept() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    for (what, bytes) in [
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, b"")),
        ("data for nobody", frame(DATA, 0, 1, b"x")),
    ] {
        let mut connection = Http2::open(&pkv).await;
        let many = bytes.repeat(1000);
        // The answers are not read: at some point nothing more is taken, or the connection ends.
        for _ in 0..5000 {
            let taken = timeout(Duration::from_millis(300), connection.0.write_all(&many)).await;
            if !matches!(taken, Ok(Ok(()))) {
                break;
            }
        }
        let megabytes = megabytes(process(&pkv), "VmHWM");
        assert!(megabytes < 60, "{what}: {megabytes} MB");
        witness.all_is_well(&pkv, what).await;
    }
    let mut connection = Http2::open(&pkv).await;
    connection.send(&frame(DATA, 0, 1, b"x")).await.unwrap();
    assert!(connection.until(GOAWAY).await, "a stream that was never opened");
}
