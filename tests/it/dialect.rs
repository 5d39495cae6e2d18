//! Where Upstash differs from Redis, over real HTTP.

mod emulated;
mod key_locking;
mod read_only_calls;
mod simple;
