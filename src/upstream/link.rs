//! A connection with what is known of it: for whom it was made, what its server takes, and how many may
//! have something under way. What goes over it, and to whom, is [`super::connection`]'s.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::connection::{Answer, Connection, Turn};
use super::{Fault, encode, wire};
use crate::command::{Batch, Command};
use crate::config::ConnectionString;
use crate::engine::Engine;
use crate::reply::{self, Frame, Replies};
use crate::rest_token::Login;
use crate::workers;

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

/// With so many under way whose replies are long, a connection is crowded. Redis sends each connection some of
/// what waits there before it looks for anything new: the more connections, the more at a time. Two cores
/// answer 64 callers who ask for 64 KB by a twelfth faster over six than over two. Of 2, 4 and 8, this is the
/// number with which it gains most.
const CROWD: usize = 4;

/// A connection; clones share it, and the last one closes it.
#[derive(Debug, Clone)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connection: Connection,
    /// Closed once nothing more may be sent.
    turns: Arc<Semaphore>,
    /// How many turns there are, free or taken.
    all_turns: AtomicUsize,
    /// The worker whose thread reads and writes.
    worker: usize,
    takes_transactions: AtomicBool,
    logged_in_at: Mutex<Instant>,
    login_turn: tokio::sync::Mutex<()>,
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

/// Whom a connection is for.
#[derive(Clone, Copy)]
struct User<'a> {
    /// Servers before Redis 6 know passwords only.
    name: Option<&'a str>,
    password: &'a str,
}

impl Link {
    /// Connects and greets. The error says why not, without secrets.
    pub async fn open(target: &ConnectionString) -> Result<Self, String> {
        let settings = target.info().redis_settings();
        let user = settings.password().map(|password| User { name: settings.username(), password });
        in_time(target, Self::connect(target, user, settings.db())).await?
    }

    /// Connects as another user than `target` names, to the same database.
    pub async fn open_as(target: &ConnectionString, login: &Login) -> Result<Self, Unopened> {
        let opening = async {
            let link = Self::connect(target, None, 0).await.map_err(Unopened::Failed)?;
            link.log_in(login).await?;
            let db = target.info().redis_settings().db();
            if db != 0 {
                link.must(&["SELECT", &db.to_string()]).await?;
            }
            Ok(link)
        };
        in_time(target, opening).await.map_err(Unopened::Failed)?
    }

    async fn connect(
        target: &ConnectionString,
        user: Option<User<'_>>,
        db: i64,
    ) -> Result<Self, String> {
        let wire = wire::connect(target.info().addr())
            .await
            .map_err(|error| format!("cannot connect to {target:?}: {error}"))?;
        let turns = Arc::new(Semaphore::new(TURNS));
        let closing = turns.clone();
        let link = Self(Arc::new(Shared {
            // Closed before anybody learns of a loss: whoever waits for a turn then would get one on
            // a connection that is gone.
            connection: Connection::start(wire, move || closing.close()),
            turns,
            all_turns: AtomicUsize::new(TURNS),
            worker: workers::number(),
            takes_transactions: AtomicBool::default(),
            logged_in_at: Mutex::new(Instant::now()),
            login_turn: tokio::sync::Mutex::default(),
        }));
        let refused = |why| format!("{target:?} refused the connection: {why}");
        match link.greet(user, db).await {
            Err(why) if why.contains("wrong number of arguments for 'auth'") => {
                let user = user.map(|user| User { name: None, ..user });
                link.greet(user, db).await.map_err(refused)?;
            }
            greeted => greeted.map_err(refused)?,
        }
        Ok(link)
    }

    /// Says what every connection begins with, in one piece. The error is the server's, if it says one.
    async fn greet(&self, user: Option<User<'_>>, db: i64) -> Result<(), String> {
        let db = db.to_string();
        let version = env!("CARGO_PKG_VERSION");
        let mut greeting: Vec<Vec<&str>> = Vec::new();
        if let Some(User { name, password }) = user {
            greeting.push(["AUTH"].into_iter().chain(name).chain([password]).collect());
        }
        if db != "0" {
            greeting.push(vec!["SELECT", &db]);
        }
        let needed = greeting.len();
        // What CLIENT LIST shows; servers before Redis 7.2 refuse it.
        greeting.push(vec!["CLIENT", "SETINFO", "LIB-NAME", "pkv"]);
        greeting.push(vec!["CLIENT", "SETINFO", "LIB-VER", version]);
        let answers: Result<Vec<_>, _> = greeting.iter().map(|words| self.ask(words)).collect();
        let mut said = None;
        for (at, answer) in answers.map_err(|fault| gone(&fault))?.into_iter().enumerate() {
            let Ok(answer) = answer.replies().await else {
                // A server that has no place for this one says so before it hangs up.
                return Err(said.unwrap_or_else(|| gone(&Fault::Lost)));
            };
            if let Some(error) = Frame::of(&answer).error() {
                if at < needed {
                    return Err(without_arguments(&error));
                }
                said.get_or_insert(error.into_owned());
            }
        }
        Ok(())
    }

    /// Says to the server who this is: again on a connection that is in use, to learn whether the
    /// password still holds. A server lets connections live on when it does not.
    pub async fn log_in(&self, login: &Login) -> Result<(), Unopened> {
        self.must(&["AUTH", &login.user, login.password.reveal()]).await?;
        *self.0.logged_in_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    /// Whether the last login that succeeded is as old as that.
    pub fn is_due(&self, age: Duration) -> bool {
        self.0.logged_in_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= age
    }

    /// Held by the one caller who logs in again; the others wait for what comes of it.
    pub async fn login_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.login_turn.lock().await
    }

    /// Sends a command that is answered with OK.
    async fn must(&self, words: &[&str]) -> Result<(), Unopened> {
        match self.call(words).await {
            Ok(Value::Okay) => Ok(()),
            Ok(Value::ServerError(error)) if error.code() == "WRONGPASS" => Err(Unopened::Denied),
            Ok(Value::ServerError(error)) if error.code() == "NOPERM" => {
                Err(Unopened::Refused(reply::error_text(&error).into_owned()))
            }
            Ok(Value::ServerError(error)) => {
                Err(Unopened::Failed(without_arguments(&reply::error_text(&error))))
            }
            Ok(_) => Err(Unopened::Failed("an answer to a login that is none".into())),
            Err(fault) => Err(Unopened::Failed(gone(&fault))),
        }
    }

    /// Lets so many pieces be under way at the same time. To be called once, before anybody takes a turn.
    pub fn set_turns(&self, turns: usize) {
        self.0.all_turns.store(turns, Ordering::Relaxed);
        self.0.turns.add_permits(turns.saturating_sub(TURNS));
        self.0.turns.forget_permits(TURNS.saturating_sub(turns));
    }

    /// Whether this worker reads and writes here. Another one may have long replies to write for its clients,
    /// and reads nothing meanwhile.
    pub fn is_driven_here(&self) -> bool {
        self.0.worker == workers::number()
    }

    /// Whether the connection is known to be gone, or retired.
    pub fn is_closed(&self) -> bool {
        self.0.turns.is_closed()
    }

    /// Whether who came now would wait: for a turn, or behind a long reply.
    pub fn is_busy(&self) -> bool {
        self.0.turns.available_permits() == 0 || self.is_in_long_reply()
    }

    /// Whether another connection had better be used, if there is one: replies are long here, and some are
    /// under way.
    pub fn is_crowded(&self) -> bool {
        self.0.connection.replies_are_long() && self.under_way() >= CROWD
    }

    /// Pieces that are under way and have a turn: all that requests send.
    pub fn under_way(&self) -> usize {
        let free = self.0.turns.available_permits();
        self.0.all_turns.load(Ordering::Relaxed).saturating_sub(free)
    }

    /// Whether who came now would wait behind a long reply.
    pub fn is_in_long_reply(&self) -> bool {
        self.0.connection.is_in_long_reply()
    }

    /// Sends nothing more. What is under way may still be answered; those who wait for their turn learn
    /// that it will not come.
    pub fn retire(&self) {
        self.0.turns.close();
    }

    /// Waits for a turn to send something; it lasts until all replies have come, whether or not anybody
    /// still waits for them.
    pub async fn turn(&self, deadline: Instant) -> Result<Turn, Fault> {
        let asked = Instant::now();
        match timeout_at(deadline, self.0.turns.clone().acquire_owned()).await {
            Ok(turn) => turn.map_err(|_| Fault::NotSent),
            Err(_) => {
                // All turns are taken by those whose answers do not come, and who may have gone away.
                if self.0.connection.silence() >= asked.elapsed() {
                    self.retire();
                }
                Err(Fault::Busy)
            }
        }
    }

    /// Sends the batch in one piece, whoever else waits, and waits for all of its replies, `timeout` at
    /// the longest.
    pub async fn send(&self, batch: &Batch, timeout: Duration) -> Result<Replies, Fault> {
        if self.is_closed() {
            return Err(Fault::NotSent);
        }
        self.exchange(&batch.commands, batch.atomic, None, Instant::now() + timeout).await
    }

    /// Sends the commands in one piece, in a transaction if `atomic`, and waits for all of their replies.
    pub async fn exchange(
        &self,
        commands: &[Command],
        atomic: bool,
        turn: Option<Turn>,
        deadline: Instant,
    ) -> Result<Replies, Fault> {
        let size = encode::size(commands, atomic);
        let count = commands.len() + if atomic { 2 } else { 0 };
        let write = |out: &mut Vec<u8>| encode::write(out, commands, atomic);
        let answer = self.0.connection.ask(size, count, turn, write)?;
        let piece = timeout_at(deadline, answer.replies()).await.map_err(|_| Fault::Timeout)??;
        Ok(Replies::of(piece, count))
    }

    /// Sends one command, at once, and waits for its reply: for as long as the caller likes.
    async fn call<W: AsRef<[u8]>>(&self, words: &[W]) -> Result<Value, Fault> {
        let answer = self.ask(words)?.replies().await?;
        Ok(Frame::of(&answer).value())
    }

    fn ask<W: AsRef<[u8]>>(&self, words: &[W]) -> Result<Answer, Fault> {
        let size = encode::size_of_words(words);
        self.0.connection.ask(size, 1, None, |out| encode::write_words(out, words))
    }

    /// What the server says that it is; unknown if it does not say so in time. INFO says most, but
    /// not to every user.
    pub async fn engine(&self, timeout: Duration) -> Engine {
        let asked = async {
            match self.call(&["INFO", "server"]).await? {
                Value::BulkString(info) => Ok(Engine::from_info(&String::from_utf8_lossy(&info))),
                Value::ServerError(_) => self.call(&["HELLO"]).await.map(|it| said(&it)),
                _ => Ok(Engine::Unknown),
            }
        };
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(engine)) => engine,
            Ok(Err::<_, Fault>(_)) | Err(_) => Engine::Unknown,
        }
    }

    /// Whether this connection's user may run scripts, as far as the server says.
    pub async fn takes_scripts(&self, timeout: Duration) -> bool {
        let reply = self.reply(&["EVAL", "return 1", "0"], timeout).await;
        !matches!(reply, Some(Value::ServerError(error)) if error.code() == "NOPERM")
    }

    /// Whether this connection's server is known to take transactions.
    pub fn takes_transactions(&self) -> bool {
        self.0.takes_transactions.load(Ordering::Acquire)
    }

    /// Remembers that it does.
    pub fn note_transactions(&self) {
        self.0.takes_transactions.store(true, Ordering::Release);
    }

    /// Asks with this command, at once; `None` if there is no answer in time.
    pub(super) async fn reply<W: AsRef<[u8]>>(
        &self,
        words: &[W],
        timeout: Duration,
    ) -> Option<Value> {
        tokio::time::timeout(timeout, self.call(words)).await.ok()?.ok()
    }
}

/// A server that does not know AUTH repeats the password that came with it.
fn without_arguments(error: &str) -> String {
    error.split(", with args").next().unwrap_or_default().to_owned()
}

/// Why there is no answer to a greeting.
fn gone(fault: &Fault) -> String {
    match fault {
        Fault::NotSent => "it is closed already".into(),
        _ => "it was closed before it was answered".into(),
    }
}

/// How many turns each of a pool's connections has, if there is room for so many replies: one of those that are
/// the first of some worker, and one of the others, which are for long replies, and for when the first is full.
/// Together they are no more than there is room for, unless that is less than the least that each has.
pub fn turns(room: usize, connections: usize, first: usize) -> (usize, usize) {
    let other = (room / connections.max(1) / 2).clamp(CROWD, MOST_TURNS);
    let rest = room.saturating_sub(other * connections.saturating_sub(first));
    ((rest / first.max(1)).clamp(TURNS, MOST_TURNS), other)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_as_many_as_there_is_room_for_and_most_are_for_the_first_connections() {
        // Room, connections, workers: turns of a first one, of another.
        for (given, dealt) in [
            ((64, 6, 2), (22, 5)),
            ((600, 6, 2), (200, 50)),
            ((10_000, 6, 2), (256, 256)),
            ((64, 2, 2), (32, 16)),
            // However little room.
            ((0, 6, 2), (16, 4)),
            ((0, 1, 1), (16, 4)),
        ] {
            assert_eq!(turns(given.0, given.1, given.2), dealt, "{given:?}");
        }
    }

    #[test]
    fn what_came_with_a_command_is_not_repeated() {
        for (error, shown) in [
            (
                "ERR unknown command 'AUTH', with args beginning with: 'hunter2' ",
                "ERR unknown command 'AUTH'",
            ),
            (
                "ERR unknown command `AUTH`, with args beginning with: `x`, `y`, ",
                "ERR unknown command `AUTH`",
            ),
            (
                "WRONGPASS invalid username-password pair",
                "WRONGPASS invalid username-password pair",
            ),
        ] {
            assert_eq!(without_arguments(error), shown);
        }
    }
}
