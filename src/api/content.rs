//! What an answer consists of, before it goes on its way.
//!
//! Promises: the usual answer's bytes are written once and handed on as they are, without being copied or
//! counted by references; what the request takes of the memory is given back with the last of them.
//! Leaves to others: writing them, and the answer's headers.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::HeaderValue;
use http_body_util::Full;
use tower_http::compression::CompressionBody;

use super::delivery::Watched;
use super::handover::Handover;
use crate::reply::Written;
use crate::upstream::Pass;

/// Why an encoder failed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// More room than this, in bytes, is given back: an answer has grown by doubling, or has room for what was
/// handed on instead.
const SPARE: usize = 4 << 10;

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
    /// How many of the first part have been written.
    at: usize,
    /// The room that they take in the memory.
    _pass: Option<Pass>,
    _watched: Option<Watched>,
}

#[derive(Debug)]
enum Held {
    Own(Vec<u8>),
    Shared(Bytes),
    /// One part behind the other, none of them empty, and what is left of their length.
    Parts(VecDeque<Bytes>, usize),
}

impl Piece {
    /// The bytes of an answer, with the room that they take in the memory.
    pub fn held(written: Written, mut pass: Pass) -> Self {
        let Written { mut bytes, long, pinned } = written;
        if bytes.capacity() - bytes.len() > SPARE {
            bytes.shrink_to_fit();
        }
        pass.set(bytes.len() + pinned);
        let bytes = if long.is_empty() { Held::Own(bytes) } else { parts(bytes, long) };
        Self { bytes, at: 0, _pass: Some(pass), _watched: None }
    }

    /// Told of when it is dropped.
    pub fn watched(self, watched: Watched) -> Self {
        Self { _watched: Some(watched), ..self }
    }

    /// Takes so many bytes off its beginning, or all there are. The room stays with the rest: that is
    /// written last.
    pub fn split_to(&mut self, length: usize) -> Self {
        if let Held::Own(bytes) = &mut self.bytes {
            self.bytes = Held::Shared(std::mem::take(bytes).into());
        }
        let length = length.min(self.remaining());
        let (mut first, mut left) = (VecDeque::new(), length);
        while left > 0
            && let Some(part) = self.first_part()
        {
            let count = left.min(part.len());
            first.push_back(part.slice(..count));
            self.advance(count);
            left -= count;
        }
        Self { bytes: Held::Parts(first, length), at: 0, _pass: None, _watched: None }
    }

    /// What has not been written of the first part that is shared.
    fn first_part(&self) -> Option<Bytes> {
        match &self.bytes {
            Held::Own(_) => None,
            Held::Shared(bytes) => Some(bytes),
            Held::Parts(parts, _) => parts.front(),
        }
        .map(|part| part.slice(self.at..))
    }
}

/// The long parts in their places.
fn parts(bytes: Vec<u8>, long: Vec<(usize, Bytes)>) -> Held {
    let (bytes, mut at) = (Bytes::from(bytes), 0);
    let mut parts = VecDeque::with_capacity(2 * long.len() + 1);
    let end = (bytes.len(), Bytes::new());
    for (place, part) in long.into_iter().chain([end]) {
        parts.extend([bytes.slice(at..place), part].into_iter().filter(|part| !part.is_empty()));
        at = place;
    }
    let length = parts.iter().map(Bytes::len).sum();
    Held::Parts(parts, length)
}

impl<T: Into<Bytes>> From<T> for Piece {
    fn from(bytes: T) -> Self {
        Self { bytes: Held::Shared(bytes.into()), at: 0, _pass: None, _watched: None }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match &self.bytes {
            Held::Parts(_, left) => *left,
            Held::Own(_) | Held::Shared(_) => self.chunk().len(),
        }
    }

    fn chunk(&self) -> &[u8] {
        let part: &[u8] = match &self.bytes {
            Held::Own(bytes) => bytes,
            Held::Shared(bytes) => bytes,
            Held::Parts(parts, _) => parts.front().map_or(&[], |part| part),
        };
        &part[self.at..]
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let rest = match &self.bytes {
            Held::Parts(parts, _) => Some(parts.iter().skip(1)),
            Held::Own(_) | Held::Shared(_) => None,
        };
        let rest = rest.into_iter().flatten().map(AsRef::as_ref);
        let chunks = std::iter::once(self.chunk()).chain(rest);
        let chunks = chunks.filter(|chunk| !chunk.is_empty());
        into.iter_mut().zip(chunks).map(|(place, chunk)| *place = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining(), "no more than there is");
        if let Held::Parts(parts, left) = &mut self.bytes {
            *left -= count;
            while let Some(part) = parts.front()
                && count >= part.len() - self.at
            {
                count -= part.len() - self.at;
                self.at = 0;
                parts.pop_front();
            }
        }
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(small: &str, long: &[(usize, &str)]) -> Piece {
        let long = long.iter().map(|(at, part)| (*at, Bytes::from(part.to_string()))).collect();
        Piece { bytes: parts(small.into(), long), at: 0, _pass: None, _watched: None }
    }

    /// What a write of several buffers sees, and one of the first buffer after the other.
    fn read(mut piece: Piece) -> (String, String) {
        let mut slices = [IoSlice::new(&[]); 8];
        let one = piece.chunks_vectored(&mut slices[..1]);
        assert_eq!(one, usize::from(piece.has_remaining()), "no more than there is room for");
        let count = piece.chunks_vectored(&mut slices);
        assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
        let at_once = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        let mut in_turn = Vec::new();
        while piece.has_remaining() {
            in_turn.extend_from_slice(piece.chunk());
            piece.advance(piece.chunk().len());
        }
        [at_once, in_turn].map(|bytes| String::from_utf8(bytes).unwrap()).into()
    }

    #[test]
    fn long_parts_stand_where_they_belong() {
        for (small, long, whole) in [
            ("<>", &[(1, "long")][..], "<long>"),
            ("<>", &[(0, "a"), (0, "b"), (2, "c"), (2, "d")], "ab<>cd"),
            ("", &[(0, "alone")], "alone"),
            ("[,]", &[(1, "one"), (2, "two")], "[one,two]"),
        ] {
            assert_eq!(read(of(small, long)), (whole.into(), whole.into()));
            // However it is cut and written.
            for cut in 0..=whole.len() + 1 {
                let mut rest = of(small, long);
                let first = rest.split_to(cut);
                let cut = cut.min(whole.len());
                assert_eq!((first.remaining(), rest.remaining()), (cut, whole.len() - cut));
                assert_eq!(read(first), (whole[..cut].into(), whole[..cut].into()));
                assert_eq!(read(rest), (whole[cut..].into(), whole[cut..].into()));
                let mut written = of(small, long);
                written.advance(cut);
                assert_eq!(read(written.split_to(1)).0, whole[cut..][..1.min(whole.len() - cut)]);
                let left = &whole[(cut + 1).min(whole.len())..];
                assert_eq!(read(written), (left.into(), left.into()));
            }
        }
    }

    #[test]
    fn what_is_in_one_part_can_be_cut_too() {
        for bytes in [Held::Own(b"abc".to_vec()), Held::Shared(Bytes::from_static(b"abc"))] {
            let mut piece = Piece { bytes, at: 0, _pass: None, _watched: None };
            piece.advance(1);
            assert_eq!(read(piece.split_to(1)).0, "b");
            assert_eq!(read(piece.split_to(9)).0, "c");
            assert!(!piece.has_remaining());
        }
    }
}
