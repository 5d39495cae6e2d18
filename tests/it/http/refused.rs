//! Commands that must not reach a connection that others share, or the server at all.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Pkv, RedisServer, result};

/// Changes the state of its connection, or has a path of its own.
const CONNECTION: &[&str] = &[
    "AUTH x",
    "AUTH default x",
    "HELLO",
    "HELLO 3",
    "RESET",
    "QUIT",
    "SELECT 1",
    "CLIENT SETINFO lib-name x",
    "CLIENT REPLY OFF",
    "CLIENT KILL TYPE normal",
    "CLIENT NO-EVICT on",
    "CLIENT TRACKING on",
    "CLIENT LIST",
    "CLIENT",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH k",
    "UNWATCH",
    "SUBSCRIBE c",
    "PSUBSCRIBE c*",
    "SSUBSCRIBE c",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE c",
    "PUNSUBSCRIBE c*",
    "SUNSUBSCRIBE c",
    "MONITOR",
    "READONLY",
    "READWRITE",
    "ASKING",
    "HIMPORT PREPARE u name",
    "SCRIPT DEBUG YES",
    "SCRIPT DEBUG SYNC",
];

/// Controls the server.
const SERVER: &[&str] = &[
    "SYNC",
    "PSYNC ? -1",
    "REPLCONF ACK 0",
    "SHUTDOWN",
    "SHUTDOWN NOSAVE NOW FORCE",
    "DEBUG SLEEP 30",
    "DEBUG SEGFAULT",
    "MODULE LIST",
    "MODULE LOAD /tmp/x.so",
    "REPLICAOF 127.0.0.1 1",
    "REPLICAOF NO ONE",
    "SLAVEOF 127.0.0.1 1",
    "FAILOVER",
    "CLUSTER RESET",
    "CLUSTER MEET 127.0.0.1 1",
    "CLUSTER FLUSHSLOTS",
    "MIGRATE 127.0.0.1 1 k 0 1000",
    "SWAPDB 0 1",
    "MOVE k 1",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
    "CONFIG REWRITE",
    "CONFIG RESETSTAT",
    "LATENCY RESET",
    "MEMORY DOCTOR",
    "MEMORY PURGE",
    "PFDEBUG GETREG k",
    "PFSELFTEST",
    "RESTORE-ASKING k 0 x",
    "BACKUP START",
];

/// Waits for others.
const BLOCKING: &[&str] = &[
    "BLPOP k 0",
    "BRPOP k 0",
    "BLMOVE k l LEFT LEFT 0",
    "BLMOVEM k l LEFT LEFT 0",
    "BRPOPLPUSH k l 0",
    "BLMPOP 0 1 k LEFT",
    "BZPOPMIN k 0",
    "BZPOPMAX k 0",
    "BZMPOP 0 1 k MIN",
    "XREAD BLOCK 0 STREAMS s $",
    "XREAD COUNT 1 BLOCK 0 STREAMS s $",
    "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
    "XREADGROUP GROUP g c COUNT 1 NOACK BLOCK 0 STREAMS s >",
];

/// Would change what pkv needs; their siblings are allowed.
const OTHERS: &[(&str, &str)] = &[
    ("CONFIG SET appendonly no", "ERR Unknown option or number of arguments for CONFIG SET"),
    ("ACL SETUSER default off", "ERR The user 'default' cannot be changed or deleted"),
];

/// Every refused line with how its error must begin.
fn table() -> Vec<(&'static str, String)> {
    let name = |line: &str| line.split(' ').next().unwrap().to_owned();
    let connection = CONNECTION.iter().map(|line| {
        let name = name(line);
        let text = "is not allowed in REST or it has a special context path";
        (*line, format!("ERR Command \"{name}\" {text}"))
    });
    let server =
        SERVER.iter().map(|line| (*line, format!("ERR Command is not available: '{}", name(line))));
    let blocking =
        BLOCKING.iter().map(|line| (*line, format!("ERR Command \"{}\" would block", name(line))));
    let others = OTHERS.iter().map(|(line, want)| (*line, (*want).to_owned()));
    connection.chain(server).chain(blocking).chain(others).collect()
}

/// Sends a line in each of the four ways; returns what was not refused with `want`.
async fn not_refused(pkv: &Pkv, words: &[String], want: &str) -> Vec<String> {
    let refused = |body: &Value| body["error"].as_str().is_some_and(|text| text.starts_with(want));
    let path: String = words.iter().map(|word| format!("/{}", word.replace('/', "%2F"))).collect();
    let get = pkv.request("GET", &path.replace('?', "%3F")).bearer_auth(&pkv.token);
    let set = |value: &str| json!(["SET", "beside", value]);
    let by_body = pkv.run(json!(words)).await;
    // As paths these are streams, which `streams` tests.
    let name = words[0].to_ascii_uppercase();
    let is_stream = matches!(name.as_str(), "SUBSCRIBE" | "PSUBSCRIBE" | "MONITOR");
    let by_path = if is_stream { by_body.clone() } else { pkv.send(get).await.unwrap() };
    let pipeline = pkv.post("/pipeline", json!([set("1"), words, set("2")])).await.unwrap();
    let transaction = pkv.post("/multi-exec", json!([set("3"), words, set("4")])).await.unwrap();
    // In a pipeline the others are run, in a transaction none is.
    let beside = pkv.run(json!(["GET", "beside"])).await;
    [
        ("path", by_path.status == 400 && refused(&by_path.body), by_path),
        ("/", by_body.status == 400 && refused(&by_body.body), by_body),
        ("/pipeline", pipeline.status == 200 && refused(&pipeline.body[1]), pipeline),
        ("/multi-exec", transaction.status == 400 && refused(&transaction.body), transaction),
        ("beside it", beside.body["result"] == "2", beside),
    ]
    .into_iter()
    .filter(|(_, fine, _)| !fine)
    .map(|(how, _, reply)| format!("{words:?}: {how}: {} {}", reply.status, reply.body))
    .collect()
}

/// Sends all of the table; returns what was answered wrongly.
async fn answered_wrongly(pkv: &Pkv) -> Vec<String> {
    assert_eq!(result(pkv.run(json!(["SET", "canary", "here"])).await), "OK");
    let mut wrong = Vec::new();
    for (index, (line, want)) in table().into_iter().enumerate() {
        // Case does not matter: every other line is sent in lower case.
        let cased = if index % 2 == 0 { line.to_lowercase() } else { line.to_owned() };
        let words: Vec<_> = cased.split(' ').map(str::to_owned).collect();
        wrong.extend(not_refused(pkv, &words, &want).await);
        // On the only connection there is: not closed, not another database, not out of step.
        let canary = pkv.run(json!(["GET", "canary"])).await;
        assert_eq!((canary.status, &canary.body["result"]), (200, &json!("here")), "after {line}");
    }
    wrong
}

/// How often Redis has executed each command, by anybody: the supervisor sends some as well.
async fn calls(pkv: &Pkv) -> BTreeMap<String, String> {
    let stats = result(pkv.run(json!(["INFO", "commandstats"])).await);
    let stats = stats.as_str().unwrap().lines().filter_map(|line| {
        let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        Some((name.to_owned(), numbers.split(',').next()?.to_owned()))
    });
    stats.collect()
}

#[tokio::test]
async fn refused_commands_are_refused_in_every_way_and_never_reach_redis() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1"), ("PKV_TIMEOUT", "5s")]);
    let before = calls(&pkv).await;
    let wrong = answered_wrongly(&pkv).await;
    let after = calls(&pkv).await;
    let mut reached: Vec<_> = table()
        .iter()
        .map(|(line, _)| line.split(' ').next().unwrap().to_lowercase())
        // The way to Redis itself begins with these, and its transactions are made of those.
        .filter(|name| !["auth", "client", "select", "multi", "exec"].contains(&name.as_str()))
        .filter(|name| {
            after.iter().any(|(called, times)| {
                called.split('|').next() == Some(name.as_str()) && before.get(called) != Some(times)
            })
        })
        .collect();
    reached.dedup();
    assert_eq!((wrong, reached), (Vec::<String>::new(), Vec::new()));
    assert_eq!(pkv.redis_pids().len(), 1, "Redis was started again");
}

#[tokio::test]
async fn in_front_of_an_external_redis_the_same_commands_are_refused() {
    // No ACL of ours protects that one.
    let redis = RedisServer::start(&[]).await;
    let url = redis.url();
    let vars = [
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &*url),
        ("SRH_MAX_CONNECTIONS", "1"),
        ("PKV_TIMEOUT", "5s"),
    ];
    let pkv = Pkv::start_with(&vars);
    let wrong = answered_wrongly(&pkv).await;
    assert_eq!(wrong, Vec::<String>::new());
    let info = result(pkv.run(json!(["INFO", "replication"])).await);
    assert!(info.as_str().unwrap().contains("role:master"), "{info}");
}

#[tokio::test]
async fn what_only_looks_like_a_refused_command_is_run() {
    let pkv = Pkv::start();
    for command in [
        json!(["SET", "SHUTDOWN", "MULTI"]),
        json!(["RPUSH", "BLPOP", "SUBSCRIBE", "c"]),
        json!(["XADD", "BLOCK", "1-0", "STREAMS", "BLOCK"]),
        json!(["XREAD", "COUNT", "5", "STREAMS", "BLOCK", "0"]),
        json!(["XGROUP", "CREATE", "BLOCK", "BLOCK", "0"]),
        json!(["XREADGROUP", "GROUP", "BLOCK", "BLOCK", "STREAMS", "BLOCK", ">"]),
        json!(["MEMORY", "USAGE", "SHUTDOWN"]),
        json!(["PUBLISH", "c", "m"]),
        json!(["LPOP", "BLPOP"]),
        json!(["OBJECT", "ENCODING", "SHUTDOWN"]),
    ] {
        result(pkv.run(command).await);
    }
    assert_eq!(result(pkv.run(json!(["GET", "SHUTDOWN"])).await), "MULTI");
}
