//! What goes over the wire: requests as clients write them, answers as clients read them.

mod answers;
mod arguments;
mod auth;
mod batches;
mod compression;
mod connections;
mod headers;
mod long_answers;
mod methods;
mod page;
mod refused;
mod resp2;
mod response_limit;
mod scripts;
