//! Where Upstash differs from Redis, over real HTTP.

mod emulated;
mod key_locking;
mod notifications;
mod simple;
