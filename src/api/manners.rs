//! What every answer has in common: CORS, the sync token, and what HTTP says of bodies.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    CONTENT_LENGTH, CONTENT_TYPE, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};

use super::content::{Content, Source};

static SYNC_TOKEN: HeaderName = HeaderName::from_static("upstash-sync-token");

/// More room than this in a request's headers is not kept for its answer's, and then for the next
/// request's: an idle connection has the last ones.
const ROOMY: usize = 24;

/// Adds the common headers to an answer, which takes the room of the request's.
pub fn apply(mut asked: HeaderMap, response: &mut Response<Content>) {
    let origin = asked.remove(ORIGIN);
    if asked.capacity() <= ROOMY {
        asked.clear();
        let own = std::mem::replace(response.headers_mut(), asked);
        response.headers_mut().extend(own);
    }
    let kind = response.body().kind.header();
    let headers = response.headers_mut();
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(HeaderValue::from_static("*")));
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Upstash-Sync-Token"));
    headers.insert(&SYNC_TOKEN, sync_token());
}

/// Takes the body of an answer that is to have none, and says how long it is or was.
pub fn without_body(method: &Method, response: &mut Response<Content>) {
    let length = response.body().source.length();
    if *method != Method::HEAD && length != Some(0) {
        return;
    }
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response.body_mut().source = Source::Nothing;
}

/// What OPTIONS is answered with.
pub fn preflight(asked: &HeaderMap) -> Response<Content> {
    let mut response = Response::new(Content::nothing());
    let asked = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("HEAD, GET, POST, PUT"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("*")));
    response
}

/// A token that no answer before has carried. There is one Redis behind it, so that a client reads
/// its own writes anyway; the SDKs only want to see the token change. Written as Upstash writes
/// it: base 32 with the digits 0-9a-v.
fn sync_token() -> HeaderValue {
    let mut number = *START + next();
    let mut digits = [0; 13];
    let mut first = digits.len();
    while number > 0 {
        first -= 1;
        digits[first] = b"0123456789abcdefghijklmnopqrstuv"[(number % 32) as usize];
        number /= 32;
    }
    HeaderValue::from_bytes(&digits[first..]).unwrap_or(HeaderValue::from_static("1"))
}

/// A number that nobody had before. Each thread has some in stock, so that no request waits for another
/// core's cache.
fn next() -> u64 {
    const STOCK: u64 = 1 << 10;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static OWN: Cell<u64> = const { Cell::new(0) };
    }
    let own = OWN.get();
    let number = match own % STOCK {
        0 => NEXT.fetch_add(STOCK, Ordering::Relaxed),
        _ => own,
    };
    OWN.set(number + 1);
    number
}

/// Microseconds: a restarted pkv goes on above the tokens that it has given out.
static START: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_micros() as u64)
});

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn tokens_are_never_empty_and_never_the_same() {
        // More than a thread has in stock.
        const EACH: usize = 5000;
        let some = || (0..EACH).map(|_| sync_token().as_bytes().to_vec()).collect::<Vec<_>>();
        let threads = [(); 4].map(|()| thread::spawn(some));
        let tokens: HashSet<_> = threads.into_iter().flat_map(|one| one.join().unwrap()).collect();
        assert_eq!(tokens.len(), 4 * EACH);
        assert!(tokens.iter().all(|token| token.len() > 5));
    }
}
