//! Commands whose replies are hard to take: they must hurt nobody but their sender.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Witness;
use crate::support::{Pkv, Reply};

/// Runs `bad` while others read on the same, only connection; `others` judges each of their answers.
async fn beside_others(pkv: &Pkv, bad: impl Future<Output = ()>, others: impl Fn(&Reply)) {
    let done = AtomicBool::new(false);
    let read = async || {
        while !done.load(Ordering::Relaxed) {
            others(&pkv.run(json!(["GET", "canary"])).await);
        }
    };
    let bad = async {
        bad.await;
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(bad, read(), read(), read(), read());
}

async fn start() -> Pkv {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    assert_eq!(pkv.run(json!(["SET", "canary", "here"])).await.status, 200);
    pkv
}

#[track_caller]
fn undisturbed(reply: &Reply) {
    assert_eq!((reply.status, &reply.body), (200, &json!({ "result": "here" })));
}

/// Sends the command alone and in batches; each answer must be an error that `fits`.
async fn fails(pkv: &Pkv, command: &Value, fits: impl Fn(&str) -> bool) {
    let alone = pkv.run(command.clone()).await;
    let batch = json!([["ECHO", "before"], command, ["ECHO", "after"]]);
    let pipeline = pkv.post("/pipeline", batch.clone()).await.unwrap();
    assert_eq!((alone.status, pipeline.status), (400, 200), "{command}: {}", pipeline.body);
    assert_eq!(pipeline.body[0], json!({ "result": "before" }), "{command}");
    assert_eq!(pipeline.body[2], json!({ "result": "after" }), "{command}");
    for body in [&alone.body, &pipeline.body[1]] {
        let text = body["error"].as_str().unwrap_or_else(|| panic!("{command}: {body}"));
        assert!(fits(text), "{command}: {text:?}");
    }
    // Discarded or failed inside, it is one JSON answer in either case.
    let transaction = pkv.post("/multi-exec", batch).await.unwrap();
    assert!(matches!(transaction.status, 200 | 400), "{command}: {}", transaction.body);
}

#[tokio::test]
async fn an_unknown_command_with_characters_that_redis_cuts_disturbs_nobody() {
    let pkv = start().await;
    let mut witness = Witness::of(&pkv).await;
    let bad = async {
        // Redis repeats 128 bytes at most; one of these starts has the cut inside a character.
        for start in ["", "a", "ab", "abc"] {
            let argument = start.to_owned() + &"😀".repeat(100);
            fails(&pkv, &json!(["NotACmd", argument]), |text| {
                text == "ERR Command is not available: 'NOTACMD'. See \
                    https://upstash.com/docs/redis/overall/rediscompatibility for details"
            })
            .await;
            let name = start.to_uppercase() + &"😀".repeat(100);
            fails(&pkv, &json!([name]), |text| {
                text.starts_with("ERR Command is not available: '")
                    && text.ends_with("rediscompatibility for details")
            })
            .await;
        }
        // The same as a path, and with bytes that are no characters at all.
        let path = format!("/notacmd/{}", "%ff".repeat(200));
        let reply = pkv.send(pkv.request("GET", &path).bearer_auth(&pkv.token)).await.unwrap();
        let text = reply.body["error"].as_str().unwrap();
        assert!(text.contains("not available: 'NOTACMD'"), "{text}");
        // A sub-command that does not exist is quoted as well.
        for start in ["", "a", "ab", "abc"] {
            let argument = start.to_owned() + &"😀".repeat(100);
            fails(&pkv, &json!(["OBJECT", argument]), |text| text.starts_with("ERR ")).await;
        }
    };
    beside_others(&pkv, bad, undisturbed).await;
    witness.all_is_well(&pkv, "unknown commands").await;
}

#[tokio::test]
async fn error_and_status_lines_that_are_no_text_disturb_nobody() {
    let pkv = start().await;
    let mut witness = Witness::of(&pkv).await;
    let bad = async {
        for script in [
            r"return redis.error_reply('\255')",
            r"return redis.error_reply('ERR \240\159\152')",
            r"return redis.error_reply('MY\255\0\254 x')",
            r"error('\255\254')",
            r"return {err='\240'}",
            r"return redis.call('NOPE\255')",
        ] {
            fails(&pkv, &json!(["EVAL", script, 0]), |text| !text.is_empty()).await;
        }
        // A line end inside must not become a reply of its own.
        let script = r"return redis.error_reply('ERR a\r\n+injected\r\n:1')";
        fails(&pkv, &json!(["EVAL", script, 0]), |text| text.starts_with("ERR a")).await;
        for status in [r"\255", r"OK\255", r"a\r\n-ERR b", "", r"\0"] {
            let script = format!("return redis.status_reply('{status}')");
            let reply = pkv.run(json!(["EVAL", script, 0])).await;
            assert!(
                reply.status == 200 && reply.body["result"].is_string(),
                "{status}: {}",
                reply.body
            );
        }
        // Errors inside an array are the array's business.
        let script = r"return {1, redis.error_reply('\255'), 'x'}";
        let reply = pkv.run(json!(["EVAL", script, 0])).await;
        assert_eq!((reply.status, &reply.body["result"][2]), (200, &json!("x")), "{}", reply.body);
    };
    beside_others(&pkv, bad, undisturbed).await;
    witness.all_is_well(&pkv, "lines that are no text").await;
}

#[tokio::test]
async fn a_reply_of_many_levels_is_a_reply_like_any_other() {
    let pkv = start().await;
    let mut witness = Witness::of(&pkv).await;
    let script = "local t = {} for i = 1, 200 do t = {t} end return t";
    let levels = ["[".repeat(201), "]".repeat(201)].concat();
    let bad = async {
        for (path, body, want) in [
            ("/", json!(["EVAL", script, 0]), format!(r#"{{"result":{levels}}}"#)),
            ("/pipeline", json!([["EVAL", script, 0]]), format!(r#"[{{"result":{levels}}}]"#)),
            ("/multi-exec", json!([["EVAL", script, 0]]), format!(r#"[{{"result":{levels}}}]"#)),
        ] {
            let request = pkv.request("POST", path).bearer_auth(&pkv.token).body(body.to_string());
            assert_eq!(request.send().await.unwrap().text().await.unwrap(), want, "{path}");
        }
    };
    beside_others(&pkv, bad, undisturbed).await;
    witness.all_is_well(&pkv, "a deep reply").await;
}

#[tokio::test]
async fn commands_that_do_not_fit_are_answered_with_the_servers_own_words() {
    let pkv = start().await;
    let mut witness = Witness::of(&pkv).await;
    for (command, text) in [
        (json!(["GET"]), "ERR wrong number of arguments for 'get' command"),
        (json!(["GET", "a", "b"]), "ERR wrong number of arguments for 'get' command"),
        (json!(["hset", "k", "f"]), "ERR wrong number of arguments for 'hset' command"),
        (
            json!(["LPUSH", "canary", "x"]),
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (json!(["INCR", "canary"]), "ERR value is not an integer or out of range"),
        (json!(["SET", "k", "v", "EX", "-1"]), "ERR invalid expire time in 'set' command"),
        (json!(["SET", "k", "v", "BOGUS"]), "ERR syntax error"),
    ] {
        fails(&pkv, &command, |got| got == text).await;
        witness.all_is_well(&pkv, &command.to_string()).await;
    }
}

/// Redis's CRC-64 (Jones), behind every dumped value.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| match crc & 1 {
            1 => (crc >> 1) ^ 0x95AC_9329_AC4B_C9B5,
            _ => crc >> 1,
        })
    })
}

/// A dumped hash of these elements, fields and values by turns, in a listpack.
fn dumped_hash(elements: &[&str], version: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    for element in elements {
        list.push(0x80 | element.len() as u8);
        list.extend(element.as_bytes());
        list.push(element.len() as u8 + 1);
    }
    let mut bytes = vec![16, list.len() as u8 + 7];
    bytes.extend((list.len() as u32 + 7).to_le_bytes());
    bytes.extend((elements.len() as u16).to_le_bytes());
    bytes.extend(list);
    bytes.push(0xFF);
    bytes.extend(version);
    let crc = crc64(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

#[tokio::test]
async fn a_forged_dump_is_refused_and_crashes_nobody() {
    let pkv = start().await;
    let mut witness = Witness::of(&pkv).await;
    let dump = pkv.request("GET", "/dump/canary").header("upstash-encoding", "base64");
    let dump = pkv.send(dump.bearer_auth(&pkv.token)).await.unwrap().body["result"].clone();
    let dump = STANDARD.decode(dump.as_str().unwrap()).unwrap();
    let version = &dump[dump.len() - 10..dump.len() - 8];
    let restore = async |key: &str, bytes: Vec<u8>| {
        // The value is RESTORE's last argument, and so may be the body.
        let request = pkv.request("POST", &format!("/restore/{key}/0")).bearer_auth(&pkv.token);
        pkv.send(request.body(bytes)).await.unwrap()
    };
    let good = restore("good", dumped_hash(&["f", "v"], version)).await;
    assert_eq!((good.status, good.body), (200, json!({ "result": "OK" })));
    // A field without a value: taken as it is, it would make Redis crash when it is read.
    let forged = restore("forged", dumped_hash(&["f", "v", "g"], version)).await;
    assert_eq!(forged.status, 400, "{}", forged.body);
    pkv.run(json!(["HGETALL", "forged"])).await;
    witness.all_is_well(&pkv, "a forged dump").await;
}
