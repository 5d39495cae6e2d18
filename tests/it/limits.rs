//! More than there may be: of work, of connections, of bytes, of time. Each test fails without the
//! limit that it is about.

mod bodies;
mod connections;
mod fairness;
mod heads;
mod http_2;
mod overload;
mod slow_clients;
mod smuggling;
mod tokens;
