//! Where Upstash differs from Redis, over real HTTP.

mod key_locking;
mod simple;
