//! pkv: serverless Redis in one container. One process starts and supervises a redis-server and
//! serves Upstash's Redis REST API in front of it, or in front of Redis servers that run elsewhere.
//!
//! # Layout
//!
//! | module | purpose |
//! |---|---|
//! | [`config`] | the environment, typed and validated |
//! | [`tokens`] | which token leads to which Redis |
//! | [`supervisor`] | the bundled Redis: started, watched, started again, stopped |
//! | [`state`] | what the bundled Redis is doing: all that the supervisor tells the others |
//! | [`data_dir`] | where its data is kept, and how |
//! | [`private_dir`] | a directory that is gone when pkv ends |
//! | [`backup`] | its data into a file, and back |
//! | [`credentials`] | what a client needs to reach pkv |
//! | [`exec`] | a command with a store of its own |
//! | [`healthcheck`] | whether a pkv is ready |
//! | [`command`] | what a request asks for: parsing, and which commands may be sent |
//! | [`dialect`] | where Upstash differs from Redis |
//! | [`engine`] | which server answers |
//! | [`upstream`] | the way to Redis, and what may have happened on it |
//! | [`reply`] | Redis replies as JSON or RESP2 |
//! | [`api`] | HTTP |
//! | [`signals`], [`stop`] | who asked to stop, and waiting for it |
//! | [`logging`], [`banner`] | what a person sees |
//! | [`rest_token`] | tokens of ACL users |
//! | [`limits`] | what clients may take of the machine |
//! | [`workers`] | the threads that serve them |
//! | [`secret`] | what is never shown |
//!
//! # A request's path
//!
//! ```text
//! api::answer ─ api::auth (token → Tenant) ─ command::body or command::path ─ command::policy
//!             ─ dialect::translate ─ upstream::execute(batch) ─ dialect's answer ─ reply ─ Response
//! ```

pub mod api;
pub mod backup;
pub mod banner;
pub mod command;
pub mod config;
pub mod credentials;
pub mod data_dir;
pub mod dialect;
pub mod engine;
pub mod exec;
pub mod healthcheck;
pub mod limits;
pub mod logging;
pub mod private_dir;
pub mod reply;
pub mod rest_token;
pub mod secret;
pub mod signals;
pub mod state;
pub mod stop;
pub mod supervisor;
pub mod tokens;
pub mod upstream;
pub mod workers;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, error, info, warn};

use banner::{Banner, Engine, Keeping};
use config::{Config, ConfigError, ConnectionString, Mode, Storage};
use credentials::Credentials;
use data_dir::DataDir;
use limits::Limits;
use secret::Secret;
use state::{State, Status, StatusReceiver};
use stop::Stop;
use supervisor::{Settings, Stopped, Supervisor};
use tokens::{Target, Tokens};
use upstream::Upstreams;
use workers::Workers;

/// Longest wait for an answer of whatever listens on the loopback port of `SRH_CONNECTION_STRING`.
const LOOK: Duration = Duration::from_millis(250);

/// Longest wait for the Redis of a pkv that was killed to end.
const PREDECESSOR: Duration = Duration::from_secs(3);

/// The Redis that pkv starts itself, with everything that comes with it.
struct Bundled {
    supervisor: Supervisor,
    settings: Settings,
    data_dir: DataDir,
    generated_token: Option<Secret>,
}

/// What serves the commands.
enum Backend {
    Bundled(Box<Bundled>, Tokens),
    External(Tokens),
}

/// Serves on the workers until `stop` is requested; `started` is when the process began. A
/// [`ConfigError`] in the error's chain means that the user has to change something.
///
/// Must be driven by the main thread (`block_on`): see [`supervisor::Supervisor::run`].
pub async fn run(
    config: Config,
    workers: Workers,
    stop: Stop,
    started: Instant,
) -> anyhow::Result<Stopped> {
    config.warnings.iter().for_each(|warning| warn!("{warning}"));
    let listener = api::listen(config.bind, config.port)?;
    let address = listener.local_addr().context("asking for the address listened on")?;
    info!(%address, "listening");
    match choose(&config).await? {
        Backend::External(tokens) => {
            let count = tokens.targets().len();
            let serving = Serving::start(listener, workers, &config, tokens, None, &stop);
            let engine = Engine::External { count };
            let url = config.url(address.port());
            say(&Banner { url, generated_token: None, engine, ready_in: started.elapsed() });
            serving.until_drained(&stop).await;
            Ok(Stopped::Cleanly)
        }
        Backend::Bundled(bundled, tokens) => {
            let status = bundled.supervisor.status();
            let serving =
                Serving::start(listener, workers, &config, tokens, Some(status.clone()), &stop);
            let banner = announce(&bundled, status, config.url(address.port()), started);
            let redis_stop = Stop::default();
            let supervise = async {
                let lock = tokio::select! {
                    lock = bundled.data_dir.lock() => lock?,
                    () = stop.requested() => return Ok(Stopped::Cleanly),
                };
                bundled.supervisor.run(lock, &redis_stop).await
            };
            let drain = async {
                serving.until_drained(&stop).await;
                redis_stop.request();
            };
            let (stopped, ()) = tokio::join!(
                async {
                    let stopped = supervise.await;
                    // Without Redis there is nothing to serve: whatever ended it ends us.
                    stop.request();
                    stopped
                },
                drain
            );
            banner.abort();
            stopped
        }
    }
}

/// The running HTTP server and its upstreams.
struct Serving {
    server: tokio::task::JoinHandle<()>,
    upstreams: Arc<Upstreams>,
}

impl Serving {
    fn start(
        listener: TcpListener,
        workers: Workers,
        config: &Config,
        tokens: Tokens,
        status: Option<StatusReceiver>,
        stop: &Stop,
    ) -> Self {
        let limits = Limits::new(config.max_queue);
        debug!(?limits, "what clients may take");
        let upstreams =
            Upstreams::new(tokens.targets(), status.clone(), config.timeout, limits.queue);
        let upstreams = Arc::new(upstreams);
        let context = api::Context {
            tokens,
            dialect: dialect::Dialect::new(config.speaks_upstash),
            upstreams: upstreams.clone(),
            status,
            public_url: config.public_host.as_ref().map(|host| format!("https://{host}")),
            stop: stop.clone(),
            max_body: config.max_body,
            max_response: config.max_response,
            client_timeout: config.client_timeout,
            probe: api::Probe::default(),
        };
        let limits = api::Limits {
            connections: limits.connections,
            idle_timeout: config.idle_timeout,
            client_timeout: config.client_timeout,
        };
        let server =
            tokio::spawn(api::serve(listener, workers, Arc::new(context), stop.clone(), limits));
        Self { server, upstreams }
    }

    /// Returns when the stop was requested and requests were answered, or given up.
    async fn until_drained(self, stop: &Stop) {
        tokio::select! {
            () = self.upstreams.close_idle() => {}
            () = stop.requested() => {}
        }
        if let Err(panic) = self.server.await {
            error!(%panic, "the HTTP server failed");
        }
        self.upstreams.close();
    }
}

/// Decides what serves the commands, and says so.
async fn choose(config: &Config) -> anyhow::Result<Backend> {
    match &config.mode {
        Mode::File(path) => {
            let tokens = Tokens::from_file(path)?;
            let redis = tokens.targets().len();
            info!(file = %path.display(), redis, "serving external Redis, from a tokens file");
            Ok(Backend::External(tokens))
        }
        Mode::Env(connection) => match connection.loopback() {
            Some(address) if !is_somebody_elses(config, address).await => {
                info!(%address, "nothing listens at SRH_CONNECTION_STRING: starting the bundled Redis");
                bundled(config, Some(connection))
            }
            _ => external(config, connection),
        },
        Mode::Bundled => bundled(config, None),
    }
}

/// What a client needs to reach the pkv that has this configuration. An error says what is missing.
pub fn credentials_of(config: &Config) -> anyhow::Result<Credentials> {
    let token = match (&config.mode, &config.token) {
        (Mode::File(path), _) => {
            bail!("there is a token for each Redis in {}", path.display());
        }
        (_, Some(token)) => Some(token.clone()),
        (Mode::Bundled | Mode::Env(_), None) if config.hugging_face => None,
        (Mode::Bundled | Mode::Env(_), None) => DataDir::known_token(&config.bundled)?,
    };
    let url = match config.public_host {
        Some(_) => config.url(config.port),
        None => config.url(config.known_port()?),
    };
    let Some(token) = token else {
        bail!("there is no token yet: start pkv, which makes one, or set SRH_TOKEN");
    };
    let redis_port = config.bundled.port.filter(|_| matches!(config.mode, Mode::Bundled));
    Ok(Credentials {
        url,
        token,
        readonly_token: config.readonly_token.clone(),
        redis_url: redis_port.map(|port| format!("redis://127.0.0.1:{port}")),
    })
}

fn external(config: &Config, connection: &ConnectionString) -> anyhow::Result<Backend> {
    if config.token.is_none() && !config.hugging_face {
        let fault = "is needed in front of a Redis that is not the bundled one";
        return Err(ConfigError::new("SRH_TOKEN", fault, "a-long-random-text").into());
    }
    info!(redis = ?connection, "serving an external Redis");
    let target = Target {
        name: "env_config_connection".into(),
        connection: connection.clone(),
        max_connections: config.max_connections,
    };
    let mut tokens = Tokens::single(config.token.as_ref(), target);
    if let Some(token) = &config.readonly_token {
        tokens = tokens.with_readonly(token, None);
    }
    Ok(Backend::External(tokens))
}

/// `stands_in_for`: the address that the bundled Redis is to be reached at as well, with the
/// password and database that its users expect there.
fn bundled(config: &Config, stands_in_for: Option<&ConnectionString>) -> anyhow::Result<Backend> {
    let data_dir = DataDir::find(&config.bundled)?;
    if let Some(why) = data_dir.why() {
        let (storage, dir) = (data_dir.storage().name(), data_dir.path().display());
        match data_dir.storage() {
            Storage::Memory => warn!(storage, why, "the data is in memory only"),
            _ => warn!(storage, why, %dir, "the data directory holds no append-only file"),
        }
    }
    let generated_token = match (&config.token, config.hugging_face) {
        (None, false) => Some(data_dir.token()?),
        _ => None,
    };
    let redis = stands_in_for.map(|connection| connection.info().redis_settings());
    let settings = Settings {
        address: stands_in_for
            .and_then(ConnectionString::loopback)
            .or(config.bundled.port.map(|port| (Ipv4Addr::LOCALHOST, port).into())),
        password: redis.and_then(|redis| redis.password()).map(Secret::new),
        readonly_token: config.readonly_token.clone(),
        database: redis.map_or(0, |redis| redis.db()),
        ..Settings::new(&config.bundled, &data_dir)?
    };
    let supervisor = Supervisor::new(settings.clone())?;
    let target = |name: &str, connection| Target {
        name: name.into(),
        connection,
        max_connections: config.max_connections,
    };
    let mut tokens = Tokens::single(
        config.token.as_ref().or(generated_token.as_ref()),
        target("bundled", supervisor.callers_connection()),
    );
    if let (Some(token), Some(connection)) =
        (&config.readonly_token, supervisor.readers_connection())
    {
        tokens = tokens.with_readonly(token, Some(target("bundled, read-only", connection)));
    }
    let bundled = Bundled { supervisor, settings, data_dir, generated_token };
    Ok(Backend::Bundled(Box::new(bundled), tokens))
}

/// Whether a Redis listens there that is not the one of a pkv that was killed a moment ago: that one
/// still holds the data directory, and is about to end.
async fn is_somebody_elses(config: &Config, address: SocketAddr) -> bool {
    let deadline = Instant::now() + PREDECESSOR;
    while is_listening(address).await {
        let leaving = DataDir::is_in_use(config.bundled.data_dir.as_deref());
        if !leaving || Instant::now() >= deadline {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

async fn is_listening(address: SocketAddr) -> bool {
    let connecting = tokio::time::timeout(LOOK, TcpStream::connect(address));
    matches!(connecting.await, Ok(Ok(_)))
}

impl Keeping {
    fn of(data_dir: &DataDir, settings: &Settings) -> Self {
        let dir = data_dir.path().to_owned();
        match data_dir.storage() {
            Storage::AppendOnly => Self::AppendOnly { dir, durability: settings.durability },
            Storage::Snapshots => Self::Snapshots { dir, interval: settings.snapshot_interval },
            Storage::Memory => Self::Memory { why: data_dir.why().unwrap_or_default().to_owned() },
        }
    }
}

/// Prints the banner once Redis is ready for the first time.
fn announce(
    bundled: &Bundled,
    mut status: StatusReceiver,
    url: String,
    started: Instant,
) -> tokio::task::JoinHandle<()> {
    let settings = bundled.settings.clone();
    let token = bundled.generated_token.clone();
    let data = Keeping::of(&bundled.data_dir, &settings);
    tokio::spawn(async move {
        // The guard must not outlive this: while it is held, nobody can change the status.
        let version = match status.wait_for(Status::is_ready).await.as_deref() {
            Ok(Status { state: State::Ready { version, .. }, .. }) => version.clone(),
            _ => return,
        };
        say(&Banner {
            url,
            generated_token: token.as_ref(),
            engine: Engine::Bundled {
                version: &version,
                data: &data,
                also_on: settings.address,
                needs_password: settings.password.is_some(),
            },
            ready_in: started.elapsed(),
        });
    })
}

/// Does not wait for whoever reads it, who may never do.
fn say(banner: &Banner<'_>) {
    let banner = banner.render();
    // A closed stdout is no reason not to serve.
    tokio::task::spawn_blocking(move || drop(std::io::stdout().write_all(banner.as_bytes())));
}
