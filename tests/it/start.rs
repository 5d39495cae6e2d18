//! From the environment to a pkv that serves, or to a line that says why not.

mod backend;
mod banner;
mod blocked_output;
mod bundled;
mod refused;
mod tokens_file;
mod values;

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use redis::Value;

use crate::support::{Pkv, eventually};

/// A program that ended, or is made to.
pub struct Running(pub Child);

impl Running {
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        eventually("the program ends", limit, || {
            status = self.0.try_wait().unwrap();
            std::future::ready(status.is_some())
        })
        .await;
        status.unwrap()
    }

    /// SIGTERM, and a clean end.
    pub async fn stop(mut self) {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM).unwrap();
        let status = self.ended(Duration::from_secs(9)).await;
        assert!(status.success(), "{status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a start ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs pkv to its end, `limit` at the longest.
async fn ended(dir: &Path, vars: &[(&str, &str)], limit: Duration) -> Ended {
    run_to_end(&mut Pkv::command(dir, vars), limit).await
}

/// Runs any command to its end.
pub async fn run_to_end(command: &mut Command, limit: Duration) -> Ended {
    // Files and not pipes: nobody has to read while it runs.
    let output = tempfile::tempdir().unwrap();
    let file = |name: &str| std::fs::File::create(output.path().join(name)).unwrap();
    let command = command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
    let status = Running(command.spawn().unwrap()).ended(limit).await;
    let text = |name: &str| std::fs::read_to_string(output.path().join(name)).unwrap();
    Ended { code: status.code(), stdout: text("stdout"), stderr: text("stderr") }
}

/// Asks a Redis over its own protocol, past pkv.
pub async fn ask(url: &str, words: &[&str]) -> redis::RedisResult<Value> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
}

fn text(value: &str) -> Value {
    Value::BulkString(value.as_bytes().to_vec())
}

/// Whether some line of the log's message contains this.
pub fn log_says(pkv: &Pkv, part: &str) -> bool {
    pkv.log().iter().any(|entry| entry["message"].as_str().is_some_and(|text| text.contains(part)))
}
