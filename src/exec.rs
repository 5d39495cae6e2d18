//! `pkv exec -- COMMAND…`: a command with a store of its own, which is gone with it:
//! `pkv exec -- npm test`.
//!
//! Promises: the command runs once the store is ready, and only then; what it ends with is what
//! `pkv exec` ends with; the store ends with `pkv exec`, however that ends. The store is a pkv of its own,
//! a child as the command is one, so that neither's signals and endings are mistaken for the other's.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::VARIABLES;
use crate::credentials::Credentials;
use crate::secret::Secret;

/// Longest wait for the store: a given directory may hold gigabytes.
const READY: Duration = Duration::from_secs(600);

/// Longest wait for it to end: its own limits, and a little.
const STOP: Duration = Duration::from_secs(12);

/// Beside SRH_*, what says where a pkv is and who may ask it. For the private store that is up to
/// `pkv exec`, and the command is not to meet another one by accident.
const NOT_INHERITED: [&str; 7] = [
    "KV_REST_API_READ_ONLY_TOKEN",
    "PKV_BIND",
    "PKV_REDIS_PORT",
    "PKV_TOKENS_FILE",
    "PORT",
    "SPACE_HOST",
    "SPACE_ID",
];

/// Signals that wait to be passed on; more of them say nothing new.
const UNHEARD: usize = 16;

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
    let code = tokio::select! {
        ready = timeout(READY, store.ready()) => {
            match ready.context("the store did not get ready").and_then(|ready| ready) {
                Ok(url) => run_command(order, &store.credentials(url), &mut store, &mut signals).await,
                Err(error) => Err(error),
            }
        }
        told = signals.next() => Ok(code_of(told)),
    };
    let stopped = store.stop().await;
    match code? {
        0 => stopped.map(|()| 0),
        // A failing command says more than a store that did not end well, but that may be why.
        code => {
            if let Err(error) = stopped {
                eprintln!("pkv: {error:#}");
            }
            Ok(code)
        }
    }
}

async fn run_command(
    order: &Order,
    credentials: &Credentials,
    store: &mut Store,
    signals: &mut Signals,
) -> anyhow::Result<u8> {
    let [program, arguments @ ..] = order.command.as_slice() else { bail!("no command") };
    let mut command = Command::new(program);
    // What leads to another pkv would lead the command there.
    for name in own_names() {
        command.env_remove(name);
    }
    let spawned = command.args(arguments).envs(credentials.variables()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            eprintln!("pkv: {}: {error}", program.display());
            return Ok(if error.kind() == ErrorKind::NotFound { 127 } else { 126 });
        }
    };
    let mut has_store = true;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status.context("waiting for the command")?)),
            told = signals.next() => pass_on(told, &child),
            status = store.process.wait(), if has_store => {
                has_store = false;
                eprintln!("pkv: the store of the command has ended: {}", status?);
            }
        }
    }
}

/// The names that say where a pkv is and who may ask it.
fn own_names() -> impl Iterator<Item = &'static str> {
    let names = VARIABLES.iter().map(|variable| variable.name);
    names.filter(|name| name.starts_with("SRH_")).chain(NOT_INHERITED)
}

/// A terminal has told the command already, which is in the same group of processes.
fn pass_on(told: Told, child: &Child) {
    if !told.by_terminal {
        tell(child, told.signal);
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

fn code_of(told: Told) -> u8 {
    128 + told.signal as u8
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
        for name in own_names() {
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
            Some(dir) => command.env("PKV_DATA_DIR", dir),
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

/// A signal that would end a program, and whether a terminal has sent it.
#[derive(Debug, Clone, Copy)]
struct Told {
    signal: Signal,
    by_terminal: bool,
}

/// The signals that end a program.
struct Signals(mpsc::Receiver<Told>);

impl Signals {
    /// From a thread of its own that lives as long as the process.
    fn listen() -> anyhow::Result<Self> {
        let all = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];
        let mut signals = SignalsInfo::<WithOrigin>::new(all.map(|signal| signal as i32))
            .context("listening for signals")?;
        let (told, hear) = mpsc::channel(UNHEARD);
        let pass = move || {
            for origin in signals.forever() {
                if let Ok(signal) = Signal::try_from(origin.signal) {
                    let by_terminal = origin.cause == Cause::Kernel;
                    let _ = told.try_send(Told { signal, by_terminal });
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(pass)
            .context("starting the signal thread")?;
        Ok(Self(hear))
    }

    async fn next(&mut self) -> Told {
        match self.0.recv().await {
            Some(told) => told,
            // The thread does not end.
            None => std::future::pending().await,
        }
    }
}
