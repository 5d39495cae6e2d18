//! The test vectors of the REST API's specification, by their numbers, over real HTTP. (22 and 23
//! are subscriptions: see `streams`.)

use serde_json::Value;

use crate::streams::Stream;
use crate::support::Pkv;

/// The headers of a request.
#[derive(Clone, Copy, PartialEq)]
enum With {
    Token,
    TokenAndBase64,
    WrongToken,
    ReadonlyToken,
    Resp2,
    Resp2AndBase64,
    Xml,
    Origin,
    Nothing,
}
use With::{
    Nothing, Origin, ReadonlyToken, Resp2, Resp2AndBase64, Token, TokenAndBase64, WrongToken, Xml,
};

/// Number, request, headers, body, status, JSON. In the JSON `…` stands for any end of a string,
/// and `"1…3"` for a number from 1 to 3; no JSON means no body, and what is
/// no JSON is the body itself.
type Row = (u8, &'static str, With, &'static str, u16, &'static str);

const OK: &str = r#"{"result":"OK"}"#;

const ROWS: &[Row] = &[
    (1, "GET /set/v1/bar", Token, "", 200, OK),
    (1, "GET /get/v1", Token, "", 200, r#"{"result":"bar"}"#),
    (2, "GET /set/v2/bar", Token, "", 200, OK),
    (2, "GET /get/v2", TokenAndBase64, "", 200, r#"{"result":"YmFy"}"#),
    (3, "POST /", Token, r#"["SET","v3","bar","EX",100]"#, 200, OK),
    (3, "POST /", Token, r#"["TTL","v3"]"#, 200, r#"{"result":"90…100"}"#),
    (4, "POST /set/v4?EX=100", Token, "\0[\"é\r\n", 200, OK),
    (4, "GET /get/v4", TokenAndBase64, "", 200, r#"{"result":"AFsiw6kNCg=="}"#),
    (4, "GET /ttl/v4", Token, "", 200, r#"{"result":"90…100"}"#),
    (5, "GET /set/v5/bar", Token, "", 200, OK),
    (5, "GET /get/v5?_token=test-token-0123456789", Nothing, "", 200, r#"{"result":"bar"}"#),
    (
        6,
        "POST /pipeline",
        Token,
        r#"[["SET","v6","valuex"],["SETEX","v6b",13,"valuez"],["INCR","v6"],
            ["ZADD","v6c",11,"item1",22,"item2"]]"#,
        200,
        r#"[{"result":"OK"},{"result":"OK"},{"error":"ERR value is not an int…"},{"result":2}]"#,
    ),
    (6, "GET /get/v6", Token, "", 200, r#"{"result":"valuex"}"#),
    (
        7,
        "POST /multi-exec",
        Token,
        r#"[["SET","v7","valuex"],["SETEX","v7b",13,"valuez"],["INCR","v7"],
            ["ZADD","v7c",11,"item1",22,"item2"]]"#,
        200,
        r#"[{"result":"OK"},{"result":"OK"},{"error":"ERR value is not an int…"},{"result":2}]"#,
    ),
    (7, "GET /zcard/v7c", Token, "", 200, r#"{"result":2}"#),
    (8, "POST /multi-exec", Token, r#"[["SET","v8",1],["NOPE"]]"#, 400, r#"{"error":"ERR …"}"#),
    (8, "GET /get/v8", Token, "", 200, r#"{"result":null}"#),
    (
        9,
        "POST /",
        Token,
        r#"["SET","v9",null]"#,
        400,
        r#"{"error":"ERR null args are not supported"}"#,
    ),
    (
        10,
        "POST /",
        Token,
        r#"["SET","v10",["x"]]"#,
        400,
        r#"{"error":"ERR unsupported arg type: \"[\": json.Delim"}"#,
    ),
    (11, "POST /", Token, "", 400, r#"{"error":"EOF"}"#),
    (12, "POST /", Token, "{}", 400, r#"{"error":"expected JSON array"}"#),
    (
        13,
        "POST /",
        Token,
        r#"["GET"]"#,
        400,
        r#"{"error":"ERR wrong number of arguments for 'get' command"}"#,
    ),
    (
        14,
        "POST /",
        Token,
        r#"["NOTACMD"]"#,
        400,
        r#"{"error":"ERR Command is not available: 'NOTACMD'. See https://upstash.com/docs/redis/overall/rediscompatibility for details"}"#,
    ),
    (
        15,
        "POST /",
        Token,
        r#"["SUBSCRIBE","c"]"#,
        400,
        r#"{"error":"ERR Command \"SUBSCRIBE\" is not allowed in REST or it has a special context path"}"#,
    ),
    (
        16,
        "GET /get/v16",
        WrongToken,
        "",
        401,
        r#"{"error":"WRONGPASS invalid or missing auth token. See https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details."}"#,
    ),
    (17, "DELETE /get/v17", Token, "", 405, ""),
    (18, "OPTIONS /pipeline", Origin, "", 200, ""),
    (19, "POST /", Token, r#"["SET","v19","bar"]"#, 200, OK),
    (19, "GET /get/v19", Resp2, "", 200, "$3\r\nbar\r\n"),
    (20, "GET /get/v19", Resp2AndBase64, "", 400, r#"{"error":"ERR …"}"#),
    (20, "GET /get/v19", Xml, "", 400, r#"{"error":"ERR …"}"#),
    (
        21,
        "POST /",
        ReadonlyToken,
        r#"["SET","a","b"]"#,
        400,
        r#"{"error":"NOPERM this user has no permissions to run the 'set' command or its subcommand"}"#,
    ),
    (
        25,
        "POST /",
        TokenAndBase64,
        r#"["EVAL","return {redis.call('SET',KEYS[1],'v')}",1,"v25"]"#,
        200,
        r#"{"result":["T0s="]}"#,
    ),
    (26, "POST /", TokenAndBase64, r#"["SET","v26","OK"]"#, 200, OK),
    (26, "POST /", Token, r#"["GET","v26"]"#, 200, OK),
    // The clients take `OK` as well; what was observed is that only a status stays as it is.
    (26, "POST /", TokenAndBase64, r#"["GET","v26"]"#, 200, r#"{"result":"T0s="}"#),
    (27, "POST /", Token, r#"["SET","v27","1"]"#, 200, OK),
    (27, "POST /", Token, r#"["SET","v27","2"]"#, 200, OK),
];

fn matches(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::String(want), Value::String(got)) => match want.strip_suffix('…') {
            Some(start) => got.starts_with(start),
            None => want == got,
        },
        (Value::String(want), Value::Number(got)) => {
            let (least, most) = want.split_once('…').expect("a range");
            (least.parse().unwrap()..=most.parse().unwrap()).contains(&got.as_i64().unwrap())
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| matches(want, got))
        }
        // The same keys and no more: an error never stands beside a result.
        (Value::Object(want), Value::Object(got)) => {
            want.len() == got.len()
                && want.iter().all(|(key, want)| got.get(key).is_some_and(|got| matches(want, got)))
        }
        (want, got) => want == got,
    }
}

#[tokio::test]
async fn every_test_vector_gets_the_answer_of_the_specification() {
    let pkv = Pkv::start_with(&[("SRH_READONLY_TOKEN", "readonly")]);
    let mut failures = Vec::new();
    let mut last_sync_token = String::new();
    for (number, target, with, body, status, want) in ROWS {
        let (method, path) = target.split_once(' ').unwrap();
        let request = pkv.request(method, path).body(*body);
        let request = match with {
            Token => request.bearer_auth(&pkv.token),
            TokenAndBase64 => request.bearer_auth(&pkv.token).header("Upstash-Encoding", "base64"),
            WrongToken => request.bearer_auth("wrong"),
            ReadonlyToken => request.bearer_auth("readonly"),
            Resp2 | Resp2AndBase64 | Xml => {
                let format = if *with == Xml { "xml" } else { "resp2" };
                let request = request.bearer_auth(&pkv.token);
                let request = request.header("Upstash-Response-Format", format);
                match with {
                    Resp2AndBase64 => request.header("Upstash-Encoding", "base64"),
                    _ => request,
                }
            }
            Origin => request.header("Origin", "http://x"),
            Nothing => request,
        };
        let response = request.send().await.unwrap();
        let got = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let mut fail = |what: String| failures.push(format!("#{number} {target} {body}: {what}"));
        if got != *status {
            fail(format!("status {got}, not {status}: {text}"));
        }
        let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::String(text.into()));
        if text.is_empty() != want.is_empty() || !matches(&json(want), &json(&text)) {
            fail(format!("{text}, not {want}"));
        }
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
        if *with == Origin && header("access-control-allow-origin") != "http://x" {
            fail(format!("allows origin {:?}", header("access-control-allow-origin")));
        }
        // 27 speaks of two writes; what holds there holds for any two answers.
        let sync_token = header("upstash-sync-token");
        if sync_token.is_empty() || sync_token == last_sync_token {
            fail(format!("(27) sync token {sync_token:?} after {last_sync_token:?}"));
        }
        last_sync_token = sync_token.to_owned();
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[tokio::test]
async fn number_24_is_the_monitors_confirmation() {
    let pkv = Pkv::start();
    let mut monitor = Stream::open(&pkv, "/monitor").await;
    assert_eq!(monitor.until("\n\n").await, "data: \"OK\"\n\n");
}
