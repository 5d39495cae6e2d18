//! JSON over REST: what Upstash's clients rely on, and what becomes of documents with pkv.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::documents;
use crate::start::{Ended, run_to_end};
use crate::supervisor::damaged::report;
use crate::support::{Bearer, Pkv, eventually, items, result};

#[tokio::test]
async fn documents_are_set_got_and_changed() {
    let pkv = Pkv::start();
    let document = json!({ "a": 2, "b": 3, "nested": { "a": 4, "b": null } }).to_string();
    for (command, want) in [
        (json!(["JSON.SET", "k", "$", document]), json!("OK")),
        // Upstash's order: what is deeper comes first.
        (json!(["JSON.GET", "k", "$..b"]), json!("[null,3]")),
        (json!(["JSON.GET", "k", "$..a", "$..b"]), json!(r#"{"$..a":[4,2],"$..b":[null,3]}"#)),
        (json!(["JSON.NUMINCRBY", "k", "$.a", 5]), json!("[7]")),
        (json!(["JSON.GET", "k", ".a", "SPACE", " "]), json!("7")),
        (json!(["json.type", "k", "$.nested"]), json!(["object"])),
        (json!(["JSON.MGET", "k", "none", "$.b"]), json!(["[3]", null])),
        (json!(["TYPE", "k"]), json!("json")),
        (json!(["SCAN", 0, "TYPE", "json"]), json!(["0", ["k"]])),
        (json!(["EVAL", "return redis.call('JSON.GET', KEYS[1], '.b')", 1, "k"]), json!("3")),
        (json!(["EXPIRE", "k", 1000]), json!(1)),
        (json!(["JSON.SET", "k", "$.c", 1]), json!("OK")),
        (json!(["RENAME", "k", "l"]), json!("OK")),
        (json!(["COPY", "l", "k"]), json!(1)),
        (json!(["JSON.DEL", "l"]), json!(1)),
        (json!(["JSON.DEL", "l"]), json!(0)),
        (json!(["JSON.GET", "l"]), Value::Null),
    ] {
        assert_eq!(result(pkv.run(command.clone()).await), want, "{command}");
    }
    let ttl = result(pkv.run(json!(["TTL", "k"])).await);
    assert!(ttl.as_i64().unwrap() > 900, "{ttl}");
    let executed = pkv.post(
        "/multi-exec",
        json!([["JSON.SET", "m", "$", "[1]"], ["JSON.ARRAPPEND", "m", "$", 2], ["JSON.GET", "m"]]),
    );
    let want =
        ["OK".into(), json!([2]), json!("[1,2]")].map(|result: Value| json!({ "result": result }));
    assert_eq!(items(executed.await.unwrap()), want);
    for (command, error) in [
        (
            json!(["JSON.SET", "k", "$", "{"]),
            "ERR invalid JSON: EOF while parsing an object at line 1 column 1",
        ),
        (json!(["JSON.SET", "none", "$.a", "1"]), "ERR new objects must be created at the root"),
        (json!(["JSON.GET", "k", ".none"]), "ERR Path '.none' does not exist"),
        (json!(["JSON.SET", "k", "$"]), "ERR wrong number of arguments for 'json.set' command"),
    ] {
        let reply = pkv.run(command.clone()).await;
        assert_eq!((reply.status, &reply.body), (400, &json!({ "error": error })), "{command}");
    }
}

/// Replies that pkv could not read would cost others their connection.
#[tokio::test]
async fn no_reply_is_nested_more_deeply_than_pkv_reads() {
    let pkv = Pkv::start();
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (levels, is_answered) in [(90, true), (91, false), (100, false), (128, false)] {
        result(pkv.run(json!(["JSON.SET", "k", "$", nested(levels)])).await);
        for path in [".", "$"] {
            let asked = json!(["JSON.RESP", "k", path]);
            let reply = pkv.run(asked.clone()).await;
            assert_eq!(reply.status == 200, is_answered, "{levels}: {}", reply.body);
            let executed = items(pkv.post("/multi-exec", json!([asked])).await.unwrap());
            assert_eq!(executed[0].get("result").is_some(), is_answered, "{levels}");
        }
        let error = pkv.run(json!(["JSON.RESP", "k"])).await.body["error"].clone();
        assert!(is_answered || error.as_str().unwrap().contains("use JSON.GET"), "{error}");
        assert_eq!(result(pkv.run(json!(["JSON.GET", "k"])).await), json!(nested(levels)));
    }
}

#[tokio::test]
async fn a_read_only_token_reads_documents() {
    let pkv = Pkv::start_with(&[("SRH_READONLY_TOKEN", "reader-token")]);
    result(pkv.run(json!(["JSON.SET", "k", "$", "{\"a\":1}"])).await);
    let reader = Bearer::new(&pkv, "reader-token");
    assert_eq!(
        reader.run(&json!(["JSON.GET", "k", "$.a"])).await,
        (200, json!({ "result": "[1]" }))
    );
    for command in
        [json!(["JSON.SET", "k", "$", 1]), json!(["JSON.DEL", "k"]), json!(["JSON.CLEAR", "k"])]
    {
        let (status, body) = reader.run(&command).await;
        assert!(status == 400 && body["error"].as_str().unwrap().starts_with("NOPERM"), "{body}");
    }
}

/// What is acknowledged is there, after a Redis and a pkv that were killed.
#[tokio::test]
async fn documents_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let durable = [("PKV_DURABILITY", "always")];
    let pkv = Pkv::start_in(dir.path(), &durable);
    let set: Vec<_> = documents()
        .iter()
        .enumerate()
        .map(|(nth, text)| json!(["JSON.SET", nth, "$", text]))
        .collect();
    items(pkv.post("/pipeline", json!(set)).await.unwrap());
    assert_documents(&pkv).await;
    let before = pkv.redis_pids();
    pkv.signal_redis(Signal::SIGKILL);
    eventually("another Redis", Duration::from_secs(10), async || {
        let now = pkv.redis_pids();
        !now.is_empty() && now != before
    })
    .await;
    assert_documents(&pkv).await;
    pkv.signal(Signal::SIGKILL);
    drop(pkv);
    let pkv = Pkv::start_in(dir.path(), &durable);
    assert_documents(&pkv).await;
    pkv.stop().await;
}

async fn assert_documents(pkv: &Pkv) {
    let get: Vec<_> = (0..documents().len()).map(|nth| json!(["JSON.GET", nth])).collect();
    let got = items(pkv.post("/pipeline", json!(get)).await.unwrap());
    let want: Vec<_> = documents().into_iter().map(|text| json!({ "result": text })).collect();
    assert!(got == want, "a document has changed");
}

#[tokio::test]
async fn without_the_module_the_commands_are_not_available() {
    let dir = tempfile::tempdir().unwrap();
    let off = [("PKV_JSON_MODULE", "off")];
    let pkv = Pkv::start_in(dir.path(), &off);
    let reply = pkv.run(json!(["JSON.GET", "k"])).await;
    let error = reply.body["error"].as_str().unwrap();
    assert!(error.starts_with("ERR Command is not available: 'JSON.GET'. See https://"), "{error}");
    pkv.stop().await;

    // Documents that nothing can read are no damage, and whoever looks is told what is missing.
    for rewritten in [false, true] {
        let pkv = Pkv::start_in(dir.path(), &[]);
        result(pkv.run(json!(["JSON.SET", "k1", "$", "{\"a\":1}"])).await);
        pkv.stop().await;
        if rewritten {
            // A backup and its restoring leave a snapshot in the place of commands.
            let file = dir.path().join("backup.rdb");
            for arguments in [&["backup"][..], &["restore", "--force"]] {
                let mut command = Pkv::command(dir.path(), &[]);
                command.args(arguments).arg(&file);
                let Ended { code, stderr, .. } =
                    run_to_end(&mut command, Duration::from_secs(30)).await;
                assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
            }
        }
        let (ready, _) = report(dir.path(), &off).await;
        assert!(ready.to_string().contains("PKV_JSON_MODULE"), "{ready}");
    }
    let pkv = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(pkv.run(json!(["JSON.GET", "k1"])).await), json!("{\"a\":1}"));
    pkv.stop().await;
}
