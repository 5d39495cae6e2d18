//! Bodies that hold no command, too much of one, or very many.

use serde_json::{Value, json};

use super::Witness;
use crate::support::raw_http::{Connection, chunked, request};
use crate::support::{Pkv, items, result};

const LIMIT: usize = 10 << 20;

/// Every endpoint that reads JSON.
const ENDPOINTS: [&str; 3] = ["/", "/pipeline", "/multi-exec"];

#[tokio::test]
async fn a_body_that_is_no_command_is_an_error_and_no_more() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let in_command = |inside: &str| format!(r#"["SET","k",{inside}]"#);
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " \r\n\t",
        "[",
        "]",
        "{",
        "{}",
        "[]",
        "[[]]",
        "[[[]]]",
        "[\"\"]",
        "[[\"\"]]",
        "[null]",
        "[[null]]",
        "[{}]",
        "5",
        "-",
        "\"GET\"",
        "true",
        "null",
        "nul",
        "abc",
        "[abc",
        "[\"GET\"",
        "[\"GET",
        "[\"GET\",]",
        "[,\"GET\"]",
        "[\"GET\" \"k\"]",
        "[\"GET\",\"k\"] x",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "['GET']",
        "[\"a\nb\"]",
        "GET k",
        "*1\r\n$4\r\nPING\r\n",
        "a=b&c=d",
        "[\"SET\",\"k\",NaN]",
        "[\"SET\",\"k\",01]",
        "[\"SET\",\"k\",.5]",
        "\u{FEFF}[\"PING\"]",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    for text in [
        "[".repeat(10_000),
        "{\"a\":".repeat(10_000),
        "[{\"a\":".repeat(10_000),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        in_command(&deep("[", "]")),
        in_command(&"[".repeat(10_000)),
        in_command(&deep("{\"a\":[", "]}")),
        format!("[{}]", in_command(&deep("[", "]"))),
        format!("[{}]", in_command(&deep("{\"a\":", "}"))),
    ] {
        bodies.push(text.into_bytes());
    }
    bodies.extend([
        b"\xff\xfe".to_vec(),
        b"[\"SET\",\"k\",\"\xff\"]".to_vec(),
        b"[[\"SET\",\"k\",\"\xed\xa0\x80\"]]".to_vec(),
        b"\0".to_vec(),
        (0..=255).collect(),
    ]);
    for body in bodies {
        for path in ENDPOINTS {
            let text = String::from_utf8_lossy(&body);
            let what = format!("{path} {}", text.chars().take(60).collect::<String>());
            let send = pkv.request("POST", path).bearer_auth(&pkv.token).body(body.clone());
            let reply = pkv.send(send).await.unwrap();
            // An empty line of a pipeline fails alone.
            let (status, error) = match (path, text.as_ref()) {
                ("/pipeline", "[[]]" | "[[\"\"]]") => (200, &reply.body[0]["error"]),
                _ => (400, &reply.body["error"]),
            };
            assert_eq!(reply.status, status, "{what}: {}", reply.body);
            assert!(
                error.as_str().is_some_and(|error| !error.is_empty()),
                "{what}: {}",
                reply.body
            );
        }
        witness.all_is_well(&pkv, &String::from_utf8_lossy(&body[..body.len().min(60)])).await;
    }
    assert_eq!(result(pkv.run(json!(["EXISTS", "k"])).await), 0, "one of them was executed");
}

/// `["SET","big","xxx…"]` of this length.
fn set_of_length(length: usize) -> Vec<u8> {
    let around = r#"["SET","big",""]"#.len();
    format!(r#"["SET","big","{}"]"#, "x".repeat(length - around)).into_bytes()
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_with_upstashs_text_and_one_at_the_limit_is_not() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    for length in [LIMIT + 1, LIMIT + (3 << 20)] {
        let text =
            format!("ERR max request size exceeded. Limit: 10485760 bytes, Actual: {length} bytes");
        let body = set_of_length(length);
        for path in ["/", "/pipeline", "/multi-exec", "/set/big"] {
            for (how, bytes) in [
                ("announced", request(&pkv, "POST", path, "", &body)),
                ("chunked", chunked(&pkv, path, &body)),
            ] {
                let what = format!("{length} bytes, {how}, at {path}");
                let answer = Connection::open(&pkv).await.exchange(&bytes).await;
                assert_eq!((answer.status, answer.error()), (400, text.clone()), "{what}");
                witness.all_is_well(&pkv, &what).await;
            }
        }
    }
    assert_eq!(result(pkv.run(json!(["EXISTS", "big"])).await), 0);
    for (how, bytes) in [
        ("announced", request(&pkv, "POST", "/", "", &set_of_length(LIMIT))),
        ("chunked", chunked(&pkv, "/", &set_of_length(LIMIT))),
    ] {
        let answer = Connection::open(&pkv).await.exchange(&bytes).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "result": "OK" })), "{how}");
    }
    assert_eq!(result(pkv.run(json!(["STRLEN", "big"])).await), LIMIT - 16);
}

#[tokio::test]
async fn the_limit_is_the_one_that_was_configured() {
    let pkv = Pkv::start_with(&[("PKV_MAX_BODY", "1kb")]);
    let answer = async |length: usize| {
        let bytes = request(&pkv, "POST", "/", "", &set_of_length(length));
        Connection::open(&pkv).await.exchange(&bytes).await
    };
    assert_eq!(answer(1024).await.status, 200);
    let refused = answer(1025).await;
    let text = "ERR max request size exceeded. Limit: 1024 bytes, Actual: 1025 bytes";
    assert_eq!((refused.status, refused.error()), (400, text.into()));
}

#[tokio::test]
async fn batches_of_any_length_are_answered_in_full_and_in_order() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    for (path, count) in [("/pipeline", 100_000), ("/multi-exec", 10_000)] {
        // Every hundredth fails, which must not move the others.
        let commands: Vec<_> =
            (1..=count)
                .map(|number| {
                    if number % 100 == 0 { json!(["INCR", "text"]) } else { json!(["INCR", path]) }
                })
                .collect();
        result(pkv.run(json!(["SET", "text", "x"])).await);
        let answers = items(pkv.post(path, Value::Array(commands)).await.unwrap());
        assert_eq!(answers.len(), count, "{path}");
        let mut counted = 0;
        for (index, answer) in answers.iter().enumerate() {
            if (index + 1) % 100 == 0 {
                let text = "ERR value is not an integer or out of range";
                assert_eq!(*answer, json!({ "error": text }), "{path} {index}");
            } else {
                counted += 1;
                assert_eq!(*answer, json!({ "result": counted }), "{path} {index}");
            }
        }
        witness.all_is_well(&pkv, path).await;
    }
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_too_much_is_told_at_once() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: pkv\r\nAuthorization: Bearer {}\r\nContent-Length: 99999999\r\n\
         Expect: 100-continue\r\n\r\n",
        pkv.token
    );
    // Were it told to go on, or waited for, this would be `100 Continue` or no answer in time.
    let answer = connection.exchange(head.as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("Limit: 10485760 bytes, Actual: 99999999 bytes"));
}
