//! Another version of Redis is started on the data: a newer one goes on from it, an older one leaves it
//! alone. With two real versions.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::damaged::{files, report};
use crate::start::{Ended, run_to_end};
use crate::support::{Bearer, Pkv, eventually, items, older_server, result};

/// Longest time for a command: pkv runs unoptimised, beside other tests.
const LIMIT: Duration = Duration::from_secs(30);

/// 2100: what lives until then is there throughout.
const FAR: u64 = 4_102_444_800_000;

/// The version that the banner tells.
fn version(pkv: &Pkv) -> (u32, u32) {
    let line = pkv.banner.lines().find_map(|line| line.trim().strip_prefix("redis "));
    let mut numbers = line.unwrap().trim().split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// Something of every type, small and large, since these are stored in different ways.
async fn fill(pkv: &Pkv) {
    let many = |command: &str, key: &str, of: &dyn Fn(usize) -> Vec<String>| {
        let words = [command.to_owned(), key.to_owned()].into_iter();
        Value::from_iter(words.chain((0..1000).flat_map(of)))
    };
    let function = "#!lua name=library\nredis.register_function('double', \
                    function(keys, arguments) return arguments[1] * 2 end)";
    let writes = json!([
        ["SET", "string", "v"],
        ["SET", "fleeting", "v", "PXAT", FAR],
        ["INCRBY", "number", 42],
        ["SETBIT", "bits", 4242, 1],
        ["PFADD", "distinct", "a", "b", "c"],
        ["HSET", "hash", "f0", "1", "f1", "2"],
        many("HSET", "large hash", &|n| vec![format!("f{n}"), format!("{n}")]),
        ["PEXPIREAT", "large hash", FAR],
        ["RPUSH", "list", "a", "b"],
        many("RPUSH", "large list", &|n| vec!["v".repeat(n)]),
        ["SADD", "numbers", 3, 1, 2],
        many("SADD", "large set", &|n| vec![format!("member{n}")]),
        ["ZADD", "scores", 1, "a", 2.5, "b"],
        many("ZADD", "large scores", &|n| vec![format!("{n}.5"), format!("member{n}")]),
        ["GEOADD", "places", "13.361389", "38.115556", "Palermo"],
        ["XADD", "stream", "1-1", "f", "v"],
        ["XADD", "stream", "2-1", "f", "v", "g", "w"],
        ["XADD", "stream", "3-1", "f", "v"],
        ["XDEL", "stream", "3-1"],
        ["XGROUP", "CREATE", "stream", "group", "0"],
        ["XREADGROUP", "GROUP", "group", "reader", "COUNT", 1, "STREAMS", "stream", ">"],
        ["JSON.SET", "document", "$", r#"{"z":[1,2.5,"x"],"a":{"b":null}}"#],
        ["JSON.NUMINCRBY", "document", "$.z[0]", 41],
        ["FUNCTION", "LOAD", function],
        ["CONFIG", "SET", "notify-keyspace-events", "KEA"],
    ]);
    for item in items(pkv.post("/pipeline", writes).await.unwrap()) {
        assert!(item.get("result").is_some(), "{item}");
    }
}

/// What is asked to see all that `fill` has written, in a form that does not depend on the version.
fn questions() -> Vec<Value> {
    let fields = (0..1000).map(|n| format!("f{n}"));
    let fields = ["HMGET", "large hash"].map(str::to_owned).into_iter().chain(fields);
    vec![
        json!(["DBSIZE"]),
        json!(["MGET", "string", "fleeting", "number"]),
        json!(["PEXPIRETIME", "fleeting"]),
        json!(["BITPOS", "bits", 1]),
        json!(["PFCOUNT", "distinct"]),
        json!(["HMGET", "hash", "f0", "f1"]),
        Value::from_iter(fields),
        json!(["PEXPIRETIME", "large hash"]),
        json!(["LRANGE", "list", 0, -1]),
        json!(["LRANGE", "large list", 0, -1]),
        json!(["SORT", "numbers"]),
        json!(["SORT", "large set", "ALPHA"]),
        json!(["ZRANGE", "scores", 0, -1, "WITHSCORES"]),
        json!(["ZRANGE", "large scores", 0, -1, "WITHSCORES"]),
        json!(["GEOHASH", "places", "Palermo"]),
        json!(["XRANGE", "stream", "-", "+"]),
        json!(["XINFO", "GROUPS", "stream"]),
        json!(["XPENDING", "stream", "group"]),
        json!(["JSON.GET", "document"]),
        json!(["FCALL", "double", 0, 21]),
        json!(["CONFIG", "GET", "notify-keyspace-events"]),
    ]
}

async fn answers(pkv: &Pkv) -> Vec<Value> {
    let answers = items(pkv.post("/pipeline", questions().into()).await.unwrap());
    answers
        .into_iter()
        .inspect(|answer| assert!(answer.get("result").is_some(), "{answer}"))
        .collect()
}

async fn assert_answers(pkv: &Pkv, before: &[Value]) {
    for ((question, was), is) in questions().iter().zip(before).zip(answers(pkv).await) {
        let (was, is) = (was.to_string(), is.to_string());
        assert!(is == was, "{:.99}: {is:.999}, before {was:.999}", question.to_string());
    }
}

/// A user who may read one key; returns his token.
async fn make_user(pkv: &Pkv) -> String {
    let token = result(pkv.run(json!(["ACL", "GENTOKEN", "app"])).await);
    let token = token.as_str().unwrap().to_owned();
    let rules = json!(["ACL", "SETUSER", "app", "on", format!(">{token}"), "~string", "+get"]);
    result(pkv.run(rules).await);
    token
}

async fn assert_user(pkv: &Pkv, token: &str) {
    let user = Bearer::new(pkv, token);
    assert_eq!(user.run(&json!(["GET", "string"])).await, (200, json!({ "result": "v" })));
    let (status, denied) = user.run(&json!(["GET", "number"])).await;
    assert!(status == 400 && denied["error"].as_str().unwrap().starts_with("NOPERM"), "{denied}");
}

/// Runs pkv with arguments, to its end.
async fn run(dir: &Path, arguments: &[&str], vars: &[(&str, &str)]) -> Ended {
    run_to_end(Pkv::command(dir, vars).args(arguments), LIMIT).await
}

async fn succeed(dir: &Path, arguments: &[&str], vars: &[(&str, &str)]) {
    let ended = run(dir, arguments, vars).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// At once and without a word: pkv is held still first, so that it starts no other Redis.
async fn kill_both(mut pkv: Pkv) {
    let redis = *pkv.redis_pids().last().unwrap();
    pkv.signal(Signal::SIGSTOP);
    pkv.signal_redis(Signal::SIGKILL);
    pkv.signal(Signal::SIGKILL);
    pkv.ended(LIMIT).await;
    let exe = format!("/proc/{redis}/exe");
    eventually("Redis is gone", LIMIT, async || !Path::new(&exe).exists()).await;
}

#[tokio::test]
async fn a_newer_redis_goes_on_from_the_data_of_an_older_one() {
    let older_server = older_server();
    let older = [("PKV_REDIS_SERVER", older_server.as_str())];
    for is_killed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let pkv = Pkv::start_in(dir.path(), &older);
        let older_version = version(&pkv);
        fill(&pkv).await;
        let token = make_user(&pkv).await;
        let filled = answers(&pkv).await;
        // A backup put back is an append-only file that begins with an RDB; what comes then is appended.
        succeed(dir.path(), &["backup", "copy.rdb"], &older).await;
        pkv.stop().await;
        succeed(dir.path(), &["restore", "copy.rdb", "--force"], &older).await;
        let pkv = Pkv::start_in(dir.path(), &older);
        assert_answers(&pkv, &filled).await;
        let appended = json!([
            ["SET", "appended", "v"],
            ["LPUSH", "large list", "first"],
            ["XADD", "stream", "4-1", "f", "v"],
        ]);
        items(pkv.post("/multi-exec", appended).await.unwrap());
        let before = answers(&pkv).await;
        match is_killed {
            false => pkv.stop().await,
            true => kill_both(pkv).await,
        }

        let pkv = Pkv::start_in(dir.path(), &[]);
        let newer_version = version(&pkv);
        assert!(newer_version > older_version, "{newer_version:?} after {older_version:?}");
        assert_answers(&pkv, &before).await;
        assert_user(&pkv, &token).await;
        // What the older one could not, and what changes a value of its.
        let later = json!([
            ["HEXPIRE", "hash", 1000, "FIELDS", 1, "f1"],
            ["RPUSH", "large list", "last"],
            ["XACK", "stream", "group", "1-1"],
        ]);
        for item in items(pkv.post("/pipeline", later).await.unwrap()) {
            assert!(item.get("result").is_some(), "{item}");
        }
        let before = answers(&pkv).await;
        pkv.stop().await;
        let pkv = Pkv::start_in(dir.path(), &[]);
        assert_answers(&pkv, &before).await;
        let lives = result(pkv.run(json!(["HTTL", "hash", "FIELDS", 2, "f0", "f1"])).await);
        assert!(lives[0] == -1 && (900..=1000).contains(&lives[1].as_i64().unwrap()), "{lives}");
        assert_user(&pkv, &token).await;
    }
}

#[tokio::test]
async fn an_older_redis_leaves_the_data_of_a_newer_one_alone() {
    let older_server = older_server();
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    fill(&pkv).await;
    let token = make_user(&pkv).await;
    let before = answers(&pkv).await;
    pkv.stop().await;
    let stored = files(dir.path());

    let (ready, answer) = report(dir.path(), &[("PKV_REDIS_SERVER", &older_server)]).await;
    for told in [&ready["error"], &ready["last_error"], &answer["error"]] {
        let told = told.as_str().unwrap();
        assert!(told.contains("newer Redis than this one"), "{told}");
        assert!(told.contains("PKV_REDIS_SERVER"), "{told}");
    }
    assert!(files(dir.path()) == stored, "the files were changed");

    let pkv = Pkv::start_in(dir.path(), &[]);
    assert_answers(&pkv, &before).await;
    assert_user(&pkv, &token).await;
}

#[tokio::test]
async fn a_backup_is_restored_into_a_newer_redis_and_refused_by_an_older_one() {
    let older_server = older_server();
    let older = [("PKV_REDIS_SERVER", older_server.as_str())];
    let settings = json!(["CONFIG", "SET", "notify-keyspace-events", "KEA"]);
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pkv = Pkv::start_in(first.path(), &older);
    fill(&pkv).await;
    let before = answers(&pkv).await;
    succeed(first.path(), &["backup", "copy.rdb"], &older).await;
    let copy = first.path().join("copy.rdb");
    succeed(second.path(), &["restore", copy.to_str().unwrap()], &[]).await;
    let restored = Pkv::start_in(second.path(), &[]);
    result(restored.run(settings).await); // no data, and so in no backup
    assert_answers(&restored, &before).await;

    pkv.stop().await;
    succeed(second.path(), &["backup", "newer.rdb"], &[]).await;
    let newer = second.path().join("newer.rdb");
    let refused = run(first.path(), &["restore", "--force", newer.to_str().unwrap()], &older).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let said = &refused.stderr;
    assert!(
        said.contains("that this Redis can read") && said.contains("RDB format version"),
        "{said}"
    );
    assert_answers(&Pkv::start_in(first.path(), &older), &before).await;
}
