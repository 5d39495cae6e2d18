//! `pkv-json`: Upstash's JSON commands as a module for Redis 7 and newer and for Valkey.
//!
//! A JSON document is a value of Redis itself: commands on it are atomic, also in
//! transactions and scripts; it is saved, replicated, copied and expires like any
//! other. Its type has RedisJSON's name and its saved form is RedisJSON's (the
//! JSON text), so that data can be moved between the two with `DUMP` and `RESTORE`
//! or with a whole file.
//!
//! `server` is all that talks to Redis, and the only part that is `unsafe` but for
//! one line in `string`. `commands` are written against what it offers; below them
//! are `path` (which part of a document is meant), `document`, `text` and `value`.
//!
//! Sources: Upstash's docs, <https://upstash.com/docs/redis/commands/json/overview>;
//! where they are silent, what RedisJSON answers.

pub mod budget;
pub mod commands;
pub mod document;
pub mod failure;
pub mod path;
pub mod reply;
mod server;
pub mod string;
pub mod text;
pub mod value;
