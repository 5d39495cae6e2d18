//! Listening, accepting, and ending in time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, warn};

use crate::stop::Stop;

/// Longest time for a request's headers to arrive, counted from the end of the answer before:
/// longer than any client keeps an idle connection, shorter than an attacker would like.
const HEADERS: Duration = Duration::from_secs(75);

/// Longest wait for an HTTP/2 peer to say that it is still there.
const PING: Duration = Duration::from_secs(20);

/// Longest wait for requests that are being answered when the stop comes.
const DRAIN: Duration = Duration::from_secs(3);

/// Connections that the kernel may hold for us between two accepts.
const BACKLOG: i32 = 1024;

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

/// Serves until the stop is requested, then finishes what is being answered: for [`DRAIN`] at the
/// longest, or until the stop is requested again.
///
/// A client that takes nothing of its answer for `read_pause` is cut off, or it would keep its
/// connection for ever.
pub async fn serve(listener: TcpListener, router: Router, read_pause: Duration, stop: Stop) {
    let connections = GracefulShutdown::new();
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    // A peer that has gone silent is asked whether it is still there.
    http.http2().timer(TokioTimer::new()).keep_alive_interval(HEADERS).keep_alive_timeout(PING);
    let mut stopped = pin!(stop.requested());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let service = TowerToHyperService::new(router.clone());
                let http = http.clone();
                let watcher = connections.watcher();
                let stop = stop.clone();
                tokio::spawn(async move {
                    // The limit on headers begins with the first byte, so that needs one as well.
                    tokio::select! {
                        biased; // what has arrived before the stop is answered
                        first = timeout(HEADERS, stream.readable()) => match first {
                            Ok(_) => {}
                            Err(_) => return,
                        },
                        () = stop.requested() => return,
                    }
                    let mut stream = TimeoutStream::new(without_delay(stream));
                    stream.set_write_timeout(Some(read_pause));
                    let io = TokioIo::new(Box::pin(stream));
                    let connection = http.serve_connection(io, service).into_owned();
                    if let Err(error) = watcher.watch(connection).await {
                        debug!(%error, "connection ended");
                    }
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => warn!("requests were still being answered at the stop"),
        () = stop.hurried() => warn!("stopping at once"),
    }
}

/// Small answers leave at once; a connection that is already gone fails later anyway.
fn without_delay(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;
    use std::sync::{Arc, Mutex};

    use axum::body::{Body, Bytes};
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot::{self, error::TryRecvError};

    use super::*;

    /// Longer than anything here takes.
    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_client_that_does_not_read_is_cut_off() {
        let (alive, mut dropped) = oneshot::channel::<Infallible>();
        let alive = Arc::new(Mutex::new(Some(alive)));
        let endless = async move || {
            let piece = Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1 << 16]));
            let alive = alive.lock().unwrap().take();
            Body::from_stream(stream::unfold(alive, move |alive| {
                ready(Some((piece.clone(), alive)))
            }))
        };
        let listener = listen(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(endless);
        let stop = Stop::default();
        let pause = Duration::from_secs(1);
        let server = tokio::spawn(serve(listener, router, pause, stop.clone()));
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
