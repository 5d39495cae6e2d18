//! What a value takes of memory, and where it is.

use std::ffi::c_void;

use indexmap::IndexMap;
use thin_vec::ThinVec;

use super::{Member, Repr, Value};
use crate::string::JsonString;

/// The bytes of a `ThinVec`'s own two numbers, its length and its capacity.
const VEC_HEADER: usize = 2 * size_of::<usize>();

const _: () = assert!(size_of::<ThinVec<Value>>() == size_of::<*mut c_void>());

impl Value {
    /// Shows each pointer to an allocation that it owns itself, without those of
    /// its children, so that the allocation can be moved. Of a large object, it
    /// is the map's alone and not what the map holds.
    pub fn for_own_allocation(&mut self, visit: &mut impl FnMut(*mut *mut c_void)) {
        // A ThinVec and a Box are pointers and nothing else (the `assert` above), and an
        // empty ThinVec's points to what is nobody's.
        match &mut self.0 {
            Repr::String(value) => value.for_allocation(visit),
            Repr::Array(elements) if elements.has_capacity() => visit((&raw mut *elements).cast()),
            Repr::Small(members) if members.has_capacity() => {
                visit((&raw mut *members).cast());
                members.iter_mut().for_each(|member| member.name.for_allocation(visit));
            }
            // Not what the map owns: it shows nobody its pointers.
            Repr::Large(members) => visit((&raw mut *members).cast()),
            _ => {}
        }
    }

    /// The same with its children.
    pub fn for_each_allocation(&mut self, visit: &mut impl FnMut(*mut *mut c_void)) {
        self.for_own_allocation(visit);
        match &mut self.0 {
            Repr::Array(elements) => {
                elements.iter_mut().for_each(|element| element.for_each_allocation(visit));
            }
            Repr::Small(members) => {
                members.iter_mut().for_each(|member| member.value.for_each_allocation(visit));
            }
            Repr::Large(members) => {
                members.values_mut().for_each(|value| value.for_each_allocation(visit));
            }
            _ => {}
        }
    }

    /// The bytes that it has been given by the allocator, with all that it
    /// holds, beside its own 16.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::String(value) => value.heap_bytes(),
            Repr::Array(elements) => {
                vec_bytes(elements) + elements.iter().map(Self::heap_bytes).sum::<usize>()
            }
            Repr::Small(members) => {
                vec_bytes(members)
                    + members
                        .iter()
                        .map(|member| member.name.heap_bytes() + member.value.heap_bytes())
                        .sum::<usize>()
            }
            Repr::Large(members) => {
                // An entry is the member and its hash; the index has a number and a byte for each.
                let entry = size_of::<Member>() + size_of::<u64>() + size_of::<usize>() + 1;
                allocated(size_of::<IndexMap<JsonString, Value>>())
                    + allocated(members.capacity() * entry)
                    + members
                        .iter()
                        .map(|(name, value)| name.heap_bytes() + value.heap_bytes())
                        .sum::<usize>()
            }
            _ => 0,
        }
    }
}

/// The bytes that an allocator takes for so many that are asked for: jemalloc's,
/// which Redis is built with, are multiples of 16 up to 128, and then four sizes
/// up to each power of two.
pub fn allocated(bytes: usize) -> usize {
    let step = match bytes {
        0..=128 => 16,
        _ => (bytes - 1).ilog2().checked_sub(2).map_or(1, |power| 1 << power),
    };
    bytes.next_multiple_of(step)
}

/// The bytes of a vector's elements and header; none for an empty one that never grew.
fn vec_bytes<T>(vec: &ThinVec<T>) -> usize {
    match vec.capacity() {
        0 => 0,
        capacity => allocated(VEC_HEADER + capacity * size_of::<T>()),
    }
}
