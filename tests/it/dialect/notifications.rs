//! `CONFIG GET` and `CONFIG SET` of keyspace notifications.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::streams::Stream;
use crate::support::{Pkv, RedisServer, TOKEN, eventually, items, result};

const SET: [&str; 4] = ["CONFIG", "SET", "notify-keyspace-events", "KEA"];

#[tokio::test]
async fn notifications_can_be_had_and_nothing_else_be_seen_or_set() {
    let redis = RedisServer::start(&["--requirepass", "hunter2"]).await;
    let url = format!("redis://:hunter2@127.0.0.1:{}", redis.port);
    let external = [("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", url.as_str())];
    for vars in [&[][..], &external] {
        let pkv = Pkv::start_with(vars);
        let get = json!(["CONFIG", "GET", "*"]);
        let now = |value: &str| json!(["notify-keyspace-events", value]);
        assert_eq!(result(pkv.run(get.clone()).await), now(""));
        for path in ["/pipeline", "/multi-exec"] {
            let off = json!(["CONFIG", "SET", "notify-keyspace-events", ""]);
            let replies = items(pkv.post(path, json!([SET, get, off, get])).await.unwrap());
            let replies: Vec<_> = replies.iter().map(|reply| reply["result"].clone()).collect();
            assert_eq!(replies, [json!("OK"), now("AKE"), json!("OK"), now("")], "{path}");
        }
        let path = format!("/config/set/notify-keyspace-events/KEA?_token={TOKEN}");
        assert_eq!(result(pkv.get(&path).await), json!("OK"));
        assert_eq!(result(pkv.run(json!(["config", "get", "notify*", "save"])).await), now("AKE"));
        assert_eq!(result(pkv.run(json!(["CONFIG", "GET", "requirepass"])).await), json!([]));

        let mut events = Stream::open(&pkv, "/subscribe/__keyevent@0__:set").await;
        events.until("\n\n").await;
        result(pkv.run(json!(["SET", "k", "v"])).await);
        assert_eq!(events.until("\n\n").await, "data: message,__keyevent@0__:set,k\n\n");

        for (command, part) in [
            (json!(["CONFIG", "SET", "requirepass", "x"]), "CONFIG SET - 'requirepass'"),
            (
                json!(["CONFIG", "SET", "notify-keyspace-events", "", "save", ""]),
                "CONFIG SET - 'save'",
            ),
            (
                json!(["CONFIG", "SET", "notify-keyspace-events", "?"]),
                "Invalid event class character",
            ),
            (json!(["CONFIG", "SET"]), "wrong number of arguments"),
            (json!(["CONFIG", "REWRITE"]), "Command is not available: 'CONFIG'"),
        ] {
            let reply = pkv.run(command.clone()).await;
            let error = reply.body["error"].as_str().unwrap();
            assert!(reply.status == 400 && error.contains(part), "{command}: {error}");
        }
    }
}

#[tokio::test]
async fn notifications_survive_restarts_of_redis_and_of_pkv() {
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(pkv.run(json!(SET)).await), json!("OK"));
    let get = json!(["CONFIG", "GET", "notify-keyspace-events"]);
    let want = json!(["notify-keyspace-events", "AKE"]);
    pkv.signal_redis(Signal::SIGKILL);
    let restarted = &pkv;
    eventually("Redis is another one", Duration::from_secs(5), || async move {
        restarted.redis_pids().len() == 2
    })
    .await;
    assert_eq!(result(pkv.run(get.clone()).await), want);
    pkv.stop().await;
    for _ in 0..2 {
        let pkv = Pkv::start_in(dir.path(), &[]);
        assert_eq!(result(pkv.run(get.clone()).await), want);
    }
}
