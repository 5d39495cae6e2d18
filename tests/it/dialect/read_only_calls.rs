//! `FCALL_RO` of functions that are not flagged `no-writes`, and that nothing else shows how.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Pkv, RedisServer, eventually, items, result};

/// `get` and `set` without flags, `len` with.
const LIBRARY: &str = "#!lua name=l
redis.register_function('get', function(keys) return redis.call('GET', keys[1]) end)
redis.register_function('set', function(keys, args)
  return redis.call('SET', keys[1], args[1])
end)
redis.register_function{function_name='len', flags={'no-writes'}, description='length',
  callback=function(keys) return redis.call('STRLEN', keys[1]) end}";

const REFUSED: &str = "ERR Can not execute a script with write flag using *_ro command.";

const NO_FUNCTION: &str = "ERR Function not found";

async fn load(pkv: &Pkv, code: &str) -> Value {
    pkv.run(json!(["FUNCTION", "LOAD", "REPLACE", code])).await.body
}

/// A call without keys and arguments.
async fn call(pkv: &Pkv, command: &str, function: &str) -> Value {
    pkv.run(json!([command, function, 0])).await.body
}

/// FUNCTION LIST, its functions sorted by name: Redis has no order.
async fn list(pkv: &Pkv, words: &[&str]) -> Value {
    let command: Vec<_> = ["FUNCTION", "LIST"].iter().chain(words).collect();
    let mut libraries = result(pkv.run(json!(command)).await);
    for library in libraries.as_array_mut().unwrap() {
        assert_eq!(library[4], json!("functions"));
        library[5].as_array_mut().unwrap().sort_by_key(|function| function[1].to_string());
    }
    libraries
}

/// How many libraries and functions there are.
async fn counts(pkv: &Pkv) -> (Value, Value) {
    let stats = result(pkv.run(json!(["FUNCTION", "STATS"])).await);
    (stats[3][1][1].clone(), stats[3][1][3].clone())
}

#[tokio::test]
async fn a_function_that_only_reads_needs_no_flag() {
    let pkv = Pkv::start();
    result(pkv.run(json!(["SET", "k", "value"])).await);
    assert_eq!(load(&pkv, LIBRARY).await, json!({ "result": "l" }));
    let calls = json!([
        ["FCALL_RO", "get", 1, "k"],
        ["fcall_ro", "len", 1, "k"],
        ["FCALL_RO", "set", 1, "k", "v"],
        ["FCALL_RO", "none", 1, "k"],
        ["GET", "k"],
        ["FCALL_RO", "get", "x"],
    ]);
    let writes =
        "ERR Write commands are not allowed from read-only scripts. script: on @user_function:4.";
    // Valkey does not say which function it was.
    let nameless = |body: &Value| {
        let text = body.to_string().replace("script: set, on", "script: on");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let want = [
        json!({ "result": "value" }),
        json!({ "result": 5 }),
        json!({ "error": writes }),
        json!({ "error": NO_FUNCTION }),
        json!({ "result": "value" }),
        json!({ "error": "ERR Bad number of keys provided" }),
    ];
    for (command, want) in calls.as_array().unwrap().iter().zip(&want) {
        assert_eq!(&nameless(&pkv.run(command.clone()).await.body), want, "{command}");
    }
    for path in ["/pipeline", "/multi-exec"] {
        let body = pkv.post(path, calls.clone()).await.unwrap().body;
        assert_eq!(nameless(&body), json!(want), "{path}");
    }
    let path = |function: &str| format!("/fcall_ro/{function}/1/k/v?_token={}", pkv.token);
    assert_eq!(pkv.get(&path("get")).await.body, want[0]);
    assert_eq!(nameless(&pkv.get(&path("set")).await.body), want[2]);

    let reply = pkv.post("/multi-exec", json!([["SET", "k", "v"], ["FCALL_RO"]])).await.unwrap();
    let wrong = json!("ERR wrong number of arguments for 'fcall_ro' command");
    assert_eq!((reply.status, &reply.body["error"]), (400, &wrong));
    assert_eq!(result(pkv.run(json!(["FCALL", "set", 1, "k", "other"])).await), json!("OK"));
    assert_eq!(result(pkv.run(json!(["FCALL", "get", 1, "k"])).await), json!("other"));
}

#[tokio::test]
async fn a_function_runs_once() {
    let pkv = Pkv::start();
    load(&pkv, LIBRARY).await;
    let gets = async || {
        let stats = result(pkv.run(json!(["INFO", "commandstats"])).await);
        let calls = |name: &str| {
            let line = format!("cmdstat_{name}:calls=");
            let count = stats.as_str().unwrap().split_once(&line).map(|(_, rest)| rest);
            count.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
        };
        (calls("get"), calls("strlen"))
    };
    assert_eq!(gets().await, (0, 0));
    for count in 1..4 {
        result(pkv.run(json!(["FCALL_RO", "get", 1, "k"])).await);
        result(pkv.run(json!(["FCALL_RO", "len", 1, "k"])).await);
        assert_eq!(gets().await, (count, count));
    }
}

#[tokio::test]
async fn it_does_not_matter_how_a_function_is_registered() {
    let pkv = Pkv::start();
    let library = "#!lua name=l
local register, api, n = redis.register_function, redis, 0
local function count() n = n + 1 return n end
register('alias', count)
for i = 1, 2 do register('loop' .. i, function() return i end) end
local function through(redis, name) redis.register_function(name, count) end
through({register_function = function() end}, 'unseen') through(redis, 'passed')
api . register_function {function_name='named', callback=count, flags={'allow-oom'}}
register{function_name='LOUD', callback=count, flags={'allow-oom', 'NO-WRITES', 'allow-stale'}}
local text = [[redis.register_function]] -- redis.register_function('no', count)
redis.register_function('text', function() return text .. 'redis.register_function' end)
redis.register_function(7, function() return redis.call('PING') end) return register('last', count)";
    assert_eq!(load(&pkv, library).await, json!({ "result": "l" }));
    for (count, function) in ["alias", "passed", "named", "LOUD", "last"].iter().enumerate() {
        // The twin is the same closure, with the same variables.
        assert_eq!(call(&pkv, "FCALL_RO", function).await["result"], 2 * count + 1, "{function}");
        assert_eq!(call(&pkv, "FCALL", function).await["result"], 2 * count + 2, "{function}");
    }
    for (function, want) in [
        ("loop2", json!({ "result": 2 })),
        ("text", json!({ "result": "redis.register_functionredis.register_function" })),
        ("7", json!({ "result": "PONG" })),
        ("unseen", json!({ "error": NO_FUNCTION })),
        ("no", json!({ "error": NO_FUNCTION })),
    ] {
        assert_eq!(call(&pkv, "FCALL_RO", function).await, want, "{function}");
    }
    assert_eq!(counts(&pkv).await, (json!(1), json!(9)));
    assert_eq!(list(&pkv, &["WITHCODE"]).await[0][7], library);
}

/// Each is loaded into both: all answers must be the same.
#[tokio::test]
async fn a_library_answers_as_without_the_dialect() {
    let (ours, plain) = (Pkv::start(), Pkv::start_with(&[("PKV_DIALECT", "redis")]));
    let taken = "#!lua name=other\nredis.register_function('taken', function() end)";
    let f = "function() return 1 end";
    let locals: String = (0..199).map(|at| format!("local v{at}\n")).collect();
    let libraries = [
        LIBRARY.to_owned(),
        LIBRARY.replace('\n', "\r\n"),
        format!("(redis.log)(redis.LOG_DEBUG, 'x') redis.register_function('f', {f})"),
        format!("\n\nredis.register_function('f', {f})\nnone()"),
        format!("redis.register_function('f', {f})\nlocal x = redis.none"),
        format!("redis.register_function('f', {f}) redis.register_function('f', {f})"),
        format!("redis.register_function('taken', {f})"),
        format!("redis.register_function('a b', {f})"),
        format!("redis.register_function('', {f})"),
        format!("redis.register_function('{}', {f})", "f".repeat(10_000)),
        format!("redis.register_function('f', {f}, 1)"),
        "redis.register_function('f', 1)".into(),
        "redis.register_function()".into(),
        "redis.register_function(nil)".into(),
        "redis.register_function{}".into(),
        "redis.register_function{function_name='f'}".into(),
        format!("redis.register_function{{function_name='f', callback={f}, flags={{'x'}}}}"),
        format!("redis.register_function{{function_name='f', callback={f}, flags=1}}"),
        format!("redis.register_function{{function_name='f', callback={f}, x=1}}"),
        format!("redis.register_function{{FUNCTION_NAME='f', Callback={f}}}"),
        format!("redis:register_function('f', {f})"),
        format!("server.register_function('f', {f})"),
        format!("none.register_function('f', {f})"),
        format!("redis.register_function = {f}"),
        format!(
            "local m = {{}} function m.register_function() end redis.register_function('f', {f})"
        ),
        "redis.register_function('f', function() redis.register_function('g', f) end)".into(),
        "\nredis.register_function('f', function() return 1\n\nredis.register_function('g', 1)"
            .into(),
        format!("x redis.register_function('f', {f})"),
        format!("{locals}redis.register_function('f', {f})"),
        "redis.register_function('f', function(keys) return keys[1][1] end)".into(),
        "redis.register_function('f', function(keys)\nreturn redis.call('NONE') end)".into(),
        "redis.register_function('f', function(keys)\nerror({err='MY own'}) end)".into(),
        "redis.register_function('f', function() return tostring(redis == _G.redis) end)".into(),
        ";redis.register_function('f', 1)".into(),
        "return".into(),
        String::new(),
    ];
    for body in libraries {
        let code = match body.starts_with("#!") {
            true => body,
            false => format!("#!lua name=l\n{body}"),
        };
        let mut answers = Vec::new();
        for pkv in [&ours, &plain] {
            result(pkv.run(json!(["FUNCTION", "FLUSH"])).await);
            load(pkv, taken).await;
            let mut answer = vec![load(pkv, &code).await];
            answer.push(call(pkv, "FCALL", "f").await);
            answer.push(list(pkv, &["LIBRARYNAME", "l", "WITHCODE"]).await);
            answer.push(list(pkv, &["LIBRARYNAME", "l"]).await);
            answer.push(result(pkv.run(json!(["FUNCTION", "STATS"])).await));
            answer.push(pkv.run(json!(["FUNCTION", "DELETE", "l"])).await.body);
            answer.push(call(pkv, "FCALL_RO", "f").await);
            answer.push(counts(pkv).await.1);
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1], "{code}");
    }
    for code in ["", "redis.register_function('f', 1)", "#!lua\nredis.register_function('f', 1)"] {
        assert_eq!(load(&ours, code).await, load(&plain, code).await, "{code}");
    }
}

#[tokio::test]
async fn twins_come_and_go_with_their_library() {
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    load(&pkv, LIBRARY).await;
    result(pkv.run(json!(["SET", "k", "value"])).await);
    let get = json!(["FCALL_RO", "get", 1, "k"]);

    pkv.signal_redis(Signal::SIGKILL);
    let restarted = &pkv;
    eventually("Redis is another one", Duration::from_secs(5), || async move {
        restarted.redis_pids().len() == 2
    })
    .await;
    assert_eq!(result(pkv.run(get.clone()).await), json!("value"));
    pkv.stop().await;

    let pkv = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(pkv.run(get.clone()).await), json!("value"));
    assert_eq!(counts(&pkv).await, (json!(1), json!(3)));
    assert_eq!(list(&pkv, &["WITHCODE"]).await[0][7], LIBRARY);

    let one = |value: &str| {
        format!("#!lua name=l\nredis.register_function('get', function() return '{value}' end)")
    };
    load(&pkv, &one("new")).await;
    assert_eq!(result(pkv.run(get.clone()).await), json!("new"));
    let again = pkv.run(json!(["FUNCTION", "LOAD", one("x")])).await.body;
    assert_eq!(again, json!({ "error": "ERR Library 'l' already exists" }));
    let other = one("x").replace("name=l", "name=m");
    let taken = json!({ "error": "ERR Function get already exists" });
    assert_eq!(load(&pkv, &other).await, taken);

    for remove in [json!(["FUNCTION", "DELETE", "l"]), json!(["FUNCTION", "FLUSH"])] {
        assert_eq!(result(pkv.run(remove).await), json!("OK"));
        assert_eq!(call(&pkv, "FCALL_RO", "get").await, json!({ "error": NO_FUNCTION }));
        assert_eq!(counts(&pkv).await, (json!(0), json!(0)));
        assert_eq!(list(&pkv, &[]).await, json!([]));
        assert_eq!(load(&pkv, &other).await, json!({ "result": "m" }));
    }
}

/// FUNCTION DUMP's payload is binary: it goes from one key to the other in base64.
#[tokio::test]
async fn a_dump_brings_the_twins_along() {
    let (from, to) = (Pkv::start(), Pkv::start());
    load(&from, LIBRARY).await;
    let request = from.request("POST", "/").bearer_auth(&from.token);
    let request = request.header("Upstash-Encoding", "base64").json(&json!(["FUNCTION", "DUMP"]));
    let dump = result(from.send(request).await.unwrap());
    let dump = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, dump.as_str().unwrap());
    let path: String = dump.unwrap().iter().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!("/function/restore/{path}?_token={}", to.token);
    assert_eq!(result(to.get(&path).await), json!("OK"));
    result(to.run(json!(["SET", "k", "value"])).await);
    assert_eq!(result(to.run(json!(["FCALL_RO", "get", 1, "k"])).await), json!("value"));
    assert_eq!(list(&to, &["WITHCODE"]).await, list(&from, &["WITHCODE"]).await);
    let error = to.get(&path).await.body;
    assert_eq!(error, json!({ "error": "ERR Library l already exists" }));
}

/// A pkv in front of this server.
fn in_front_of(redis: &RedisServer, vars: &[(&str, &str)]) -> Pkv {
    let url = redis.url();
    let external = [("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)];
    Pkv::start_with(&[&external, vars].concat())
}

#[tokio::test]
async fn a_library_loaded_past_the_dialect_answers_as_redis_has_it() {
    let redis = RedisServer::start(&[]).await;
    let (pkv, plain) = (in_front_of(&redis, &[]), in_front_of(&redis, &[("PKV_DIALECT", "redis")]));
    result(pkv.run(json!(["SET", "k", "value"])).await);
    load(&plain, LIBRARY).await;
    let calls = json!([["FCALL_RO", "get", 1, "k"], ["FCALL_RO", "len", 1, "k"]]);
    for pkv in [&pkv, &plain] {
        for path in ["/pipeline", "/multi-exec"] {
            let replies = items(pkv.post(path, calls.clone()).await.unwrap());
            assert_eq!(replies, [json!({ "error": REFUSED }), json!({ "result": 5 })], "{path}");
        }
        assert_eq!(counts(pkv).await, (json!(1), json!(3)));
    }
    load(&pkv, LIBRARY).await;
    assert_eq!(items(pkv.post("/pipeline", calls.clone()).await.unwrap())[0]["result"], "value");
    // Without the dialect FCALL_RO is Redis's, and what is there can be seen; loaded as it is seen,
    // it is what it was.
    assert_eq!(items(plain.post("/pipeline", calls).await.unwrap())[0]["error"], REFUSED);
    let stored = list(&plain, &["WITHCODE"]).await[0][7].clone();
    assert_ne!(stored, LIBRARY);
    load(&pkv, stored.as_str().unwrap()).await;
    assert_eq!(result(pkv.run(json!(["FCALL_RO", "get", 1, "k"])).await), json!("value"));
    assert_eq!(list(&pkv, &["WITHCODE"]).await[0][7], LIBRARY);
}

#[tokio::test]
async fn a_running_function_has_the_name_that_it_was_called_by() {
    let redis = RedisServer::start(&["--busy-reply-threshold", "50"]).await;
    // One to wait for the function, one to watch it.
    let (pkv, watcher) = (in_front_of(&redis, &[]), in_front_of(&redis, &[]));
    let library = "#!lua name=l\nredis.register_function('spin', function() while true do end end)";
    load(&pkv, library).await;
    assert_eq!(counts(&watcher).await, (json!(1), json!(1)));
    let spinning = call(&pkv, "FCALL_RO", "spin");
    let watching = async {
        let deadline = Instant::now() + Duration::from_secs(10);
        let running = loop {
            let stats = watcher.run(json!(["FUNCTION", "STATS"])).await.body;
            if stats["result"][1].is_array() {
                break stats["result"][1].clone();
            }
            assert!(Instant::now() < deadline, "{stats}");
            tokio::task::yield_now().await;
        };
        assert_eq!(result(watcher.run(json!(["FUNCTION", "KILL"])).await), json!("OK"));
        running
    };
    let (killed, running) = tokio::join!(spinning, watching);
    assert_eq!(running[1], "spin", "{running}");
    assert_eq!(running[3], json!(["FCALL_RO", "spin", "0"]));
    let error = killed["error"].as_str().unwrap();
    assert!(error.starts_with("ERR Script killed by user"), "{error}");
    assert!(!error.contains("pkv"), "{error}");
}
