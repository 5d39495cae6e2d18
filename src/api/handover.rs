//! Streams of events over HTTP/1.1 without hyper, once it has written their heads.
//!
//! A stream may be idle for hours, and hyper keeps 16 KB of buffers for the next request meanwhile. So what
//! follows the head is written here, as chunks (RFC 9112, section 7.1), and the connection ends with the
//! stream. Promises: an event leaves at once; a client that takes nothing for too long is cut off, and one
//! that goes away is noticed. Leaves to others: the head, HTTP/2, and HTTP/1.0, which has no chunks.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use http::header::CONNECTION;
use http::{HeaderValue, Response, Version};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::timeout;
use tracing::debug;

use super::content::{Content, Events, Source};
use super::delivery::PIECE;

/// How far a connection's stream is on its way out of hyper.
#[derive(Default)]
enum Phase {
    /// There is none.
    #[default]
    Nothing,
    /// Hyper has been given an answer without end.
    Answered(Events),
    /// It has asked for the body, so that the head is in its buffer.
    Begun(Events),
    /// Its buffer is empty.
    Due(Events),
}

/// What a connection, its socket and its answers know of that.
pub struct Handover {
    is_possible: bool,
    phase: Mutex<Phase>,
}

impl Handover {
    /// A new connection's.
    pub fn new(is_possible: bool) -> Self {
        Self { is_possible, phase: Mutex::default() }
    }

    /// Keeps the events of a stream back from hyper.
    pub fn of(
        self: &Arc<Self>,
        version: Version,
        mut response: Response<Content>,
    ) -> Response<Content> {
        if !self.is_possible
            || version != Version::HTTP_11
            || !matches!(response.body().source, Source::Events(_))
        {
            return response;
        }
        let elsewhere = Source::Elsewhere(self.clone());
        if let Source::Events(events) =
            std::mem::replace(&mut response.body_mut().source, elsewhere)
        {
            *self.lock() = Phase::Answered(events);
        }
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// Hyper asks for the body.
    pub fn begin(&self) {
        self.go_on(|phase| match phase {
            Phase::Answered(events) => Phase::Begun(events),
            phase => phase,
        });
    }

    /// Hyper has nothing left to write.
    fn flushed(&self) {
        self.go_on(|phase| match phase {
            Phase::Begun(events) => Phase::Due(events),
            phase => phase,
        });
    }

    /// The events, once it is time.
    pub fn take(&self) -> Option<Events> {
        let mut phase = self.lock();
        match std::mem::take(&mut *phase) {
            Phase::Due(events) => Some(events),
            other => {
                *phase = other;
                None
            }
        }
    }

    fn go_on(&self, next: impl FnOnce(Phase) -> Phase) {
        let mut phase = self.lock();
        *phase = next(std::mem::take(&mut *phase));
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that sees when hyper has written everything.
pub struct Wire {
    /// What was read of it before.
    first: Bytes,
    socket: TokioIo<TcpStream>,
    handover: Arc<Handover>,
}

impl Wire {
    pub fn new(first: Bytes, socket: TcpStream, handover: Arc<Handover>) -> Self {
        Self { first, socket: TokioIo::new(socket), handover }
    }

    pub fn into_inner(self) -> TcpStream {
        self.socket.into_inner()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(into.remaining());
            into.put_slice(&self.first.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, into)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    /// Called by hyper whenever its buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handover.flushed();
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }
}

/// Writes the events behind the head, to their end or the client's; `limit` is the client's longest pause.
pub async fn deliver(mut socket: TcpStream, mut events: Events, limit: Duration) {
    let (mut reading, mut writing) = socket.split();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = gone(&mut reading) => return,
        };
        let is_last = event.is_none();
        let mut rest = event.unwrap_or_default();
        while is_last || !rest.is_empty() {
            let mut chunk = chunk(rest.split_to(rest.len().min(PIECE)));
            match timeout(limit, writing.write_all_buf(&mut chunk)).await {
                Ok(Ok(())) if is_last => return drop(timeout(limit, writing.shutdown()).await),
                Ok(Ok(())) => {}
                Ok(Err(error)) => return debug!(%error, "connection ended"),
                Err(_) => return debug!("a client that does not take its events was cut off"),
            }
        }
    }
}

/// Nothing is the last chunk.
fn chunk(bytes: Bytes) -> impl Buf {
    let size = Bytes::from(format!("{:x}\r\n", bytes.len()));
    size.chain(bytes).chain(&b"\r\n"[..])
}

/// Returns when the client has closed its side. What it sends on a connection that ends with this answer
/// is not looked at.
async fn gone(reading: &mut ReadHalf<'_>) {
    let mut unwanted = [0; 64];
    while let Ok(1..) = reading.read(&mut unwanted).await {}
}
