//! One connection: what it may wait for, and how long.
//!
//! | waits for | at the longest |
//! |---|---|
//! | its first request, or the next one, or the rest of its headers | `PKV_IDLE_TIMEOUT` |
//! | the next bytes of a body, or all of it at 16 KB per second | `PKV_CLIENT_TIMEOUT` (see [`super::body`]) |
//! | the client to take the next bytes of its answer | `PKV_CLIENT_TIMEOUT` |
//!
//! Each is looked at now and then, so that it may be some seconds more. When connections run short,
//! those that have been idle for [`SPARED`] are closed for the new ones. A stream of events is not idle.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::SockRef;
use std::convert::Infallible;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, interval, timeout_at};
use tracing::debug;

use super::delivery::Activity;
use super::server::Answering;

/// Longest line and headers of a request, in bytes: what load balancers in front of pkv pass on at
/// the most (AWS: 64 KB). It is also what is buffered for a client that does not read.
const BUFFER: usize = 64 << 10;

/// Bytes that the kernel takes for a client that does not read, beyond what fits its window. Left to
/// itself it takes 4 MB for each, which count as memory of the container.
const UNSENT: u32 = 128 << 10;

/// Longest wait for an HTTP/2 peer to say that it is still there.
const PING: Duration = Duration::from_secs(20);

/// How long a connection may have been idle and still be kept when connections run short: a client
/// that is at work asks again sooner.
const SPARED: Duration = Duration::from_secs(5);

/// The shortest time between two looks at a connection; otherwise it is half of the time that it has for
/// something: looking at 10 000 connections takes a core some 50 ms.
const LOOK: Duration = Duration::from_millis(10);

/// What all connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing so far.
    Nothing,
    /// Connections run short.
    Shortage,
    /// What is being answered is the last.
    Stop,
}

/// What all connections have in common.
pub struct Connections<A> {
    http: auto::Builder<TokioExecutor>,
    answering: A,
    news: watch::Receiver<News>,
    idle_timeout: Duration,
    client_timeout: Duration,
}

impl<A: Answering> Connections<A> {
    pub fn new(
        answering: A,
        news: watch::Receiver<News>,
        idle_timeout: Duration,
        client_timeout: Duration,
    ) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // Its own limit on headers does not hold before it knows the version, nor for HTTP/2.
        http.http1().header_read_timeout(None).max_buf_size(BUFFER);
        // A peer that has gone silent in the middle of a stream is asked whether it is still there.
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(idle_timeout)
            .keep_alive_timeout(PING)
            .max_send_buf_size(BUFFER);
        Self { http, answering, news, idle_timeout, client_timeout }
    }

    /// Serves one of them to its end.
    pub async fn serve(&self, stream: TcpStream) {
        let activity = Arc::new(Activity::new());
        let mut news = self.news.clone();
        if !self.has_come(&stream, &activity, &mut news).await {
            return;
        }
        let (answering, asked) = (self.answering.clone(), activity.clone());
        let service = service_fn(move |request| {
            let (delivery, answer) = (asked.begin(), answering.clone().answer(request));
            async move { Ok::<_, Infallible>(delivery.of(answer.await)) }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(tuned(stream)), service));
        let mut looks = interval((self.idle_timeout.min(self.client_timeout) / 2).max(LOOK));
        let mut is_ending = false;
        loop {
            let end = tokio::select! {
                biased; // most of the time it is the first
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!(%error, "connection ended");
                    }
                    return;
                }
                _ = looks.tick() => {
                    if activity.is_stalled(self.client_timeout) {
                        debug!("a client that does not take its answer was cut off");
                        return;
                    }
                    activity.idle().is_some_and(|idle| idle >= self.idle_timeout)
                }
                Ok(()) = news.changed() => match *news.borrow_and_update() {
                    News::Shortage if is_too_idle(&activity) => return,
                    news => news == News::Stop,
                },
            };
            // One that has been told and is idle all the same is in the middle of its headers.
            if end && is_ending && activity.idle().is_some() {
                return;
            }
            if end {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }

    /// Whether anything has arrived, in time. A connection costs next to nothing until then.
    async fn has_come(
        &self,
        stream: &TcpStream,
        activity: &Activity,
        news: &mut watch::Receiver<News>,
    ) -> bool {
        let latest = Instant::now() + self.idle_timeout;
        loop {
            tokio::select! {
                biased; // what has arrived before the stop is answered
                first = timeout_at(latest, stream.readable()) => return first.is_ok(),
                Ok(()) = news.changed() => match *news.borrow_and_update() {
                    News::Stop => return false,
                    News::Shortage if is_too_idle(activity) => return false,
                    _ => {}
                },
            }
        }
    }
}

fn is_too_idle(activity: &Activity) -> bool {
    activity.idle().is_some_and(|idle| idle >= SPARED)
}

/// Small answers leave at once, and few wait in the kernel. A connection that is already gone fails
/// later anyway.
fn tuned(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
    stream
}
