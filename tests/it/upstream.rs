//! What is sent, how often, and whose reply it is.

mod faults;
mod isolation;
mod tls;
mod transactions;
