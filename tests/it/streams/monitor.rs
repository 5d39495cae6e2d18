//! `/monitor`: what is shown, what is not, and to whom.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Stream, read_on, slow_reader};
use crate::support::{Act, FakeRedis, Pkv, RedisServer, TOKEN, eventually, items, result};

const OK: &str = "data: \"OK\"\n\n";

async fn confirmed(pkv: &Pkv) -> Stream {
    let mut stream = Stream::open(pkv, "/monitor").await;
    assert_eq!(stream.until("\n\n").await, OK);
    stream
}

fn in_front_of(redis: &RedisServer) -> Pkv {
    Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &redis.url())])
}

/// Asks three times at once: pkv opens a connection to Redis for each core, and asks what its server is.
async fn warm_up(pkv: &Pkv) {
    let echo = async || assert_eq!(result(pkv.run(json!(["ECHO", "warm"])).await), "warm");
    tokio::join!(echo(), echo(), echo());
}

/// What stands behind the time in each event; panics on what is no event of a command.
#[track_caller]
fn commands(text: &str) -> Vec<&str> {
    let events = text.strip_suffix("\n\n").unwrap().split("\n\n");
    let command = |event| {
        let (time, command) = str::strip_prefix(event, "data: ")?.split_once(' ')?;
        let (seconds, micros) = time.split_once('.')?;
        let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
        let is_time = seconds.len() == 10 && micros.len() == 6;
        (is_time && is_number(seconds) && is_number(micros)).then_some(command)
    };
    events.map(|event| command(event).unwrap_or_else(|| panic!("{event:?}"))).collect()
}

/// The same without what pkv asks on each new connection, which may be opened at any time.
fn callers(text: &str) -> Vec<&str> {
    let is_ours = |command: &&str| command.contains("\"INFO\" \"server\"");
    commands(text).into_iter().filter(|command| !is_ours(command)).collect()
}

#[tokio::test]
async fn every_command_is_an_event_from_nowhere() {
    let pkv = Pkv::start();
    let post = |path| pkv.request("POST", path).bearer_auth(&pkv.token).body("[\"x\"]");
    let get = |path: &str| pkv.request("GET", &format!("{path}?_token={}", pkv.token));
    for request in [
        post("/monitor"),
        get("/monitor"),
        post("/monitor/"),
        get("/Monitor/").header("accept", "*"),
    ] {
        let mut stream = Stream::answering(request.header("origin", "http://x")).await;
        assert_eq!(stream.response.headers()["access-control-allow-origin"], "http://x");
        assert_eq!(stream.until("\n\n").await, OK);
        pkv.run(json!(["SET", "k", "a \"b\"\n\u{e9}", "EX", 100])).await;
        items(pkv.post("/pipeline", json!([["INCRBY", "n", 7], ["get", "k"]])).await.unwrap());
        let script = "return redis.call('DEL', KEYS[1])";
        pkv.run(json!(["EVAL", script, 1, "n"])).await;
        assert_eq!(
            callers(&stream.until("[0 lua] \"DEL\" \"n\"\n\n").await),
            [
                r#"[0 0.0.0.0:0] "SET" "k" "a \"b\"\n\xc3\xa9" "EX" "100""#,
                r#"[0 0.0.0.0:0] "INCRBY" "n" "7""#,
                r#"[0 0.0.0.0:0] "get" "k""#,
                r#"[0 0.0.0.0:0] "EVAL" "return redis.call('DEL', KEYS[1])" "1" "n""#,
                r#"[0 lua] "DEL" "n""#,
            ]
        );
    }
}

#[tokio::test]
async fn pkvs_own_greetings_are_not_shown() {
    let pkv = Pkv::start();
    let mut monitor = confirmed(&pkv).await;
    warm_up(&pkv).await;
    // One more connection, that of a lease.
    result(pkv.run(json!(["WAIT", 0, 1])).await);
    let text = monitor.until("\"WAIT\" \"0\" \"1\"\n\n").await;
    let echo = r#"[0 0.0.0.0:0] "ECHO" "warm""#;
    let wait = r#"[0 0.0.0.0:0] "WAIT" "0" "1""#;
    assert_eq!(callers(&text), [echo, echo, echo, wait]);
}

#[tokio::test]
async fn what_is_no_monitor_is_an_ordinary_error() {
    let pkv = Pkv::start();
    for (path, status, part) in [
        ("/monitor?_token=wrong", 401, "WRONGPASS"),
        ("/monitor/x", 400, "\"MONITOR\" is not allowed in REST or it has a special context path"),
    ] {
        let reply = pkv.send(pkv.request("POST", path).bearer_auth(&pkv.token)).await.unwrap();
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body["error"].as_str().unwrap().contains(part), "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_redis_that_refuses_is_heard_before_the_stream_begins() {
    let user = ["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-monitor"];
    let redis = RedisServer::start(&user).await;
    let pkv = in_front_of(&redis);
    let ask = || pkv.post("/monitor", json!([]));
    let refused = ask().await.unwrap();
    assert_eq!(refused.status, 400);
    let text = refused.body["error"].as_str().unwrap();
    assert!(text.starts_with("NOPERM ") && text.contains("'monitor'"), "{text}");
    redis.say(&["ACL SETUSER default +monitor"]).await;
    confirmed(&pkv).await;
    drop(redis);
    let away = ask().await.unwrap();
    assert_eq!(away.status, 503);
    assert!(away.body["error"].as_str().unwrap().starts_with("ERR Redis is not available"));
}

/// Redis hides most of these itself; one that does not is made up.
#[tokio::test]
async fn no_password_and_no_token_is_ever_shown() {
    let redis = RedisServer::start(&["--requirepass", "hunter2"]).await;
    let url = format!("redis://:hunter2@127.0.0.1:{}/3", redis.port);
    let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
    let mut monitor = confirmed(&pkv).await;
    warm_up(&pkv).await;
    pkv.get(&format!("/get/k?_token={TOKEN}")).await;
    redis
        .say(&[
            "AUTH wrong-hunter2",
            "AUTH default hunter2",
            "HELLO 2 AUTH default hunter2",
            "ACL SETUSER bob on >hunter2 ~* +@all",
            "ACL RESTTOKEN bob hunter2",
            "CONFIG SET requirepass hunter2 masterauth hunter2",
            "MIGRATE 127.0.0.1 1 none 0 10 AUTH hunter2",
            "GET end",
        ])
        .await;
    let text = monitor.until("\"GET\" \"end\"\n\n").await;
    assert!(text.contains("[3 0.0.0.0:0] \"get\" \"k\"\n"), "{text}");
    for hidden in ["\"AUTH\" \"(redacted)\" \"(redacted)\"\n", "\"10\" \"AUTH\" \"(redacted)\"\n"] {
        assert!(text.contains(hidden), "{text}");
    }
    for secret in ["hunter2", TOKEN, "127.0.0.1:"] {
        assert!(!text.replace("\"127.0.0.1\"", "").contains(secret), "{secret} in {text}");
    }

    let line = |words: &str| format!("+1721284005.242090 [0 10.1.2.3:4] {words}\r\n");
    let said: String = [
        "+OK\r\n".to_owned(),
        line(r#""auth" "bob" "hunter2""#),
        line(r#""ACL" "SETUSER" "bob" "on" ">hunter2""#),
        line(r#""CONFIG" "SET" "requirepass" "hunter2""#),
        "+something else, with hunter2\r\n".to_owned(),
        line(r#""GET" "end""#),
    ]
    .concat();
    let talkative = FakeRedis::start(move |_, _| Act::reply(&said)).await;
    let url = talkative.url();
    let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
    let mut monitor = Stream::open(&pkv, "/monitor").await;
    let text = monitor.until("\"GET\" \"end\"\n\n").await;
    assert_eq!(
        commands(text.strip_prefix(OK).unwrap()),
        [
            r#"[0 0.0.0.0:0] "auth" "(redacted)" "(redacted)""#,
            r#"[0 0.0.0.0:0] "ACL" "SETUSER" "bob" "(redacted)" "(redacted)""#,
            r#"[0 0.0.0.0:0] "CONFIG" "SET" "(redacted)" "(redacted)""#,
            r#"[0 0.0.0.0:0] "GET" "end""#,
        ]
    );
}

async fn monitors_of(redis: &RedisServer) -> usize {
    redis.say(&["CLIENT LIST"]).await.matches(" cmd=monitor ").count()
}

#[tokio::test]
async fn monitors_share_a_connection_that_ends_with_the_last_of_them() {
    let redis = RedisServer::start(&[]).await;
    let pkv = in_front_of(&redis);
    assert_eq!(monitors_of(&redis).await, 0, "not before somebody asks");
    let first = confirmed(&pkv).await;
    let mut second = confirmed(&pkv).await;
    assert_eq!(monitors_of(&redis).await, 1);
    drop(first);
    redis.say(&["GET still-here"]).await;
    second.until("\"GET\" \"still-here\"\n\n").await;
    assert_eq!(monitors_of(&redis).await, 1);
    drop(second);
    let redis = &redis;
    eventually("Redis has no monitor any more", Duration::from_secs(1), || async move {
        monitors_of(redis).await == 0
    })
    .await;
    confirmed(&pkv).await;
}

#[tokio::test]
async fn a_burst_cuts_nobody_off_who_reads() {
    let pkv = Pkv::start();
    let mut monitor = confirmed(&pkv).await;
    // Far more than a queue holds events, executed within some milliseconds.
    const COMMANDS: usize = 20_000;
    let batch: Vec<Value> = (0..COMMANDS).map(|number| json!(["SET", "n", number])).collect();
    items(pkv.post("/pipeline", json!(batch)).await.unwrap());
    let text = monitor.until(&format!("\"SET\" \"n\" \"{}\"\n\n", COMMANDS - 1)).await;
    let sets = commands(&text).into_iter().filter(|command| command.contains("\"SET\""));
    let numbers = sets.map(|set| set.rsplit('"').nth(1).unwrap().parse::<usize>().unwrap());
    assert!(numbers.eq(0..COMMANDS), "lost or out of order");
}

#[tokio::test]
async fn monitors_outlive_a_crash_of_redis() {
    let pkv = Pkv::start();
    let mut monitor = confirmed(&pkv).await;
    pkv.signal_redis(Signal::SIGKILL);
    // Said again, so that the client knows where something may be missing.
    assert_eq!(monitor.until("\n\n").await, OK);
    pkv.run(json!(["GET", "back"])).await;
    monitor.until("\"GET\" \"back\"\n\n").await;
}

#[tokio::test]
async fn monitors_end_with_pkv_and_do_not_delay_it() {
    let mut pkv = Pkv::start();
    let monitor = confirmed(&pkv).await;
    let asked = Instant::now();
    pkv.signal(Signal::SIGTERM);
    assert!(pkv.ended(Duration::from_secs(5)).await.success());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(monitor.rest().await, "", "a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_monitor_is_cut_off_and_the_others_lose_nothing() {
    let pkv = Arc::new(Pkv::start());
    let mut slow = slow_reader(&pkv, "/monitor", OK).await;
    // More than socket buffers and the backlog of one stream can hold together.
    const COMMANDS: usize = 2000;
    let mut reading = Vec::new();
    for _ in 0..3 {
        let mut stream = confirmed(&pkv).await;
        reading.push(tokio::spawn(async move {
            let text = stream.until(&format!(",{:04}\"\n\n", COMMANDS - 1)).await;
            let numbers = commands(&text).into_iter().filter_map(|command| {
                command.strip_suffix('"')?.rsplit_once(',')?.1.parse::<usize>().ok()
            });
            assert!(numbers.eq(0..COMMANDS), "lost or out of order");
        }));
    }
    let filling = "x".repeat(16 << 10);
    for start in (0..COMMANDS).step_by(20) {
        let batch: Vec<_> = (start..start + 20)
            .map(|number| json!(["PUBLISH", "nobody", format!("{filling},{number:04}")]))
            .collect();
        pkv.post("/pipeline", json!(batch)).await.unwrap();
    }
    for reader in reading {
        tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
    }
    let rest = read_on(&mut slow).await;
    let cut = "event: error\ndata: {\"error\":\"ERR the client reads too slowly";
    assert!(rest.contains(cut), "{}", &rest[rest.len() - 200..]);
    assert!(!rest.contains(&format!(",{:04}\"\n", COMMANDS - 1)));
}
