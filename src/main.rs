//! The `pkv` program: see the library's documentation for how it is laid out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::anyhow;
use pkv::backup::{self, Report};
use pkv::config::{Config, ConfigError, VARIABLES};
use pkv::supervisor::Stopped;
use pkv::{logging, signals};
use tracing::level_filters::LevelFilter;

/// A user's mistake in the command line or the environment (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

/// What the command line asks for.
enum Order {
    Serve,
    Help,
    Version,
    Backup(Errand),
    Restore(Errand),
}

/// A file, and whether what is there may be overwritten.
struct Errand {
    file: PathBuf,
    force: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match order(&arguments) {
        Ok(Order::Serve) => serve(),
        Ok(Order::Help) => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        Ok(Order::Version) => {
            println!("pkv {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Order::Backup(errand)) => finish(back_up(&errand)),
        Ok(Order::Restore(errand)) => finish(restore(&errand)),
        Err(fault) => {
            eprintln!("pkv: {fault}; pkv --help lists what there is");
            ExitCode::from(USAGE)
        }
    }
}

fn order(arguments: &[OsString]) -> Result<Order, String> {
    let Some((first, rest)) = arguments.split_first() else { return Ok(Order::Serve) };
    let is_help = |word: &OsString| word == "--help" || word == "-h";
    match first.to_string_lossy().as_ref() {
        _ if is_help(first) || rest.iter().any(is_help) => Ok(Order::Help),
        "help" => Ok(Order::Help),
        "serve" if rest.is_empty() => Ok(Order::Serve),
        "--version" | "-V" => Ok(Order::Version),
        "backup" => errand("backup", rest).map(Order::Backup),
        "restore" => errand("restore", rest).map(Order::Restore),
        "serve" => Err(unknown(&rest[0])),
        _ => Err(unknown(first)),
    }
}

fn errand(name: &str, arguments: &[OsString]) -> Result<Errand, String> {
    let is_option = |word: &&OsString| word.to_string_lossy().starts_with("--");
    let (options, files): (Vec<_>, Vec<_>) = arguments.iter().partition(is_option);
    if let Some(other) = options.iter().find(|option| **option != "--force") {
        return Err(unknown(other));
    }
    match files.as_slice() {
        [file] => Ok(Errand { file: file.into(), force: !options.is_empty() }),
        files => Err(format!("pkv {name} takes one FILE, not {}", files.len())),
    }
}

fn unknown(argument: &OsString) -> String {
    format!("unknown argument {:?}", argument.to_string_lossy())
}

fn serve() -> ExitCode {
    let started = Instant::now();
    finish(run(started))
}

fn finish(done: anyhow::Result<Stopped>) -> ExitCode {
    match done {
        Ok(Stopped::Cleanly) => ExitCode::SUCCESS,
        Ok(Stopped::Badly) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pkv: {error:#}");
            let is_usage = error.downcast_ref::<ConfigError>().is_some();
            if is_usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn run(started: Instant) -> anyhow::Result<Stopped> {
    let stop = signals::listen()?;
    let config = Config::from_env()?;
    let _log = logging::init(config.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let stopped = runtime.block_on(pkv::run(config, stop, started));
    // Dropped, it would wait for look-ups and syncs that may hang.
    runtime.shutdown_background();
    stopped
}

fn back_up(errand: &Errand) -> anyhow::Result<Stopped> {
    let Errand { file, force } = errand;
    let Report { keys, bytes, took } =
        by_hand(async |config, stop| backup::save(&config.bundled, file, *force, stop).await)?;
    println!(
        "backed up {keys} keys ({bytes} bytes) to {} in {:.1} s, and checked the file",
        file.display(),
        took.as_secs_f64()
    );
    Ok(Stopped::Cleanly)
}

fn restore(errand: &Errand) -> anyhow::Result<Stopped> {
    let Errand { file, force } = errand;
    let Report { keys, bytes, took } =
        by_hand(async |config, stop| backup::restore(&config.bundled, file, *force, stop).await)?;
    println!(
        "restored {keys} keys ({bytes} bytes) from {} in {:.1} s, and started Redis on them once",
        file.display(),
        took.as_secs_f64()
    );
    Ok(Stopped::Cleanly)
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = work(&config, &stop) => done,
            () = stop.requested() => Err(anyhow!("interrupted")),
        }
    });
    runtime.shutdown_background();
    done
}

fn help() -> String {
    let mut text = String::from(
        "pkv: serverless Redis in one process\n\n\
         Usage:\n  \
           pkv [serve]                    start Redis and serve it over Upstash's REST API\n  \
           pkv backup FILE [--force]      copy the bundled Redis's data into FILE (an RDB), also\n                                 \
                                          while pkv runs; --force overwrites FILE\n  \
           pkv restore FILE [--force]     put the data of FILE (any Redis's dump.rdb) into the stopped\n                                 \
                                          store; --force replaces the data that is there\n  \
           pkv --help\n  \
           pkv --version\n\n\
         Environment (empty counts as unset):\n",
    );
    for variable in VARIABLES {
        let line = format!("  {:<22} {} [{}]\n", variable.name, variable.meaning, variable.default);
        text.push_str(&line);
    }
    text
}
