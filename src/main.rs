//! The `pkv` program: see the library's documentation for how it is laid out.

mod arguments;
mod memory;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use clap::Parser;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use pkv::backup::{self, Report};
use pkv::config::{Config, ConfigError};
use pkv::credentials;
use pkv::supervisor::Stopped;
use pkv::workers::{self, Workers};
use pkv::{exec, healthcheck, logging, signals};
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use arguments::{Arguments, Errand, Format, Order};

/// A user's mistake in the command line or the environment (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return refuse(&answer),
    };
    let done = match arguments.order.unwrap_or(Order::Serve { ends_with: None }) {
        Order::Serve { ends_with } => serve(ends_with, started),
        Order::Exec { data, command } => run_command(data, command),
        Order::Env { format } => print_credentials(format),
        Order::Healthcheck => check_health(),
        Order::Backup(errand) => back_up(&errand),
        Order::Restore(errand) => restore(&errand),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("pkv: {error:#}");
            let is_usage = error.downcast_ref::<ConfigError>().is_some();
            if is_usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// Help and version are asked for; anything else is a mistake, told in pkv's own name.
fn refuse(answer: &clap::Error) -> ExitCode {
    if !answer.use_stderr() {
        let _ = answer.print();
        return ExitCode::SUCCESS;
    }
    let text = answer.to_string();
    eprint!("pkv: {}", text.strip_prefix("error: ").unwrap_or(&text));
    ExitCode::from(USAGE)
}

/// What tokio's own variable says, if it is set.
fn worker_threads() -> Result<Option<usize>, ConfigError> {
    const NAME: &str = "TOKIO_WORKER_THREADS";
    let Some(value) = std::env::var_os(NAME).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.to_str().and_then(|value| value.parse().ok()).filter(|count| *count > 0) {
        Some(count) => Ok(Some(count)),
        None => Err(ConfigError::new(NAME, format!("{value:?} is not a number of threads"), "2")),
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn serve(ends_with: Option<u32>, started: Instant) -> anyhow::Result<u8> {
    if let Some(parent) = ends_with {
        prctl::set_pdeathsig(Signal::SIGTERM)?;
        if getppid().as_raw().cast_unsigned() != parent {
            bail!("the parent, process {parent}, has ended");
        }
    }
    let stop = signals::listen()?;
    let config = Config::from_env()?;
    let _log = logging::init(config.log_level);
    let runtimes = workers::runtimes(worker_threads()?)?;
    let workers = Workers::new(runtimes.iter().map(|runtime| runtime.handle().clone()));
    let stopped = runtimes[0].block_on(pkv::run(config, workers, stop, started));
    // Dropped, they would wait for look-ups and syncs that may hang.
    runtimes.into_iter().for_each(Runtime::shutdown_background);
    Ok(match stopped? {
        Stopped::Cleanly => 0,
        Stopped::Badly => 1,
    })
}

fn run_command(data_dir: Option<PathBuf>, command: Vec<OsString>) -> anyhow::Result<u8> {
    // Of the store, only what goes wrong is worth a line between the command's own.
    let log_level = std::env::var_os("PKV_LOG").is_none_or(|level| level.is_empty());
    let order = exec::Order {
        command,
        data_dir,
        log_level: log_level.then_some("error"),
        pkv: std::env::current_exe().context("finding the pkv program")?,
    };
    runtime()?.block_on(exec::run(&order))
}

fn print_credentials(format: Format) -> anyhow::Result<u8> {
    let format = format.into();
    let credentials = pkv::credentials_of(&Config::from_env()?)?;
    std::io::stdout().write_all(credentials.render(format).as_bytes())?;
    if format == credentials::Format::Github {
        // Read from both streams, while stdout goes into a file.
        std::io::stderr().write_all(credentials.masks().as_bytes())?;
    }
    Ok(0)
}

fn check_health() -> anyhow::Result<u8> {
    let config = Config::from_env()?;
    runtime()?.block_on(healthcheck::check(&config))?;
    Ok(0)
}

fn back_up(errand: &Errand) -> anyhow::Result<u8> {
    let Errand { file, force } = errand;
    let Report { keys, bytes, took } =
        by_hand(async |config, stop| backup::save(&config.bundled, file, *force, stop).await)?;
    println!(
        "backed up {keys} keys ({bytes} bytes) to {} in {:.1} s, and checked the file",
        file.display(),
        took.as_secs_f64()
    );
    Ok(0)
}

fn restore(errand: &Errand) -> anyhow::Result<u8> {
    let Errand { file, force } = errand;
    let Report { keys, bytes, took } =
        by_hand(async |config, stop| backup::restore(&config.bundled, file, *force, stop).await)?;
    println!(
        "restored {keys} keys ({bytes} bytes) from {} in {:.1} s, and started Redis on them once",
        file.display(),
        took.as_secs_f64()
    );
    Ok(0)
}

/// Does something at a terminal; a signal ends it.
fn by_hand(
    work: impl AsyncFnOnce(&Config, &pkv::stop::Stop) -> anyhow::Result<Report>,
) -> anyhow::Result<Report> {
    let stop = signals::listen()?;
    let config = Config::from_env()?;
    config.warnings.iter().for_each(|warning| eprintln!("pkv: {warning}"));
    // What goes wrong is said at the end, in one line.
    let _log = logging::init(config.log_level.min(LevelFilter::ERROR));
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = work(&config, &stop) => done,
            () = stop.requested() => Err(anyhow!("interrupted")),
        }
    });
    runtime.shutdown_background();
    done
}
