//! `Upstash-Response-Format: resp2`.

use serde_json::{Value, json};

use crate::support::Pkv;

/// Status, content type and body.
async fn ask(pkv: &Pkv, path: &str, body: Value, format: &str) -> (u16, String, String) {
    let request = pkv.request("POST", path).bearer_auth(&pkv.token).body(body.to_string());
    let response = request.header("Upstash-Response-Format", format).send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.text().await.unwrap())
}

const OCTETS: &str = "application/octet-stream";

#[tokio::test]
async fn replies_come_as_redis_sent_them() {
    let pkv = Pkv::start();
    for (command, status, want) in [
        (json!(["SET", "k", "a\r\nb"]), 200, "+OK\r\n"),
        (json!(["GET", "k"]), 200, "$4\r\na\r\nb\r\n"),
        (json!(["GET", "none"]), 200, "$-1\r\n"),
        (json!(["RPUSH", "l", "x", ""]), 200, ":2\r\n"),
        (json!(["LRANGE", "l", 0, -1]), 200, "*2\r\n$1\r\nx\r\n$0\r\n\r\n"),
        (json!(["GET"]), 400, "-ERR wrong number of arguments for 'get' command\r\n"),
        (json!(["UNLINK"]), 200, ":0\r\n"),
    ] {
        let got = ask(&pkv, "/", command.clone(), "RESP2").await;
        assert_eq!(got, (status, OCTETS.into(), want.into()), "{command}");
    }
    let (status, kind, body) = ask(&pkv, "/", json!(["MULTI"]), "resp2").await;
    assert_eq!((status, kind.as_str()), (400, OCTETS));
    assert!(body.starts_with("-ERR Command \"MULTI\" is not allowed in REST"), "{body}");
}

#[tokio::test]
async fn a_pipelines_replies_follow_one_another_and_a_transaction_is_always_json() {
    let pkv = Pkv::start();
    let lines = json!([["SET", "k", "v"], ["LPUSH", "k", "x"], ["GET", "k"]]);
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let want = format!("+OK\r\n-{wrong_type}\r\n$1\r\nv\r\n");
    let got = ask(&pkv, "/pipeline", lines.clone(), "resp2").await;
    assert_eq!(got, (200, OCTETS.into(), want));
    for format in ["resp2", "xml"] {
        let (status, kind, body) = ask(&pkv, "/multi-exec", lines.clone(), format).await;
        let want = json!([{ "result": "OK" }, { "error": wrong_type }, { "result": "v" }]);
        assert_eq!((status, kind.as_str()), (200, "application/json"));
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), want);
    }
    let (status, kind, body) = ask(&pkv, "/pipeline", lines, "xml").await;
    assert_eq!((status, kind.as_str()), (400, "application/json"));
    assert!(body.contains("neither json nor resp2"), "{body}");
    let (status, _, body) = ask(&pkv, "/", json!(["GET", "k"]), "json").await;
    assert_eq!((status, body.as_str()), (200, r#"{"result":"v"}"#));
}
