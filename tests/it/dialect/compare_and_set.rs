//! `SET` with a condition, `DELEX` and `DIGEST`, which came with Redis 8.4: the same answers from
//! whatever Redis the tests run with.

use serde_json::{Value, json};
use twox_hash::XxHash3_64;

use super::emulated::check;
use crate::support::{Dice, Pkv, RedisServer, Resp, Resp2Connection, items, result};

/// The digests of `v` and of nothing.
const V: &str = "f7042be43fb80714";
const EMPTY: &str = "2d06800538d394c2";

#[tokio::test]
async fn a_value_is_set_if_it_is_what_one_thinks() {
    let ok = || json!("OK");
    let setup = [json!(["SET", "k", "v"]), json!(["SET", "n", 5])];
    check(
        &setup,
        &[
            (json!(["SET", "k", "w", "IFEQ", "x"]), Value::Null),
            (json!(["SET", "k", "w", "IFNE", "v"]), Value::Null),
            (json!(["GET", "k"]), json!("v")),
            (json!(["SET", "k", "w", "IFEQ", "v"]), ok()),
            (json!(["set", "k", "x", "ifne", "v"]), ok()),
            (json!(["SET", "k", "y", "IFEQ", "none", "GET"]), json!("x")),
            (json!(["SET", "k", "y", "GET", "IFEQ", "x"]), json!("x")),
            (json!(["GET", "k"]), json!("y")),
            (json!(["SET", "n", 6, "IFEQ", "05"]), Value::Null),
            (json!(["SET", "n", 6, "IFEQ", 5]), ok()),
            (json!(["SET", "none", "v", "IFEQ", ""]), Value::Null),
            (json!(["SET", "none", "v", "IFEQ", "", "GET"]), Value::Null),
            (json!(["SET", "none", "v", "IFDEQ", EMPTY]), Value::Null),
            (json!(["EXISTS", "none"]), json!(0)),
            (json!(["SET", "new", "", "IFNE", "v"]), ok()),
            (json!(["SET", "newer", "v", "IFDNE", EMPTY, "GET"]), Value::Null),
            (json!(["GET", "newer"]), json!("v")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_long_value_is_compared_by_its_digest() {
    let ok = || json!("OK");
    check(
        &[json!(["SET", "k", "v"]), json!(["SET", "empty", ""]), json!(["SET", "n", 12345])],
        &[
            (json!(["DIGEST", "k"]), json!(V)),
            (json!(["digest", "empty"]), json!(EMPTY)),
            (json!(["DIGEST", "n"]), json!("f34099ede96b5581")),
            (json!(["DIGEST", "none"]), Value::Null),
            (json!(["SET", "k", "w", "IFDEQ", EMPTY]), Value::Null),
            (json!(["SET", "k", "w", "IFDNE", V, "GET"]), json!("v")),
            (json!(["SET", "k", "w", "IFDEQ", V.to_uppercase()]), ok()),
            (json!(["SET", "k", "v", "IFDNE", "not hexadecimal!", "GET"]), json!("w")),
            (json!(["DELEX", "k", "IFDEQ", EMPTY]), json!(0)),
            (json!(["DELEX", "k", "IFDNE", V]), json!(0)),
            (json!(["DELEX", "k", "ifdeq", V]), json!(1)),
            (json!(["DELEX", "empty", "IFDNE", V]), json!(1)),
            (json!(["DBSIZE"]), json!(1)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_key_is_deleted_if_it_holds_what_one_thinks() {
    check(
        &[json!(["SET", "k", "v"]), json!(["SET", "l", "v"]), json!(["RPUSH", "list", "v"])],
        &[
            (json!(["DELEX", "k", "IFEQ", "w"]), json!(0)),
            (json!(["DELEX", "k", "IFNE", "v"]), json!(0)),
            (json!(["delex", "k", "ifeq", "v"]), json!(1)),
            (json!(["DELEX", "k", "IFEQ", "v"]), json!(0)),
            (json!(["DELEX", "none", "IFNE", "v"]), json!(0)),
            (json!(["DELEX", "none", "IFDEQ", "short"]), json!(0)),
            (json!(["DELEX", "none", "WHEN", "v"]), json!(0)),
            (json!(["DELEX", "l", "IFNE", "w"]), json!(1)),
            (json!(["DELEX", "list"]), json!(1)),
            (json!(["DELEX", "list"]), json!(0)),
            (json!(["DBSIZE"]), json!(0)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_condition_goes_with_every_expiry() {
    let pkv = Pkv::start();
    let far = 9_999_999_999_u64;
    for (expiry, least) in [
        (json!(["EX", 1000]), 1_000_000 - 30_000),
        (json!(["px", 500_000]), 500_000 - 30_000),
        (json!(["EXAT", far]), i64::MAX / 10_000_000),
        (json!(["PXAT", far * 1000]), i64::MAX / 10_000_000),
    ] {
        result(pkv.run(json!(["SET", "k", "v"])).await);
        for (condition, value, ttl) in [("w", "v", -1), ("v", "w", least)] {
            let mut set = json!(["SET", "k", "w"]).as_array().unwrap().clone();
            set.extend(expiry.as_array().unwrap().clone());
            set.extend([json!("IFEQ"), json!(condition)]);
            result(pkv.run(json!(set)).await);
            assert_eq!(result(pkv.run(json!(["GET", "k"])).await), value, "{expiry}");
            let left = result(pkv.run(json!(["PTTL", "k"])).await).as_i64().unwrap();
            assert!(left >= ttl && (ttl > 0) == (left > 0), "{expiry}: {left}");
        }
        result(pkv.run(json!(["SET", "k", "x", "IFEQ", "w", "KEEPTTL"])).await);
        let left = result(pkv.run(json!(["PTTL", "k"])).await).as_i64().unwrap();
        assert!(left >= least, "{expiry}: {left}");
        result(pkv.run(json!(["SET", "k", "x", "IFEQ", "x"])).await);
        assert_eq!(result(pkv.run(json!(["PTTL", "k"])).await), -1, "{expiry}");
    }
    result(pkv.run(json!(["SET", "k", "y", "IFEQ", "x", "EXAT", 1])).await);
    assert_eq!(result(pkv.run(json!(["EXISTS", "k"])).await), 0, "a time that has passed");
}

#[tokio::test]
async fn what_is_wrong_is_told_as_redis_tells_it() {
    const SYNTAX: &str = "ERR syntax error";
    const TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
    const DIGITS: &str = "ERR must be exactly 16 hexadecimal characters";
    const INTEGER: &str = "ERR value is not an integer or out of range";
    const STRING: &str = "ERR Key should be of string type if conditions are specified";
    const ARITY: &str = "ERR wrong number of arguments for 'delex' command";
    let pkv = Pkv::start();
    result(pkv.run(json!(["SET", "k", "v"])).await);
    result(pkv.run(json!(["RPUSH", "list", "v"])).await);
    for (command, want) in [
        (json!(["SET", "k", "w", "IFEQ"]), SYNTAX),
        (json!(["SET", "k", "w", "IFEQ", "v", "EX"]), SYNTAX),
        (json!(["SET", "k", "w", "IFEQ", "EX", 10]), SYNTAX),
        (json!(["SET", "k", "w", "NX", "IFEQ", "v"]), SYNTAX),
        (json!(["SET", "k", "w", "XX", "IFDNE", EMPTY]), SYNTAX),
        (json!(["SET", "k", "w", "IFEQ", "v", "IFNE", "w"]), SYNTAX),
        (json!(["SET", "k", "w", "IFEQ", "v", "EX", 10, "KEEPTTL"]), SYNTAX),
        (json!(["SET", "k", "w", "IFEQ", "none", "EX", 10, "PX", 10]), SYNTAX),
        (json!(["SET", "k", "w", "EX", "IFEQ"]), INTEGER),
        (json!(["SET", "k", "w", "IFEQ", "v", "EX", "soon"]), INTEGER),
        (json!(["SET", "k", "w", "IFEQ", "none", "EX", "soon"]), INTEGER),
        (json!(["SET", "none", "w", "IFEQ", "v", "PX", "soon"]), INTEGER),
        (
            json!(["SET", "k", "w", "IFEQ", "none", "EX", 0]),
            "ERR invalid expire time in 'set' command",
        ),
        (json!(["SET", "list", "w", "IFEQ", "v"]), TYPE),
        (json!(["SET", "list", "w", "IFNE", "v", "GET"]), TYPE),
        (json!(["SET", "list", "w", "IFDEQ", V]), TYPE),
        (json!(["SET", "k", "w", "IFDEQ", "short"]), DIGITS),
        (json!(["SET", "k", "w", "IFDNE", format!("{V}0"), "GET"]), DIGITS),
        (json!(["DELEX", "k", "IFDEQ", "short"]), DIGITS),
        (json!(["DELEX", "list", "IFEQ", "v"]), STRING),
        (json!(["DELEX", "list", "IFDNE", V]), STRING),
        (
            json!(["DELEX", "k", "WHEN", "v"]),
            "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE",
        ),
        (json!(["DELEX"]), ARITY),
        (json!(["DELEX", "k", "IFEQ"]), ARITY),
        (json!(["DELEX", "k", "IFEQ", "v", "IFNE", "w"]), ARITY),
        (json!(["DIGEST", "list"]), TYPE),
        (json!(["DIGEST"]), "ERR wrong number of arguments for 'digest' command"),
        (json!(["DIGEST", "k", "k"]), "ERR wrong number of arguments for 'digest' command"),
    ] {
        let reply = pkv.run(command.clone()).await;
        assert_eq!((reply.status, &reply.body["error"]), (400, &json!(want)), "{command}");
        let replies = items(pkv.post("/pipeline", json!([command, ["GET", "k"]])).await.unwrap());
        assert_eq!(replies, [json!({ "error": want }), json!({ "result": "v" })], "{command}");
    }
}

#[tokio::test]
async fn a_transaction_is_discarded_for_a_name_with_nothing_behind_it() {
    let pkv = Pkv::start();
    for name in ["DIGEST", "DELEX"] {
        let lines = json!([["SET", "k", "v"], [name]]);
        let reply = pkv.post("/multi-exec", lines).await.unwrap();
        let want =
            format!("ERR wrong number of arguments for '{}' command", name.to_ascii_lowercase());
        assert_eq!((reply.status, &reply.body["error"]), (400, &json!(want)));
        assert_eq!(result(pkv.run(json!(["EXISTS", "k"])).await), 0);
    }
    let lines = json!([["SET", "k", "v"], ["DELEX", "k", "IFEQ"], ["SET", "k", "w", "IFEQ", "v"]]);
    let replies = items(pkv.post("/multi-exec", lines).await.unwrap());
    let arity = json!({ "error": "ERR wrong number of arguments for 'delex' command" });
    assert_eq!(replies, [json!({ "result": "OK" }), arity, json!({ "result": "OK" })]);
}

#[tokio::test]
async fn paths_and_base64_are_answered_alike() {
    let pkv = Pkv::start();
    let ask = async |path: &str| {
        let request = pkv.request("GET", path).bearer_auth(&pkv.token);
        result(pkv.send(request.header("Upstash-Encoding", "base64")).await.unwrap())
    };
    assert_eq!(ask("/set/k/v/IFNE/v").await, "OK");
    assert_eq!(ask("/set/k/w?IFEQ=x").await, Value::Null);
    assert_eq!(ask("/set/k/w/IFEQ/x/GET").await, "dg==");
    assert_eq!(ask("/digest/k").await, "ZjcwNDJiZTQzZmI4MDcxNA==");
    assert_eq!(ask(&format!("/set/k/w/IFDEQ/{V}")).await, "OK");
    assert_eq!(ask("/delex/k/IFEQ/w").await, 1);
}

/// Every way through the algorithm, and each of its borders: up to 3, 8, 16, 128 and 240 bytes,
/// stripes of 64, blocks of 1024.
#[tokio::test]
async fn redis_and_pkv_compute_the_same_digest() {
    let redis = RedisServer::start(&[]).await;
    let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &redis.url())]);
    let mut resp = Resp2Connection::open(redis.port).await;
    let mut dice = Dice::new(84);
    let (mut digests, mut asked, mut differ, mut equal) = (vec![], vec![], vec![], vec![]);
    for length in (0..=1100).chain([2047, 2048, 2049, 4096, 5000, 65_537, 1_000_000]) {
        // What halves and carries could go wrong with is drawn too: many bytes that are all ones.
        let value = match length % 3 {
            0 => vec![0xff; length],
            _ => dice.bytes(length),
        };
        let digest = format!("{:016x}", XxHash3_64::oneshot(&value));
        let key = length.to_string();
        let set = [b"SET".to_vec(), key.clone().into_bytes(), value];
        assert_eq!(resp.ask(&set).await, Resp::Status(b"OK".to_vec()));
        asked.push(json!(["DIGEST", key]));
        differ.push(json!(["DELEX", key, "IFDNE", digest]));
        equal.push(json!(["DELEX", key, "IFDEQ", digest]));
        digests.push(json!(digest));
    }
    let zeros = vec![json!(0); digests.len()];
    let ones = vec![json!(1); digests.len()];
    for (lines, want) in [(asked, digests), (differ, zeros), (equal, ones)] {
        let replies = items(pkv.post("/pipeline", json!(lines)).await.unwrap());
        assert_eq!(replies.len(), lines.len());
        for ((line, want), reply) in lines.iter().zip(&want).zip(&replies) {
            assert_eq!(&reply["result"], want, "{line}: {reply}");
        }
    }
}
