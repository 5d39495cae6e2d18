//! One pkv process.

use std::fs;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for a start: generous, the machine may be busy with other tests.
const START: Duration = Duration::from_secs(20);

/// The token of every test's pkv, unless it generates one.
pub const TOKEN: &str = "test-token-0123456789";

/// A running pkv with a private directory; killed on drop.
pub struct Pkv {
    process: Child,
    dir: PathBuf,
    #[allow(dead_code)] // held for its Drop
    own_dir: Option<TempDir>,
    client: reqwest::Client,
    /// Everything that it printed before it was ready.
    pub banner: String,
    pub url: String,
    pub token: String,
}

/// An answer: its status and JSON body (null if empty).
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

/// The `result` of a 200; panics on anything else.
#[track_caller]
pub fn result(reply: Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.get("result").unwrap_or_else(|| panic!("no result: {}", reply.body)).clone()
}

/// The items of a pipeline's or a transaction's answer.
#[track_caller]
pub fn items(reply: Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.as_array().unwrap_or_else(|| panic!("no array: {}", reply.body)).clone()
}

impl Pkv {
    /// The bundled Redis in a new directory.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The bundled Redis in a new directory, with more variables (an empty one is unset).
    pub fn start_with(vars: &[(&str, &str)]) -> Self {
        let own_dir = TempDir::new().unwrap();
        let dir = own_dir.path().to_owned();
        let mut pkv = Self::start_in(&dir, vars);
        pkv.own_dir = Some(own_dir);
        pkv
    }

    /// As `start_with`, under a limit that a shell's command sets (`ulimit -n 300`).
    pub fn start_under(limit: &str, vars: &[(&str, &str)]) -> Self {
        let own_dir = TempDir::new().unwrap();
        let mut shell = Command::new("sh");
        let script = format!("{limit} && exec \"$0\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_pkv")]);
        let mut pkv = Self::started(own_dir.path(), Self::with_vars(shell, own_dir.path(), vars));
        pkv.own_dir = Some(own_dir);
        pkv
    }

    /// As `start_with`, in a directory that stays.
    pub fn start_in(dir: &Path, vars: &[(&str, &str)]) -> Self {
        Self::started(dir, Self::command(dir, vars))
    }

    fn started(dir: &Path, mut command: Command) -> Self {
        let is_logging = command.get_envs().all(|(name, _)| name != "PKV_LOG");
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(File::options().append(true).create(true).open(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (said, hear) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            while stdout.read_line(&mut text).is_ok_and(|bytes| bytes > 0) {
                if text.lines().last().is_some_and(|line| line.starts_with("pkv ready in ")) {
                    let _ = said.send(text.clone());
                }
            }
        });
        let banner = hear.recv_timeout(START).unwrap_or_else(|_| {
            let _ = process.kill();
            panic!("pkv did not get ready:\n{}", fs::read_to_string(dir.join("log")).unwrap());
        });
        if is_logging {
            until_logged(&dir.join("log"));
        }
        let value = |name: &str| {
            let line = banner.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{name} is not in the banner:\n{banner}")).to_owned()
        };
        let generated = banner.contains("(generated;");
        let token = if generated { value("UPSTASH_REDIS_REST_TOKEN") } else { TOKEN.to_owned() };
        Self {
            process,
            dir: dir.to_owned(),
            own_dir: None,
            client: reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap(),
            url: value("UPSTASH_REDIS_REST_URL"),
            token,
            banner,
        }
    }

    /// Where it was started.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program with its variables, not yet started: for tests of starts that fail. `PKV_BIN` names
    /// another build of it.
    pub fn command(dir: &Path, vars: &[(&str, &str)]) -> Command {
        let built = env!("CARGO_BIN_EXE_pkv").into();
        let program = std::env::var_os("PKV_BIN").unwrap_or(built);
        Self::with_vars(Command::new(program), dir, vars)
    }

    fn with_vars(mut command: Command, dir: &Path, vars: &[(&str, &str)]) -> Command {
        command.env_clear().current_dir(dir).stdin(Stdio::null());
        for name in ["PATH", "PKV_REDIS_SERVER", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("SRH_TOKEN", TOKEN)
            .env("SRH_PORT", "0")
            .env("PKV_BIND", "127.0.0.1")
            .env("PKV_DATA_DIR", dir.join("data"))
            .envs(vars.iter().copied());
        command
    }

    /// `POST /` with one command.
    pub async fn run(&self, command: Value) -> Reply {
        self.post("/", command).await.unwrap()
    }

    /// `POST` of JSON to a path; an error is one of the connection.
    pub async fn post(&self, path: &str, body: Value) -> reqwest::Result<Reply> {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token);
        self.send(request.json(&body)).await
    }

    /// Any request, as reqwest builds it; nothing is added.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    /// Sends what `request` built.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        let body = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| panic!("not JSON: {:?}", String::from_utf8_lossy(&bytes))),
        };
        Ok(Reply { status, body })
    }

    /// `GET` without a token.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request("GET", path)).await.unwrap()
    }

    /// The log so far: one JSON object per line.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("log")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!({ "message": line })))
            .collect()
    }

    /// Process ids of every Redis it has started, oldest first.
    pub fn redis_pids(&self) -> Vec<i32> {
        let started = |entry: &Value| entry["message"] == "Redis started";
        let log = self.log();
        log.iter()
            .filter(|entry| started(entry))
            .map(|entry| entry["pid"].as_i64().unwrap() as i32)
            .collect()
    }

    /// The processor time that it has used, Redis's not included.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Behind the name, from field 3 on: utime and stime are 14 and 15 (proc_pid_stat(5)), in
        // hundredths of a second on every Linux.
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
    }

    /// Sends a signal to the Redis that runs now.
    pub fn signal_redis(&self, signal: Signal) {
        let pid = *self.redis_pids().last().expect("Redis was started");
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Sends a signal to pkv.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Waits for it to end.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "pkv did not end within {limit:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGTERM, and a clean end.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended(Duration::from_secs(9)).await;
        let log = || fs::read_to_string(self.dir.join("log")).unwrap();
        assert!(status.success(), "{status}:\n{}", log());
    }
}

/// Somebody with a token of his own.
pub struct Bearer<'a> {
    pub pkv: &'a Pkv,
    pub token: String,
}

impl<'a> Bearer<'a> {
    pub fn new(pkv: &'a Pkv, token: impl Into<String>) -> Self {
        Self { pkv, token: token.into() }
    }

    /// `POST` of JSON: status and body.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.pkv.request("POST", path).bearer_auth(&self.token);
        let reply = self.pkv.send(request.body(body.to_string())).await.unwrap();
        (reply.status, reply.body)
    }

    /// `POST /` with one command.
    pub async fn run(&self, command: &Value) -> (u16, Value) {
        self.post("/", command).await
    }
}

/// The log is written behind the banner's back: waits until it says what was so before the banner.
fn until_logged(log: &Path) {
    let deadline = Instant::now() + START;
    let said = ["Redis is ready", "serving an external Redis", "serving external Redis"];
    while !said.iter().any(|said| fs::read_to_string(log).unwrap().contains(said)) {
        assert!(Instant::now() < deadline, "nothing in the log");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Drop for Pkv {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
