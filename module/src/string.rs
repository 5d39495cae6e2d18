//! A JSON string, or an object's member's name, in 16 bytes.

use std::borrow::Borrow;
use std::ffi::c_void;
use std::fmt;
use std::hash::{Hash, Hasher};

use thin_vec::ThinVec;

use crate::value::allocated;

/// Bytes up to which a string lies in the value itself: two words without a
/// byte that tells what it is and one for its length.
const INLINE: usize = 14;

/// UTF-8 text.
#[derive(Clone)]
pub struct JsonString(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(ThinVec<u8>),
}

impl JsonString {
    /// The text.
    #[expect(unsafe_code, reason = "names are compared too often to check their UTF-8 each time")]
    pub fn as_str(&self) -> &str {
        let bytes = match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Heap(bytes) => bytes.as_slice(),
        };
        debug_assert!(std::str::from_utf8(bytes).is_ok());
        // SAFETY: the bytes come from a `&str` (`From<&str>`) and are never changed.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }

    /// Shows the pointer to its allocation, if it has one, so that it can be moved.
    pub fn for_allocation(&mut self, visit: &mut impl FnMut(*mut *mut c_void)) {
        match &mut self.0 {
            Repr::Heap(bytes) if bytes.has_capacity() => visit((&raw mut *bytes).cast()),
            _ => {}
        }
    }

    /// The bytes that it has been given by the allocator, beside its own 16.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Heap(bytes) => allocated(2 * size_of::<usize>() + bytes.capacity()),
        }
    }
}

impl From<&str> for JsonString {
    #[inline]
    fn from(text: &str) -> Self {
        let text = text.as_bytes();
        if text.len() <= INLINE {
            let mut bytes = [0; INLINE];
            bytes[..text.len()].copy_from_slice(text);
            #[expect(clippy::cast_possible_truncation, reason = "at most INLINE")]
            let len = text.len() as u8;
            return Self(Repr::Inline { len, bytes });
        }
        let mut bytes = ThinVec::with_capacity(text.len());
        bytes.extend_from_slice(text);
        Self(Repr::Heap(bytes))
    }
}

impl fmt::Debug for JsonString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for JsonString {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // Two words to compare, and no call. What is behind a text is zeros.
            (Repr::Inline { len, bytes }, Repr::Inline { len: other_len, bytes: other_bytes }) => {
                len == other_len && bytes == other_bytes
            }
            (Repr::Heap(bytes), Repr::Heap(other)) => bytes == other,
            _ => false,
        }
    }
}

impl Eq for JsonString {}

// As `str` does: `Borrow` needs it.
impl Hash for JsonString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for JsonString {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
