//! RESP2, read and written by hand: the tests' own, so that a fault in pkv's reader does not hide
//! itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a reply: generous, the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_secs(20);

/// One reply, as it came over the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Resp {
    Status(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Resp>),
    /// A bulk string or an array that is not there.
    Nil,
}

/// The reply that `bytes` begin with and what is behind it; `None` if the reply goes on.
pub fn read(bytes: &[u8]) -> Option<(Resp, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = (&bytes[1..end], &bytes[end + 2..]);
    let number = || std::str::from_utf8(line).unwrap().parse::<i64>().unwrap();
    match bytes[0] {
        b'+' => Some((Resp::Status(line.to_vec()), rest)),
        b'-' => Some((Resp::Error(line.to_vec()), rest)),
        b':' => Some((Resp::Integer(number()), rest)),
        b'$' | b'*' if number() == -1 => Some((Resp::Nil, rest)),
        b'$' => {
            let length = usize::try_from(number()).unwrap();
            let end = rest.get(length..length + 2)?;
            assert_eq!(end, b"\r\n", "a bulk string that does not end where it says");
            Some((Resp::Bulk(rest[..length].to_vec()), &rest[length + 2..]))
        }
        b'*' => {
            let (mut items, mut rest) = (Vec::new(), rest);
            for _ in 0..number() {
                let (item, behind) = read(rest)?;
                items.push(item);
                rest = behind;
            }
            Some((Resp::Array(items), rest))
        }
        other => panic!("no RESP2 reply begins with {:?}", other as char),
    }
}

/// A connection to a Redis server.
pub struct Resp2Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Resp2Connection {
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends one command and returns its reply.
    pub async fn ask(&mut self, words: &[Vec<u8>]) -> Resp {
        let mut sent = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            sent.extend(format!("${}\r\n", word.len()).into_bytes());
            sent.extend(word);
            sent.extend(b"\r\n");
        }
        self.stream.write_all(&sent).await.unwrap();
        self.next().await
    }

    /// The next reply, or the next thing that the server pushes.
    pub async fn next(&mut self) -> Resp {
        loop {
            if let Some((reply, rest)) = read(&self.unread) {
                self.unread = rest.to_vec();
                return reply;
            }
            let more = timeout(LIMIT, self.stream.read_buf(&mut self.unread)).await;
            assert!(more.expect("a reply in time").unwrap() > 0, "Redis closed the connection");
        }
    }
}
