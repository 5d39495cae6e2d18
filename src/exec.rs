//! `pkv exec -- COMMAND…`: a command with a store of its own, which is gone with it:
//! `pkv exec -- npm test`.
//!
//! Promises: the command runs once the store is ready, and only then; what it ends with is what
//! `pkv exec` ends with; the store ends with `pkv exec`, however that ends. The store is a pkv of its own,
//! a child as the command is one, so that neither's signals and endings are mistaken for the other's.

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::timeout;

use crate::config::VARIABLES;
use crate::credentials::Credentials;
use crate::secret::Secret;

/// Longest wait for the store: a given directory may hold gigabytes.
const READY: Duration = Duration::from_secs(600);

/// Longest wait for it to end: its own limits, and a little.
const STOP: Duration = Duration::from_secs(12);

/// Settings of whoever calls that are not the private store's: where it is and who may ask is up to
/// `pkv exec`, and a store that other tests use is not to be met by accident.
const NOT_INHERITED: [&str; 5] =
    ["PORT", "SPACE_HOST", "SPACE_ID", "KV_REST_API_READ_ONLY_TOKEN", "PKV_TOKENS_FILE"];

/// What is asked for.
#[derive(Debug)]
pub struct Order {
    /// The program and its arguments; at least the program.
    pub command: Vec<OsString>,
    /// Where the store's data is; `None`: in memory, and empty.
    pub data_dir: Option<PathBuf>,
    /// The store's log level, if the user has chosen none.
    pub log_level: Option<&'static str>,
    /// The program that this is.
    pub pkv: PathBuf,
}

/// Runs the command; returns its exit code, 128 and the signal's number if a signal ended it, 127 if
/// there is no such program, 126 if it cannot be run (POSIX, "Exit Status for Commands").
///
/// Must be driven by the main thread (`block_on`): the store ends with the thread that started it.
pub async fn run(order: &Order) -> anyhow::Result<u8> {
    let mut signals = Signals::listen()?;
    let mut store = Store::start(order)?;
    let ready = tokio::select! {
        ready = timeout(READY, store.ready()) => ready.context("the store did not get ready")?,
        signal = signals.next() => {
            store.stop().await?;
            return Ok(code_of(signal));
        }
    };
    let code = match ready {
        Ok(url) => run_command(order, &store.credentials(url), &mut signals).await,
        Err(error) => Err(error),
    };
    let stopped = store.stop().await;
    // A failing command says more than a store that did not end well.
    match code? {
        0 => stopped.map(|()| 0),
        code => Ok(code),
    }
}

async fn run_command(
    order: &Order,
    credentials: &Credentials,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let [program, arguments @ ..] = order.command.as_slice() else { bail!("no command") };
    let spawned = Command::new(program).args(arguments).envs(credentials.variables()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            eprintln!("pkv: {}: {error}", program.display());
            return Ok(if error.kind() == ErrorKind::NotFound { 127 } else { 126 });
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status.context("waiting for the command")?)),
            signal = signals.next() => pass_on(signal, &child),
        }
    }
}

/// A terminal has told the command already, which is in the same group of processes.
fn pass_on(signal: Signal, child: &Child) {
    if signal == Signal::SIGTERM || !std::io::stdin().is_terminal() {
        tell(child, signal);
    }
}

fn tell(child: &Child, signal: Signal) {
    // `id` is None once it was reaped: its number may then be somebody else's.
    if let Some(pid) = child.id() {
        let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn code_of(signal: Signal) -> u8 {
    128 + signal as u8
}

/// The pkv that is started for the command.
struct Store {
    process: Child,
    token: Secret,
    redis_port: u16,
}

impl Store {
    fn start(order: &Order) -> anyhow::Result<Self> {
        let token = Secret::generate()?;
        let redis_port = free_port()?;
        let mut command = Command::new(&order.pkv);
        let names = VARIABLES.iter().map(|variable| variable.name);
        for name in names.filter(|name| name.starts_with("SRH_")).chain(NOT_INHERITED) {
            command.env_remove(name);
        }
        let parent = std::process::id().to_string();
        command
            .args(["serve", "--ends-with", &parent])
            .env("SRH_MODE", "bundled")
            .env("SRH_TOKEN", token.reveal())
            .env("SRH_PORT", "0")
            .env("PKV_BIND", "127.0.0.1")
            .env("PKV_REDIS_PORT", redis_port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Ctrl-C on a terminal is for the command; the store ends behind it.
            .process_group(0);
        match &order.data_dir {
            Some(dir) => command.env("PKV_DATA_DIR", dir).env_remove("PKV_STORAGE"),
            None => command.env_remove("PKV_DATA_DIR").env("PKV_STORAGE", "memory"),
        };
        command.envs(order.log_level.map(|level| ("PKV_LOG", level)));
        let process = command.spawn().with_context(|| starting(&order.pkv))?;
        Ok(Self { process, token, redis_port })
    }

    /// Where it is, once it is ready.
    async fn ready(&mut self) -> anyhow::Result<String> {
        let output = self.process.stdout.as_mut().context("the store's output is read once")?;
        let mut lines = BufReader::new(output).lines();
        let mut url = None;
        while let Some(line) = lines.next_line().await? {
            if let Some(found) = line.strip_prefix("UPSTASH_REDIS_REST_URL=") {
                url = Some(found.to_owned());
            }
            if line.starts_with("pkv ready in ") {
                return url.context("the store did not say where it is");
            }
        }
        // It has said why.
        bail!("the store did not start")
    }

    fn credentials(&self, url: String) -> Credentials {
        let redis_url = Some(format!("redis://127.0.0.1:{}", self.redis_port));
        Credentials { url, token: self.token.clone(), readonly_token: None, redis_url }
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        tell(&self.process, Signal::SIGTERM);
        match timeout(STOP, self.process.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the store did not end well: {}", status?),
            Err(_) => {
                self.process.kill().await.context("ending the store")?;
                bail!("the store did not end within {STOP:?} and was killed")
            }
        }
    }
}

fn starting(program: &Path) -> String {
    format!("starting {}", program.display())
}

/// A port of this moment: should somebody else take it first, the store says so and does not start.
fn free_port() -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// The signals that end a program.
struct Signals([(Signal, unix::Signal); 4]);

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let on = |signal: Signal| {
            let listening = unix::signal(SignalKind::from_raw(signal as i32));
            anyhow::Ok((signal, listening.context("listening for signals")?))
        };
        Ok(Self([
            on(Signal::SIGTERM)?,
            on(Signal::SIGINT)?,
            on(Signal::SIGHUP)?,
            on(Signal::SIGQUIT)?,
        ]))
    }

    async fn next(&mut self) -> Signal {
        let [term, int, hup, quit] = &mut self.0;
        tokio::select! {
            _ = term.1.recv() => term.0,
            _ = int.1.recv() => int.0,
            _ = hup.1.recv() => hup.0,
            _ = quit.1.recv() => quit.0,
        }
    }
}
