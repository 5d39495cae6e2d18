//! Where memory comes from: what is small from mimalloc, what is large from the C library.
//!
//! A request takes a dozen pieces, two of them of 4 and of 8 KB, and glibc looks around for pieces of more
//! than 1 KB each time: with mimalloc a GET takes a twentieth less of the processor's time, the SDK's a tenth,
//! and pkv is a quarter smaller after many connections. But a long reply that grows is moved by its pages in
//! glibc; mimalloc copies it, and has both for that moment.

// An allocator cannot be written without; each call is passed on as it came.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use mimalloc::MiMalloc;

/// Bytes of the largest piece that is small: what hyper reads into, once for each request.
const SMALL: usize = 8 << 10;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

/// Each piece goes back to where it came from, since its size is told then as well.
struct BySize;

fn is_small(size: usize) -> bool {
    size <= SMALL
}

// SAFETY: both keep the contract, and each piece is given to the one that it came from: callers must say the
// same layout of it, and so its size, in `dealloc` and `realloc` as in `alloc`. Not inline, which would make
// pkv 0.1 MB larger.
unsafe impl GlobalAlloc for BySize {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        match is_small(layout.size()) {
            true => unsafe { MiMalloc.alloc(layout) },
            false => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        match is_small(layout.size()) {
            true => unsafe { MiMalloc.dealloc(piece, layout) },
            false => unsafe { System.dealloc(piece, layout) },
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        match is_small(layout.size()) {
            true => unsafe { MiMalloc.alloc_zeroed(layout) },
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match (is_small(layout.size()), is_small(new_size)) {
            // SAFETY: the caller's.
            (true, true) => unsafe { MiMalloc.realloc(piece, layout, new_size) },
            (false, false) => unsafe { System.realloc(piece, layout, new_size) },
            // SAFETY: the caller sees to it that `new_size` is one for this alignment; the two pieces are
            // both as long as what is copied, and apart.
            _ => unsafe {
                let new_layout = Layout::from_size_align_unchecked(new_size, layout.align());
                let new = self.alloc(new_layout);
                if !new.is_null() {
                    ptr::copy_nonoverlapping(piece, new, layout.size().min(new_size));
                    self.dealloc(piece, layout);
                }
                new
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small and large, and from one to the other: the tests' own pieces come from here, too.
    #[test]
    fn what_grows_and_shrinks_keeps_its_bytes() {
        let mut bytes: Vec<u8> = Vec::new();
        for length in
            [1, 100, SMALL, SMALL + 1, 10 * SMALL, 1 << 20, SMALL + 1, SMALL, 10, 1 << 20, 0]
        {
            let before = bytes.len().min(length);
            bytes.truncate(length);
            bytes.shrink_to_fit();
            bytes.reserve_exact(length - before);
            assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == at as u8), "{length}");
            bytes.extend((before..length).map(|at| at as u8));
        }
        for size in [SMALL, SMALL + 1] {
            assert!(vec![0_u8; size].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn pieces_stand_where_they_must() {
        for size in [1, SMALL, SMALL + 1] {
            for align in [1, 16, 128, 4096] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: its size is not zero, and it is given back as it was taken.
                unsafe {
                    let piece = ALLOCATOR.alloc(layout);
                    assert!(!piece.is_null() && piece.addr().is_multiple_of(align), "{layout:?}");
                    let grown = ALLOCATOR.realloc(piece, layout, 2 * SMALL);
                    assert!(!grown.is_null() && grown.addr().is_multiple_of(align), "{layout:?}");
                    ALLOCATOR.dealloc(grown, Layout::from_size_align(2 * SMALL, align).unwrap());
                }
            }
        }
    }
}
