//! The differences that a script makes up for, the same in every form of request.

use serde_json::{Value, json};

use crate::support::{Pkv, items, result};

/// Runs `rows` after `setup` on an empty database: as single commands, in one pipeline and in one
/// transaction.
pub(super) async fn check(setup: &[Value], rows: &[(Value, Value)]) {
    let pkv = Pkv::start();
    let commands: Vec<_> = rows.iter().map(|(command, _)| command.clone()).collect();
    for path in ["/", "/pipeline", "/multi-exec"] {
        result(pkv.run(json!(["FLUSHALL"])).await);
        for command in setup {
            result(pkv.run(command.clone()).await);
        }
        let mut got = Vec::new();
        match path {
            "/" => {
                for command in &commands {
                    got.push(pkv.run(command.clone()).await.body);
                }
            }
            path => got = items(pkv.post(path, json!(commands)).await.unwrap()),
        }
        for ((command, want), got) in rows.iter().zip(&got) {
            assert_eq!(&got["result"], want, "{path}: {command}: {got}");
        }
    }
}

#[tokio::test]
async fn scan_tells_the_types() {
    let setup = [json!(["SET", "a", 1]), json!(["HSET", "a:h", "f", 1])];
    check(
        &setup,
        &[
            (json!(["SCAN", 0, "MATCH", "a", "WITHTYPE"]), json!(["0", ["a", "string"]])),
            (json!(["SCAN", 0, "withtype", "TYPE", "hash"]), json!(["0", ["a:h", "hash"]])),
            (json!(["TYPE", "a"]), json!("string")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_reader_that_acknowledges_nothing_leaves_no_trace() {
    let setup = [
        json!(["XADD", "s", "1-1", "f", "v"]),
        json!(["XADD", "s", "1-2", "f", "w"]),
        json!(["XGROUP", "CREATE", "s", "g", 0]),
        json!(["XGROUP", "CREATECONSUMER", "s", "g", "known"]),
    ];
    let read = |consumer: &str| {
        json!(["XREADGROUP", "GROUP", "g", consumer, "COUNT", 1, "NOACK", "STREAMS", "s", ">"])
    };
    check(
        &setup,
        &[
            (read("new"), json!([["s", [["1-1", ["f", "v"]]]]])),
            (read("known"), json!([["s", [["1-2", ["f", "w"]]]]])),
            (read("new"), Value::Null),
            (json!(["XGROUP", "DELCONSUMER", "s", "g", "new"]), json!(0)),
            (json!(["XGROUP", "CREATECONSUMER", "s", "g", "new"]), json!(1)),
            (json!(["XGROUP", "CREATECONSUMER", "s", "g", "known"]), json!(0)),
        ],
    )
    .await;
}

#[tokio::test]
async fn entries_are_deleted_with_a_thought_of_the_groups() {
    let mut setup: Vec<_> =
        (1..=5).map(|id| json!(["XADD", "s", format!("{id}-0"), "f", "v"])).collect();
    setup.push(json!(["XGROUP", "CREATE", "s", "g", 0]));
    setup.push(json!(["XREADGROUP", "GROUP", "g", "c", "COUNT", 4, "STREAMS", "s", ">"]));
    check(
        &setup,
        &[
            // 1 to 4 are pending, 5 has not been read.
            (json!(["XDELEX", "s", "ACKED", "IDS", 3, "1-0", "5-0", "9-0"]), json!([2, 2, -1])),
            (json!(["XACKDEL", "s", "g", "ACKED", "IDS", 2, "1-0", "5-0"]), json!([1, -1])),
            (json!(["XACKDEL", "s", "none", "IDS", 1, "2-0"]), json!([-1])),
            // Acknowledged before: there is nothing but the entry to take away.
            (json!(["XACK", "s", "g", "4-0"]), json!(1)),
            (json!(["XACKDEL", "s", "g", "KEEPREF", "IDS", 2, "4-0", "4-0"]), json!([1, -1])),
            (json!(["xdelex", "s", "IDS", 1, "2-0"]), json!([1])),
            (json!(["XDELEX", "s", "DELREF", "IDS", 1, "3-0"]), json!([1])),
            (json!(["XPENDING", "s", "g"]), json!([1, "2-0", "2-0", [["c", "1"]]])),
            (json!(["XLEN", "s"]), json!(1)),
            (json!(["XDELEX", "none", "IDS", 1, "3-0"]), json!([-1])),
        ],
    )
    .await;
}

#[tokio::test]
async fn bits_are_combined_as_newer_servers_do() {
    // 0b00001111 and a byte more, 0b00110011, 0b01010101.
    let setup = [
        json!(["SET", "a", "\u{f}a"]),
        json!(["SET", "b", "\u{33}"]),
        json!(["SET", "c", "\u{55}"]),
    ];
    let op = |name: &str| json!(["BITOP", name, "to", "a", "b", "c"]);
    let to = json!(["GET", "to"]);
    check(
        &setup,
        &[
            (op("DIFF"), json!(2)),
            (to.clone(), json!("\u{8}a")),
            (op("DIFF1"), json!(2)),
            (to.clone(), json!("\u{70}\u{0}")),
            (op("andor"), json!(2)),
            (to.clone(), json!("\u{7}\u{0}")),
            (op("ONE"), json!(2)),
            (to.clone(), json!("\u{68}a")),
            (json!(["BITOP", "DIFF", "a", "a", "b"]), json!(2)),
            (json!(["GET", "a"]), json!("\u{c}a")),
            (json!(["DBSIZE"]), json!(4)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_stream_is_trimmed_once_it_has_a_hundred_entries_too_many() {
    let pkv = Pkv::start();
    for (entries, most, left) in
        [(120, 30, 120), (129, 30, 129), (130, 30, 30), (130, 5, 5), (1000, 30, 30)]
    {
        for adds in [false, true] {
            result(pkv.run(json!(["DEL", "s"])).await);
            let count = if adds { entries - 1 } else { entries };
            let batch: Vec<_> = (0..count).map(|_| json!(["XADD", "s", "*", "f", "v"])).collect();
            items(pkv.post("/pipeline", json!(batch)).await.unwrap());
            let reply = match adds {
                true => {
                    let add = json!([
                        "XADD",
                        "s",
                        "NOMKSTREAM",
                        "MAXLEN",
                        "~",
                        most,
                        "9999999999999-1",
                        "f",
                        "v"
                    ]);
                    result(pkv.run(add).await)
                }
                false => result(pkv.run(json!(["XTRIM", "s", "MAXLEN", "~", most])).await),
            };
            let want = if adds { json!("9999999999999-1") } else { json!(entries - left) };
            assert_eq!(reply, want, "{entries} entries, {most}");
            assert_eq!(
                result(pkv.run(json!(["XLEN", "s"])).await),
                json!(left),
                "{entries}, {most}"
            );
        }
    }
    let none = json!(["XADD", "none", "NOMKSTREAM", "MAXLEN", "~", 1, "*", "f", "v"]);
    assert_eq!(result(pkv.run(none).await), Value::Null);
    result(pkv.run(json!(["SET", "k", "v"])).await);
    let reply = pkv.run(json!(["XADD", "s2", "MAXLEN", "~", "", "*", "f", "v"])).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert_eq!(result(pkv.run(json!(["EXISTS", "s2"])).await), json!(0), "an error adds nothing");
    for command in [
        json!(["XADD", "k", "MAXLEN", "~", 1, "*", "f", "v"]),
        json!(["XTRIM", "k", "MAXLEN", "~", 1]),
    ] {
        let reply = pkv.run(command).await;
        assert!(reply.body["error"].as_str().unwrap().starts_with("WRONGTYPE "), "{}", reply.body);
    }
}

#[tokio::test]
async fn small_differences_of_streams_hashes_and_bits() {
    let setup = [json!(["XADD", "s", "1-1", "f", "v"]), json!(["HSET", "h", "f", "v", "g", "w"])];
    check(
        &setup,
        &[
            (json!(["XINFO", "CONSUMERS", "s", "none"]), json!([])),
            // 1 is 1-0, which is not there.
            (json!(["XDELEX", "s", "IDS", 1, "1"]), json!([-1])),
            (json!(["XLEN", "s"]), json!(1)),
            (json!(["HPEXPIREAT", "h", 4102444800999_u64, "FIELDS", 1, "f"]), json!([1])),
            (
                json!(["HEXPIRETIME", "h", "FIELDS", 3, "f", "g", "none"]),
                json!([4102444800_u64, -1, -2]),
            ),
        ],
    )
    .await;
    let pkv = Pkv::start();
    for (command, want) in [
        (
            json!(["bitop", "diff1", "d", "k"]),
            "ERR BITOP DIFF1 must be called with at least two source keys.",
        ),
        (json!(["BITOP", "DIFF", "d"]), "ERR wrong number of arguments for 'bitop' command"),
        (json!(["XINFO", "CONSUMERS", "none", "g"]), "ERR no such key"),
    ] {
        assert_eq!(pkv.run(command).await.body["error"], want);
    }
}

#[tokio::test]
async fn a_field_may_expire_in_a_far_future_and_copies_stay_in_the_one_database() {
    let setup = [json!(["HSET", "h", "f", "v"]), json!(["SET", "k", "v"])];
    check(
        &setup,
        &[
            (json!(["HEXPIREAT", "none", 1784281005242_u64, "FIELDS", 1, "f"]), json!([-2])),
            (json!(["HEXPIREAT", "h", 1784281005242_u64, "FIELDS", 2, "f", "g"]), json!([1, -2])),
            (json!(["COPY", "k", "l", "DB", 0]), json!(1)),
            (json!(["COPY", "k", "k", "DB", 0]), json!(0)),
        ],
    )
    .await;
    let pkv = Pkv::start();
    let reply = pkv.run(json!(["COPY", "k", "l", "DB", 1])).await;
    assert_eq!((reply.status, &reply.body["error"]), (400, &json!("ERR DB index is out of range")));
    for kill in ["SCRIPT", "FUNCTION"] {
        let reply = pkv.run(json!([kill, "KILL"])).await;
        assert!(reply.body["error"].as_str().unwrap().starts_with("NOTBUSY "), "{}", reply.body);
    }
}

#[tokio::test]
async fn errors_of_what_was_put_into_a_script_are_the_commands_own() {
    let pkv = Pkv::start();
    result(pkv.run(json!(["SET", "k", "v"])).await);
    for (command, want) in [
        (json!(["SCAN", "x", "WITHTYPE"]), "ERR invalid cursor"),
        (json!(["XDELEX", "k", "IDS", 1, "1-0"]), "WRONGTYPE Operation against a key holding"),
        (json!(["XDELEX", "s", "IDS", 1, "x"]), "ERR Invalid stream ID specified"),
        (json!(["LPUSH", "k", "v"]), "WRONGTYPE Operation against a key holding"),
        (
            json!(["ZRANGESTORE", "d", "k", -2, -1, "LIMIT", 0, 1]),
            "WRONGTYPE Operation against a key holding",
        ),
        (json!(["ZRANGESTORE", "d", "z", -2, -1, "LIMIT", 0, 1, "x"]), "ERR syntax error"),
        (
            json!(["XREADGROUP", "GROUP", "g", "c", "NOACK", "STREAMS", "none", ">"]),
            "NOGROUP No such key 'none' or consumer group 'g'",
        ),
    ] {
        let reply = pkv.run(command.clone()).await;
        assert_eq!(reply.status, 400, "{command}");
        let error = reply.body["error"].as_str().unwrap();
        assert!(error.starts_with(want) && !error.contains("script"), "{command}: {error}");
    }
}
