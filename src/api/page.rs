//! `GET /` in a browser: what this is, whether it is ready, and what to paste.
//!
//! It has no script, no cookie and nothing from elsewhere, and may stand in the frame in which Hugging
//! Face shows a Space (<https://huggingface.co/docs/hub/spaces-embed>).

use axum::body::Body;
use axum::http::header::{ACCEPT, HOST};
use axum::http::{HeaderMap, Response};

use super::{Context, error};

const PAGE: &str = include_str!("../../etc/page.html");

/// Whether who asks would rather see a page than JSON.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|types| types.contains("text/html"))
}

/// The page.
pub fn show(context: &Context, headers: &HeaderMap) -> Response<Body> {
    let status = context.status.as_ref().map(|status| status.borrow().clone());
    let state = match &status {
        // Its name alone: `/ready` may say more.
        Some(status) if !status.is_ready() => {
            format!("It is not ready: Redis is {}.", status.state.name())
        }
        _ => "It is ready.".to_owned(),
    };
    let token = match context.tokens.are_there() {
        true => "<p>Point a client at it:",
        false => {
            "<p><strong>No token is set yet, so that nobody is let in.</strong> Open the Space's \
             Settings, “Variables and secrets”, add a secret named <code>SRH_TOKEN</code> with a long \
             random text, and use that as the token:"
        }
    };
    let url = context.public_url.clone().or_else(|| url(headers)).unwrap_or_default();
    let page = PAGE
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{state}", &state)
        .replace("{token}", token)
        .replace("{url}", &url);
    error::page(page)
}

/// Where the browser has found it. A host is nothing that has to be escaped, or none.
fn url(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    host.chars().all(is_plain).then(|| format!("http://{host}"))
}
