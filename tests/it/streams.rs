//! `/subscribe`, `/psubscribe` and `/monitor`: the bytes, and what happens to them.

mod monitor;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Pkv, eventually, items, result};

/// Longest wait for a piece of a stream.
const LIMIT: Duration = Duration::from_secs(20);

/// An open stream and the text that came so far.
pub struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    pub async fn open(pkv: &Pkv, path: &str) -> Self {
        Self::open_as(pkv, &pkv.token, path).await
    }

    /// As the SDK asks: the body is no channel, and the encoding does not concern events.
    pub async fn open_as(pkv: &Pkv, token: &str, path: &str) -> Self {
        let request = pkv
            .request("POST", path)
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .header("upstash-encoding", "base64")
            .timeout(Duration::from_secs(300))
            .body("[]");
        Self::answering(request).await
    }

    async fn answering(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers()["upstash-sync-token"].is_empty());
        Self { response, text: String::new() }
    }

    /// Reads until the text so far ends with `end`, and takes it.
    pub async fn until(&mut self, end: &str) -> String {
        while !self.text.ends_with(end) {
            let chunk = tokio::time::timeout(LIMIT, self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("no {end:?} after {:?}", self.text));
            let chunk = chunk.unwrap().unwrap_or_else(|| panic!("ended after {:?}", self.text));
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
        std::mem::take(&mut self.text)
    }

    /// Reads to the end.
    pub async fn rest(mut self) -> String {
        while let Some(chunk) =
            tokio::time::timeout(LIMIT, self.response.chunk()).await.unwrap().unwrap()
        {
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
        self.text
    }
}

async fn publish(pkv: &Pkv, channel: &str, message: &str) -> u64 {
    result(pkv.run(json!(["PUBLISH", channel, message])).await).as_u64().unwrap()
}

#[tokio::test]
async fn the_bytes_are_upstashs() {
    let pkv = Pkv::start();
    let mut chat = Stream::open(&pkv, "/subscribe/chat").await;
    assert_eq!(chat.until("\n\n").await, "data: subscribe,chat,1\n\n");
    // Confirmed means that it is live: no message can be missed any more.
    assert_eq!(publish(&pkv, "chat", "hello").await, 1);
    assert_eq!(chat.until("\n\n").await, "data: message,chat,hello\n\n");
    publish(&pkv, "chat", "a,b\nc \u{1F600}").await;
    assert_eq!(chat.until("\n\n").await, "data: message,chat,a,b\ndata: c \u{1F600}\n\n");

    let mut users = Stream::open(&pkv, "/psubscribe/user:*").await;
    assert_eq!(users.until("\n\n").await, "data: psubscribe,user:*,1\n\n");
    publish(&pkv, "user:1", r#"{"a":1}"#).await;
    assert_eq!(users.until("\n\n").await, "data: pmessage,user:*,user:1,{\"a\":1}\n\n");

    let mut both = Stream::open(&pkv, "/SUBSCRIBE/a%2Fb/c").await;
    let confirmed = both.until("subscribe,c,2\n\n").await;
    assert_eq!(confirmed, "data: subscribe,a/b,1\n\ndata: subscribe,c,2\n\n");
    publish(&pkv, "c", "1").await;
    publish(&pkv, "a/b", "2").await;
    let messages = both.until("a/b,2\n\n").await;
    assert_eq!(messages, "data: message,c,1\n\ndata: message,a/b,2\n\n");
}

#[tokio::test]
async fn what_one_request_publishes_is_not_too_much_for_redis() {
    let pkv = Pkv::start();
    // Nearly as much as a body may have; and less than may wait for one reader, but twice that for Redis.
    let message = "x".repeat(9 << 20);
    let many = vec![json!(["PUBLISH", "large", &message[..100_000]]); 60];
    let mut by_name = Stream::open(&pkv, "/subscribe/large").await;
    by_name.until("data: subscribe,large,1\n\n").await;
    let mut by_pattern = Stream::open(&pkv, "/psubscribe/*").await;
    by_pattern.until("data: psubscribe,*,1\n\n").await;
    assert_eq!(publish(&pkv, "large", &message).await, 2);
    assert_eq!(by_name.until("\n\n").await, format!("data: message,large,{message}\n\n"));
    assert_eq!(by_pattern.until("\n\n").await, format!("data: pmessage,*,large,{message}\n\n"));
    items(pkv.post("/multi-exec", json!(many)).await.unwrap());
    publish(&pkv, "large", "last").await;
    for (stream, name) in [(&mut by_name, "large"), (&mut by_pattern, "*,large")] {
        let text = stream.until(&format!("{name},last\n\n")).await;
        let lengths: Vec<_> = text.lines().map(str::len).filter(|length| *length > 0).collect();
        assert_eq!(lengths.len(), many.len() + 1, "{lengths:?}");
    }
}

#[tokio::test]
async fn what_is_no_stream_is_an_ordinary_error() {
    let pkv = Pkv::start();
    for (path, status, part) in [
        ("/subscribe/chat?_token=wrong", 401, "WRONGPASS"),
        ("/subscribe", 400, "wrong number of arguments for 'subscribe'"),
        ("/psubscribe/", 400, "wrong number of arguments for 'psubscribe'"),
    ] {
        let request = pkv.request("POST", path).bearer_auth(&pkv.token).body("[]");
        let reply = pkv.send(request).await.unwrap();
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body["error"].as_str().unwrap().contains(part), "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_unsubscribed_and_the_others_stay() {
    let pkv = Pkv::start();
    let first = Stream::open(&pkv, "/subscribe/chat").await;
    let mut second = Stream::open(&pkv, "/subscribe/chat").await;
    second.until("\n\n").await;
    let mut other = Stream::open(&pkv, "/subscribe/other").await;
    other.until("\n\n").await;
    drop(first);
    assert_eq!(publish(&pkv, "chat", "1").await, 1, "one connection carries them all");
    assert_eq!(second.until("\n\n").await, "data: message,chat,1\n\n");
    drop(second);
    let pkv = &pkv;
    eventually("Redis has no subscriber any more", Duration::from_secs(1), || async move {
        result(pkv.run(json!(["PUBSUB", "NUMSUB", "chat"])).await) == json!(["chat", 0])
    })
    .await;
    publish(pkv, "other", "still here").await;
    assert_eq!(other.until("\n\n").await, "data: message,other,still here\n\n");
}

/// Over HTTP/1.1 what follows the head is not written by hyper; over HTTP/1.0, and where the first bytes
/// have not told that it is not HTTP/2, it is.
#[tokio::test]
async fn a_stream_is_the_same_however_its_request_came() {
    let pkv = &Pkv::start();
    let asked = |version: &str| {
        let token = &pkv.token;
        format!("GET /subscribe/c HTTP/{version}\r\nHost: pkv\r\nAuthorization: {token}\r\n\r\n")
    };
    let post = asked("1.1").replacen("GET", "POST", 1);
    // What comes before its end, on a connection that is kept; and what nobody looks at.
    let health = "GET /health HTTP/1.1\r\nHost: pkv\r\n\r\n";
    for (pieces, chunked) in [
        (vec![asked("1.1")], true),
        (vec![post[..1].to_owned(), post[1..].to_owned()], true),
        (vec![format!("{health}{health}{}", asked("1.1"))], true),
        (vec![format!("{}{health}", asked("1.1"))], true),
        (vec![asked("1.0")], false),
    ] {
        let mut stream =
            TcpStream::connect(pkv.url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in &pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut text = String::new();
        let mut wait = async |end: &str| {
            while !text.ends_with(end) {
                let mut byte = [0];
                tokio::time::timeout(LIMIT, stream.read_exact(&mut byte)).await.unwrap().unwrap();
                text.push(byte[0].into());
            }
        };
        wait("data: subscribe,c,1\n\n").await;
        assert_eq!(publish(pkv, "c", "hello").await, 1);
        wait(if chunked { "\r\n17\r\ndata: message,c,hello\n\n\r\n" } else { "c,hello\n\n" }).await;
        assert_eq!(text.contains("transfer-encoding: chunked"), chunked, "{pieces:?}: {text}");
        drop(stream);
        eventually("nobody is subscribed any more", LIMIT, || async move {
            result(pkv.run(json!(["PUBSUB", "NUMSUB", "c"])).await) == json!(["c", 0])
        })
        .await;
    }
}

#[tokio::test]
async fn streams_outlive_a_crash_of_redis() {
    let pkv = Pkv::start();
    let mut chat = Stream::open(&pkv, "/subscribe/chat").await;
    chat.until("\n\n").await;
    pkv.signal_redis(Signal::SIGKILL);
    // Said again, so that the client can catch up on what it may have missed.
    assert_eq!(chat.until("\n\n").await, "data: subscribe,chat,1\n\n");
    assert_eq!(publish(&pkv, "chat", "back").await, 1);
    assert_eq!(chat.until("\n\n").await, "data: message,chat,back\n\n");
}

#[tokio::test]
async fn streams_end_with_pkv_and_do_not_delay_it() {
    let mut pkv = Pkv::start();
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = Stream::open(&pkv, "/subscribe/chat").await;
        stream.until("\n\n").await;
        streams.push(stream);
    }
    let asked = Instant::now();
    pkv.signal(Signal::SIGTERM);
    let status = pkv.ended(Duration::from_secs(5)).await;
    assert!(status.success());
    // Less than the drain, which would otherwise wait for them.
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    for stream in streams {
        assert_eq!(stream.rest().await, "", "a clean end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_cut_off_and_the_others_lose_nothing() {
    let pkv = std::sync::Arc::new(Pkv::start());
    let mut slow = slow_reader(&pkv, "/subscribe/flood", "data: subscribe,flood,1\n\n").await;
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let pkv = pkv.clone();
            tokio::spawn(async move {
                let mut stream = Stream::open(&pkv, "/subscribe/flood").await;
                stream.until("\n\n").await;
                stream
            })
        })
        .collect();
    let mut streams = Vec::new();
    for reader in readers {
        streams.push(reader.await.unwrap());
    }
    // More than socket buffers and the backlog of one stream can hold together.
    const MESSAGES: usize = 2000;
    let filling = "x".repeat(16 << 10);
    let reading: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            tokio::spawn(async move {
                let end = format!(",{:04}\n\n", MESSAGES - 1);
                let text = stream.until(&end).await;
                let numbers: Vec<usize> =
                    text.lines().filter_map(|line| line.rsplit_once(',')?.1.parse().ok()).collect();
                assert!(numbers.iter().copied().eq(0..MESSAGES), "lost or out of order");
            })
        })
        .collect();
    for start in (0..MESSAGES).step_by(20) {
        let batch: Vec<_> = (start..start + 20)
            .map(|number| json!(["PUBLISH", "flood", format!("{filling},{number:04}")]))
            .collect();
        pkv.post("/pipeline", json!(batch)).await.unwrap();
    }
    for reader in reading {
        tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
    }
    let rest = read_on(&mut slow).await;
    let cut = "event: error\ndata: {\"error\":\"ERR the client reads too slowly";
    assert!(rest.contains(cut), "{}", &rest[rest.len() - 200..]);
    // It was cut off while messages were still coming, and told nothing after that.
    assert!(!rest.contains(&format!(",{:04}\n", MESSAGES - 1)));
}

/// A stream on a connection whose receive buffer is small, read to the end of `confirmation`, and
/// then not any more.
async fn slow_reader(pkv: &Pkv, path: &str, confirmation: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = pkv.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    // HTTP/1.0: the stream ends with the connection, and nothing is in chunks.
    let request = format!("GET {path}?_token={} HTTP/1.0\r\n\r\n", pkv.token);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.ends_with(confirmation) {
        let mut byte = [0];
        tokio::time::timeout(LIMIT, stream.read_exact(&mut byte)).await.unwrap().unwrap();
        text.push(byte[0].into());
    }
    stream
}

/// The rest of a slow reader's stream, to its end.
async fn read_on(slow: &mut TcpStream) -> String {
    // Its buffer is opened now, for the rest of what was on its way to come through quickly.
    SockRef::from(&*slow).set_recv_buffer_size(1 << 20).unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(LIMIT, slow.read_to_end(&mut rest)).await.unwrap().unwrap();
    String::from_utf8_lossy(&rest).into_owned()
}
