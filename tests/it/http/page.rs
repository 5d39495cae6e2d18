//! What a browser is shown.

use nix::sys::signal::Signal;

use crate::support::Pkv;
use crate::support::raw_http::{Connection, request};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

#[tokio::test]
async fn a_browser_gets_a_page_that_may_be_framed_and_a_client_gets_json() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let answer = connection.exchange(&request(&pkv, "GET", "/", BROWSER, b"")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains("https://huggingface.co https://*.hf.space"), "{policy}");
    for header in ["x-frame-options", "set-cookie"] {
        assert_eq!(answer.header(header), None, "{header}");
    }
    let page = String::from_utf8(answer.body).unwrap();
    assert!(page.contains("It is ready."), "{page}");
    assert!(page.contains("UPSTASH_REDIS_REST_URL=http://pkv\n"), "{page}");
    for place in ["{version}", "{state}", "{token}", "{url}"] {
        assert!(!page.contains(place), "{place} in {page}");
    }
    assert!(!page.contains(&pkv.token), "a token is not for everybody: {page}");

    let no_html = "Accept: application/json, text/html;q=0\r\n";
    for accept in ["", "Accept: */*\r\n", "Accept: application/json\r\n", no_html] {
        let answer = connection.exchange(&request(&pkv, "GET", "/", accept, b"")).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accept}");
    }
}

#[tokio::test]
async fn the_page_says_what_ready_says_and_has_the_address_of_the_proxy() {
    let pkv = Pkv::start();
    pkv.signal_redis(Signal::SIGSTOP);
    let mut connection = Connection::open(&pkv).await;
    let proxied = format!("{BROWSER}X-Forwarded-Proto: https\r\n");
    let answer = connection.exchange(&request(&pkv, "GET", "/", &proxied, b"")).await;
    pkv.signal_redis(Signal::SIGCONT);
    let page = String::from_utf8(answer.body).unwrap();
    assert!(page.contains("It is not ready: Redis is unreachable."), "{page}");
    assert!(page.contains("UPSTASH_REDIS_REST_URL=https://pkv\n"), "{page}");
}

#[tokio::test]
async fn nothing_of_a_request_becomes_part_of_the_page_but_a_plain_host() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let hostile = format!("GET / HTTP/1.1\r\nHost: a<script>\r\n{BROWSER}\r\n");
    let answer = connection.exchange(hostile.as_bytes()).await;
    assert!(!String::from_utf8(answer.body).unwrap().contains("a<script>"));
}

#[tokio::test]
async fn a_space_tells_its_own_address_and_its_owner_what_is_missing() {
    let space = [("SPACE_ID", "me/pkv"), ("SPACE_HOST", "me-pkv.hf.space"), ("SRH_TOKEN", "")];
    let mut pkv = Pkv::start_with(&space);
    assert!(pkv.banner.contains("\nUPSTASH_REDIS_REST_URL=https://me-pkv.hf.space\n"));
    // As seen from inside.
    let log = pkv.log();
    let address = log.iter().find_map(|entry| entry["address"].as_str()).unwrap();
    pkv.url = format!("http://{address}");
    let mut connection = Connection::open(&pkv).await;
    let answer = connection.exchange(&request(&pkv, "GET", "/", BROWSER, b"")).await;
    let page = String::from_utf8(answer.body).unwrap();
    assert!(page.contains("UPSTASH_REDIS_REST_URL=https://me-pkv.hf.space\n"), "{page}");
    assert!(page.contains("No token is set yet"), "{page}");
    assert!(page.contains("<code>SRH_TOKEN</code>"), "{page}");
}
