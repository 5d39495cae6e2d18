//! Long values: their bytes are handed on from Redis's to the client's, and stand where they belong.

use serde_json::{Value, json};

use crate::support::Pkv;
use crate::support::raw_http::{Connection, request};

/// Around what is copied or handed on, read and written at once: 32, 64, 65 and 128 KB.
const LENGTHS: [usize; 9] =
    [32_766, 32_768, 65_523, 65_536, 66_546, 66_560, 131_062, 131_072, 300_001];

/// Values of that length: plain, with what JSON escapes or writes as it is, and one that is no text.
fn values(length: usize) -> [Vec<u8>; 5] {
    let plain: Vec<u8> = b"0123456789abcdef".iter().copied().cycle().take(length).collect();
    let with = |place: usize, bytes: &[u8]| {
        let mut value = plain.clone();
        value.splice(place..place + bytes.len(), bytes.iter().copied());
        value
    };
    [
        with(length - 1, b"\""),
        with(length / 2, b"\n"),
        with(7, "\u{1F600}".as_bytes()),
        with(length - 40, b"\xff"),
        plain,
    ]
}

#[tokio::test]
async fn a_long_value_is_the_same_by_every_way() {
    let pkv = Pkv::start();
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let mut connection = Connection::open(&pkv).await;
    for length in LENGTHS {
        let values = values(length);
        for (nth, value) in values.iter().enumerate() {
            let set = request(&pkv, "POST", &format!("/set/k{nth}"), "", value);
            assert_eq!(connection.exchange(&set).await.json(), json!({ "result": "OK" }));
            let what = format!("value {nth} of {length} bytes");

            let text = String::from_utf8_lossy(value);
            let get = request(&pkv, "GET", &format!("/get/k{nth}"), "", b"");
            assert!(connection.exchange(&get).await.json() == json!({ "result": text }), "{what}");

            let resp2 = "Upstash-Response-Format: resp2\r\n";
            let get = request(&pkv, "GET", &format!("/get/k{nth}"), resp2, b"");
            let sent = [format!("${length}\r\n").as_bytes(), value, b"\r\n"].concat();
            assert!(connection.exchange(&get).await.body == sent, "{what} in RESP2");

            let get = client.get(format!("{}/get/k{nth}", pkv.url)).bearer_auth(&pkv.token);
            let answer: Value = get.send().await.unwrap().json().await.unwrap();
            assert!(answer == json!({ "result": text }), "{what} over HTTP/2");
        }
        // Several in one answer, short ones between them.
        let texts = values.each_ref().map(|value| String::from_utf8_lossy(value));
        let [a, b, c, d, e] = &texts;
        let lines = json!([
            ["GET", "k0"],
            ["STRLEN", "k1"],
            ["MGET", "k1", "no", "k2", "k3"],
            ["GET", "k4"]
        ]);
        let want = json!([
            { "result": a }, { "result": length }, { "result": [b, null, c, d] }, { "result": e }
        ]);
        for target in ["/pipeline", "/multi-exec"] {
            let body = lines.to_string();
            let answer =
                connection.exchange(&request(&pkv, "POST", target, "", body.as_bytes())).await;
            assert!(answer.json() == want, "{target} with values of {length} bytes");
        }
    }
}
