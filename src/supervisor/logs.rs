//! Redis's log lines, forwarded into ours, and the last of them kept for an error report.
//!
//! A child whose output nobody reads stops when the pipe is full, so each reader does nothing but
//! read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tracing::{debug, info, warn};

/// A line longer than this is forwarded in pieces.
const LINE_BYTES: u64 = 8 << 10;

/// Lines kept for an error report.
const KEPT: usize = 20;

/// What Redis said last.
#[derive(Debug, Default)]
pub struct Tail {
    lines: Mutex<VecDeque<String>>,
    short_read: AtomicBool,
    accepting: AtomicBool,
    recoveries: AtomicU64,
}

impl Tail {
    /// The last lines, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whether Redis said that it dropped a torn end of its append-only file.
    pub fn saw_short_read(&self) -> bool {
        self.short_read.load(Ordering::Acquire)
    }

    /// Whether everything that Redis says while it loads has been read: this is what it says next.
    pub fn saw_accepting(&self) -> bool {
        self.accepting.load(Ordering::Acquire)
    }

    /// How often Redis said that it could append to its file again after it could not. It says so every
    /// time, unlike the failures.
    pub fn recoveries(&self) -> u64 {
        self.recoveries.load(Ordering::Acquire)
    }

    fn add(&self, line: &str) {
        // Redis 7.0 begins it with "The server is now ready".
        if line.contains("eady to accept connections") {
            self.accepting.store(true, Ordering::Release);
        }
        if line.contains("short read while loading the AOF") {
            self.short_read.store(true, Ordering::Release);
        }
        if line.contains("AOF write error looks solved") {
            self.recoveries.fetch_add(1, Ordering::AcqRel);
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

/// Reads `output` to its end.
pub async fn forward(output: impl AsyncRead + Unpin, tail: Arc<Tail>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            tail.add(text);
            log(text);
        }
    }
}

/// Redis writes `pid:role day month year time level message`; the level is one character
/// (<https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/>, `loglevel`).
fn log(line: &str) {
    let mut words = line.splitn(7, ' ').skip(5);
    match (words.next(), words.next()) {
        (Some("#"), Some(message)) => warn!(target: "redis", "{message}"),
        (Some("*"), Some(message)) => info!(target: "redis", "{message}"),
        (Some("-" | "."), Some(message)) => debug!(target: "redis", "{message}"),
        _ => warn!(target: "redis", "{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_redis_is_heard_to_have_loaded() {
        for said in [
            "Ready to accept connections", // 7.0, on TCP
            "The server is now ready to accept connections at /tmp/pkv/redis.sock", // 7.0
            "Ready to accept connections unix", // 7.2 and later, Valkey
        ] {
            let tail = Tail::default();
            tail.add("8:M 24 Nov 2026 06:03:54.370 * Running mode=standalone, port=0.");
            assert!(!tail.saw_accepting());
            tail.add(&format!("8:M 24 Nov 2026 06:03:54.371 * {said}"));
            assert!(tail.saw_accepting(), "{said}");
        }
    }
}
