//! Where the bytes of an answer go.

use bytes::Bytes;

use super::Replies;

/// Takes the bytes of an answer.
pub trait Output {
    /// Adds these bytes, one part behind the other.
    fn add<const N: usize>(&mut self, parts: [&[u8]; N]);

    /// Adds a part of a reply, which may be long, and what stands around it.
    fn add_part(&mut self, before: &[u8], part: &[u8], behind: &[u8]) {
        self.add([before, part, behind]);
    }

    /// About so many bytes will be added, piece by piece.
    fn expect(&mut self, _length: usize) {}

    /// Adds `length` bytes, which `fill` writes if they are wanted.
    fn add_with(&mut self, length: usize, fill: impl FnOnce(&mut [u8]));
}

impl Output for Vec<u8> {
    fn add<const N: usize>(&mut self, parts: [&[u8]; N]) {
        self.reserve(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| self.extend_from_slice(part));
    }

    fn add_with(&mut self, length: usize, fill: impl FnOnce(&mut [u8])) {
        let start = self.len();
        self.resize(start + length, 0);
        fill(&mut self[start..]);
    }
}

/// Keeps what is written up to a limit. Once it is passed, the bytes are only counted: an answer that
/// may not be sent takes no room, and yet its length is known. Long parts of the replies that it is made
/// of are not copied.
#[derive(Debug)]
pub struct Bounded<'a> {
    kept: Written,
    length: usize,
    limit: usize,
    replies: &'a Replies,
    /// Of the replies' pieces, the one that a part was last handed on of.
    last_pinned: Option<&'a Bytes>,
}

/// The bytes of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// All but the long ones.
    pub bytes: Vec<u8>,
    /// Long parts, each with its place in `bytes`, in order.
    pub long: Vec<(usize, Bytes)>,
    /// The memory that the long ones keep: that of the replies which they came with.
    pub pinned: usize,
}

/// Bytes that are read from Redis at once, at the most, if no longer reply is on its way: two values of
/// 64 KB with what stands around them. (A reply of which there is no room for the end is copied.) A part of
/// them that is handed on keeps them all.
pub const READ: usize = 132 << 10;

/// Bytes from which on a part of a reply is handed on. A shorter one is copied, and keeps nothing.
pub const LONG: usize = 32 << 10;

/// More was written than the limit, both in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// How much there may be.
    pub limit: usize,
    /// How much there was.
    pub actual: usize,
}

impl<'a> Bounded<'a> {
    /// `None`: whatever fits the memory. `likely` is how many bytes will be written, roughly, but for the
    /// long parts of these replies.
    pub fn new(limit: Option<usize>, likely: usize, replies: &'a Replies) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        let bytes = Vec::with_capacity(likely.min(limit));
        let kept = Written { bytes, ..Written::default() };
        Self { kept, length: 0, limit, replies, last_pinned: None }
    }

    /// What was written.
    pub fn finish(self) -> Result<Written, TooLarge> {
        match self.length <= self.limit {
            true => Ok(self.kept),
            false => Err(TooLarge { limit: self.limit, actual: self.length }),
        }
    }

    /// Keeps a long part without a copy, if it is one of the replies'.
    #[cold]
    fn add_long(&mut self, before: &[u8], part: &[u8], behind: &[u8]) {
        let Some((piece, shared)) = self.replies.share(part) else {
            return self.add([before, part, behind]);
        };
        self.add([before]);
        if self.has_room(shared.len()) {
            self.kept.long.push((self.kept.bytes.len(), shared));
            let last = self.last_pinned.replace(piece);
            if !last.is_some_and(|last| std::ptr::eq(last, piece)) {
                self.kept.pinned += piece.len().max(READ);
            }
        }
        self.add([behind]);
    }

    /// Counts what is about to be written; whether it is to be kept.
    fn has_room(&mut self, length: usize) -> bool {
        self.length = self.length.saturating_add(length);
        let fits = self.length <= self.limit;
        if !fits {
            self.kept = Written::default();
        }
        fits
    }
}

impl Output for Bounded<'_> {
    fn add<const N: usize>(&mut self, parts: [&[u8]; N]) {
        if self.has_room(parts.iter().map(|part| part.len()).sum()) {
            self.kept.bytes.add(parts);
        }
    }

    #[inline]
    fn add_part(&mut self, before: &[u8], part: &[u8], behind: &[u8]) {
        match part.len() < LONG {
            true => self.add([before, part, behind]),
            false => self.add_long(before, part, behind),
        }
    }

    fn expect(&mut self, length: usize) {
        self.kept.bytes.reserve(length.min(self.limit.saturating_sub(self.length)));
    }

    fn add_with(&mut self, length: usize, fill: impl FnOnce(&mut [u8])) {
        if self.has_room(length) {
            self.kept.bytes.add_with(length, fill);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: Option<usize>, replies: &Replies) -> Bounded<'_> {
        let mut out = Bounded::new(limit, 2, replies);
        out.add([b"ab", b"c"]);
        out.add_with(2, |room| room.copy_from_slice(b"de"));
        out.add([b""]);
        out.add_part(b"", b"f", b"");
        out
    }

    #[test]
    fn what_fits_is_kept() {
        for limit in [None, Some(usize::MAX), Some(7), Some(6)] {
            let want = Written { bytes: b"abcdef".to_vec(), ..Written::default() };
            assert_eq!(written(limit, &Replies::default()).finish(), Ok(want), "{limit:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_takes_no_room() {
        let replies = Replies::default();
        for limit in 0..6 {
            let out = written(Some(limit), &replies);
            assert_eq!(out.kept.bytes.capacity(), 0, "{limit}");
            assert_eq!(out.finish(), Err(TooLarge { limit, actual: 6 }));
        }
    }

    #[test]
    fn a_long_part_of_a_reply_is_handed_on_in_its_place() {
        let piece = |byte| Bytes::from(vec![byte; LONG + 2]);
        let (one, two, other) = (piece(b'1'), piece(b'2'), piece(b'3'));
        let mut replies = Replies::of(one.clone(), 1);
        replies.extend(Replies::of(two.clone(), 1));
        let write = |limit| {
            let mut out = Bounded::new(limit, 2, &replies);
            out.add_part(b"a", &two[1..=LONG], b"b");
            out.add_part(b"", &one[2..], b"");
            out.add_part(b"", &two[2..], b"c");
            // Too short, and not of these.
            out.add_part(b"d", &two[..LONG - 1], b"e");
            out.add_part(b"f", &other, b"g");
            out
        };
        let Written { bytes, long, pinned } = write(None).finish().unwrap();
        assert_eq!(pinned, 3 * READ, "not known to be one that came before");
        assert_eq!(bytes, [b"abcd", &two[..LONG - 1], b"ef", &other, b"g"].concat());
        let places: Vec<_> =
            long.iter().map(|(at, part)| (*at, part.as_ptr(), part.len())).collect();
        let part = |piece: &Bytes, from| piece[from..].as_ptr();
        assert_eq!(
            places,
            [(1, part(&two, 1), LONG), (2, part(&one, 2), LONG), (2, part(&two, 2), LONG)]
        );

        let actual = 7 + 3 * LONG + (LONG - 1) + (LONG + 2);
        for limit in [1, LONG, LONG + 1, actual - 1] {
            let out = write(Some(limit));
            assert_eq!(out.kept, Written::default(), "{limit}");
            assert_eq!(out.finish(), Err(TooLarge { limit, actual }));
        }
    }

    /// A digest that is made of a long reply, say, and a short one handed on: they came together.
    #[test]
    fn what_is_handed_on_counts_with_all_that_came_with_it_and_once() {
        let piece = Bytes::from(vec![b'x'; 10 * READ]);
        let replies = Replies::of(piece.clone(), 3);
        let mut out = Bounded::new(None, 2, &replies);
        out.add_part(b"", &piece[..LONG], b"");
        out.add_part(b",", &piece[READ..][..LONG], b"");
        assert_eq!(out.finish().unwrap().pinned, 10 * READ);
    }
}
