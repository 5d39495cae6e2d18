//! Requests whose end two servers could see in different places. (RFC 9112, sections 6.3 and 11.2)

use std::time::Duration;

use serde_json::json;

use crate::bad_input::Witness;
use crate::support::raw_http::Connection;
use crate::support::{Pkv, TOKEN, result};

/// What somebody hides in a request for the next reader of the connection to find.
const HIDDEN: &str =
    "GET /set/smuggled/x?_token=test-token-0123456789 HTTP/1.1\r\nHost: pkv\r\n\r\n";

/// A `POST /echo` with these headers and this body.
fn post(headers: &str, body: &str) -> String {
    assert!(HIDDEN.contains(TOKEN), "nothing would come of it if it were found");
    format!("POST /echo HTTP/1.1\r\nHost: pkv\r\nAuthorization: {TOKEN}\r\n{headers}\r\n{body}")
}

/// Sends it; the statuses of what was answered, and whether the connection was closed.
async fn statuses(pkv: &Pkv, bytes: &str) -> (Vec<u16>, bool) {
    let mut connection = Connection::open(pkv).await;
    connection.send(bytes.as_bytes()).await;
    let mut statuses = Vec::new();
    loop {
        match connection.try_answer_within(Duration::from_millis(300)).await {
            Some(Ok(answer)) => statuses.push(answer.status),
            Some(Err(_)) => return (statuses, true),
            None => return (statuses, false),
        }
    }
}

#[tokio::test]
async fn what_could_end_in_two_places_is_refused_and_closed() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let length = HIDDEN.len();
    let whole = format!("Content-Length: {length}\r\n");
    for bytes in [
        post(&format!("Content-Length: 0\r\n{whole}"), HIDDEN),
        post(&format!("{whole}Content-Length: 0\r\n"), HIDDEN),
        post(&format!("Content-Length: 0, {length}\r\n"), HIDDEN),
        post(&format!("Content-Length: +{length}\r\n"), HIDDEN),
        post(&format!("Content-Length: 0x{length:x}\r\n"), HIDDEN),
        post(&format!("Content-Length: {length} 0\r\n"), HIDDEN),
        post("Content-Length: -1\r\n", HIDDEN),
        post("Content-Length: \r\n", HIDDEN),
        post("Content-Length: 18446744073709551616\r\n", HIDDEN),
        // A space before the colon, and lines that go on in the next one.
        post(&format!("Content-Length : {length}\r\n"), HIDDEN),
        post(&format!("X: y\r\n {whole}"), HIDDEN),
        post("X: y\r\n Transfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding:\r\n chunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        // Codings that are not, or not only, chunked.
        post("Transfer-Encoding: identity\r\n", HIDDEN),
        post("Transfer-Encoding: xchunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked, identity\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", HIDDEN),
        post("Transfer-Encoding : chunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: \x0bchunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        // HTTP/1.0 has none.
        post("Transfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{HIDDEN}"))
            .replace("HTTP/1.1\r\nHost", "HTTP/1.0\r\nHost"),
        // Chunks whose ends can be seen in two places.
        post("Transfer-Encoding: chunked\r\n", &format!("-1\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\n", &format!("0x0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\n", &format!("0\n\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\n", &format!("1;a\nb\r\nx\r\n0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\n", &format!("1\r\nxx\r\n0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked\r\n", &format!("ffffffffffffffff1\r\n{HIDDEN}")),
        // Bytes that no header may hold.
        post("X: a\rb\r\n", HIDDEN),
        post("X: a\0b\r\n", HIDDEN),
        post("X y\r\n", HIDDEN),
        post(": y\r\n", HIDDEN),
    ] {
        let (statuses, is_closed) = statuses(&pkv, &bytes).await;
        let is_refused = matches!(statuses.as_slice(), [] | [400 | 408]);
        assert!(is_refused && is_closed, "{bytes:?}: {statuses:?}, closed: {is_closed}");
        witness.all_is_well(&pkv, &bytes).await;
    }
    assert_eq!(result(pkv.run(json!(["EXISTS", "smuggled"])).await), 0);
}

#[tokio::test]
async fn what_has_one_reading_is_read_so() {
    let pkv = Pkv::start();
    let length = HIDDEN.len();
    let chunk = format!("{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n");
    for (bytes, closes) in [
        // The coding goes before the length, which may be wrong; then nothing that follows is a request.
        (post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &chunk), true),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", &chunk), true),
        (
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
                &format!("1\r\nx\r\n0\r\n\r\n{HIDDEN}"),
            ),
            true,
        ),
        // The same length twice is a length.
        (post(&format!("Content-Length: {length}\r\n").repeat(2), HIDDEN), false),
        (post("transfer-ENCODING: Chunked\r\n", &chunk), false),
        (post("Transfer-Encoding: chunked\r\n", &chunk.replace("\r\nGET", ";a=b\r\nGET")), false),
        // The end of a line is a line feed, whatever is before it (RFC 9112, section 2.2).
        (post(&format!("Content-Length: {length}\n"), HIDDEN), false),
        // A body where none is asked for is passed over.
        (
            post(&format!("Content-Length: {length}\r\n"), HIDDEN).replacen(
                "POST /echo",
                "GET /get/k",
                1,
            ),
            false,
        ),
    ] {
        let (statuses, is_closed) = statuses(&pkv, &bytes).await;
        assert_eq!((statuses, is_closed), (vec![200], closes), "{bytes:?}");
    }
    assert_eq!(result(pkv.run(json!(["EXISTS", "smuggled"])).await), 0);
}
