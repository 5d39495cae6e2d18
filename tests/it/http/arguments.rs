//! Which bytes of a request become which arguments of a command.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, items, result};

/// A path command that answers with its arguments, and nothing but them.
const ARGV: &str = "/eval/return%20ARGV/0";

/// Method, what follows [`ARGV`], body, arguments.
type Row = (&'static str, &'static str, &'static [u8], &'static [&'static [u8]]);

/// The strings of a `result` in base64.
#[track_caller]
fn decoded(answer: &Value) -> Vec<Vec<u8>> {
    let strings = answer["result"].as_array().unwrap_or_else(|| panic!("no array: {answer}"));
    strings.iter().map(|text| STANDARD.decode(text.as_str().unwrap()).unwrap()).collect()
}

/// What Redis got as arguments behind [`ARGV`]. Sent by hand: a client would escape the path anew.
async fn arguments(pkv: &Pkv, method: &str, rest: &str, body: &[u8]) -> Vec<Vec<u8>> {
    let target = format!("{ARGV}{rest}");
    let request = request(pkv, method, &target, "Upstash-Encoding: base64\r\n", body);
    let answer = Connection::open(pkv).await.exchange(&request).await;
    assert_eq!(answer.status, 200, "{method} {rest}: {}", answer.json());
    decoded(&answer.json())
}

#[tokio::test]
async fn path_body_and_query_become_arguments_in_this_order() {
    let pkv = Pkv::start();
    let rows: &[Row] = &[
        // Split first, decoded afterwards: an escaped slash is part of an argument.
        ("GET", "/a/b", b"", &[b"a", b"b"]),
        ("GET", "/a%2Fb/c", b"", &[b"a/b", b"c"]),
        ("GET", "/a%20b+c", b"", &[b"a b+c"]),
        ("GET", "/%F0%9F%98%80/%ff%00%0d%0a", b"", &[b"\xf0\x9f\x98\x80", b"\xff\0\r\n"]),
        ("GET", "/100%/%zz", b"", &[b"100%", b"%zz"]),
        ("GET", "//a", b"", &[b"", b"a"]),
        ("GET", "/a/", b"", &[b"a"]),
        ("GET", "/a//", b"", &[b"a", b""]),
        // In a query `+` is a space, a key may stand alone, and the order is that of the URL.
        ("GET", "/a?EX=100", b"", &[b"a", b"EX", b"100"]),
        ("GET", "/a?NX", b"", &[b"a", b"NX"]),
        (
            "GET",
            "/a?NX&EX=5&XX=&x+y=%2B+&NX",
            b"",
            &[b"a", b"NX", b"EX", b"5", b"XX", b"", b"x y", b"+ ", b"NX"],
        ),
        ("GET", "/a?_token=test-token-0123456789&b=c", b"", &[b"a", b"b", b"c"]),
        ("GET", "/a?k=b=c&%ff=%26", b"", &[b"a", b"k", b"b=c", b"\xff", b"&"]),
        // The body is taken as it is, before the query; an empty one is no argument.
        ("POST", "/a?NX&EX=5", b"[\"b\"]", &[b"a", b"[\"b\"]", b"NX", b"EX", b"5"]),
        ("POST", "/a", b"", &[b"a"]),
        ("POST", "/a", b"x%20y+z\r\n", &[b"a", b"x%20y+z\r\n"]),
        ("PUT", "/a?NX", b"\xff\0", &[b"a", b"\xff\0", b"NX"]),
        ("GET", "/a?NX", b"body", &[b"a", b"NX"]),
    ];
    for (method, rest, body, want) in rows {
        let got = arguments(&pkv, method, rest, body).await;
        assert_eq!(got, *want, "{method} {rest} {:?}", String::from_utf8_lossy(body));
    }
    let every_byte: Vec<u8> = (0..=255).collect();
    assert_eq!(arguments(&pkv, "POST", "", &every_byte).await, [every_byte]);
}

#[tokio::test]
async fn words_of_a_json_body_keep_the_text_they_were_written_in() {
    let pkv = Pkv::start();
    let rows: &[(&str, &[&str])] = &[
        ("100,-0,1.0,1e3,1E+2", &["100", "-0", "1.0", "1e3", "1E+2"]),
        // Beyond what a double can hold exactly, and beyond what it can hold at all.
        (
            "9007199254740993,9223372036854775807,1e999,0.10",
            &["9007199254740993", "9223372036854775807", "1e999", "0.10"],
        ),
        ("true,false", &["true", "false"]),
        (r#""null","[1]","""#, &["null", "[1]", ""]),
        (r#""\u0000\n\"\\\/é😀\ud83d\ude00""#, &["\0\n\"\\/é😀😀"]),
        // JavaScript can send half of a pair; browsers and Go read it as this.
        (r#""a\ud83dz""#, &["a\u{FFFD}z"]),
        (" \n 1 \t,\r\n 2 ", &["1", "2"]),
    ];
    for (words, want) in rows {
        for (path, open, close) in
            [("/", "", ""), ("/pipeline", "[", "]"), ("/multi-exec", "[", "]")]
        {
            let body = format!(r#"{open}["eval","return ARGV",0,{words}]{close}"#);
            let request = pkv.request("POST", path).bearer_auth(&pkv.token).body(body);
            let reply = pkv.send(request.header("Upstash-Encoding", "base64")).await.unwrap();
            assert_eq!(reply.status, 200, "{path} {words}: {}", reply.body);
            let item = if path == "/" { reply.body } else { reply.body[0].clone() };
            let want: Vec<_> = want.iter().map(|word| word.as_bytes().to_vec()).collect();
            assert_eq!(decoded(&item), want, "{path} {words}");
        }
    }
}

#[tokio::test]
async fn every_method_and_content_type_that_carries_a_command_runs_it() {
    let pkv = Pkv::start();
    let ask = async |method: &str, path: &str, body: &'static str| {
        let request = pkv.request(method, path).bearer_auth(&pkv.token).body(body);
        pkv.send(request).await.unwrap()
    };
    assert_eq!(result(ask("PUT", "/", r#"["SET","put","1"]"#).await), "OK");
    assert_eq!(
        items(ask("PUT", "/pipeline", r#"[["GET","put"]]"#).await),
        [json!({ "result": "1" })]
    );
    assert_eq!(
        items(ask("PUT", "/multi-exec", r#"[["GET","put"]]"#).await),
        [json!({ "result": "1" })]
    );
    assert_eq!(result(ask("PUT", "/get/put", "").await), "1");
    assert_eq!(
        result(ask("POST", "/info", "").await).as_str().map(|info| info.contains("redis_version")),
        Some(true)
    );

    // HEAD executes and shows nothing of it.
    for count in 1..=2 {
        let reply = ask("HEAD", "/incr/head", "").await;
        assert_eq!((reply.status, reply.body), (200, Value::Null));
        assert_eq!(result(ask("GET", "/get/head", "").await), count.to_string());
    }

    // Names are in any case; a trailing slash belongs to a base URL that was written with one.
    assert_eq!(result(ask("GET", "/GeT/put", "").await), "1");
    assert_eq!(
        items(ask("POST", "/pipeline/", r#"[["gEt","put"]]"#).await),
        [json!({ "result": "1" })]
    );
    assert_eq!(
        items(ask("POST", "/multi-exec/", r#"[["GET","put"]]"#).await),
        [json!({ "result": "1" })]
    );

    // curl -d sends a form, browsers text/plain, and some say nothing.
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", "x"]
    {
        let request = pkv.request("POST", "/").bearer_auth(&pkv.token).body(r#"["GET","put"]"#);
        let reply = pkv.send(request.header("Content-Type", content_type)).await.unwrap();
        assert_eq!(result(reply), "1", "{content_type}");
    }
}
