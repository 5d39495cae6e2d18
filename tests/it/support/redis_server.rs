//! A redis-server that pkv did not start.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one may take until it answers, as pkv may. Machines stand still for seconds at times.
const START: Duration = Duration::from_secs(20);

/// Killed on drop; keeps nothing.
pub struct RedisServer {
    process: Option<Child>,
    pub port: u16,
}

/// The program that all tests but those of upgrades run.
pub fn server() -> String {
    std::env::var("PKV_REDIS_SERVER").unwrap_or("redis-server".into())
}

/// The program of a Redis that is older than that.
pub fn older_server() -> String {
    std::env::var("OLDER_REDIS_SERVER").expect(
        "this test needs a Redis 7 beside the newer one: \
         export OLDER_REDIS_SERVER=$(scripts/redis-server --older)",
    )
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What was written to a file without a name.
fn text_of(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl RedisServer {
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_at(free_port(), arguments).await
    }

    pub async fn start_at(port: u16, arguments: &[&str]) -> Self {
        Self::start_program(&server(), port, arguments).await
    }

    pub async fn start_program(program: &str, port: u16, arguments: &[&str]) -> Self {
        let said = tempfile::tempfile().unwrap();
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .spawn()
            .unwrap();
        let mut server = Self { process: Some(process), port };
        let deadline = Instant::now() + START;
        while let Err(refused) = server.ping().await {
            let ended = server.process.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                panic!("Redis does not answer: {refused}; {ended:?}; it said: {}", text_of(said));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    /// Whether it answers at all: one that wants a password does, too.
    async fn ping(&self) -> std::io::Result<u8> {
        let ping = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(b"PING\r\n").await?;
            stream.read_u8().await
        };
        tokio::time::timeout(START, ping).await?
    }

    /// One that somebody else has started, and will end.
    pub fn running_at(port: u16) -> Self {
        Self { process: None, port }
    }

    /// Says these lines to it, on a connection of their own; returns its answers as they came.
    pub async fn say(&self, lines: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        stream.write_all(text.as_bytes()).await.unwrap();
        // Redis answers what it has been asked before it notices that nothing more will come.
        stream.shutdown().await.unwrap();
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await.unwrap();
        String::from_utf8_lossy(&answers).into_owned()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
