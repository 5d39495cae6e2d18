//! Heads of requests: how many headers, how long.

use crate::bad_input::Witness;
use crate::support::Pkv;
use crate::support::raw_http::{Answer, Connection, request};

async fn with_headers(pkv: &Pkv, headers: &str) -> Answer {
    Connection::open(pkv).await.exchange(&request(pkv, "GET", "/get/k", headers, b"")).await
}

#[tokio::test]
async fn headers_are_limited_in_number_and_length() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    // Three are in every request here.
    for (count, status) in [(97, 200), (98, 431)] {
        let headers: String = (0..count).map(|number| format!("X-{number}: y\r\n")).collect();
        assert_eq!(with_headers(&pkv, &headers).await.status, status, "{count} headers");
    }
    for (kilobytes, status) in [(60, 200), (70, 431)] {
        let header = format!("X: {}\r\n", "y".repeat(kilobytes << 10));
        assert_eq!(with_headers(&pkv, &header).await.status, status, "{kilobytes} KB");
    }
    witness.all_is_well(&pkv, "many headers").await;
}
