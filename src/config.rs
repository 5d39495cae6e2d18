//! The environment, read once into a typed and validated [`Config`].
//!
//! Promises: an empty variable counts as unset; a bad value is one [`ConfigError`] that names the
//! variable, its fault and an example; a misspelt name is a warning; a secret never shows in an
//! error, a warning or `Debug` output. Leaves to others: opening anything (files, sockets, Redis).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use crate::secret::Secret;

mod connection_string;
mod programs;
mod storage;
mod units;
mod variables;

pub use connection_string::ConnectionString;
pub use storage::Storage;
pub use units::parse_bytes;
pub use variables::{VARIABLES, Variable};

/// Which Redis the tokens lead to.
#[derive(Debug, Clone)]
pub enum Mode {
    /// The Redis that pkv starts itself.
    Bundled,
    /// One upstream, `SRH_CONNECTION_STRING`. If that is a loopback address where nothing listens,
    /// the bundled Redis is started and listens there too.
    Env(ConnectionString),
    /// Many upstreams, listed in SRH's `tokens.json`.
    File(PathBuf),
}

/// When the disk is told to store what Redis has written. Whatever the choice, a write is in the
/// kernel's hands before it is acknowledged, so that a crash of Redis or pkv loses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before each acknowledgement.
    Always,
    /// Once a second.
    EverySecond,
    /// When the operating system likes.
    None,
}

impl Durability {
    /// The name in `PKV_DURABILITY`, the banner and the logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySecond => "everysec",
            Self::None => "none",
        }
    }
}

/// Settings of the bundled Redis.
#[derive(Debug, Clone)]
pub struct Bundled {
    /// `None`: `/data` or `.pkv`, whichever can be written.
    pub data_dir: Option<PathBuf>,
    /// How data is kept there; `None`: whatever the directory can hold.
    pub storage: Option<Storage>,
    /// Longest time between a change and the snapshot that holds it.
    pub snapshot_interval: Duration,
    /// Where Redis's files are while the data directory takes snapshots only.
    pub local_dir: PathBuf,
    /// The program to run; `None` if neither `redis-server` nor `valkey-server` is on the PATH.
    pub server: Option<PathBuf>,
    /// The module that it gets its JSON commands from, if there is one.
    pub json_module: Option<PathBuf>,
    /// `TMPDIR`: where its socket's private directory is tried first.
    pub temp_dir: PathBuf,
    /// A port on 127.0.0.1 for other local clients.
    pub port: Option<u16>,
    /// When writes reach the disk.
    pub durability: Durability,
    /// Bytes; `None`: 60 % of the memory that the container or machine has.
    pub maxmemory: Option<u64>,
    /// Longest silence of a Redis that runs.
    pub hang_limit: Duration,
}

/// Everything that the environment says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which Redis the tokens lead to.
    pub mode: Mode,
    /// The full-access token of `Bundled` and `Env` mode.
    pub token: Option<Secret>,
    /// The read-only token of `Bundled` and `Env` mode.
    pub readonly_token: Option<Secret>,
    /// Connections of a pool in `Bundled` and `Env` mode.
    pub max_connections: usize,
    /// `None`: all addresses, IPv4 and IPv6.
    pub bind: Option<IpAddr>,
    /// HTTP port; 0 lets the kernel choose.
    pub port: u16,
    /// Settings of the bundled Redis.
    pub bundled: Bundled,
    /// Largest request body, in bytes.
    pub max_body: usize,
    /// Largest answer to commands, in bytes; `None`: no limit.
    pub max_response: Option<usize>,
    /// Most memory for requests and answers under way, in bytes; `None`: a tenth of what there is.
    pub max_queue: Option<u64>,
    /// Longest wait for Redis's answer.
    pub timeout: Duration,
    /// Longest wait for a request on an open connection.
    pub idle_timeout: Duration,
    /// Longest pause of a client in the middle of a request or an answer.
    pub client_timeout: Duration,
    /// Whether commands are put from Upstash's words into Redis's.
    pub speaks_upstash: bool,
    /// Least severe level that is logged.
    pub log_level: LevelFilter,
    /// Running as a Hugging Face Space (`SPACE_ID` is set).
    pub hugging_face: bool,
    /// Where the Space is to be reached from outside, over HTTPS (`SPACE_HOST`).
    pub public_host: Option<String>,
    /// What the user should know but what does not stop the start.
    pub warnings: Vec<String>,
}

/// One bad variable: its name, its fault, an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    /// `variable: fault; for example example`.
    pub fn new(variable: &str, fault: impl fmt::Display, example: &str) -> Self {
        Self(format!("{variable} {fault}; for example {variable}={example}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The port, for those who look for a pkv that runs elsewhere.
    pub fn known_port(&self) -> Result<u16, ConfigError> {
        match self.port {
            0 => {
                let fault = "is 0, so that nobody knows where pkv listens";
                Err(ConfigError::new("SRH_PORT", fault, "7860"))
            }
            port => Ok(port),
        }
    }

    /// Where clients find a pkv that listens on this port: from outside if that is known, else on this
    /// machine.
    pub fn url(&self, port: u16) -> String {
        match (&self.public_host, self.bind) {
            (Some(host), _) => format!("https://{host}"),
            (None, Some(address)) if !address.is_unspecified() => {
                format!("http://{}", SocketAddr::new(address, port))
            }
            (None, _) => format!("http://localhost:{port}"),
        }
    }

    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(std::env::vars_os())
    }

    /// Reads the given variables; the first bad one is the error.
    pub fn from_vars(
        vars: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let vars = Vars::new(vars)?;
        let connection_string = vars.parse(
            "SRH_CONNECTION_STRING",
            "redis://user:password@redis.example:6379/0",
            ConnectionString::parse,
        )?;
        let mut warnings = variables::warnings_about_names(vars.names());
        let mode = mode(&vars, connection_string, &mut warnings)?;
        let port = match vars.parse("SRH_PORT", "7860", units::parse_port)? {
            Some(port) => port,
            None => vars.parse("PORT", "7860", units::parse_port)?.unwrap_or(7860),
        };
        let connections = match mode {
            // More than cores are used while replies are long: two cores answer 64 callers who ask for 64 KB by
            // a twelfth faster over 6 than over 2. Over 3 or 4 it is a thirtieth, over 8 or 12 no more than over 6.
            Mode::Bundled => 6,
            // SRH's number: to a server elsewhere each costs somebody something. (With tokens.json each target says
            // its own, and a bundled Redis that stands in for an address here takes what is asked for that.)
            Mode::Env(_) | Mode::File(_) => 3,
        };
        Ok(Self {
            mode,
            token: full_token(&vars)?,
            readonly_token: readonly_token(&vars)?,
            max_connections: vars
                .parse("SRH_MAX_CONNECTIONS", "3", units::parse_connections)?
                .unwrap_or(connections),
            bind: vars.parse("PKV_BIND", "127.0.0.1", |text| {
                text.parse::<IpAddr>().map_err(|_| format!("{text:?} is not an IP address"))
            })?,
            port,
            bundled: bundled(&vars)?,
            max_body: vars
                .parse("PKV_MAX_BODY", "10mb", parse_bytes)?
                // Upstash's own limit on its free and pay-as-you-go plans.
                .map_or(10 << 20, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            max_response: max_response(&vars)?,
            timeout: vars
                .parse("PKV_TIMEOUT", "30s", units::parse_duration)?
                .unwrap_or(Duration::from_secs(30)),
            max_queue: vars.parse("PKV_MAX_QUEUE", "256mb", |text| match parse_bytes(text)? {
                bytes if bytes < 1 << 20 => Err(format!("{text:?} is less than 1mb")),
                bytes => Ok(bytes),
            })?,
            idle_timeout: vars
                .parse("PKV_IDLE_TIMEOUT", "75s", units::parse_duration)?
                // Longer than clients and most load balancers (AWS: 60 s) keep an idle connection, so
                // that it is they who close it.
                .unwrap_or(Duration::from_secs(75)),
            client_timeout: vars
                .parse("PKV_CLIENT_TIMEOUT", "30s", units::parse_duration)?
                .unwrap_or(Duration::from_secs(30)),
            speaks_upstash: vars
                .parse("PKV_DIALECT", "redis", |text| match text {
                    "upstash" => Ok(true),
                    "redis" => Ok(false),
                    _ => Err(format!("{text:?} is neither upstash nor redis")),
                })?
                .unwrap_or(true),
            log_level: vars
                .parse("PKV_LOG", "info", |text| {
                    text.parse::<LevelFilter>().map_err(|_| {
                        format!("{text:?} is none of off, error, warn, info, debug, trace")
                    })
                })?
                .unwrap_or(LevelFilter::INFO),
            hugging_face: vars.get("SPACE_ID").is_some(),
            public_host: vars.get("SPACE_HOST").map(str::to_owned),
            warnings,
        })
    }
}

/// Secrets are pasted, a line end often with them; a header could not carry it.
fn token(text: &str) -> Option<Secret> {
    Some(text.trim()).filter(|token| !token.is_empty()).map(Secret::new)
}

fn full_token(vars: &Vars) -> Result<Option<Secret>, ConfigError> {
    check_token("SRH_TOKEN", vars.get("SRH_TOKEN").and_then(token))
}

/// A header cannot carry a line end, nor can a line of an `.env` file.
fn check_token(name: &str, token: Option<Secret>) -> Result<Option<Secret>, ConfigError> {
    match token {
        Some(token) if token.reveal().chars().any(char::is_control) => {
            Err(ConfigError::new(name, "has a control character in it", "a-long-random-text"))
        }
        token => Ok(token),
    }
}

fn readonly_token(vars: &Vars) -> Result<Option<Secret>, ConfigError> {
    // Vercel's name for Upstash's read-only token.
    let named = ["SRH_READONLY_TOKEN", "KV_REST_API_READ_ONLY_TOKEN"]
        .into_iter()
        .find_map(|name| Some((name, vars.get(name).and_then(token)?)));
    match named {
        Some((name, readonly))
            if vars.get("SRH_TOKEN").and_then(token).as_ref() == Some(&readonly) =>
        {
            Err(ConfigError::new(name, "is the same as SRH_TOKEN", "another-long-random-text"))
        }
        Some((name, token)) => check_token(name, Some(token)),
        None => Ok(None),
    }
}

fn max_response(vars: &Vars) -> Result<Option<usize>, ConfigError> {
    vars.parse("PKV_MAX_RESPONSE", "10mb", |text| match parse_bytes(text)? {
        // Errors are answers too, the one about this limit included.
        bytes if bytes < 1 << 10 => Err(format!("{text:?} is less than 1kb")),
        bytes => Ok(usize::try_from(bytes).unwrap_or(usize::MAX)),
    })
}

fn mode(
    vars: &Vars,
    connection_string: Option<ConnectionString>,
    warnings: &mut Vec<String>,
) -> Result<Mode, ConfigError> {
    let tokens_file = tokens_file(vars)?;
    let mode = match vars.get("SRH_MODE") {
        None => match tokens_file {
            Some(path) => Mode::File(path),
            None => Mode::Bundled,
        },
        Some("bundled") => Mode::Bundled,
        Some("file") => Mode::File(tokens_file.ok_or_else(|| {
            ConfigError::new(
                "PKV_TOKENS_FILE",
                "is needed by SRH_MODE=file: no tokens.json in /app/srh-config or srh-config",
                "/etc/pkv/tokens.json",
            )
        })?),
        Some("env") => Mode::Env(connection_string.clone().ok_or_else(|| {
            ConfigError::new(
                "SRH_CONNECTION_STRING",
                "is needed by SRH_MODE=env",
                "redis://127.0.0.1:6379",
            )
        })?),
        Some(other) => {
            let fault = format!("{other:?} is none of bundled, env, file");
            return Err(ConfigError::new("SRH_MODE", fault, "env"));
        }
    };
    if connection_string.is_some() && !matches!(mode, Mode::Env(_)) {
        warnings.push("SRH_CONNECTION_STRING is not used: set SRH_MODE=env to use it".into());
    }
    Ok(mode)
}

/// The tokens file that was named, or that lies where SRH looks for it.
fn tokens_file(vars: &Vars) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(named) = vars.get("PKV_TOKENS_FILE") {
        return if Path::new(named).is_file() {
            Ok(Some(named.into()))
        } else {
            let fault = format!("{named:?} is not a file");
            Err(ConfigError::new("PKV_TOKENS_FILE", fault, "/etc/pkv/tokens.json"))
        };
    }
    let places = ["/app/srh-config/tokens.json", "srh-config/tokens.json"];
    Ok(places.into_iter().map(PathBuf::from).find(|path| path.is_file()))
}

fn bundled(vars: &Vars) -> Result<Bundled, ConfigError> {
    let temp_dir = vars.get("TMPDIR").unwrap_or("/tmp");
    Ok(Bundled {
        data_dir: vars.get("PKV_DATA_DIR").map(PathBuf::from),
        storage: vars
            .parse("PKV_STORAGE", "append-only", storage::parse_storage)?
            .unwrap_or_default(),
        snapshot_interval: vars
            .parse("PKV_SNAPSHOT_INTERVAL", "60s", |text| match units::parse_duration(text)? {
                // Redis forks for each.
                interval if interval < Duration::from_secs(1) => {
                    Err(format!("{text:?} is less than 1s"))
                }
                interval => Ok(interval),
            })?
            .unwrap_or(Duration::from_secs(60)),
        local_dir: vars.get("PKV_LOCAL_DIR").unwrap_or(temp_dir).into(),
        server: programs::server(vars)?,
        json_module: programs::json_module(vars)?,
        temp_dir: temp_dir.into(),
        port: vars.parse("PKV_REDIS_PORT", "6379", |text| match units::parse_port(text)? {
            0 => Err("0 is no port to connect to".to_owned()),
            port => Ok(port),
        })?,
        durability: vars
            .parse("PKV_DURABILITY", "everysec", |text| match text {
                "always" => Ok(Durability::Always),
                "everysec" => Ok(Durability::EverySecond),
                "none" => Ok(Durability::None),
                _ => Err(format!("{text:?} is none of always, everysec, none")),
            })?
            .unwrap_or(Durability::EverySecond),
        maxmemory: vars.parse("PKV_MAXMEMORY", "512mb", |text| {
            // 0 would mean "no limit" to Redis, and an out-of-memory kill to the user.
            match parse_bytes(text)? {
                bytes if bytes < 1 << 20 => Err(format!("{text:?} is less than 1mb")),
                bytes => Ok(bytes),
            }
        })?,
        hang_limit: vars
            .parse("PKV_HANG_LIMIT", "60s", |text| match units::parse_duration(text)? {
                // A script may keep Redis from answering for five seconds before it says BUSY.
                limit if limit < Duration::from_secs(10) => {
                    Err(format!("{text:?} is less than 10s"))
                }
                limit => Ok(limit),
            })?
            // A fork of a large memory stands still for seconds: no hang yet.
            .unwrap_or(Duration::from_secs(60)),
    })
}

/// The variables that are set and not empty.
struct Vars(BTreeMap<String, String>);

impl Vars {
    fn new(vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let mut set = BTreeMap::new();
        for (name, value) in vars {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) if value.is_empty() => {}
                Ok(value) => {
                    set.insert(name, value);
                }
                Err(_) if variables::is_ours(&name) => {
                    return Err(ConfigError::new(&name, "is not UTF-8", "value"));
                }
                Err(_) => {}
            }
        }
        Ok(Self(set))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn parse<T>(
        &self,
        name: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(name)
            .map(|text| parse(text).map_err(|fault| ConfigError::new(name, fault, example)))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_vars(vars.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn nothing_set_means_the_bundled_redis_on_7860() {
        let config = config(&[]).unwrap();
        assert!(matches!(config.mode, Mode::Bundled));
        assert_eq!((config.port, config.max_connections), (7860, 6));
        assert_eq!((config.max_body, config.timeout.as_secs()), (10 << 20, 30));
        assert_eq!(config.max_response, None);
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn empty_counts_as_unset_and_srh_port_goes_before_port() {
        assert_eq!(config(&[("SRH_PORT", ""), ("PORT", "80")]).unwrap().port, 80);
        assert_eq!(config(&[("SRH_PORT", "81"), ("PORT", "80")]).unwrap().port, 81);
        assert!(config(&[("SRH_TOKEN", "")]).unwrap().token.is_none());
        assert_eq!(config(&[("SRH_TOKEN", "t\n")]).unwrap().token, Some(Secret::new("t")));
    }

    #[test]
    fn a_bad_value_names_variable_fault_and_example() {
        for (name, value) in [
            ("SRH_PORT", "abc"),
            ("SRH_TOKEN", "two\nlines"),
            ("SRH_READONLY_TOKEN", "two\nlines"),
            ("PORT", "65536"),
            ("SRH_MODE", "cluster"),
            ("SRH_MAX_CONNECTIONS", "0"),
            ("SRH_CONNECTION_STRING", "127.0.0.1:6379"),
            ("SRH_CONNECTION_STRING", "http://127.0.0.1"),
            ("SRH_CONNECTION_STRING", "rediss://redis.example#insecure"),
            ("PKV_BIND", "localhost"),
            ("PKV_DURABILITY", "yes"),
            ("PKV_MAXMEMORY", "0"),
            ("PKV_MAX_BODY", "ten"),
            ("PKV_MAX_RESPONSE", "all"),
            ("PKV_MAX_RESPONSE", "1023"),
            ("PKV_MAX_QUEUE", "1kb"),
            ("PKV_TIMEOUT", "soon"),
            ("PKV_IDLE_TIMEOUT", "0s"),
            ("PKV_CLIENT_TIMEOUT", "never"),
            ("PKV_HANG_LIMIT", "9s"),
            ("PKV_STORAGE", "disk"),
            ("PKV_SNAPSHOT_INTERVAL", "500ms"),
            ("PKV_DIALECT", "french"),
            ("PKV_LOG", "loud"),
            ("PKV_REDIS_PORT", "0"),
            ("PKV_REDIS_SERVER", "/nowhere/redis-server"),
            ("PKV_JSON_MODULE", "/nowhere/module.so"),
            ("PKV_TOKENS_FILE", "/nowhere/tokens.json"),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(error.contains(&format!("for example {name}=")), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_connection_string_never_shows_its_password() {
        let url = "redis://user:hunter2@nowhere.example:0x/0";
        let error = config(&[("SRH_CONNECTION_STRING", url)]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let good = ConnectionString::parse("redis://user:hunter2@nowhere.example/0").unwrap();
        assert!(!format!("{good:?}").contains("hunter2"));
    }

    #[test]
    fn env_mode_needs_a_connection_string_and_other_modes_say_it_is_unused() {
        assert!(config(&[("SRH_MODE", "env")]).is_err());
        let url = ("SRH_CONNECTION_STRING", "redis://127.0.0.1:6379");
        assert!(matches!(config(&[("SRH_MODE", "env"), url]).unwrap().mode, Mode::Env(_)));
        assert_eq!(config(&[url]).unwrap().warnings.len(), 1);
    }

    #[test]
    fn the_url_is_one_that_a_client_can_use() {
        let url = |vars| config(vars).unwrap().url(80);
        assert_eq!(url(&[]), "http://localhost:80");
        assert_eq!(url(&[("PKV_BIND", "::")]), "http://localhost:80");
        assert_eq!(url(&[("PKV_BIND", "::1")]), "http://[::1]:80");
        let space = [("SPACE_HOST", "me-pkv.hf.space"), ("PKV_BIND", "127.0.0.1")];
        assert_eq!(url(&space), "https://me-pkv.hf.space");
    }

    #[test]
    fn secrets_are_masked_in_debug() {
        let config = config(&[("SRH_TOKEN", "hunter2")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
