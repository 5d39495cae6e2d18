//! What an answer consists of, before it goes on its way.
//!
//! Promises: the usual answer's bytes are written once and handed on as they are, without being copied or
//! counted by references; long parts of replies are not even written; what the request takes of the memory
//! is given back with the last of them. Leaves to others: writing them, and the answer's headers.

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
    /// The room that they take in the memory.
    _pass: Option<Pass>,
    _watched: Option<Watched>,
}

/// What has not been written yet.
#[derive(Debug)]
enum Held {
    /// From `at` on.
    Own {
        bytes: Vec<u8>,
        at: usize,
    },
    Shared(Parts),
}

/// One part behind the other. None is empty, but for the first of nothing.
#[derive(Debug, Default)]
struct Parts {
    first: Bytes,
    rest: VecDeque<Bytes>,
    /// Bytes of all of them.
    length: usize,
}

impl Parts {
    fn of(mut rest: VecDeque<Bytes>) -> Self {
        let length = rest.iter().map(Bytes::len).sum();
        Self { first: rest.pop_front().unwrap_or_default(), rest, length }
    }

    /// So many bytes, of which there have to be as many, are written.
    fn advance(&mut self, mut count: usize) {
        self.length -= count;
        while count > 0 && count >= self.first.len() {
            count -= self.first.len();
            self.first = self.rest.pop_front().unwrap_or_default();
        }
        self.first.advance(count);
    }
}

impl Piece {
    /// The bytes of an answer, with the room that they take in the memory.
    pub fn held(written: Written, mut pass: Pass) -> Self {
        let Written { mut bytes, long, pinned } = written;
        if bytes.capacity() - bytes.len() > SPARE {
            bytes.shrink_to_fit();
        }
        pass.set(bytes.len() + pinned);
        let bytes = match long.is_empty() {
            true => Held::Own { bytes, at: 0 },
            false => Held::Shared(in_their_places(bytes, long)),
        };
        Self { bytes, _pass: Some(pass), _watched: None }
    }

    /// Told of when it is dropped.
    pub fn watched(self, watched: Watched) -> Self {
        Self { _watched: Some(watched), ..self }
    }

    /// Takes so many bytes off its beginning, or all there are. The room stays with the rest: that is
    /// written last.
    pub fn split_to(&mut self, length: usize) -> Self {
        let mut parts = match std::mem::replace(&mut self.bytes, Held::Shared(Parts::default())) {
            Held::Own { bytes, at } => Parts::of([Bytes::from(bytes).slice(at..)].into()),
            Held::Shared(parts) => parts,
        };
        let mut taken = VecDeque::new();
        let mut left = length.min(parts.length);
        while left > 0 {
            let part = parts.first.slice(..left.min(parts.first.len()));
            parts.advance(part.len());
            left -= part.len();
            taken.push_back(part);
        }
        self.bytes = Held::Shared(parts);
        Self { bytes: Held::Shared(Parts::of(taken)), _pass: None, _watched: None }
    }
}

/// The long parts of an answer between its other bytes.
fn in_their_places(bytes: Vec<u8>, long: Vec<(usize, Bytes)>) -> Parts {
    let (bytes, mut at) = (Bytes::from(bytes), 0);
    let mut parts = VecDeque::with_capacity(2 * long.len() + 1);
    let end = (bytes.len(), Bytes::new());
    for (place, part) in long.into_iter().chain([end]) {
        parts.extend([bytes.slice(at..place), part].into_iter().filter(|part| !part.is_empty()));
        at = place;
    }
    Parts::of(parts)
}

impl<T: Into<Bytes>> From<T> for Piece {
    fn from(bytes: T) -> Self {
        let first = bytes.into();
        let parts = Parts { length: first.len(), first, rest: VecDeque::new() };
        Self { bytes: Held::Shared(parts), _pass: None, _watched: None }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        match &self.bytes {
            Held::Own { bytes, at } => bytes.len() - at,
            Held::Shared(parts) => parts.length,
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.bytes {
            Held::Own { bytes, at } => &bytes[*at..],
            Held::Shared(parts) => &parts.first,
        }
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        if !self.has_remaining() {
            return 0;
        }
        let rest = match &self.bytes {
            Held::Own { .. } => None,
            Held::Shared(parts) => Some(&parts.rest),
        };
        let rest = rest.into_iter().flatten().map(AsRef::as_ref);
        let chunks = std::iter::once(self.chunk()).chain(rest);
        into.iter_mut().zip(chunks).map(|(place, chunk)| *place = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "no more than there is");
        match &mut self.bytes {
            Held::Own { at, .. } => *at += count,
            Held::Shared(parts) => parts.advance(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(small: &str, long: &[(usize, &str)]) -> Piece {
        let long = long.iter().map(|(at, part)| (*at, Bytes::from(part.to_string()))).collect();
        let parts = in_their_places(small.into(), long);
        Piece { bytes: Held::Shared(parts), _pass: None, _watched: None }
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
        let own = Held::Own { bytes: b"abc".to_vec(), at: 0 };
        let own = Piece { bytes: own, _pass: None, _watched: None };
        for mut piece in [own, Piece::from("abc")] {
            piece.advance(1);
            assert_eq!(read(piece.split_to(1)).0, "b");
            assert_eq!(read(piece.split_to(9)).0, "c");
            assert!(!piece.has_remaining());
        }
    }
}
