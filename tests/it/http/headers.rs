//! What every answer carries, whatever became of the request.

use std::collections::HashSet;

use reqwest::Response;

use crate::support::Pkv;

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// One request for each kind of answer: method, path, body, whether with the token, status.
const KINDS: &[(&str, &str, &str, bool, u16)] = &[
    ("GET", "/", "", false, 200),
    ("GET", "/health", "", false, 200),
    ("GET", "/ready", "", false, 200),
    ("GET", "/get/k", "", true, 200),
    ("HEAD", "/get/k", "", true, 200),
    ("POST", "/", r#"["SET","k","v"]"#, true, 200),
    ("POST", "/", r#"["SET","k"]"#, true, 400),
    ("POST", "/", "not JSON", true, 400),
    ("POST", "/", r#"["SHUTDOWN"]"#, true, 400),
    ("POST", "/pipeline", r#"[["SET","k","v"],["NOPE"]]"#, true, 200),
    ("POST", "/multi-exec", r#"[["SET","k","v"]]"#, true, 200),
    ("POST", "/multi-exec", r#"[["NOPE"]]"#, true, 400),
    ("GET", "/get/k", "", false, 401),
    ("POST", "/pipeline", "[]", false, 401),
    ("DELETE", "/get/k", "", true, 405),
    ("PATCH", "/", "", false, 405),
    ("OPTIONS", "/get/k", "", false, 200),
];

#[tokio::test]
async fn every_answer_lets_browsers_read_it_and_has_a_sync_token_of_its_own() {
    let pkv = Pkv::start();
    let mut sync_tokens = HashSet::new();
    for (method, path, body, with_token, status) in KINDS {
        for origin in [None, Some("https://app.example"), Some("null")] {
            let what = format!("{method} {path} {body} from {origin:?}");
            let mut request = pkv.request(method, path).body(*body);
            if *with_token {
                request = request.bearer_auth(&pkv.token);
            }
            if let Some(origin) = origin {
                request = request.header("Origin", origin);
            }
            // An old token, or somebody else's, must not be waited for.
            let response = request.header("Upstash-Sync-Token", "not-ours").send().await.unwrap();
            assert_eq!(response.status(), *status, "{what}");
            let allowed = header(&response, "access-control-allow-origin");
            assert_eq!(allowed, origin.unwrap_or("*"), "{what}");
            assert_eq!(header(&response, "access-control-allow-credentials"), "true", "{what}");
            let exposed = header(&response, "access-control-expose-headers").to_lowercase();
            assert!(exposed.contains("upstash-sync-token"), "{what}: {exposed:?}");
            let sync_token = header(&response, "upstash-sync-token").to_owned();
            assert!(!sync_token.is_empty(), "{what}");
            assert!(sync_tokens.insert(sync_token), "{what}: a sync token was given out twice");
            let is_json = header(&response, "content-type").starts_with("application/json");
            assert_eq!(is_json, *method != "OPTIONS" && *status != 405, "{what}");
            let body = response.bytes().await.unwrap();
            let is_empty = matches!(*method, "HEAD" | "OPTIONS") || *status == 405;
            assert_eq!(body.is_empty(), is_empty, "{what}: {body:?}");
        }
    }
}

#[tokio::test]
async fn a_preflight_allows_every_method_and_the_headers_that_it_asks_for() {
    let pkv = Pkv::start();
    for path in ["/", "/pipeline", "/multi-exec", "/set/k/v", "/health"] {
        for asked in [None, Some("authorization,content-type,upstash-telemetry-sdk,x-anything")] {
            let mut request = pkv
                .request("OPTIONS", path)
                .header("Origin", "https://app.example")
                .header("Access-Control-Request-Method", "POST");
            if let Some(asked) = asked {
                request = request.header("Access-Control-Request-Headers", asked);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(header(&response, "access-control-allow-origin"), "https://app.example");
            let methods = header(&response, "access-control-allow-methods");
            for method in ["HEAD", "GET", "POST", "PUT"] {
                assert!(methods.contains(method), "{path}: {methods}");
            }
            let headers = header(&response, "access-control-allow-headers");
            assert_eq!(headers, asked.unwrap_or("*"), "{path}");
            assert_eq!(response.text().await.unwrap(), "");
        }
    }
}
