//! `GET /` in a browser: what this is, whether it is ready, and what to paste.
//!
//! It has no script, no cookie and nothing from elsewhere, and may stand in the frame in which Hugging
//! Face shows a Space (<https://huggingface.co/docs/hub/spaces-embed>).

use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, Response};

use super::content::Content;
use super::{Context, error};

const PAGE: &str = include_str!("../../etc/page.html");

/// Whether who asks would rather see a page than JSON.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let wants = |one: &str| {
        let (name, weight) = one.split_once(";q=").unwrap_or((one, "1"));
        name.trim() == "text/html" && weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0)
    };
    accept.is_some_and(|types| types.split(',').any(wants))
}

/// The page; `fault` is why pkv is not ready, if it is not.
pub fn show(context: &Context, asked: &Parts, fault: Option<&str>) -> Response<Content> {
    let state = match fault {
        Some(name) => format!("It is not ready: Redis is {name}."),
        None => "It is ready.".to_owned(),
    };
    let token = match context.tokens.are_there() {
        true => "<p>Point a client at it:",
        false => {
            "<p><strong>No token is set yet, so that nobody is let in.</strong> Open the Space's \
             Settings, “Variables and secrets”, add a secret named <code>SRH_TOKEN</code> with a long \
             random text, and use that as the token:"
        }
    };
    let url = context.public_url.clone().or_else(|| url(asked)).unwrap_or_default();
    let page = PAGE
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{state}", &state)
        .replace("{token}", token)
        .replace("{url}", &url);
    error::page(page)
}

/// Where the browser has found it, perhaps through a proxy that takes TLS off. A host is nothing that
/// has to be escaped, or none.
fn url(asked: &Parts) -> Option<String> {
    let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
    // HTTP/2 has it in the request's target.
    let authority = asked.uri.authority().map(|authority| authority.as_str());
    let host = header("host").or(authority)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let scheme = if header("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    host.chars().all(is_plain).then(|| format!("{scheme}://{host}"))
}
