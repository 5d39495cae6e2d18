//! Where memory comes from: what is small from mimalloc, what is large from the C library.
//!
//! A GET takes nine pieces, two of them of 4 and of 8 KB, and glibc looks around for pieces of more than 1 KB
//! each time: with mimalloc pkv takes a few hundredths less of the processor's time for a GET, a tenth for the
//! SDK's, and after all that `scripts/bench` does it has 33 MB instead of 60. But a long reply that grows is moved by
//! its pages in glibc; mimalloc copies it, and has both for that moment.

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
    use std::slice;

    use super::*;

    const SIZES: [usize; 6] = [1, 100, SMALL, SMALL + 1, 3 * SMALL, 1 << 20];

    fn byte(at: usize) -> u8 {
        (at % 251) as u8 + 1
    }

    #[test]
    fn a_piece_stands_where_it_must_and_keeps_its_bytes() {
        for (align, from, to) in [1, 16, 4096].into_iter().flat_map(|align| {
            SIZES.into_iter().flat_map(move |from| SIZES.map(|to| (align, from, to)))
        }) {
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            let told = format!("{from} to {to} bytes, {align} apart");
            let stands = |piece: *mut u8| !piece.is_null() && piece.addr().is_multiple_of(align);
            // SAFETY: no size is zero; a piece is read and written within its size, and given back with its layout.
            unsafe {
                let piece = ALLOCATOR.alloc(layout(from));
                assert!(stands(piece), "{told}");
                (0..from).for_each(|at| piece.add(at).write(byte(at)));
                let piece = ALLOCATOR.realloc(piece, layout(from), to);
                assert!(stands(piece), "{told}");
                let kept = slice::from_raw_parts(piece, from.min(to));
                assert!(kept.iter().enumerate().all(|(at, one)| *one == byte(at)), "{told}");
                ptr::write_bytes(piece, 0xff, to);
                ALLOCATOR.dealloc(piece, layout(to));
                // What was just used is likely to come again.
                let piece = ALLOCATOR.alloc_zeroed(layout(to));
                assert!(stands(piece), "{told}");
                let zeros = slice::from_raw_parts(piece, to);
                assert!(zeros.iter().all(|one| *one == 0), "{told}");
                ALLOCATOR.dealloc(piece, layout(to));
            }
        }
    }
}
