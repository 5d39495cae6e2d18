//! Where Upstash differs from Redis, over real HTTP.

mod emulated;
mod key_locking;
mod simple;
mod unknown_commands;
