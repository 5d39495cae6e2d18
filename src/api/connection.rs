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

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval, timeout_at};
use tracing::debug;

use super::content::Events;
use super::delivery::{Activity, Tracked};
use super::handover::{self, Handover, Wire};
use super::server::Answering;

/// Longest line and headers of a request, in bytes: what load balancers in front of pkv pass on at
/// the most (AWS: 64 KB). It is also what is buffered for a client that does not read.
const BUFFER: usize = 64 << 10;

/// Bytes that the kernel takes for a client that does not read, beyond what fits its window. Left to
/// itself it takes 4 MB for each, which count as memory of the container.
const UNSENT: u32 = 128 << 10;

/// Longest wait for an HTTP/2 peer to say that it is still there.
const PING: Duration = Duration::from_secs(20);

/// What a connection of HTTP/2 begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
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
        let mut http1 = http1::Builder::new();
        // Its own limit on the time for headers does not hold before the first byte of them.
        http1.header_read_timeout(None).max_buf_size(BUFFER).max_header_size(BUFFER);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        // A peer that has gone silent in the middle of a stream is asked whether it is still there.
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(idle_timeout)
            .keep_alive_timeout(PING)
            .max_send_buf_size(BUFFER);
        Self { http1, http2, answering, news, idle_timeout, client_timeout }
    }

    /// Serves one of them to its end.
    pub async fn serve(&self, stream: TcpStream) {
        let activity = Arc::new(Activity::new());
        let mut news = self.news.clone();
        let Some((first, is_http_2)) = self.opening(&stream, &activity, &mut news).await else {
            return;
        };
        let handover = Arc::new(Handover::new(!is_http_2));
        let wire = Wire::new(first, tuned(stream), handover.clone());
        let service = Requests {
            answering: Arc::new(self.answering.clone()),
            activity: activity.clone(),
            handover: handover.clone(),
        };
        let connection = match is_http_2 {
            true => Connection::Http2(Box::new(self.http2.serve_connection(wire, service))),
            false => Connection::Http1(Box::new(self.http1.serve_connection(wire, service))),
        };
        let streaming = self.converse(connection, &activity, &handover, news).await;
        if let Some((socket, events)) = streaming {
            handover::deliver(socket, events, self.client_timeout).await;
        }
    }

    /// Lets hyper serve the connection to its end, or to the head of a stream.
    async fn converse(
        &self,
        mut connection: Connection<A>,
        activity: &Activity,
        handover: &Handover,
        news: watch::Receiver<News>,
    ) -> Option<(TcpStream, Events)> {
        let looks = interval((self.idle_timeout.min(self.client_timeout) / 2).max(LOOK));
        // Polled when they have come, not whenever something else has: a request is no news.
        let mut rare = FuturesUnordered::from_iter([Rare { looks, news }.next()]);
        let mut is_ending = false;
        loop {
            let (event, source) = tokio::select! {
                biased; // most of the time it is the first
                ended = poll_fn(|cx| connection.poll(cx, handover)) => {
                    return match ended {
                        Ok(events) => connection.into_socket().zip(events),
                        Err(error) => {
                            debug!(%error, "connection ended");
                            None
                        }
                    };
                }
                Some(event) = rare.next() => event,
            };
            rare.push(source.next());
            let end = match event {
                Event::Look if activity.is_stalled(self.client_timeout) => {
                    debug!("a client that does not take its answer was cut off");
                    return None;
                }
                Event::Look => activity.idle().is_some_and(|idle| idle >= self.idle_timeout),
                Event::News(News::Shortage) if is_too_idle(activity) => return None,
                Event::News(news) => news == News::Stop,
            };
            // One that has been told and is idle all the same is in the middle of its headers.
            if end && is_ending && activity.idle().is_some() {
                return None;
            }
            if end {
                is_ending = true;
                connection.graceful_shutdown();
            }
        }
    }

    /// The first bytes, as many as it takes to tell HTTP/2 (RFC 9113, section 3.4) from HTTP/1, and
    /// whether it is that; `None` if they do not come in time.
    async fn opening(
        &self,
        stream: &TcpStream,
        activity: &Activity,
        news: &mut watch::Receiver<News>,
    ) -> Option<(Bytes, bool)> {
        let latest = Instant::now() + self.idle_timeout;
        let mut first = [0; PREFACE.len()];
        let mut length = 0;
        while PREFACE.starts_with(&first[..length]) && length < PREFACE.len() {
            if !self.has_come(stream, activity, news, latest).await {
                return None;
            }
            match stream.try_read(&mut first[length..]) {
                Ok(0) => return None,
                Ok(more) => length += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
        Some((Bytes::copy_from_slice(&first[..length]), first == *PREFACE))
    }

    /// Whether anything has arrived, in time. A connection costs next to nothing until then.
    async fn has_come(
        &self,
        stream: &TcpStream,
        activity: &Activity,
        news: &mut watch::Receiver<News>,
        latest: Instant,
    ) -> bool {
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

/// What happens to a connection beside its requests.
enum Event {
    /// It is time to look at it.
    Look,
    /// All connections are told.
    News(News),
}

/// Where that comes from.
struct Rare {
    looks: Interval,
    news: watch::Receiver<News>,
}

impl Rare {
    /// The next one, and itself for the one after.
    async fn next(mut self) -> (Event, Self) {
        let event = tokio::select! {
            _ = self.looks.tick() => Event::Look,
            Ok(()) = self.news.changed() => Event::News(*self.news.borrow_and_update()),
        };
        (event, self)
    }
}

/// Those of one connection.
struct Requests<A> {
    answering: Arc<A>,
    activity: Arc<Activity>,
    handover: Arc<Handover>,
}

impl<A: Answering> Service<Request<Incoming>> for Requests<A> {
    type Response = Response<Tracked>;
    type Error = Infallible;
    /// Not a part of the connection, which would keep its room while it is idle.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (delivery, handover) = (self.activity.begin(), self.handover.clone());
        let (version, answering) = (request.version(), self.answering.clone());
        // Made where it is to stay: `Box::pin` would make it on the stack and copy all of it, 2.7 KB of
        // which hardly any is in use yet.
        let room = Box::new_uninit();
        let answer = Box::write(room, async move {
            let response = answering.answer(request).await;
            Ok(delivery.of(version, handover.of(version, response)))
        });
        Box::into_pin(answer)
    }
}

/// What hyper knows of a connection.
enum Connection<A: Answering> {
    Http1(Box<http1::Connection<Wire, Requests<A>>>),
    Http2(Box<http2::Connection<Wire, Requests<A>, TokioExecutor>>),
}

impl<A: Answering> Connection<A> {
    /// Goes on until the connection has ended, or events are to follow that hyper does not get.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        handover: &Handover,
    ) -> Poll<hyper::Result<Option<Events>>> {
        let ended = match self {
            Self::Http1(one) => Pin::new(&mut **one).poll(cx),
            Self::Http2(one) => Pin::new(&mut **one).poll(cx),
        };
        match ended {
            Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
            Poll::Pending => match handover.take() {
                Some(events) => Poll::Ready(Ok(Some(events))),
                None => Poll::Pending,
            },
        }
    }

    fn graceful_shutdown(&mut self) {
        match self {
            Self::Http1(one) => Pin::new(&mut **one).graceful_shutdown(),
            Self::Http2(one) => Pin::new(&mut **one).graceful_shutdown(),
        }
    }

    fn into_socket(self) -> Option<TcpStream> {
        match self {
            Self::Http1(one) => Some(one.into_parts().io.into_inner()),
            Self::Http2(_) => None,
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
