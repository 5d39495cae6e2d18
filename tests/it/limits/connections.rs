//! Connections in any number that ask for nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::bad_input::{field, process};
use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, result};

/// How many; more if the environment asks for it (`PKV_TEST_IDLE=20000`), on a machine that lets both
/// processes have as many.
fn count() -> usize {
    std::env::var("PKV_TEST_IDLE").map_or(2000, |count| count.parse().unwrap())
}

/// Lets this process open as many files as it may.
fn raise_own_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

/// A connection; each 10 000 come from an address of their own, since ports are 16 bits.
async fn connect(pkv: &Pkv, number: usize) -> TcpStream {
    let address: SocketAddr = pkv.url.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("127.0.0.{}:0", 2 + number / 10_000).parse().unwrap()).unwrap();
    let connecting = tokio::time::timeout(Duration::from_secs(20), socket.connect(address));
    connecting.await.expect("a connection in time").unwrap()
}

/// Asks and reads the answer.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: pkv\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(br#"{"status":"ok"}"#) {
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_buf(&mut bytes));
        assert!(read.await.expect("an answer in time").unwrap() > 0, "it was closed");
    }
}

fn kilobytes(pkv: &Pkv) -> usize {
    let value = field(process(pkv), "VmRSS");
    value.strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn idle_connections_cost_little_and_disturb_nobody() {
    raise_own_limit();
    let pkv = Pkv::start();
    let before = kilobytes(&pkv);
    let mut streams = Vec::new();
    for number in 0..count() {
        streams.push(connect(&pkv, number).await);
    }
    let silent = kilobytes(&pkv);
    for stream in &mut streams {
        ask(stream).await;
    }
    let asked = kilobytes(&pkv);
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let begun = Instant::now();
        assert_eq!(result(pkv.run(json!(["ECHO", "x"])).await), "x");
        slowest = slowest.max(begun.elapsed());
    }
    println!(
        "{} connections: {before} kB before, {silent} kB with them, {asked} kB once each has asked; \
         the slowest of 100 requests beside them took {slowest:?}",
        count()
    );
    let each = |kilobytes: usize| kilobytes.saturating_sub(before) * 1024 / count();
    // Measured: 3 KB, and 20 KB.
    assert!(each(silent) < 8 << 10, "{} bytes each", each(silent));
    assert!(each(asked) < 40 << 10, "{} bytes each", each(asked));
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test]
async fn when_they_run_short_idle_ones_make_room_and_busy_ones_stay() {
    // Half of 300 are for clients.
    let pkv = Pkv::start_under("ulimit -n 300", &[]);
    let mut busy = connect(&pkv, 0).await;
    // Nothing happens on this one either, but it is no less busy.
    let mut stream = Connection::open(&pkv).await;
    stream.send(&request(&pkv, "GET", "/subscribe/quiet", "", b"")).await;
    assert_eq!(stream.answer().await.status, 200);
    assert_eq!(stream.chunk().await, b"data: subscribe,quiet,1\n\n");
    let mut idle = Vec::new();
    for number in 0..148 {
        idle.push(connect(&pkv, number).await);
    }
    for stream in &mut idle[..70] {
        ask(stream).await;
    }
    let begun = Instant::now();
    // There is no place for this one yet.
    let more = async {
        let mut stream = connect(&pkv, 0).await;
        ask(&mut stream).await;
        begun.elapsed()
    };
    let stay = async {
        while begun.elapsed() < Duration::from_secs(7) {
            ask(&mut busy).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let (waited, ()) = tokio::join!(more, stay);
    assert!(waited > Duration::from_secs(1), "there was a place: {waited:?}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    assert_eq!(result(pkv.run(json!(["PUBLISH", "quiet", "x"])).await), 1);
    assert_eq!(stream.chunk().await, b"data: message,quiet,x\n\n");
}

#[tokio::test]
async fn the_limit_on_open_files_is_raised_as_far_as_it_goes() {
    raise_own_limit();
    let pkv = Pkv::start_under("ulimit -Sn 300", &[]);
    let mut streams = Vec::new();
    for number in 0..600 {
        streams.push(connect(&pkv, number).await);
        ask(&mut streams[number]).await;
    }
    assert_eq!(result(pkv.run(json!(["ECHO", "x"])).await), "x");
}
