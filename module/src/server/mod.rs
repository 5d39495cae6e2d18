//! All that talks to Redis: the module's start, its commands' table, keys, and
//! what Redis asks of a type (`data_type`).
//!
//! It offers the commands a safe face: [`Call`] and [`Entry`]. Whatever the
//! crate `redis-module` does not offer for every server from Redis 7.0 on, or
//! only with a copy of each argument, is called here by its C name.
//!
//! Source: <https://redis.io/docs/latest/develop/reference/modules/modules-api-ref/>.
#![expect(unsafe_code, reason = "Redis is called, and calls, in C")]

mod allocator;
mod call;
mod data_type;
mod defrag;
mod table;

pub use call::Call;

use redis_module::{Context, RedisString, Status, redis_module};

use allocator::ServerAllocator;
use data_type::DATA_TYPE;

/// Registers what the macro has no words for.
fn start(ctx: &Context, _: &[RedisString]) -> Status {
    ctx.set_module_options(
        redis_module::raw::ModuleOptions::HANDLE_IO_ERRORS
            | redis_module::raw::ModuleOptions::NO_IMPLICIT_SIGNAL_MODIFIED,
    );
    table::register(ctx.ctx)
}

redis_module! {
    name: "pkv-json",
    version: 1,
    allocator: (ServerAllocator, ServerAllocator),
    data_types: [DATA_TYPE],
    init: start,
}
