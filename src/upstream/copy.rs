//! A copy of all data, taken as a replica takes it: one moment's, written by a fork of the server, which
//! serves on meanwhile (<https://redis.io/docs/latest/operate/oss_and_stack/management/replication/>).
//!
//! Only over a Unix socket: the bytes are the server's own, with nothing to mend in between.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use redis::ConnectionAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::config::ConnectionString;

/// Longest silence: Redis's own limit between servers (`repl-timeout`). One that waits for something
/// says so every ten seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// Bytes of the mark behind the data.
const MARK_BYTES: usize = 40;

/// A line longer than this is none.
const LINE_BYTES: u64 = 64 << 10;

/// A connection that is nobody else's.
#[derive(Debug)]
pub struct Source(BufReader<UnixStream>);

impl Source {
    /// Connects and logs in.
    pub async fn open(target: &ConnectionString) -> anyhow::Result<Self> {
        let ConnectionAddr::Unix(path) = target.info().addr() else {
            bail!("{target:?} is not a Unix socket");
        };
        let stream = UnixStream::connect(path).await.with_context(|| format!("{target:?}"))?;
        let mut source = Self(BufReader::new(stream));
        let settings = target.info().redis_settings();
        if let (Some(user), Some(password)) = (settings.username(), settings.password()) {
            source.ask(&["AUTH", user, password]).await.context("logging in")?;
        }
        Ok(source)
    }

    /// The value of a field of INFO.
    pub async fn info(&mut self, section: &str, field: &str) -> anyhow::Result<Option<String>> {
        let info = self.ask(&["INFO", section]).await?;
        let value = |line: &str| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned);
        Ok(info.lines().find_map(value))
    }

    /// How many keys there are, in all databases together.
    pub async fn keys(&mut self) -> anyhow::Result<u64> {
        // `db0:keys=1001,expires=0,…`
        let keys = |line: &str| line.split_once(":keys=")?.1.split(',').next()?.parse::<u64>().ok();
        Ok(self.ask(&["INFO", "keyspace"]).await?.lines().filter_map(keys).sum())
    }

    /// Takes the copy, an RDB, piece by piece.
    pub async fn copy(
        mut self,
        mut piece: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> anyhow::Result<()> {
        // Straight from memory, and nothing behind it. (`rdb-only` came with Redis 6.2.)
        self.ask(&["REPLCONF", "capa", "eof", "rdb-only", "1"]).await?;
        self.send(&["SYNC"]).await?;
        let mut line = self.line().await?;
        // An empty line says that it is still alive.
        while line.is_empty() {
            line = self.line().await?;
        }
        match line.strip_prefix("$EOF:") {
            Some(mark) => self.until(mark.as_bytes(), &mut piece).await,
            None => bail!("{}", line.trim_start_matches('-')),
        }
    }

    /// Everything before the mark; whatever comes last is held back until it is known to be none.
    async fn until(
        &mut self,
        mark: &[u8],
        piece: &mut impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> anyhow::Result<()> {
        ensure!(mark.len() == MARK_BYTES, "a mark of {} bytes", mark.len());
        let mut held = Vec::new();
        let mut read = vec![0; 256 << 10];
        while held != mark {
            let reading = tokio::time::timeout(SILENCE, self.0.read(&mut read));
            let length = reading.await.context("Redis fell silent over the copy")??;
            ensure!(length > 0, "Redis went away over the copy");
            held.extend_from_slice(&read[..length]);
            let sure = held.len().saturating_sub(MARK_BYTES);
            piece(&held[..sure]).context("writing the copy")?;
            held.drain(..sure);
        }
        Ok(())
    }

    /// Sends a command that is answered with one line or one text.
    async fn ask(&mut self, words: &[&str]) -> anyhow::Result<String> {
        self.send(words).await?;
        let line = self.line().await?;
        match line.split_at_checked(1) {
            Some(("+", text)) => Ok(text.to_owned()),
            Some(("$", length)) => {
                let mut text = vec![0; length.parse::<usize>().context("reading a length")? + 2];
                tokio::time::timeout(SILENCE, self.0.read_exact(&mut text)).await??;
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            _ => bail!("{}: {}", words[0], line.trim_start_matches('-')),
        }
    }

    async fn send(&mut self, words: &[&str]) -> std::io::Result<()> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(command.as_bytes()).await
    }

    /// The next line, without its end.
    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let mut limited = (&mut self.0).take(LINE_BYTES);
        let reading = tokio::time::timeout(SILENCE, limited.read_line(&mut line));
        let length = reading.await.context("Redis does not answer")??;
        ensure!(length > 0, "Redis closed the connection");
        Ok(line.trim_end().to_owned())
    }
}
