//! Whose request this is, and who is turned away.

use serde_json::json;

use crate::support::Pkv;

const DENIED: &str = "WRONGPASS invalid or missing auth token. See \
    https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details.";

#[tokio::test]
async fn the_token_comes_from_the_parameter_or_else_from_the_header() {
    let pkv = Pkv::start();
    let rows = [
        ("", Some("Bearer test-token-0123456789"), true),
        ("", Some("bearer test-token-0123456789"), true),
        ("", Some("BEARER  test-token-0123456789 "), true),
        ("", Some("test-token-0123456789"), true),
        ("?_token=test-token-0123456789", None, true),
        ("?_token=test%2Dtoken%2D0123456789", None, true),
        ("?_token=test-token-0123456789", Some("Bearer wrong"), true),
        ("?_token=wrong", Some("Bearer test-token-0123456789"), false),
        ("", None, false),
        ("", Some(""), false),
        ("", Some("Bearer"), false),
        ("", Some("Bearer undefined"), false),
        ("", Some("Bearer test-token-01234567892"), false),
        ("", Some("Bearer test-toke"), false),
        ("", Some("Bearer TEST-TOKEN"), false),
        ("", Some("Basic dGVzdC10b2tlbg=="), false),
        ("?_token=", None, false),
    ];
    for (query, header, welcome) in rows {
        for (method, path, body) in [
            ("GET", "/ping", ""),
            ("POST", "/", r#"["PING"]"#),
            ("POST", "/pipeline", r#"[["PING"]]"#),
            ("POST", "/multi-exec", r#"[["PING"]]"#),
        ] {
            let request = pkv.request(method, &format!("{path}{query}")).body(body);
            let request = match header {
                Some(header) => request.header("Authorization", header),
                None => request,
            };
            let reply = pkv.send(request).await.unwrap();
            let what = format!("{method} {path}{query} {header:?}: {}", reply.body);
            assert_eq!(reply.status, if welcome { 200 } else { 401 }, "{what}");
            if !welcome {
                assert_eq!(reply.body, json!({ "error": DENIED }), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn who_may_not_ask_is_told_so_whatever_he_asks() {
    let pkv = Pkv::start();
    for (path, body) in [
        ("/", ""),
        ("/", "not JSON"),
        ("/", r#"["SHUTDOWN"]"#),
        ("/", r#"["NOTACMD"]"#),
        ("/pipeline", "[]"),
        ("/multi-exec", "{}"),
        ("/blpop/k/0", ""),
        ("/no/such/command", ""),
    ] {
        let reply = pkv.send(pkv.request("POST", path).body(body)).await.unwrap();
        assert_eq!((reply.status, &reply.body["error"]), (401, &json!(DENIED)), "{path} {body}");
    }
    // An unknown method is refused before anybody asks for a token.
    let reply = pkv.send(pkv.request("PATCH", "/get/k")).await.unwrap();
    assert_eq!(reply.status, 405);
}
