//! Memory from the server's allocator, so that documents count into its
//! `used_memory` and so into `maxmemory`.

use std::alloc::{GlobalAlloc, Layout, System};

use redis_module::raw::{
    RedisModule_Alloc, RedisModule_Calloc, RedisModule_Free, RedisModule_Realloc,
};

/// The most that the server's allocator aligns by itself (`malloc`'s promise on
/// 64 bits). Nothing of ours asks for more.
const ALIGNED: usize = 16;

/// The server's allocator; the system's, where there is no server (in tests).
///
/// `redis-module` has one too, which has no `realloc`: every growing vector would
/// be copied.
pub struct ServerAllocator;

// SAFETY: the server's functions are `malloc`, `calloc`, `realloc` and `free` by
// other names. They are set once, before the module's first allocation
// (`RedisModule_Init`), or never: no memory changes hands between two allocators.
unsafe impl GlobalAlloc for ServerAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match unsafe { RedisModule_Alloc } {
            Some(alloc) if layout.align() <= ALIGNED => unsafe { alloc(layout.size()).cast() },
            Some(_) => std::ptr::null_mut(),
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match unsafe { RedisModule_Calloc } {
            Some(calloc) if layout.align() <= ALIGNED => unsafe { calloc(1, layout.size()).cast() },
            Some(_) => std::ptr::null_mut(),
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match unsafe { RedisModule_Realloc } {
            Some(realloc) => unsafe { realloc(memory.cast(), size).cast() },
            None => unsafe { System.realloc(memory, layout, size) },
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        match unsafe { RedisModule_Free } {
            Some(free) => unsafe { free(memory.cast()) },
            None => unsafe { System.dealloc(memory, layout) },
        }
    }
}
