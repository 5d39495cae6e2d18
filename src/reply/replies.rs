//! The replies to a batch.

use bytes::Bytes;
use redis::Value;

use super::frame::{Frame, Frames};

/// Replies in the order of their commands, in the bytes in which they came.
#[derive(Debug, Clone, Default)]
pub struct Replies {
    count: usize,
    first: Bytes,
    /// What came in more than one piece.
    more: Vec<Bytes>,
}

impl Replies {
    /// The so many whole replies that a piece holds.
    pub fn of(piece: Bytes, count: usize) -> Self {
        Self { count, first: piece, more: Vec::new() }
    }

    /// Adds what came later.
    pub fn extend(&mut self, later: Self) {
        match self.count {
            0 => *self = later,
            _ => {
                self.count += later.count;
                self.more.push(later.first);
                self.more.extend(later.more);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The memory that they take, in bytes.
    pub fn weight(&self) -> usize {
        self.pieces().map(Bytes::len).sum()
    }

    /// These bytes, which are a part of them, without a copy, and the piece that they keep in the memory;
    /// `None` if they are not.
    pub fn share(&self, part: &[u8]) -> Option<(&Bytes, Bytes)> {
        let part_range = part.as_ptr_range();
        let piece = self.pieces().find(|piece| {
            let all = piece.as_ptr_range();
            all.start <= part_range.start && part_range.end <= all.end
        })?;
        Some((piece, piece.slice_ref(part)))
    }

    /// The bytes as they came.
    fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Frame<'_>> {
        self.pieces().flat_map(|piece| Frames::of(piece))
    }

    /// As values, for those who want to look into them.
    pub fn values(&self) -> Vec<Value> {
        self.iter().map(Frame::value).collect()
    }
}
