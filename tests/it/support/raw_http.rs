//! HTTP/1.1 by hand: for paths, pieces and orders of bytes that a proper client never sends.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Pkv;

/// Longest wait for anything: pkv runs unoptimised, beside other tests.
const LIMIT: Duration = Duration::from_secs(20);

/// One TCP connection to a pkv.
pub struct Connection(BufReader<TcpStream>);

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The text of `{"error":…}`; panics on anything else.
    #[track_caller]
    pub fn error(&self) -> String {
        let json = self.json();
        json["error"].as_str().unwrap_or_else(|| panic!("no error: {json}")).to_owned()
    }
}

/// A request with pkv's token and its body's length; `headers` are more lines, each with its end.
pub fn request(pkv: &Pkv, method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let token = &pkv.token;
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: pkv\r\nAuthorization: Bearer {token}\r\n{headers}\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A POST whose body comes in chunks, its length not announced.
pub fn chunked(pkv: &Pkv, target: &str, body: &[u8]) -> Vec<u8> {
    let token = &pkv.token;
    let mut bytes = format!(
        "POST {target} HTTP/1.1\r\nHost: pkv\r\nAuthorization: Bearer {token}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(100_000) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

impl Connection {
    pub async fn open(pkv: &Pkv) -> Self {
        let address = pkv.url.strip_prefix("http://").unwrap();
        let stream = timeout(LIMIT, TcpStream::connect(address)).await.unwrap().unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// As `send`, for a server that may close the connection before it has read everything.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(LIMIT, self.0.write_all(bytes)).await.unwrap()
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        // Fails if the server has closed already, which is then what the caller gets to see.
        let _ = self.0.shutdown().await;
    }

    /// Sends and reads the answer.
    pub async fn exchange(&mut self, bytes: &[u8]) -> Answer {
        self.send(bytes).await;
        self.answer().await
    }

    /// The next answer; of one that comes in chunks the head.
    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.unwrap()
    }

    /// The next answer, which has nothing but a head: that to HEAD.
    pub async fn head(&mut self) -> Answer {
        timeout(LIMIT, self.read_head()).await.expect("an answer in time").unwrap()
    }

    /// The next answer, or why there is none.
    pub async fn try_answer(&mut self) -> io::Result<Answer> {
        timeout(LIMIT, self.read_answer()).await.expect("an answer in time")
    }

    /// The next chunk of a body that comes in chunks; the last one is empty.
    pub async fn chunk(&mut self) -> Vec<u8> {
        timeout(LIMIT, self.read_chunk()).await.expect("a chunk in time").unwrap()
    }

    /// All chunks of a body that comes in chunks.
    pub async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            match self.chunk().await {
                last if last.is_empty() => return body,
                chunk => body.extend(chunk),
            }
        }
    }

    /// The next answer if it comes, or the connection ends, in this time.
    pub async fn try_answer_within(&mut self, limit: Duration) -> Option<io::Result<Answer>> {
        match timeout(limit, self.0.fill_buf()).await {
            Err(_) => None,
            Ok(Err(error)) => Some(Err(error)),
            Ok(Ok(_)) => Some(self.try_answer().await),
        }
    }

    /// Whatever comes until the connection is closed, or until nothing has come for `pause`.
    pub async fn rest(&mut self, pause: Duration) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(Ok(1..)) = timeout(pause, self.0.read_buf(&mut bytes)).await {}
        bytes
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.read_head().await?;
        // A stream has no end: its body is for `chunk`.
        if answer.header("transfer-encoding") != Some("chunked") {
            let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
            answer.body.resize(length, 0);
            self.0.read_exact(&mut answer.body).await?;
        }
        Ok(answer)
    }

    async fn read_head(&mut self) -> io::Result<Answer> {
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not HTTP: {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer { status, headers, body: Vec::new() })
    }

    async fn read_chunk(&mut self) -> io::Result<Vec<u8>> {
        let length = usize::from_str_radix(&self.line().await?, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; length + "\r\n".len()];
        self.0.read_exact(&mut chunk).await?;
        chunk.truncate(length);
        Ok(chunk)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}
