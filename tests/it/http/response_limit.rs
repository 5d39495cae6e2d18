//! `PKV_MAX_RESPONSE`: what is answered in place of a larger answer.

use serde_json::{Value, json};

use crate::streams::Stream;
use crate::support::{Pkv, result};

/// A header, and what it asks for.
type Header = (&'static str, &'static str);

const TEXT: Header = ("Upstash-Response-Format", "json");
const BASE64: Header = ("Upstash-Encoding", "base64");
const RESP2: Header = ("Upstash-Response-Format", "resp2");
const GZIP: Header = ("Accept-Encoding", "gzip");

/// Status, content type and body.
async fn ask(pkv: &Pkv, target: &str, body: &str, header: Header) -> (u16, String, String) {
    let (method, path) = target.split_once(' ').unwrap();
    let request = pkv.request(method, path).bearer_auth(&pkv.token).body(body.to_owned());
    let response = request.header(header.0, header.1).send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.text().await.unwrap())
}

async fn set(pkv: &Pkv, key: &str, length: usize) {
    assert_eq!(result(pkv.run(json!(["SET", key, "x".repeat(length)])).await), "OK");
}

#[tokio::test]
async fn a_larger_answer_is_upstashs_error_in_the_form_that_was_asked_for() {
    let pkv = Pkv::start_with(&[("PKV_MAX_RESPONSE", "1kb")]);
    set(&pkv, "k", 2000).await;
    let item = 2000 + r#"{"result":""}"#.len();
    let item_in_base64 = 2668 + r#"{"result":""}"#.len();
    let bulk_string = 2000 + "$2000\r\n\r\n".len();
    let lines = r#"[["GET","k"],["GET","none"]]"#;
    let more = r#"[,{"result":null}]"#.len();
    for (target, body, header, actual) in [
        ("POST /", r#"["GET","k"]"#, TEXT, item),
        ("POST /", r#"["GET","k"]"#, BASE64, item_in_base64),
        ("POST /", r#"["GET","k"]"#, RESP2, bulk_string),
        ("GET /get/k", "", TEXT, item),
        ("GET /get/k", "", RESP2, bulk_string),
        ("POST /pipeline", lines, TEXT, item + more),
        ("POST /pipeline", lines, BASE64, item_in_base64 + more),
        ("POST /pipeline", lines, RESP2, bulk_string + "$-1\r\n".len()),
        ("POST /multi-exec", lines, TEXT, item + more),
        ("POST /multi-exec", lines, BASE64, item_in_base64 + more),
        // How well it can be packed makes no difference.
        ("GET /get/k", "", GZIP, item),
    ] {
        let text =
            format!("ERR max request size exceeded. Limit: 1024 bytes, Actual: {actual} bytes");
        let want = match header {
            RESP2 => (400, "application/octet-stream".to_owned(), format!("-{text}\r\n")),
            _ => (400, "application/json".to_owned(), json!({ "error": text }).to_string()),
        };
        assert_eq!(ask(&pkv, target, body, header).await, want, "{target} {header:?}");
    }
}

#[tokio::test]
async fn an_answer_at_the_limit_is_sent_and_what_was_executed_stays_so() {
    let pkv = Pkv::start_with(&[("PKV_MAX_RESPONSE", "1kb")]);
    for (length, status) in [(1024, 200), (1025, 400)] {
        set(&pkv, "k", length - r#"{"result":""}"#.len()).await;
        let (got, _, text) = ask(&pkv, "GET /get/k", "", TEXT).await;
        assert_eq!((got, text.len() == length), (status, status == 200), "{length}: {text}");
    }
    for path in ["/pipeline", "/multi-exec"] {
        let lines = json!([["INCR", path], ["GET", "k"], ["INCR", path]]);
        assert_eq!(pkv.post(path, lines).await.unwrap().status, 400);
        assert_eq!(result(pkv.run(json!(["GET", path])).await), "2");
    }
    // Errors of Redis's own count as well.
    let script = "return redis.error_reply('ERR ' .. string.rep('x', 2000))";
    let reply = pkv.run(json!(["EVAL", script, 0])).await;
    assert!(reply.body["error"].as_str().unwrap().contains("Limit: 1024 bytes"), "{}", reply.body);
    // Streams are no answers to commands.
    let mut stream = Stream::open(&pkv, "/subscribe/c").await;
    stream.until("\n\n").await;
    let message = "x".repeat(5000);
    result(pkv.run(json!(["PUBLISH", "c", message])).await);
    assert_eq!(stream.until("\n\n").await, format!("data: message,c,{message}\n\n"));
}

#[tokio::test]
async fn without_a_limit_an_answer_may_be_larger_than_any_request() {
    let pkv = Pkv::start();
    set(&pkv, "k", 8 << 20).await;
    let (status, _, text) = ask(&pkv, "GET /mget/k/k", "", TEXT).await;
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, json["result"][1].as_str().map(str::len)), (200, Some(8 << 20)));
}
