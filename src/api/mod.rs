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
mod content;
mod delivery;
mod error;
mod events;
mod execute;
mod format;
mod handover;
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

use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;

use self::content::Content;
use self::error::ApiError;
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

impl server::Answering for Arc<Context> {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Content> {
        answer(&self, request).await
    }
}

/// Answers OPTIONS and refuses unknown methods before anything else is asked; adds what is common to every
/// answer, errors included.
async fn answer(context: &Context, request: Request<Incoming>) -> Response<Content> {
    let (parts, body) = request.into_parts();
    let mut response = match parts.method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT => {
            route(context, &parts, body).await.unwrap_or_else(ApiError::into_response)
        }
        Method::OPTIONS => manners::preflight(&parts.headers),
        _ => error::method_not_allowed("HEAD, GET, POST, PUT, OPTIONS"),
    };
    let accepted =
        compression::matters(response.body()).then(|| compression::accepted(&parts.headers));
    manners::apply(parts.headers, &mut response);
    if let Some(accepted) = accepted {
        response = Box::pin(compression::apply(accepted, response)).await;
    }
    manners::without_body(&parts.method, &mut response);
    response
}

/// All routes. A path that is none of the fixed ones is a command. What is rare is put on the heap, so
/// that the usual request takes little.
async fn route(
    context: &Context,
    parts: &Parts,
    body: Incoming,
) -> Result<Response<Content>, ApiError> {
    let is_get = matches!(parts.method, Method::GET | Method::HEAD);
    match parts.uri.path() {
        "/" if is_get => Ok(Box::pin(execute::greet(context, parts)).await),
        "/" => execute::root(context, parts, body).await,
        "/health" | "/ready" if !is_get => Ok(error::method_not_allowed("GET,HEAD")),
        "/health" => Ok(health::health()),
        "/ready" => Ok(Box::pin(health::ready(context)).await),
        "/pipeline" | "/pipeline/" => execute::pipeline(context, parts, body).await,
        "/multi-exec" | "/multi-exec/" => execute::transaction(context, parts, body).await,
        _ => execute::path_command(context, parts, body).await,
    }
}
