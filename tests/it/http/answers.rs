//! Redis's replies as JSON, plain and in base64.

use serde_json::{Value, json};

use crate::support::Pkv;

/// Sends one command and returns the status and the body's own text.
async fn ask(pkv: &Pkv, command: &Value, encoding: Option<&str>) -> (u16, String) {
    let mut request = pkv.request("POST", "/").bearer_auth(&pkv.token).json(command);
    if let Some(encoding) = encoding {
        request = request.header("Upstash-Encoding", encoding);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn results_have_the_json_type_of_the_reply_and_strings_may_be_base64() {
    let pkv = Pkv::start();
    for command in [
        json!(["SET", "text", "bar"]),
        json!(["SET", "ok", "OK"]),
        json!(["SET", "empty", ""]),
        json!(["SET", "emoji", "😀<&>\""]),
        json!(["SET", "eight", "8"]),
        json!(["SET", "looks-encoded", "YmFy"]),
        json!(["SET", "max", "9223372036854775807"]),
        json!(["SET", "min", "-9223372036854775808"]),
        json!(["RPUSH", "list", "a", "OK"]),
        json!(["HSET", "hash", "f", "1.50"]),
        json!(["ZADD", "zset", "1", "m", "2.5", "n"]),
        json!(["XADD", "stream", "1-0", "f", "v"]),
    ] {
        assert_eq!(ask(&pkv, &command, None).await.0, 200);
    }
    // Text and not JSON is compared: a number must not have become a double on its way.
    let rows = [
        (json!(["SET", "k", "v"]), r#""OK""#, r#""OK""#),
        (json!(["GET", "text"]), r#""bar""#, r#""YmFy""#),
        (json!(["GET", "ok"]), r#""OK""#, r#""T0s=""#),
        (json!(["GET", "empty"]), r#""""#, r#""""#),
        (json!(["GET", "emoji"]), r#""😀<&>\"""#, r#""8J+YgDwmPiI=""#),
        (json!(["GET", "eight"]), r#""8""#, r#""OA==""#),
        (json!(["GET", "looks-encoded"]), r#""YmFy""#, r#""WW1GeQ==""#),
        (json!(["GET", "missing"]), "null", "null"),
        (json!(["PING"]), r#""PONG""#, r#""UE9ORw==""#),
        (json!(["TYPE", "text"]), r#""string""#, r#""c3RyaW5n""#),
        (json!(["EXISTS", "text"]), "1", "1"),
        (json!(["INCRBY", "max", 0]), "9223372036854775807", "9223372036854775807"),
        (json!(["INCRBY", "min", 0]), "-9223372036854775808", "-9223372036854775808"),
        (json!(["MGET", "text", "missing"]), r#"["bar",null]"#, r#"["YmFy",null]"#),
        (json!(["LRANGE", "list", 0, -1]), r#"["a","OK"]"#, r#"["YQ==","T0s="]"#),
        (json!(["LRANGE", "missing", 0, -1]), "[]", "[]"),
        (json!(["HGETALL", "hash"]), r#"["f","1.50"]"#, r#"["Zg==","MS41MA=="]"#),
        (json!(["ZSCORE", "zset", "n"]), r#""2.5""#, r#""Mi41""#),
        (
            json!(["ZRANGE", "zset", 0, -1, "WITHSCORES"]),
            r#"["m","1","n","2.5"]"#,
            r#"["bQ==","MQ==","bg==","Mi41"]"#,
        ),
        (json!(["SSCAN", "missing", 0]), r#"["0",[]]"#, r#"["MA==",[]]"#),
        (
            json!(["XREAD", "STREAMS", "stream", "0"]),
            r#"[["stream",[["1-0",["f","v"]]]]]"#,
            r#"[["c3RyZWFt",[["MS0w",["Zg==","dg=="]]]]]"#,
        ),
        (
            json!(["EVAL", "return {1,{'a',{false,redis.call('SET','k','v'),{'OK'}}}}", 0]),
            r#"[1,["a",[null,"OK",["OK"]]]]"#,
            r#"[1,["YQ==",[null,"T0s=",["T0s="]]]]"#,
        ),
        // There are no booleans and no fractions in a result: Lua's become integers.
        (json!(["EVAL", "return {true,1.5}", 0]), "[1,1]", "[1,1]"),
    ];
    for (command, plain, base64) in rows {
        for (encoding, want) in [
            (None, plain),
            (Some("base64"), base64),
            (Some("BASE64"), base64),
            // Headers that nobody defined are as good as absent.
            (Some("rot13"), plain),
        ] {
            let answer = ask(&pkv, &command, encoding).await;
            assert_eq!(answer, (200, format!(r#"{{"result":{want}}}"#)), "{command} {encoding:?}");
        }
    }
}

#[tokio::test]
async fn an_error_is_the_servers_own_line_and_never_base64() {
    let pkv = Pkv::start();
    pkv.run(json!(["RPUSH", "list", "a"])).await;
    let rows = [
        (json!(["GET"]), "ERR wrong number of arguments for 'get' command"),
        (
            json!(["INCR", "list"]),
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            json!(["EVALSHA", "0123456789012345678901234567890123456789", 0]),
            "NOSCRIPT No matching script. Please use EVAL.",
        ),
        (json!(["EVAL", "return redis.error_reply('MY own')", 0]), "MY own"),
        (json!(["SET", "k", "v", "EX", "soon"]), "ERR value is not an integer or out of range"),
    ];
    for (command, text) in rows {
        for encoding in [None, Some("base64")] {
            let (status, body) = ask(&pkv, &command, encoding).await;
            assert_eq!((status, body), (400, json!({ "error": text }).to_string()), "{command}");
            let mut request = pkv.request("POST", "/pipeline").bearer_auth(&pkv.token);
            if let Some(encoding) = encoding {
                request = request.header("Upstash-Encoding", encoding);
            }
            let reply = pkv.send(request.json(&json!([["ECHO", "x"], command]))).await.unwrap();
            assert_eq!(reply.body[1], json!({ "error": text }), "{command} in a pipeline");
            let echoed = if encoding.is_some() { "eA==" } else { "x" };
            assert_eq!(reply.body[0], json!({ "result": echoed }));
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_become_replacement_characters_unless_base64_is_asked_for() {
    let pkv = Pkv::start();
    let request = pkv.request("POST", "/set/bytes").bearer_auth(&pkv.token);
    assert_eq!(pkv.send(request.body(&b"a\xffz\xf0\x9f\x98"[..])).await.unwrap().status, 200);
    // How many stand for one broken character is nobody's promise.
    let (status, body) = ask(&pkv, &json!(["GET", "bytes"]), None).await;
    let text = serde_json::from_str::<Value>(&body).unwrap()["result"].as_str().unwrap().to_owned();
    assert_eq!((status, text.trim_end_matches('\u{FFFD}')), (200, "a\u{FFFD}z"));
    assert!(text.ends_with('\u{FFFD}'), "{text:?}");
    let (_, body) = ask(&pkv, &json!(["GET", "bytes"]), Some("base64")).await;
    assert_eq!(body, r#"{"result":"Yf968J+Y"}"#);
}
