//! Tokens that may only read: no way leads to a write, on the bundled Redis (a user of its own
//! enforces it) and on any other (its command table does).

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Bearer, Pkv, RedisServer, TOKEN, items, result};

const READONLY: &str = "readonly-token";

fn no_permission(name: &str) -> Value {
    let text = format!(
        "NOPERM this user has no permissions to run the '{name}' command or its subcommand"
    );
    json!({ "error": text })
}

/// The bundled Redis, one behind `SRH_CONNECTION_STRING` and one in a `tokens.json`, in two ways.
async fn everywhere(check: impl AsyncFn(&Pkv)) {
    check(&Pkv::start_with(&[("SRH_READONLY_TOKEN", READONLY)])).await;
    let redis = RedisServer::start(&[]).await;
    let url = redis.url();
    check(&Pkv::start_with(&[
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &url),
        ("KV_REST_API_READ_ONLY_TOKEN", READONLY),
    ]))
    .await;
    let entry = |more: Value| {
        let mut entry = json!({ "srh_id": "x", "connection_string": url });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    for tokens in [
        json!({ TOKEN: entry(json!({ "readonly_token": READONLY })) }),
        json!({ TOKEN: entry(json!({})), READONLY: entry(json!({ "read_only": true })) }),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens.json");
        std::fs::write(&file, tokens.to_string()).unwrap();
        check(&Pkv::start_with(&[("PKV_TOKENS_FILE", file.to_str().unwrap())])).await;
    }
}

#[tokio::test]
async fn reads_are_answered_and_writes_are_not() {
    everywhere(async |pkv| {
        let reader = Bearer::new(pkv, READONLY);
        result(pkv.run(json!(["FLUSHALL"])).await);
        result(pkv.run(json!(["SET", "k", "v"])).await);
        result(pkv.run(json!(["RPUSH", "l", "2", "1"])).await);
        result(pkv.run(json!(["ZADD", "z", 1, "a", 2, "b", 3, "c"])).await);
        for (command, want) in [
            (json!(["GET", "k"]), json!("v")),
            (json!(["ttl", "k"]), json!(-1)),
            (json!(["PING"]), json!("PONG")),
            (json!(["ECHO", "x"]), json!("x")),
            (json!(["LRANGE", "l", 0, -1]), json!(["2", "1"])),
            (json!(["TYPE", "k"]), json!("string")),
            (json!(["DIGEST", "k"]), json!("f7042be43fb80714")),
            (json!(["DIGEST", "none"]), Value::Null),
            (json!(["ZRANGE", "z", -2, -1, "LIMIT", 0, 1]), json!(["b"])),
            (json!(["BITFIELD_RO", "none", "GET", "u8", 0]), json!([0])),
        ] {
            assert_eq!(reader.run(&command).await, (200, json!({ "result": want })), "{command}");
        }
        for command in [
            json!(["SET", "a", "b"]),
            json!(["SET", "k", "w", "IFEQ", "v"]),
            json!(["SET", "k", "w", "IFDEQ", "f7042be43fb80714", "GET"]),
            json!(["DELEX", "k"]),
            json!(["DELEX", "k", "IFEQ", "v"]),
            json!(["ZRANGESTORE", "a", "z", -2, -1, "LIMIT", 0, 1]),
            json!(["EVAL", "return redis.call('SET', 'a', 'b')", 0]),
            json!(["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", 0]),
            json!(["EVAL_RO", "return 1", 0]),
            json!(["FCALL", "f", 0]),
            json!(["FCALL_RO", "f", 0]),
            json!([
                "FUNCTION",
                "LOAD",
                "#!lua name=l\nredis.register_function('f', function() end)"
            ]),
            json!(["SCRIPT", "LOAD", "return 1"]),
            json!(["SORT", "l", "STORE", "a"]),
            json!(["GETEX", "k", "EX", 1]),
            json!(["BITFIELD", "k", "SET", "u8", 0, 255]),
            json!(["XREADGROUP", "GROUP", "g", "c", "NOACK", "STREAMS", "s", ">"]),
            json!(["PUBLISH", "c", "m"]),
            json!(["SCAN", 0]),
            json!(["SCAN", 0, "WITHTYPE"]),
            json!(["KEYS", "*"]),
            json!(["FLUSHALL"]),
            json!(["CONFIG", "GET", "*"]),
            json!(["ACL", "SETUSER", "x", "on"]),
        ] {
            let name = command[0].as_str().unwrap().to_lowercase();
            assert_eq!(reader.run(&command).await, (400, no_permission(&name)), "{command}");
        }
        for command in [json!(["ACL", "RESTTOKEN", "default", "x"]), json!(["MONITOR"])] {
            assert_eq!(reader.run(&command).await.0, 400, "{command}");
        }
        let lines = json!([["GET", "k"], ["SET", "k", "w"], ["GET", "k"]]);
        let (status, body) = reader.post("/pipeline", &lines).await;
        let want = json!([{ "result": "v" }, no_permission("set"), { "result": "v" }]);
        assert_eq!((status, body), (200, want));
        assert_eq!(reader.post("/multi-exec", &lines).await, (400, no_permission("set")));
        let lines = json!([["DIGEST", "k"], ["DELEX", "k", "IFEQ", "v"]]);
        assert_eq!(reader.post("/multi-exec", &lines).await, (400, no_permission("delex")));
        assert_eq!(reader.post("/set/k/w", &json!("x")).await, (400, no_permission("set")));
        for (path, name) in [("/subscribe/c", "subscribe"), ("/monitor", "monitor")] {
            assert_eq!(reader.post(path, &json!([])).await, (400, no_permission(name)));
        }
        assert_eq!(result(pkv.run(json!(["GET", "k"])).await), json!("v"));
        assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), json!(3));
    })
    .await;
}

/// Every write command of the server, sub-commands too, with as many arguments as it needs.
fn writes(table: &Value, found: &mut Vec<Value>) {
    for entry in table.as_array().unwrap() {
        let is_write = entry[2].as_array().unwrap().contains(&json!("write"));
        if is_write {
            let mut words: Vec<Value> =
                entry[0].as_str().unwrap().split('|').map(Value::from).collect();
            let arity = entry[1].as_i64().unwrap().unsigned_abs() as usize;
            while words.len() < arity {
                words.push(json!("k"));
            }
            found.push(Value::Array(words));
        }
        if entry[9].is_array() {
            writes(&entry[9], found);
        }
    }
}

#[tokio::test]
async fn no_write_command_of_the_server_is_let_through() {
    everywhere(async |pkv| {
        let reader = Bearer::new(pkv, READONLY);
        result(pkv.run(json!(["FLUSHALL"])).await);
        result(pkv.run(json!(["SET", "k", "v"])).await);
        let mut commands = Vec::new();
        writes(&result(pkv.run(json!(["COMMAND"])).await), &mut commands);
        assert!(commands.len() > 100, "{}", commands.len());
        let refused = |body: &Value| {
            let error = body["error"].as_str().unwrap_or_default();
            error.starts_with("NOPERM this user has no permissions to run")
                || error.starts_with("ERR Command is not available")
                || error.contains("is not allowed in REST")
                || error.contains("would block")
        };
        for command in &commands {
            let (status, body) = reader.run(command).await;
            assert!(status == 400 && refused(&body), "{command}: {status} {body}");
        }
        let (status, body) = reader.post("/pipeline", &json!(commands)).await;
        assert_eq!(status, 200, "{body}");
        for (command, body) in commands.iter().zip(body.as_array().unwrap()) {
            assert!(refused(body), "{command}: {body}");
        }
        for command in &commands {
            let (status, body) = reader.post("/multi-exec", &json!([["GET", "k"], command])).await;
            assert!(status == 400 && refused(&body), "{command}: {status} {body}");
        }
        assert_eq!(result(pkv.run(json!(["GET", "k"])).await), json!("v"));
        assert_eq!(result(pkv.run(json!(["TTL", "k"])).await), json!(-1));
        assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), json!(1));
    })
    .await;
}

#[tokio::test]
async fn no_name_stands_for_the_write_that_somebody_else_has_just_sent() {
    let redis = RedisServer::start(&[]).await;
    let pkv = Pkv::start_with(&[
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &redis.url()),
        ("SRH_READONLY_TOKEN", READONLY),
        ("SRH_MAX_CONNECTIONS", "1"),
    ]);
    // Redis compares a name with that of the connection's last command up to a NUL.
    let done = AtomicBool::new(false);
    let reads = async {
        for _ in 0..100 {
            let (status, body) =
                Bearer::new(&pkv, READONLY).run(&json!(["SET\0", "k", "by the reader"])).await;
            assert_eq!(status, 400, "{body}");
        }
        done.store(true, Ordering::Relaxed);
    };
    let writes = (0..20).map(async |_| {
        while !done.load(Ordering::Relaxed) {
            result(pkv.run(json!(["SET", "other", "v"])).await);
        }
    });
    tokio::join!(reads, join_all(writes));
    assert_eq!(result(pkv.run(json!(["EXISTS", "k"])).await), json!(0));
}

#[tokio::test]
async fn the_bundled_redis_knows_the_reader_as_a_user_over_tcp_too() {
    let port = crate::support::free_port();
    let port_text = port.to_string();
    let pkv = Pkv::start_with(&[("SRH_READONLY_TOKEN", READONLY), ("PKV_REDIS_PORT", &port_text)]);
    result(pkv.run(json!(["SET", "k", "v"])).await);
    let url = format!("redis://default_ro:{READONLY}@127.0.0.1:{port}");
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let get: String = redis::cmd("GET").arg("k").query_async(&mut connection).await.unwrap();
    assert_eq!(get, "v");
    let set = redis::cmd("SET").arg("k").arg("w").query_async::<()>(&mut connection).await;
    assert_eq!(set.unwrap_err().code(), Some("NOPERM"));
    assert_eq!(
        items(pkv.post("/pipeline", json!([["GET", "k"]])).await.unwrap())[0]["result"],
        "v"
    );
}
