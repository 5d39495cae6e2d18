//! What is asked without a token, and how one connection carries many requests.

use serde_json::json;

use crate::support::raw_http::{Connection, request};
use crate::support::{Pkv, eventually, result};

#[tokio::test]
async fn greeting_and_probes_need_no_token() {
    let pkv = Pkv::start();
    let greeting = pkv.get("/").await;
    assert_eq!((greeting.status, &greeting.body["name"]), (200, &json!("pkv")));
    assert_eq!(pkv.get("/health").await.status, 200);
    let ready = pkv.get("/ready").await;
    assert_eq!((ready.status, &ready.body["state"]), (200, &json!("ready")));
    assert_eq!((&ready.body["restarts"], &ready.body["last_error"]), (&json!(0), &json!(null)));
    assert_eq!(ready.body["persistence"]["aof_last_write_status"], "ok", "{}", ready.body);
    // A wrong token is no obstacle either: probes may send any.
    let request = pkv.request("GET", "/ready").bearer_auth("wrong");
    assert_eq!(pkv.send(request).await.unwrap().status, 200);
    for path in ["/", "/health", "/ready"] {
        let head = pkv.send(pkv.request("HEAD", path)).await.unwrap();
        assert_eq!((head.status, head.body), (200, json!(null)), "{path}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_their_answers_in_order() {
    let pkv = Pkv::start();
    let mut connection = Connection::open(&pkv).await;
    // One after the other, errors included: none of them closes the connection.
    for (method, target, body, status) in [
        ("POST", "/", &br#"["SET","k","v"]"#[..], 200),
        ("POST", "/", b"{}", 400),
        ("GET", "/get/k", b"", 200),
        ("DELETE", "/get/k", b"", 405),
        ("POST", "/", br#"["BLPOP","k",0]"#, 400),
        ("OPTIONS", "/", b"", 200),
        ("GET", "/get/k?_token=wrong", b"", 401),
        ("GET", "/get/k", b"", 200),
    ] {
        let answer = connection.exchange(&request(&pkv, method, target, "", body)).await;
        assert_eq!(answer.status, status, "{method} {target}");
    }

    // All at once: the slow one first, and yet it is answered first.
    let slow = br#"["EVAL","for i=1,3000000 do end return 'slow'",0]"#;
    let mut bytes = request(&pkv, "POST", "/", "", slow);
    for number in 0..100 {
        match number % 3 {
            0 => bytes.extend(request(&pkv, "GET", &format!("/echo/{number}"), "", b"")),
            1 => bytes.extend(request(&pkv, "POST", "/echo", "", number.to_string().as_bytes())),
            _ => {
                let body = json!(["ECHO", number]).to_string();
                bytes.extend(request(&pkv, "POST", "/", "", body.as_bytes()));
            }
        }
    }
    connection.send(&bytes).await;
    assert_eq!(connection.answer().await.json(), json!({ "result": "slow" }));
    for number in 0..100 {
        let answer = connection.answer().await;
        assert_eq!(answer.json(), json!({ "result": number.to_string() }));
    }

    // A client that wants no more says so, and gets its answer first.
    let last = request(&pkv, "GET", "/get/k", "Connection: close\r\n", b"");
    assert_eq!(connection.exchange(&last).await.json(), json!({ "result": "v" }));
    assert!(connection.try_answer().await.is_err(), "the connection stayed open");
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_to_those_who_know() {
    let pkv = Pkv::start();
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let ask = async |number: u32| {
        let request = client.get(format!("{}/echo/{number}", pkv.url)).bearer_auth(&pkv.token);
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        assert!(response.headers().contains_key("upstash-sync-token"));
        (number, response.json::<serde_json::Value>().await.unwrap())
    };
    for (number, json) in futures_util::future::join_all((0..50).map(ask)).await {
        assert_eq!(json, json!({ "result": number.to_string() }));
    }
}

#[tokio::test]
async fn who_offers_another_protocol_is_answered_in_this_one() {
    let pkv = Pkv::start();
    // As curl --http2 asks: the offer may be passed over (RFC 9110, section 7.8).
    let offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    let mut connection = Connection::open(&pkv).await;
    for headers in [offer, "Connection: Upgrade\r\nUpgrade: websocket\r\n"] {
        let answer = connection.exchange(&request(&pkv, "GET", "/echo/x", headers, b"")).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "result": "x" })), "{headers}");
        assert_eq!(answer.header("upgrade"), None);
    }
    // As one asks a proxy.
    let target = format!("{}/echo/a%2Fb?_token={}", pkv.url, pkv.token);
    let answer = connection.exchange(&request(&pkv, "GET", &target, "", b"")).await;
    assert_eq!(answer.json(), json!({ "result": "a/b" }));
    // HTTP/1.0 knows no chunks: whatever has no length ends with the connection.
    for (accepted, start) in [("", "{\"result\":\"xxx"), ("Accept-Encoding: gzip\r\n", "\x1f")] {
        let mut connection = Connection::open(&pkv).await;
        let asked = request(&pkv, "POST", "/echo", accepted, "x".repeat(5000).as_bytes());
        let asked = String::from_utf8(asked).unwrap().replace("HTTP/1.1", "HTTP/1.0");
        connection.send(asked.as_bytes()).await;
        let bytes = connection.rest(std::time::Duration::from_secs(20)).await;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        assert!(head.starts_with("http/1.0 200") && !head.contains("chunked"), "{head}");
        assert!(bytes[end + 4..].starts_with(start.as_bytes()), "{head}");
    }
}

#[tokio::test]
async fn who_asks_before_sending_the_body_is_told_to_go_on_or_why_not() {
    let pkv = Pkv::start();
    let head = |token: &str, target: &str, length: usize| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: pkv\r\nAuthorization: Bearer {token}\r\n\
             Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (target, body) in [("/echo", "x"), ("/", r#"["ECHO","x"]"#)] {
        let mut connection = Connection::open(&pkv).await;
        connection.send(head(&pkv.token, target, body.len()).as_bytes()).await;
        assert_eq!(connection.head().await.status, 100, "{target}");
        let answer = connection.exchange(body.as_bytes()).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "result": "x" })), "{target}");
    }
    // Nobody listens to who may not ask. (`bad_input` has the body that is too large.)
    let answer = Connection::open(&pkv).await.exchange(head("wrong", "/echo", 1).as_bytes()).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn wait_speaks_of_its_own_writes_and_holds_up_nobody() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    assert_eq!(result(pkv.run(json!(["WAIT", 0, 0])).await), 0);
    let pipeline = pkv.post("/pipeline", json!([["SET", "k", "v"], ["WAIT", 0, 0], ["GET", "k"]]));
    assert_eq!(
        pipeline.await.unwrap().body,
        json!([{ "result": "OK" }, { "result": 0 }, { "result": "v" }])
    );

    // It waits for a replica that there is none of, beside the only shared connection.
    let waiting = pkv.request("GET", "/wait/1/5000").bearer_auth(&pkv.token);
    let waiting = tokio::spawn(waiting.send());
    let limit = std::time::Duration::from_secs(3);
    eventually("WAIT blocks its connection", limit, async || {
        let info = result(pkv.run(json!(["INFO", "clients"])).await);
        info.as_str().unwrap().contains("blocked_clients:1")
    })
    .await;
    assert_eq!(result(pkv.run(json!(["GET", "k"])).await), "v");
    assert!(!waiting.is_finished(), "the GET above was not answered beside it");
    waiting.abort();
}
