//! Where the bytes of an answer go.

/// Takes the bytes of an answer.
pub trait Output {
    /// Adds these bytes, one part behind the other.
    fn add<const N: usize>(&mut self, parts: [&[u8]; N]);

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
/// may not be sent takes no room, and yet its length is known.
#[derive(Debug)]
pub struct Bounded {
    kept: Vec<u8>,
    length: usize,
    limit: usize,
}

/// More was written than the limit, both in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// How much there may be.
    pub limit: usize,
    /// How much there was.
    pub actual: usize,
}

impl Bounded {
    /// `None`: whatever fits the memory. `likely` is how many bytes will be written, roughly.
    pub fn new(limit: Option<usize>, likely: usize) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        Self { kept: Vec::with_capacity(likely.min(limit)), length: 0, limit }
    }

    /// What was written.
    pub fn finish(self) -> Result<Vec<u8>, TooLarge> {
        match self.length <= self.limit {
            true => Ok(self.kept),
            false => Err(TooLarge { limit: self.limit, actual: self.length }),
        }
    }

    /// Counts what is about to be written; whether it is to be kept.
    fn has_room(&mut self, length: usize) -> bool {
        self.length = self.length.saturating_add(length);
        let fits = self.length <= self.limit;
        if !fits {
            self.kept = Vec::new();
        }
        fits
    }
}

impl Output for Bounded {
    fn add<const N: usize>(&mut self, parts: [&[u8]; N]) {
        if self.has_room(parts.iter().map(|part| part.len()).sum()) {
            self.kept.add(parts);
        }
    }

    fn add_with(&mut self, length: usize, fill: impl FnOnce(&mut [u8])) {
        if self.has_room(length) {
            self.kept.add_with(length, fill);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: Option<usize>) -> Bounded {
        let mut out = Bounded::new(limit, 2);
        out.add([b"ab", b"c"]);
        out.add_with(2, |room| room.copy_from_slice(b"de"));
        out.add([b""]);
        out.add([b"f"]);
        out
    }

    #[test]
    fn what_fits_is_kept() {
        for limit in [None, Some(usize::MAX), Some(7), Some(6)] {
            assert_eq!(written(limit).finish(), Ok(b"abcdef".to_vec()), "{limit:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_takes_no_room() {
        for limit in 0..6 {
            let out = written(Some(limit));
            assert_eq!(out.kept.capacity(), 0, "{limit}");
            assert_eq!(out.finish(), Err(TooLarge { limit, actual: 6 }));
        }
    }
}
