//! What each method of HTTP does, on each kind of path.

use serde_json::json;

use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, result};

#[tokio::test]
async fn other_methods_are_refused_everywhere_with_an_empty_body_and_run_nothing() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let paths =
        ["/", "/set/k/v", "/pipeline", "/multi-exec", "/subscribe/c", "/monitor", "/health"];
    for method in ["DELETE", "PATCH", "TRACE", "COPY", "get", "SUBSCRIBE"] {
        for path in paths {
            // With a body, which must not be taken for the next request.
            let asked = request(&pkv, method, path, "", br#"[["SET","k","v"]]"#);
            let answer = connection.exchange(&asked).await;
            let what = format!("{method} {path}");
            assert_eq!((answer.status, &*answer.body), (405, &b""[..]), "{what}");
            assert_eq!(answer.header("content-length"), Some("0"), "{what}");
            let allowed = answer.header("allow").unwrap_or_default();
            for method in ["HEAD", "GET", "POST", "PUT", "OPTIONS"] {
                assert!(allowed.contains(method), "{what}: {allowed:?}");
            }
        }
    }
    assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), 0);
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_runs_nothing() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let headers = "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n";
    for target in ["/", "/set/k/v", "/pipeline", "/subscribe/c", "/monitor", "/ready", "*"] {
        let asked = format!("OPTIONS {target} HTTP/1.1\r\nHost: pkv\r\n{headers}\r\n");
        let answer = connection.exchange(asked.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (200, &b""[..]), "{target}");
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://app.example"), "{target}");
        let methods = answer.header("access-control-allow-methods");
        assert_eq!(methods, Some("HEAD, GET, POST, PUT"), "{target}");
    }
    assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), 0);
}

#[tokio::test]
async fn a_head_has_the_status_of_a_get_and_no_body() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    for (target, status) in [
        ("/", 200),
        ("/health", 200),
        ("/echo/x", 200),
        ("/echo/x?_token=wrong", 401),
        ("/notacmd", 400),
        ("/blpop/k/0", 400),
        // `GET` without a body either.
        ("/pipeline", 400),
        ("/multi-exec", 400),
        // A stream would begin.
        ("/subscribe/c", 200),
        ("/monitor", 200),
    ] {
        connection.send(&request(&pkv, "HEAD", target, "", b"")).await;
        let head = connection.head().await;
        assert_eq!(head.status, status, "{target}");
        // The next answer begins where the head ends.
        let next = connection.exchange(&request(&pkv, "GET", "/echo/next", "", b"")).await;
        assert_eq!(next.json(), json!({ "result": "next" }), "after {target}");
    }
}

#[tokio::test]
async fn a_put_is_a_post() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    for (target, body) in [
        ("/", &br#"["ECHO","x"]"#[..]),
        ("/", b""),
        ("/", b"{}"),
        ("/echo", b"x"),
        ("/echo/x", b""),
        ("/pipeline", br#"[["ECHO","x"],["NOPE"]]"#),
        ("/pipeline/", b"[]"),
        ("/multi-exec", br#"[["ECHO","x"]]"#),
        ("/multi-exec/", br#"[["NOPE"]]"#),
        ("/health", b""),
    ] {
        let what = format!("{target} {}", String::from_utf8_lossy(body));
        let post = connection.exchange(&request(&pkv, "POST", target, "", body)).await;
        let put = connection.exchange(&request(&pkv, "PUT", target, "", body)).await;
        assert_eq!((put.status, put.body), (post.status, post.body), "{what}");
    }
}
