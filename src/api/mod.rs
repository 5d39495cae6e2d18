//! Upstash's REST API over HTTP: routes, authentication, bodies in, JSON out.
//!
//! Promises: every answer that is not empty is JSON, RESP2 if asked for, a stream of events, or a page
//! for browsers; every answer carries CORS headers and a sync token, but for those to what is no HTTP; a
//! request's body, each pause in it and each pause of who reads the answer are bounded. Leaves to others:
//! what Redis does.

mod auth;
mod body;
mod compression;
mod connection;
mod delivery;
mod error;
mod events;
mod execute;
mod format;
mod health;
mod labour;
mod manners;
mod monitor;
mod page;
mod readonly;
mod server;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get};

use crate::dialect::Dialect;
use crate::state::StatusReceiver;
use crate::stop::Stop;
use crate::tokens::Tokens;
use crate::upstream::Upstreams;

pub use health::Probe;
pub use server::{Limits, listen, serve};

/// What every request needs.
#[derive(Debug)]
pub struct Context {
    /// Who may ask for what.
    pub tokens: Tokens,
    /// Upstash's words for Redis's.
    pub dialect: Dialect,
    /// The way to Redis.
    pub upstreams: Arc<Upstreams>,
    /// What the bundled server is doing, if there is one.
    pub status: Option<StatusReceiver>,
    /// Where pkv is to be reached from outside, if it has been told.
    pub public_url: Option<String>,
    /// Streams end with it.
    pub stop: Stop,
    /// Largest request body, in bytes.
    pub max_body: usize,
    /// Largest answer to commands, in bytes; `None`: whatever fits the memory.
    pub max_response: Option<usize>,
    /// Longest pause of a client that sends its request.
    pub client_timeout: Duration,
    /// What Redis said to the last probe.
    pub probe: Probe,
}

/// All routes. A path that is none of the fixed ones is a command.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/", any(execute::root))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/pipeline", any(execute::pipeline))
        .route("/pipeline/", any(execute::pipeline))
        .route("/multi-exec", any(execute::transaction))
        .route("/multi-exec/", any(execute::transaction))
        .fallback(execute::path_command)
        .layer(middleware::from_fn(manners::apply))
        .layer(compression::layer())
        .with_state(context)
}
