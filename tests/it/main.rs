//! The real binary in front of a real redis-server, over real HTTP. The modules mirror `src/`; each
//! test has a private directory and free ports, and polls with a deadline instead of sleeping.

#![allow(clippy::unwrap_used, missing_docs)]

mod backup;
mod bad_input;
mod command_line;
mod dialect;
mod differential;
mod http;
mod json;
mod layout;
mod limits;
mod properties;
mod readonly;
mod start;
mod storage;
mod streams;
mod supervisor;
mod support;
mod torture;
mod upstream;
mod users;
mod vectors;
