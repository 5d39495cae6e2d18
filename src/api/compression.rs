//! Answers in gzip, for those who accept it (`Accept-Encoding`, RFC 9110, section 12.5.3).
//!
//! Promises: small answers and streams stay as they are; an answer that depends on what the client
//! accepts says so (`Vary`). Leaves to others: the bytes that are compressed.

use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// The smallest body that is compressed, in bytes. A smaller one leaves in one packet with its
/// headers (Ethernet carries 1460 bytes in one) and would not arrive any sooner for being shorter, while
/// an encoder costs 0.1 ms whatever the length: it begins by clearing some 300 KB.
const SMALLEST: u16 = 1024;

/// Fast rather than small: the caller waits for it. Never a stream of events, which an encoder would
/// hold back until it has a block full of them.
pub fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(SMALLEST).and(NotForContentType::SSE))
}
