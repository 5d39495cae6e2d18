//! One connection to Redis, shared by many callers: batches go out in the order they came, and each
//! caller gets the replies to its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, RedisConnectionInfo, Value};
use tokio::task::AbortHandle;

use super::{Fault, wire};
use crate::command::policy::CONTAINERS;
use crate::command::{Batch, Command};
use crate::config::ConnectionString;
use crate::engine::Engine;
use crate::reply;
use crate::rest_token::Login;

/// Longest wait for a connection to be made, the greeting (AUTH, SELECT) included.
const CONNECT: Duration = Duration::from_secs(2);

/// A connection; clones share it.
#[derive(Debug, Clone)]
pub struct Link {
    connection: MultiplexedConnection,
    driver: Arc<Driver>,
    takes_transactions: Arc<AtomicBool>,
    logged_in_at: Arc<Mutex<Instant>>,
    login_turn: Arc<tokio::sync::Mutex<()>>,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unopened {
    /// The server does not take this user with this password.
    Denied,
    /// The user may not come this way; the text is the server's.
    Refused(String),
    /// Anything else; the text says what, without secrets.
    Failed(String),
}

/// The task that reads and writes the connection; it ends with the last clone of its link.
#[derive(Debug)]
struct Driver {
    closed: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Connects and greets. The error says why not, without secrets.
    pub async fn open(target: &ConnectionString) -> Result<Self, String> {
        in_time(target, Self::connect(target, target.info().redis_settings())).await?
    }

    /// Connects as another user than `target` names, to the same database.
    pub async fn open_as(target: &ConnectionString, login: &Login) -> Result<Self, Unopened> {
        let opening = async {
            // Not left to the `redis` crate, which calls every fault here one of the password.
            let nobody = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2);
            let link = Self::connect(target, &nobody).await.map_err(Unopened::Failed)?;
            link.log_in(login).await?;
            let db = target.info().redis_settings().db();
            if db != 0 {
                link.ask(redis::cmd("SELECT").arg(db)).await?;
            }
            Ok(link)
        };
        in_time(target, opening).await.map_err(Unopened::Failed)?
    }

    async fn connect(
        target: &ConnectionString,
        settings: &RedisConnectionInfo,
    ) -> Result<Self, String> {
        let info = target.info();
        let wire = wire::connect(info.addr())
            .await
            .map_err(|error| format!("cannot connect to {target:?}: {error}"))?;
        // The time limit is ours (`send`), per batch.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(settings, wire, config)
            .await
            .map_err(|error| format!("{target:?} refused the connection: {error}"))?;
        let closed = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn({
            let closed = closed.clone();
            async move {
                driver.await;
                closed.store(true, Ordering::Release);
            }
        });
        let driver = Arc::new(Driver { closed, task: task.abort_handle() });
        let logged_in_at = Arc::new(Mutex::new(Instant::now()));
        let (takes_transactions, login_turn) = (Arc::default(), Arc::default());
        Ok(Self { connection, driver, takes_transactions, logged_in_at, login_turn })
    }

    /// Says to the server who this is: again on a connection that is in use, to learn whether the
    /// password still holds. A server lets connections live on when it does not.
    pub async fn log_in(&self, login: &Login) -> Result<(), Unopened> {
        let mut auth = redis::cmd("AUTH");
        auth.arg(&login.user).arg(login.password.reveal());
        self.ask(&auth).await?;
        *self.logged_in_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    /// Whether the last login that succeeded is as old as that.
    pub fn is_due(&self, age: Duration) -> bool {
        self.logged_in_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= age
    }

    /// Held by the one caller who logs in again; the others wait for what comes of it.
    pub async fn login_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.login_turn.lock().await
    }

    /// Sends a command that is answered with OK.
    async fn ask(&self, command: &Cmd) -> Result<(), Unopened> {
        match self.connection.clone().send_packed_command(command).await {
            Ok(Value::Okay) => Ok(()),
            Ok(Value::ServerError(error)) if error.code() == "WRONGPASS" => Err(Unopened::Denied),
            Ok(Value::ServerError(error)) if error.code() == "NOPERM" => {
                Err(Unopened::Refused(reply::error_text(&error).into_owned()))
            }
            Ok(Value::ServerError(error)) => {
                Err(Unopened::Failed(reply::error_text(&error).into_owned()))
            }
            Ok(_) => Err(Unopened::Failed("an answer to a login that is none".into())),
            Err(error) => Err(Unopened::Failed(error.to_string())),
        }
    }

    /// Whether the connection is known to be gone.
    pub fn is_closed(&self) -> bool {
        self.driver.closed.load(Ordering::Acquire)
    }

    /// Whether both are the same connection.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.driver, &other.driver)
    }

    /// Sends the batch in one piece and waits for all of its replies, `timeout` at the longest.
    pub async fn send(&self, batch: &Batch, timeout: Duration) -> Result<Vec<Value>, Fault> {
        if self.is_closed() {
            return Err(Fault::NotSent);
        }
        let mut connection = self.connection.clone();
        let replies = async {
            match batch.commands.as_slice() {
                [command] if !batch.atomic => {
                    connection.send_packed_command(&packed(command)).await.map(|reply| vec![reply])
                }
                _ => {
                    let pipeline = packed_batch(batch);
                    connection.send_packed_commands(&pipeline, 0, pipeline.len()).await
                }
            }
        };
        match tokio::time::timeout(timeout, replies).await {
            Ok(Ok(replies)) => Ok(replies),
            // The client cannot tell what was still queued from what was under way.
            Ok(Err(_)) => Err(Fault::Lost),
            Err(_) => Err(Fault::Timeout),
        }
    }

    /// What the server says that it is; unknown if it does not say so in time. INFO says most, but
    /// not to every user.
    pub async fn engine(&self, timeout: Duration) -> Engine {
        let asked = async {
            let mut connection = self.connection.clone();
            match connection.send_packed_command(redis::cmd("INFO").arg("server")).await? {
                Value::BulkString(info) => Ok(Engine::from_info(&String::from_utf8_lossy(&info))),
                Value::ServerError(_) => {
                    connection.send_packed_command(&redis::cmd("HELLO")).await.map(|it| said(&it))
                }
                _ => Ok(Engine::Unknown),
            }
        };
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(engine)) => engine,
            Ok(Err(_)) | Err(_) => Engine::Unknown,
        }
    }

    /// Whether this connection's user may run scripts, as far as the server says.
    pub async fn takes_scripts(&self, timeout: Duration) -> bool {
        let mut script = redis::cmd("EVAL");
        script.arg("return 1").arg(0);
        let mut connection = self.connection.clone();
        let reply = tokio::time::timeout(timeout, connection.send_packed_command(&script)).await;
        !matches!(reply, Ok(Ok(Value::ServerError(error))) if error.code() == "NOPERM")
    }

    /// Whether this connection's server is known to take transactions.
    pub fn takes_transactions(&self) -> bool {
        self.takes_transactions.load(Ordering::Acquire)
    }

    /// Remembers that it does.
    pub fn note_transactions(&self) {
        self.takes_transactions.store(true, Ordering::Release);
    }

    /// What the server's own command table says of each command, in their order; `None` if it does
    /// not answer.
    pub async fn kinds(&self, commands: &[Command], timeout: Duration) -> Option<Vec<Kind>> {
        let mut info = Cmd::new();
        info.arg("COMMAND").arg("INFO");
        let names: Vec<_> = commands.iter().map(names).collect();
        let mut asked: BTreeMap<&[u8], usize> = BTreeMap::new();
        for name in names.iter().flatten() {
            let next = asked.len();
            asked.entry(name).or_insert_with(|| {
                info.arg(name.as_slice());
                next
            });
        }
        let mut connection = self.connection.clone();
        let reply = tokio::time::timeout(timeout, connection.send_packed_command(&info)).await;
        let Value::Array(entries) = reply.ok()?.ok()? else {
            return Some(vec![Kind::Other; commands.len()]);
        };
        let kind = |name: &Vec<u8>| match (entries.len() == asked.len(), asked.get(&name[..])) {
            (true, Some(at)) => kind(&entries[*at]),
            _ => Kind::Other,
        };
        Some(names.iter().map(|[name, sub]| kind(sub).or(kind(name))).collect())
    }
}

/// What comes of connecting, if it comes in time.
async fn in_time<T>(
    target: &ConnectionString,
    opening: impl Future<Output = T>,
) -> Result<T, String> {
    let late = |_| format!("{target:?} did not answer within {} s", CONNECT.as_secs());
    tokio::time::timeout(CONNECT, opening).await.map_err(late)
}

/// Which server says this in answer to HELLO.
fn said(hello: &Value) -> Engine {
    let Value::Array(fields) = hello else { return Engine::Unknown };
    let text = |field: &Value| match field {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    Engine::from_hello(&fields.iter().map(text).collect::<Vec<_>>())
}

/// A command by its server's own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only reads.
    Read,
    /// It only reads, but what only an administrator should: all keys at once, say.
    DangerousRead,
    /// It may do more than read.
    Other,
    /// The server does not know it.
    Unknown,
}

impl Kind {
    /// A sub-command's kind is its container's if the server has none of its own for it.
    fn or(self, container: Self) -> Self {
        if self == Self::Unknown { container } else { self }
    }
}

/// The names that the command may have in the table: without and with its sub-command.
fn names(command: &Command) -> [Vec<u8>; 2] {
    let name = command.name().to_ascii_lowercase();
    let sub = match command.arguments().first() {
        Some(word) if CONTAINERS.iter().any(|container| container.as_bytes() == name) => {
            [name.as_slice(), b"|", &word.to_ascii_lowercase()].concat()
        }
        _ => name.clone(),
    };
    [name, sub]
}

/// An entry of COMMAND INFO is `[name, arity, [flag, …], first, last, step, [category, …], …]`, or
/// nil for an unknown name; categories came with Redis 6.
fn kind(entry: &Value) -> Kind {
    let Value::Array(fields) = entry else { return Kind::Unknown };
    let has = |at: usize, word: &str| match fields.get(at) {
        Some(Value::Array(words)) => {
            words.iter().any(|one| matches!(one, Value::SimpleString(one) if one == word))
        }
        _ => false,
    };
    match (has(2, "readonly"), has(6, "@dangerous") || has(6, "@scripting")) {
        (false, _) => Kind::Other,
        (true, true) => Kind::DangerousRead,
        (true, false) => Kind::Read,
    }
}

fn packed(command: &Command) -> Cmd {
    let size = command.words().iter().map(Vec::len).sum();
    let mut packed = Cmd::with_capacity(command.words().len(), size);
    for word in command.words() {
        packed.arg(word.as_slice());
    }
    packed
}

fn packed_batch(batch: &Batch) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(batch.commands.len() + 2);
    if batch.atomic {
        pipeline.cmd("MULTI");
    }
    for command in &batch.commands {
        pipeline.add_command(packed(command));
    }
    if batch.atomic {
        pipeline.cmd("EXEC");
    }
    pipeline
}
