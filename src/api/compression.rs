//! Answers in gzip, for those who accept it (`Accept-Encoding`, RFC 9110, section 12.5.3).
//!
//! Promises: small answers and streams stay as they are, and cost nothing here; an answer that depends on
//! what the client accepts says so (`Vary`). Leaves to others: the bytes that are compressed.

use std::convert::Infallible;
use std::future::ready;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use tower_http::CompressionLevel;
use tower_http::compression::Compression;

use super::content::{Content, Piece, Source};

/// The smallest body that is compressed, in bytes. A smaller one leaves in one packet with its
/// headers (Ethernet carries 1460 bytes in one) and would not arrive any sooner for being shorter, while
/// an encoder costs 0.1 ms whatever the length: it begins by clearing some 300 KB.
const SMALLEST: usize = 1024;

/// Whether what the client accepts makes a difference. A stream of events is never compressed: an encoder
/// would hold it back until it has a block full of them.
pub fn matters(content: &Content) -> bool {
    matches!(content.source, Source::Whole(_))
        && content.source.length().is_some_and(|length| length >= SMALLEST)
}

/// What the client accepts, in the form that [`apply`] wants.
pub fn accepted(headers: &HeaderMap) -> Request<()> {
    let mut accepted = Request::new(());
    for value in headers.get_all(ACCEPT_ENCODING) {
        accepted.headers_mut().append(ACCEPT_ENCODING, value.clone());
    }
    accepted
}

/// An answer that may be compressed, as the client accepts it. Fast rather than small: the caller waits
/// for it.
pub async fn apply(accepted: Request<()>, response: Response<Content>) -> Response<Content> {
    let (parts, Content { kind, source }) = response.into_parts();
    let Source::Whole(piece) = source else {
        return Response::from_parts(parts, Content { kind, source });
    };
    let mut response = Some(Response::from_parts(parts, Full::new(piece)));
    let service =
        tower::service_fn(|_| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
    let compression = Compression::new(service)
        .quality(CompressionLevel::Fastest)
        .compress_when(|_, _, _: &HeaderMap, _: &_| true);
    let Ok(response) = compression.oneshot(accepted).await;
    let (parts, body) = response.into_parts();
    let source = match parts.headers.contains_key(CONTENT_ENCODING) {
        true => Source::Zipped(Box::pin(body)),
        false => whole(body.into_inner()).await,
    };
    Response::from_parts(parts, Content { kind, source })
}

/// What is not compressed stays what it was: of a known length, and not copied.
async fn whole(mut body: Full<Piece>) -> Source {
    let piece = body.frame().await.and_then(|Ok(frame)| frame.into_data().ok());
    piece.map_or(Source::Nothing, Source::Whole)
}
