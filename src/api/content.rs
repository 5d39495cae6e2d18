//! What an answer consists of, before it goes on its way.
//!
//! Promises: the usual answer's bytes are written once and handed on as they are, without being copied or
//! counted by references; what the request takes of the memory is given back with the last of them.
//! Leaves to others: writing them, and the answer's headers.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::HeaderValue;
use http_body_util::Full;
use tower_http::compression::CompressionBody;

use super::delivery::Watched;
use super::handover::Handover;
use crate::upstream::Pass;

/// Why an encoder failed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A shorter answer keeps the room in which it has grown, in bytes.
const SHRUNK: usize = 4 << 10;

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There are none.
    Nothing,
    Json,
    /// RESP2.
    Octets,
    /// HTML.
    Page,
    /// Server-Sent Events.
    Events,
}

impl Kind {
    /// The `Content-Type`.
    pub fn header(self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(match self {
            Self::Nothing => return None,
            Self::Json => "application/json",
            Self::Octets => "application/octet-stream",
            Self::Page => "text/html; charset=utf-8",
            Self::Events => "text/event-stream",
        }))
    }
}

/// Server-Sent Events, one or several at a time.
pub type Events = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// An answer's body.
pub struct Content {
    pub kind: Kind,
    pub source: Source,
}

/// Where its bytes come from.
pub enum Source {
    /// All have been handed out, or there are none.
    Nothing,
    /// All at once.
    Whole(Piece),
    /// As they happen.
    Events(Events),
    /// It is not hyper that gets them.
    Elsewhere(Arc<Handover>),
    /// What was whole, in gzip.
    Zipped(Pin<Box<CompressionBody<Full<Piece>>>>),
}

impl Content {
    pub fn nothing() -> Self {
        Self { kind: Kind::Nothing, source: Source::Nothing }
    }

    pub fn whole(kind: Kind, bytes: impl Into<Piece>) -> Self {
        Self { kind, source: Source::Whole(bytes.into()) }
    }

    pub fn events(events: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self { kind: Kind::Events, source: Source::Events(Box::pin(events)) }
    }
}

impl Source {
    /// In bytes, if that is known before they are written.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Nothing => Some(0),
            Self::Whole(piece) => Some(piece.remaining()),
            Self::Events(_) | Self::Elsewhere(_) | Self::Zipped(_) => None,
        }
    }
}

/// Bytes of an answer; dropped when the connection has written them.
#[derive(Debug)]
pub struct Piece {
    bytes: Held,
    /// How many of them have been written.
    at: usize,
    _watched: Option<Watched>,
}

#[derive(Debug)]
enum Held {
    Shared(Bytes),
    /// With the room that they take in the memory.
    Own {
        bytes: Vec<u8>,
        _pass: Pass,
    },
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own { bytes, .. } => bytes,
        }
    }
}

impl Piece {
    /// The bytes of an answer, with the room that they take in the memory.
    pub fn held(mut bytes: Vec<u8>, mut pass: Pass) -> Self {
        // It has grown by doubling.
        if bytes.len() > SHRUNK {
            bytes.shrink_to_fit();
        }
        pass.set(bytes.len());
        Self { bytes: Held::Own { bytes, _pass: pass }, at: 0, _watched: None }
    }

    /// Told of when it is dropped.
    pub fn watched(self, watched: Watched) -> Self {
        Self { _watched: Some(watched), ..self }
    }

    /// The same as something that can be divided.
    pub fn into_bytes(self) -> Bytes {
        let mut bytes = match self.bytes {
            Held::Shared(bytes) => bytes,
            own @ Held::Own { .. } => Bytes::from_owner(own),
        };
        bytes.advance(self.at);
        bytes
    }
}

impl<T: Into<Bytes>> From<T> for Piece {
    fn from(bytes: T) -> Self {
        Self { bytes: Held::Shared(bytes.into()), at: 0, _watched: None }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes.as_ref()[self.at..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "no more than there is");
        self.at += count;
    }
}
