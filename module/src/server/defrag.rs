//! Active defragmentation: Redis says for each allocation whether it should move.
//!
//! What large objects have for their index stays where it is, and so do the names
//! in them: the map shows nobody its pointers. A child of the root is done in one go.

use std::os::raw::{c_int, c_void};

use redis_module::raw::{RedisModuleDefragCtx, RedisModuleString};

use super::table::function;
use crate::document::Document;

/// Children of the root after which Redis is asked whether to stop for now.
const BATCH: usize = 64;

/// Moves a document's allocations where Redis wants them; 1 if there is more to do.
pub unsafe extern "C" fn defrag(
    ctx: *mut RedisModuleDefragCtx,
    _: *mut RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    unsafe {
        // Small documents are done in one go and have no cursor.
        let mut cursor = 0;
        let resumes = function!(RedisModule_DefragCursorGet)(ctx, &raw mut cursor) == 0;
        let mut at = if resumes { usize::try_from(cursor).unwrap_or(0) } else { 0 };
        if at == 0 {
            relocate(ctx, value);
        }
        let document = &mut *(*value).cast::<Document>();
        if at == 0 {
            document.root.for_own_allocation(&mut |memory| relocate(ctx, memory));
        }
        while let Some(child) = document.root.child_mut(at) {
            child.for_each_allocation(&mut |memory| relocate(ctx, memory));
            at += 1;
            if at.is_multiple_of(BATCH)
                && function!(RedisModule_DefragShouldStop)(ctx) != 0
                && function!(RedisModule_DefragCursorSet)(ctx, at as u64) == 0
            {
                return 1;
            }
        }
        0
    }
}

/// Has one allocation moved, if Redis wants that.
///
/// # Safety
/// The pointer's target is the one owner of an allocation of the server's.
unsafe fn relocate(ctx: *mut RedisModuleDefragCtx, memory: *mut *mut c_void) {
    unsafe {
        let moved = function!(RedisModule_DefragAlloc)(ctx, *memory);
        if !moved.is_null() {
            *memory = moved;
        }
    }
}
