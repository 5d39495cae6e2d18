//! A scripted Redis at the level of bytes: for cuts and garbage that a real one does not produce.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle};

/// What to do after a command has been received.
#[derive(Debug, Clone)]
pub enum Act {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send these bytes, then close the connection.
    SendAndClose(Vec<u8>),
    /// Close every other connection, and send these bytes once that must have been noticed.
    SendAlone(Vec<u8>),
    /// Never answer.
    Nothing,
}

impl Act {
    pub fn reply(text: &str) -> Self {
        Self::Send(text.as_bytes().to_vec())
    }
}

/// A command as it arrived: the name in upper case first.
type Words = Vec<String>;

/// Long beside the time that a process needs to learn that a connection of its is closed.
const NOTICE: Duration = Duration::from_millis(500);

/// Bytes of an argument beyond which it hangs up, in the middle of the command.
pub const TOO_LONG: usize = 1 << 20;

/// Listens on a free port; every command that arrives is recorded and given to the script.
pub struct FakeRedis {
    pub port: u16,
    received: Arc<Mutex<Vec<Words>>>,
    listening: JoinHandle<()>,
}

impl FakeRedis {
    /// `script` is asked with the command's words and how many of that name came before. The
    /// greeting (CLIENT SETINFO, INFO …) is answered with OK and not recorded.
    pub async fn start(script: impl Fn(&[String], usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let record = received.clone();
        let talks = Arc::new(Mutex::new(Vec::new()));
        let listening = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let talk = converse(stream, script.clone(), record.clone(), talks.clone());
                talks.lock().unwrap().push(tokio::spawn(talk).abort_handle());
            }
        });
        Self { port, received, listening }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How often a command of this name has arrived.
    pub fn count(&self, name: &str) -> usize {
        self.received.lock().unwrap().iter().filter(|words| words[0] == name).count()
    }
}

impl Drop for FakeRedis {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn converse(
    stream: TcpStream,
    script: Arc<impl Fn(&[String], usize) -> Act>,
    record: Arc<Mutex<Vec<Words>>>,
    talks: Arc<Mutex<Vec<AbortHandle>>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(Arrival { words, is_whole }) = read_command(&mut stream).await {
        let act = if matches!(words[0].as_str(), "CLIENT" | "SELECT" | "AUTH" | "INFO") {
            Act::reply("+OK\r\n")
        } else {
            let before = {
                let mut record = record.lock().unwrap();
                let before = record.iter().filter(|earlier| earlier[0] == words[0]).count();
                record.push(words.clone());
                before
            };
            script(&words, before)
        };
        if !is_whole {
            return;
        }
        match act {
            Act::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
            Act::SendAndClose(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Act::SendAlone(bytes) => {
                let talks = talks.lock().unwrap().clone();
                talks
                    .iter()
                    .filter(|talk| talk.id() != tokio::task::id())
                    .for_each(|talk| talk.abort());
                tokio::time::sleep(NOTICE).await;
                stream.write_all(&bytes).await.unwrap();
            }
            Act::Nothing => tokio::time::sleep(Duration::from_secs(3600)).await,
        }
    }
}

/// A command, or as much of one as was read.
struct Arrival {
    words: Words,
    is_whole: bool,
}

/// An array of bulk strings, as clients send commands.
async fn read_command(stream: &mut BufReader<TcpStream>) -> Option<Arrival> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
    let count: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let length: usize = line.trim().strip_prefix('$')?.parse().ok()?;
        if length > TOO_LONG {
            stream.read_exact(&mut vec![0; TOO_LONG]).await.ok()?;
            return Some(Arrival { words, is_whole: false });
        }
        let mut bytes = vec![0; length + 2];
        stream.read_exact(&mut bytes).await.ok()?;
        bytes.truncate(bytes.len() - 2);
        words.push(String::from_utf8_lossy(&bytes).into_owned());
        words[0].make_ascii_uppercase();
    }
    Some(Arrival { words, is_whole: true })
}
