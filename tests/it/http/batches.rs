//! Pipelines, where each command stands alone, and transactions, where all stand or fall together.

use serde_json::{Value, json};

use crate::support::{Pkv, items, result};

const NOPE: &str = "ERR Command is not available: 'NOPE'. See \
    https://upstash.com/docs/redis/overall/rediscompatibility for details";
const MULTI: &str = "ERR Command \"MULTI\" is not allowed in REST or it has a special context path";

async fn value(pkv: &Pkv, key: &str) -> Value {
    result(pkv.run(json!(["GET", key])).await)
}

#[tokio::test]
async fn a_pipeline_runs_what_it_can_and_keeps_the_order() {
    let pkv = Pkv::start();
    let reply = pkv.post(
        "/pipeline",
        json!([
            ["INCR", "n"],
            ["GET"],
            ["MULTI"],
            ["NOPE", 1],
            [],
            ["BLPOP", "list", 0],
            ["RPUSH", "n", "x"],
            ["INCR", "n"],
            ["shutdown", "nosave"],
            ["INCR", "n"],
        ]),
    );
    let answers = items(reply.await.unwrap());
    let error = |text: &str| json!({ "error": text });
    assert_eq!(answers.len(), 10, "{answers:?}");
    assert_eq!(answers[0], json!({ "result": 1 }));
    assert_eq!(answers[1], error("ERR wrong number of arguments for 'get' command"));
    assert_eq!(answers[2], error(MULTI));
    assert_eq!(answers[3], error(NOPE));
    assert_eq!(answers[4], error("ERR empty pipeline command"));
    assert!(answers[5]["error"].as_str().unwrap().contains("not supported over REST"));
    assert_eq!(
        answers[6],
        error("WRONGTYPE Operation against a key holding the wrong kind of value")
    );
    assert_eq!(answers[7], json!({ "result": 2 }));
    assert!(answers[8]["error"].as_str().unwrap().contains("not available: 'SHUTDOWN'"));
    assert_eq!(answers[9], json!({ "result": 3 }));

    // Nothing that may be sent is no reason to fail.
    let answers = items(pkv.post("/pipeline", json!([["MULTI"], []])).await.unwrap());
    assert_eq!(answers, [error(MULTI), error("ERR empty pipeline command")]);
}

#[tokio::test]
async fn a_batch_without_commands_or_with_a_word_that_is_none_is_refused_as_a_whole() {
    let pkv = Pkv::start();
    for (body, text) in [
        ("[]", "ERR empty pipeline request"),
        ("", "EOF"),
        ("{}", "expected JSON array"),
        (r#"[["SET","a",1],["SET","b",null]]"#, "ERR null args are not supported"),
        (r#"[["SET","a",1],["SET","b",{}]]"#, "ERR unsupported arg type: \"{\": json.Delim"),
        (r#"[["SET","a",1],["SET","b",[]]]"#, "ERR unsupported arg type: \"[\": json.Delim"),
        (r#"[["SET","a",1],["SET","b""#, "unexpected EOF"),
    ] {
        for path in ["/pipeline", "/multi-exec"] {
            let request = pkv.request("POST", path).bearer_auth(&pkv.token).body(body);
            let reply = pkv.send(request).await.unwrap();
            assert_eq!(
                (reply.status, reply.body),
                (400, json!({ "error": text })),
                "{path} {body}"
            );
        }
    }
    for (path, body) in [("/pipeline", r#"["SET","a",1]"#), ("/multi-exec", r#"[["SET","a",1],5]"#)]
    {
        let request = pkv.request("POST", path).bearer_auth(&pkv.token).body(body);
        let reply = pkv.send(request).await.unwrap();
        assert!(reply.status == 400 && reply.body["error"].is_string(), "{path}: {}", reply.body);
    }
    assert_eq!(value(&pkv, "a").await, Value::Null, "a refused batch was executed in part");
}

#[tokio::test]
async fn a_transaction_with_a_command_that_fails_while_running_goes_on() {
    let pkv = Pkv::start();
    let body = json!([["SET", "a", "x"], ["INCR", "a"], ["SET", "b", "y"], ["GET", "b"]]);
    assert_eq!(
        items(pkv.post("/multi-exec", body).await.unwrap()),
        [
            json!({ "result": "OK" }),
            json!({ "error": "ERR value is not an integer or out of range" }),
            json!({ "result": "OK" }),
            json!({ "result": "y" }),
        ]
    );
    // Base64 goes by item here as well, with the same exception.
    let body = json!([["SET", "a", "OK"], ["GET", "a"], ["LPUSH", "a", 1], ["MGET", "a", "none"]]);
    let request = pkv.request("POST", "/multi-exec").bearer_auth(&pkv.token).json(&body);
    let reply = pkv.send(request.header("Upstash-Encoding", "base64")).await.unwrap();
    assert_eq!(
        items(reply),
        [
            json!({ "result": "OK" }),
            json!({ "result": "T0s=" }),
            json!({ "error": "WRONGTYPE Operation against a key holding the wrong kind of value" }),
            json!({ "result": ["T0s=", null] }),
        ]
    );
}

#[tokio::test]
async fn a_discarded_transaction_says_why_and_runs_nothing() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    let blocking = "ERR Command \"BLPOP\" would block: blocking commands are not supported over \
        REST; poll, or use the non-blocking form";
    for (fails, text) in [
        (json!(["NOPE", "x"]), NOPE),
        (json!(["GET"]), "ERR wrong number of arguments for 'get' command"),
        (json!(["MULTI"]), MULTI),
        (json!(["BLPOP", "l", 0]), blocking),
        (json!([]), "ERR empty pipeline command"),
    ] {
        // Whatever else is wrong behind it, the first fault is the one that is told.
        let body = json!([["SET", "a", 1], fails, ["SET", "a", 2], ["LPUSH"], ["SET", "a", 3]]);
        let reply = pkv.post("/multi-exec", body).await.unwrap();
        assert_eq!((reply.status, reply.body), (400, json!({ "error": text })), "{fails}");
        // On the same, only connection: no transaction is left open on it, and nothing was run.
        assert_eq!(value(&pkv, "a").await, Value::Null, "{fails}");
    }
    assert_eq!(items(pkv.post("/multi-exec", json!([["SET", "a", 4]])).await.unwrap()).len(), 1);
    assert_eq!(value(&pkv, "a").await, "4");
}
