//! What every answer has in common: which methods there are, CORS, the sync token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ORIGIN,
};
use axum::http::{HeaderValue, Method, Response};
use axum::middleware::Next;

use super::error;

/// Answers OPTIONS and refuses unknown methods before anything else is asked; adds the common
/// headers to every answer, errors included.
pub async fn apply(request: Request, next: Next) -> Response<Body> {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match *request.method() {
        Method::GET | Method::HEAD | Method::POST | Method::PUT => next.run(request).await,
        Method::OPTIONS => preflight(&request),
        _ => error::method_not_allowed(HeaderValue::from_static("HEAD, GET, POST, PUT, OPTIONS")),
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(HeaderValue::from_static("*")));
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Upstash-Sync-Token"));
    headers.insert("upstash-sync-token", sync_token());
    response
}

fn preflight(request: &Request) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("HEAD, GET, POST, PUT"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("*")));
    response
}

/// A token that no answer before has carried. There is one Redis behind it, so that a client reads
/// its own writes anyway; the SDKs only want to see the token change. Written as Upstash writes
/// it: base 32 with the digits 0-9a-v.
fn sync_token() -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut number = NEXT.fetch_add(1, Ordering::Relaxed) + *START;
    let mut digits = [0; 13];
    let mut first = digits.len();
    while number > 0 {
        first -= 1;
        digits[first] = b"0123456789abcdefghijklmnopqrstuv"[(number % 32) as usize];
        number /= 32;
    }
    HeaderValue::from_bytes(&digits[first..]).unwrap_or(HeaderValue::from_static("1"))
}

/// Microseconds: a restarted pkv goes on above the tokens that it has given out.
static START: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_micros() as u64)
});

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_are_never_empty_and_never_the_same() {
        let tokens: HashSet<_> = (0..1000).map(|_| sync_token().as_bytes().to_vec()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() > 5));
    }
}
