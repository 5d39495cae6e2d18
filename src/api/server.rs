//! Listening, accepting, and ending in time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::{Request, Response};
use hyper::body::Incoming;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::connection::{Connections, News};
use super::content::Content;
use crate::stop::Stop;
use crate::workers::Workers;

/// Longest wait for requests that are being answered when the stop comes.
const DRAIN: Duration = Duration::from_secs(3);

/// Connections that the kernel may hold for us between two accepts.
const BACKLOG: i32 = 1024;

/// Between two times that all connections are told of a shortage: telling 20 000 takes a core some
/// 10 ms.
const TELL: Duration = Duration::from_secs(1);

/// Between two lines in the log about there being no place.
const COMPLAIN: Duration = Duration::from_secs(60);

/// A pause after a failed accept (out of file descriptors, say), instead of a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens on one address, or on all of them, IPv4 and IPv6.
pub fn listen(bind: Option<IpAddr>, port: u16) -> anyhow::Result<TcpListener> {
    let addresses = match bind {
        Some(address) => vec![address],
        // A machine without IPv6 has only the second.
        None => vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
    };
    let mut last = None;
    for address in addresses {
        match bind_to(SocketAddr::new(address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    last.map_or_else(|| Err(std::io::ErrorKind::AddrNotAvailable.into()), Err).with_context(|| {
        format!(
            "cannot listen on port {port} (SRH_PORT or PORT names another, PKV_BIND an address)"
        )
    })
}

fn bind_to(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// What clients may take, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time.
    pub connections: usize,
    /// Longest wait for a request on an open connection.
    pub idle_timeout: Duration,
    /// Longest pause of a client in the middle of a request or an answer.
    pub client_timeout: Duration,
}

/// Who answers requests.
pub trait Answering: Clone + Send + Sync + 'static {
    /// Whatever it is, there is an answer. (Each connection has an `Arc` of its own: counting the requests'
    /// references to one that all cores share would make each wait for the others' caches.)
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Content>> + Send + 'static;
}

/// Serves on the workers until the stop is requested, then finishes what is being answered: for
/// [`DRAIN`] at the longest, or until the stop is requested again.
pub async fn serve(
    listener: TcpListener,
    workers: Workers,
    answering: impl Answering,
    stop: Stop,
    limits: Limits,
) {
    let mut room = Room::new(limits.connections);
    let connections = Arc::new(Connections::new(
        answering,
        room.news.subscribe(),
        limits.idle_timeout,
        limits.client_timeout,
    ));
    let mut stopped = pin!(stop.requested());
    loop {
        let (accepted, place) = tokio::select! {
            accepted = async {
                let place = room.place().await;
                (listener.accept().await, place)
            } => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connections = connections.clone();
                let given = workers.give(stream, async move |stream| {
                    connections.serve(stream).await;
                    drop(place);
                });
                if let Err(error) = given {
                    warn!(%error, "cannot serve a connection");
                }
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    room.news.send_replace(News::Stop);
    tokio::select! {
        () = room.emptied() => {}
        () = tokio::time::sleep(DRAIN) => warn!("requests were still being answered at the stop"),
        () = stop.hurried() => warn!("stopping at once"),
    }
}

/// The places for connections.
struct Room {
    places: Arc<Semaphore>,
    size: u32,
    news: watch::Sender<News>,
    told_at: Option<Instant>,
    complained_at: Option<Instant>,
}

impl Room {
    fn new(size: usize) -> Self {
        let size = u32::try_from(size).unwrap_or(u32::MAX).max(1);
        let places = Arc::new(Semaphore::new(size as usize));
        Self {
            places,
            size,
            news: watch::Sender::new(News::Nothing),
            told_at: None,
            complained_at: None,
        }
    }

    /// A place for one more connection; the last tenth of them is a shortage, and without one it is
    /// waited for.
    async fn place(&mut self) -> OwnedSemaphorePermit {
        loop {
            let is_short = self.places.available_permits() <= self.size as usize / 10;
            if is_short && self.told_at.is_none_or(|at| at.elapsed() >= TELL) {
                self.told_at = Some(Instant::now());
                self.news.send_replace(News::Shortage);
            }
            // Never closed, so that it is either a place or none in time.
            if let Ok(Ok(place)) = timeout(TELL, self.places.clone().acquire_owned()).await {
                return place;
            }
            if self.complained_at.is_none_or(|at| at.elapsed() >= COMPLAIN) {
                self.complained_at = Some(Instant::now());
                let connections = self.size;
                warn!(connections, "all connections that there is room for are in use");
            }
        }
    }

    /// Returns when the last connection has ended.
    async fn emptied(&self) {
        // Never closed, so that this is all of them.
        let _ = self.places.acquire_many(self.size).await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;
    use std::sync::Mutex;

    use bytes::Bytes;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::runtime::Handle;
    use tokio::sync::oneshot::{self, error::TryRecvError};

    use super::*;
    use crate::api::error;

    /// Longer than anything here takes.
    const LIMIT: Duration = Duration::from_secs(10);

    /// Answers without an end, and holds on to this meanwhile.
    #[derive(Clone)]
    struct Endless(Arc<Mutex<Option<oneshot::Sender<Infallible>>>>);

    impl Answering for Endless {
        fn answer(
            self: Arc<Self>,
            _: Request<Incoming>,
        ) -> impl Future<Output = Response<Content>> + Send + 'static {
            let alive = self.0.lock().unwrap().take();
            let pieces = stream::unfold(alive, |alive| {
                ready(Some((Bytes::from_static(&[b'x'; 1 << 16]), alive)))
            });
            ready(error::event_stream(Content::events(pieces)))
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_cut_off() {
        let (alive, mut dropped) = oneshot::channel::<Infallible>();
        let endless = Endless(Arc::new(Mutex::new(Some(alive))));
        let listener = listen(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::default();
        let workers = Workers::new([Handle::current()]);
        let limits =
            Limits { connections: 10, idle_timeout: LIMIT, client_timeout: Duration::from_secs(1) };
        let server = tokio::spawn(serve(listener, workers, endless, stop.clone(), limits));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: pkv\r\n\r\n").await.unwrap();
        // For as long as it reads, all is well.
        client.read_exact(&mut vec![0; 64 << 20]).await.unwrap();
        assert_eq!(dropped.try_recv(), Err(TryRecvError::Empty));
        assert!(timeout(LIMIT, dropped).await.unwrap().is_err());
        // It still gets what was on its way, and then the end.
        timeout(LIMIT, client.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
        stop.request();
        server.await.unwrap();
    }
}
