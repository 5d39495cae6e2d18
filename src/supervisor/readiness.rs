//! When Redis is ready: not when its socket exists, but when it answers PING.

use std::time::Duration;

use bytes::Bytes;
use redis::{ServerError, Value};

use crate::command::{Batch, Command};
use crate::config::ConnectionString;
use crate::upstream::Link;

/// Between two looks: short beside a start (about 30 ms), cheap enough for an hour of loading.
const LOOK: Duration = Duration::from_millis(5);

/// Longest wait for one answer; a Redis that loads answers too.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection of the supervisor's own.
#[derive(Debug)]
pub struct Probe(Link);

impl Probe {
    /// Connects; `None` if that fails.
    pub async fn open(target: &ConnectionString) -> Option<Self> {
        Link::open(target).await.ok().map(Self)
    }

    /// Returns once Redis answers PING with PONG; calls `loading` whenever it says that it loads,
    /// with how much it has, in percent. Never returns for a Redis that never gets there: the caller
    /// watches the process beside it.
    pub async fn until_ready(
        target: &ConnectionString,
        mut loading: impl FnMut(Option<u8>),
    ) -> Self {
        loop {
            if let Some(probe) = Self::open(target).await {
                loop {
                    match probe.call(&["PING"]).await {
                        Some(Value::SimpleString(pong)) if pong == "PONG" => return probe,
                        Some(Value::ServerError(error)) if error.code() == "LOADING" => {
                            loading(probe.percent_loaded().await);
                        }
                        Some(_) => {}
                        None => break,
                    }
                    tokio::time::sleep(LOOK * 4).await;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Redis writes it as `12.34`.
    async fn percent_loaded(&self) -> Option<u8> {
        let percent = self.info("loading_loaded_perc").await?;
        percent.parse::<f32>().ok().map(|percent| percent as u8)
    }

    /// A field of INFO, such as `redis_version`.
    pub async fn info(&self, field: &str) -> Option<String> {
        self.infos([field]).await.map(|[value]| value)
    }

    /// Fields of INFO as they are at one moment.
    pub async fn infos<const N: usize>(&self, fields: [&str; N]) -> Option<[String; N]> {
        let Some(Value::BulkString(info)) = self.call(&["INFO", "everything"]).await else {
            return None;
        };
        let info = String::from_utf8_lossy(&info);
        let value = |field: &str| {
            let mut lines = info.lines();
            let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
            Some(value.trim().to_owned())
        };
        let values: Vec<_> = fields.into_iter().map_while(value).collect();
        values.try_into().ok()
    }

    /// Sends one command; `None` if the connection is gone or does not answer.
    pub async fn call(&self, words: &[&str]) -> Option<Value> {
        let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let batch = Batch { commands: vec![Command::new(words)?], atomic: false };
        self.0.send(&batch, ANSWER).await.ok()?.values().into_iter().next()
    }
}

/// Whether Redis refuses a save or a rewrite because one is under way.
pub fn is_at_it(error: &ServerError) -> bool {
    error.details().is_some_and(|said| said.contains("already in progress"))
}
