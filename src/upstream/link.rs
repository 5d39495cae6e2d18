//! One connection to Redis, shared by many callers: batches go out in the order they came, and each
//! caller gets the replies to its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, RedisConnectionInfo, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::{Fault, wire};
use crate::command::{Batch, Command};
use crate::config::ConnectionString;
use crate::engine::Engine;
use crate::reply;
use crate::rest_token::Login;

/// Longest wait for a connection to be made, the greeting (AUTH, SELECT) included.
const CONNECT: Duration = Duration::from_secs(2);

/// Pieces that may be under way on a connection at the same time; the others wait for their turn, and
/// so have certainly not been sent. As many as keep a Redis nearby busy: with 64 callers and three
/// connections 8 cost a tenth more of the processor for each request, and more than 16 nothing less.
/// Few, since the replies to them come whatever their size.
const TURNS: usize = 16;

/// The same where the memory has room for the replies: a Redis that is 50 ms away then still answers
/// 5000 requests a second on each connection.
const MOST_TURNS: usize = 256;

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
    /// Closed once nothing more may be sent.
    turns: Arc<Semaphore>,
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
        let turns = Arc::new(Semaphore::new(TURNS));
        let task = tokio::spawn({
            let turns = turns.clone();
            async move {
                let mut driver = Box::pin(driver);
                driver.as_mut().await;
                // Before it is dropped, and with it what is under way: whoever waits for a turn then
                // would get one on a connection that is gone.
                turns.close();
            }
        });
        let driver = Arc::new(Driver { turns, task: task.abort_handle() });
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

    /// Lets so many pieces be under way at the same time, within bounds. To be called once.
    pub fn widen(&self, turns: usize) {
        self.driver.turns.add_permits(turns.clamp(TURNS, MOST_TURNS) - TURNS);
    }

    /// Whether the connection is known to be gone, or retired.
    pub fn is_closed(&self) -> bool {
        self.driver.turns.is_closed()
    }

    /// Sends nothing more. What is under way may still be answered; those who wait for their turn learn
    /// that it will not come.
    pub fn retire(&self) {
        self.driver.turns.close();
    }

    /// Waits for a turn to send something; it lasts until all replies have come.
    pub async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Fault> {
        let turn = timeout_at(deadline, self.driver.turns.acquire()).await;
        turn.map_err(|_| Fault::Busy)?.map_err(|_| Fault::NotSent)
    }

    /// Sends the batch in one piece, whoever else waits, and waits for all of its replies, `timeout` at
    /// the longest.
    pub async fn send(&self, batch: &Batch, timeout: Duration) -> Result<Vec<Value>, Fault> {
        if self.is_closed() {
            return Err(Fault::NotSent);
        }
        self.exchange(&batch.commands, batch.atomic, Instant::now() + timeout).await
    }

    /// Sends the commands in one piece, in a transaction if `atomic`, and waits for all of their replies.
    pub async fn exchange(
        &self,
        commands: &[Command],
        atomic: bool,
        deadline: Instant,
    ) -> Result<Vec<Value>, Fault> {
        let mut connection = self.connection.clone();
        let replies = async {
            match commands {
                [command] if !atomic => {
                    connection.send_packed_command(&packed(command)).await.map(|reply| vec![reply])
                }
                _ => {
                    let pipeline = packed_pipeline(commands, atomic);
                    connection.send_packed_commands(&pipeline, 0, pipeline.len()).await
                }
            }
        };
        match timeout_at(deadline, replies).await {
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

    /// Asks with this command, at once; `None` if there is no answer in time.
    pub(super) async fn reply(&self, command: &Cmd, timeout: Duration) -> Option<Value> {
        let mut connection = self.connection.clone();
        tokio::time::timeout(timeout, connection.send_packed_command(command)).await.ok()?.ok()
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

fn packed(command: &Command) -> Cmd {
    let size = command.words().iter().map(|word| word.len()).sum();
    let mut packed = Cmd::with_capacity(command.words().len(), size);
    for word in command.words() {
        packed.arg(&word[..]);
    }
    packed
}

fn packed_pipeline(commands: &[Command], atomic: bool) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len() + 2);
    if atomic {
        pipeline.cmd("MULTI");
    }
    for command in commands {
        pipeline.add_command(packed(command));
    }
    if atomic {
        pipeline.cmd("EXEC");
    }
    pipeline
}
