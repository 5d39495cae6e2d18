//! Where Upstash differs from Redis, over real HTTP.

mod compare_and_set;
mod emulated;
mod key_locking;
mod notifications;
mod read_only_calls;
mod simple;
mod unknown_commands;
