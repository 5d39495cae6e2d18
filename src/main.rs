//! The `pkv` program: see the library's documentation for how it is laid out.

use std::process::ExitCode;
use std::time::Instant;

use pkv::config::{Config, ConfigError, VARIABLES};
use pkv::supervisor::Stopped;
use pkv::{logging, signals};

/// A user's mistake in the command line or the environment (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    match arguments.iter().map(|argument| argument.as_ref()).collect::<Vec<_>>().as_slice() {
        [] | ["serve"] => serve(),
        ["--help" | "-h" | "help"] => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        ["--version" | "-V"] => {
            println!("pkv {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        [unknown, ..] => {
            eprintln!("pkv: unknown argument {unknown:?}; pkv --help lists what there is");
            ExitCode::from(USAGE)
        }
    }
}

fn serve() -> ExitCode {
    let started = Instant::now();
    match run(started) {
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

fn help() -> String {
    let mut text = String::from(
        "pkv: serverless Redis in one process\n\n\
         Usage: pkv [serve]      start Redis and serve it over Upstash's REST API\n       \
                pkv --help\n       \
                pkv --version\n\n\
         Environment (empty counts as unset):\n",
    );
    for variable in VARIABLES {
        let line = format!("  {:<22} {} [{}]\n", variable.name, variable.meaning, variable.default);
        text.push_str(&line);
    }
    text
}
