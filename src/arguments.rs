//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pkv::config::VARIABLES;
use pkv::credentials;

/// What the command line asks for.
#[derive(Debug, Parser)]
#[command(
    name = "pkv",
    version,
    about = "Serverless Redis in one process: a Redis behind Upstash's REST API",
    after_help = environment()
)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Option<Order>,
}

#[derive(Debug, Subcommand)]
pub enum Order {
    /// Start Redis and serve it over the REST API (what pkv does if nothing else is asked for)
    Serve {
        /// End with the process that has this id, which must be the parent.
        #[arg(long, value_name = "PID", hide = true)]
        ends_with: Option<u32>,
    },
    /// Run COMMAND with a store of its own, which is gone with it: pkv exec -- npm test
    ///
    /// The store is empty, and in memory, unless --data names a directory. COMMAND finds it by
    /// UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN, KV_REST_API_URL, KV_REST_API_TOKEN and REDIS_URL.
    /// What COMMAND ends with, pkv exec ends with.
    Exec {
        /// A data directory to use and to keep
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Print the URL and the tokens of the pkv of this environment, as variables
    Env {
        /// dotenv: for .env files; shell: eval "$(pkv env --format shell)";
        /// github: pkv env --format github >> "$GITHUB_ENV", which also masks the tokens in the log
        #[arg(long, value_enum, default_value = "dotenv", verbatim_doc_comment)]
        format: Format,
    },
    /// End with 0 if the pkv of this environment is ready, with 1 and the reason if it is not
    Healthcheck,
    /// Copy the bundled Redis's data into FILE (an RDB), also while pkv runs
    Backup(Errand),
    /// Put the data of FILE (any Redis's dump.rdb) into the stopped store
    Restore(Errand),
}

/// A file, and whether what is there may be overwritten.
#[derive(Debug, Args)]
pub struct Errand {
    /// The backup
    pub file: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    Dotenv,
    Shell,
    Json,
    Github,
}

impl From<Format> for credentials::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Dotenv => Self::Dotenv,
            Format::Shell => Self::Shell,
            Format::Json => Self::Json,
            Format::Github => Self::Github,
        }
    }
}

/// Every variable, for the help.
fn environment() -> String {
    let mut text = String::from("Environment (empty counts as unset):\n");
    for variable in VARIABLES {
        let line = format!("  {:<22} {} [{}]\n", variable.name, variable.meaning, variable.default);
        text.push_str(&line);
    }
    text
}
