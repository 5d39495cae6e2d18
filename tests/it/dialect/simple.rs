//! The differences that one rewritten command, or none, makes up for.

use serde_json::{Value, json};

use crate::support::{Pkv, items, result};

/// Each command's answer, the same over `/`, in a pipeline and in a transaction.
async fn check(pkv: &Pkv, rows: &[(Value, Value)]) {
    for (command, want) in rows {
        assert_eq!(&result(pkv.run(command.clone()).await), want, "{command}");
    }
    let commands: Vec<_> = rows.iter().map(|(command, _)| command.clone()).collect();
    for path in ["/pipeline", "/multi-exec"] {
        let replies = items(pkv.post(path, json!(commands)).await.unwrap());
        for ((command, want), reply) in rows.iter().zip(&replies) {
            assert_eq!(&reply["result"], want, "{path}: {command}");
        }
    }
}

#[tokio::test]
async fn upstash_answers_where_redis_refuses() {
    let pkv = Pkv::start();
    result(pkv.run(json!(["SET", "k", "v"])).await);
    result(pkv.run(json!(["ZADD", "z", 1, "a", 2, "b", 3, "c", 4, "d"])).await);
    check(
        &pkv,
        &[
            (json!(["COPY", "k", "k"]), json!(0)),
            (json!(["COPY", "none", "none", "REPLACE"]), json!(0)),
            (json!(["UNLINK"]), json!(0)),
            (json!(["DEL"]), json!(0)),
            (json!(["ZRANGE", "z", 0, -1, "LIMIT", 1, 2]), json!(["b", "c"])),
            (json!(["ZRANGE", "z", 0, -1, "REV", "LIMIT", 1, 2]), json!(["c", "b"])),
            (json!(["ZRANGE", "z", 0, 1, "LIMIT", 1, 5]), json!(["b"])),
            (json!(["ZRANGE", "z", 0, -1, "LIMIT", 9, 5]), json!([])),
            (json!(["ZRANGE", "z", 0, -1, "LIMIT", 1, 0]), json!([])),
            (json!(["ZRANGE", "z", -3, -1, "LIMIT", 1, 5]), json!(["c", "d"])),
            (json!(["ZRANGE", "z", -3, -1, "REV", "LIMIT", 1, 1]), json!(["b"])),
            (json!(["ZRANGE", "z", 0, -2, "LIMIT", 1, 1]), json!(["b"])),
            (json!(["ZRANGE", "z", -9, 1, "LIMIT", 1, -1]), json!(["b"])),
            (json!(["ZRANGE", "z", -9, -8, "LIMIT", 0, 1]), json!([])),
            (json!(["ZRANGE", "z", -3, -1, "WITHSCORES", "LIMIT", 1, 1]), json!(["c", "3"])),
            (json!(["ZRANGESTORE", "d", "z", 0, -1, "LIMIT", 0, 3]), json!(3)),
            (json!(["ZRANGESTORE", "d", "z", -3, -1, "LIMIT", 1, 5]), json!(2)),
            (json!(["ZRANGE", "d", 0, -1]), json!(["c", "d"])),
            (json!(["ZRANGESTORE", "d", "z", -9, -2, "REV", "LIMIT", 1, 1]), json!(1)),
            (json!(["ZRANGE", "d", 0, -1]), json!(["c"])),
            (json!(["ZRANGESTORE", "d", "z", -2, -1, "LIMIT", 1, -1]), json!(1)),
            (json!(["ZRANGE", "d", 0, -1]), json!(["d"])),
            (json!(["ZRANGESTORE", "d", "z", -9, -8, "LIMIT", 0, 1]), json!(0)),
            (json!(["EXISTS", "d"]), json!(0)),
        ],
    )
    .await;
    assert_eq!(result(pkv.run(json!(["GET", "k"])).await), json!("v"));
}

#[tokio::test]
async fn a_small_database_is_scanned_in_one_pass() {
    let pkv = Pkv::start();
    let mut set = vec![json!("MSET")];
    set.extend((0..500).flat_map(|key| [json!(format!("k{key}")), json!("v")]));
    result(pkv.run(Value::Array(set)).await);
    let reply = result(pkv.run(json!(["SCAN", 0])).await);
    assert_eq!(reply[0], json!("0"));
    assert_eq!(reply[1].as_array().unwrap().len(), 500);
    let reply = result(pkv.run(json!(["SCAN", 0, "COUNT", 5])).await);
    assert!(reply[1].as_array().unwrap().len() < 100, "a COUNT of one's own counts");
}

#[tokio::test]
async fn the_dialect_can_be_turned_off() {
    let pkv = Pkv::start_with(&[("PKV_DIALECT", "redis")]);
    let script = "#!lua flags=allow-key-locking\nreturn 1";
    for command in [json!(["COPY", "k", "k"]), json!(["UNLINK"]), json!(["EVAL", script, 0])] {
        let reply = pkv.run(command).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
    }
}
