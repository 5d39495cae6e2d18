//! `/multi-exec`: nothing comes between a transaction's commands.

use std::sync::Arc;

use serde_json::json;

use crate::support::{Pkv, RedisServer, items, result};

const CLIENTS: usize = 32;
const ROUNDS: usize = 200;

/// Read, modify, write and read again, on keys that all clients share: whoever sees another's
/// middle reads two counters that differ, or an increment that is not its own.
#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_sees_anothers_middle() {
    let pkv = Arc::new(Pkv::start());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let pkv = pkv.clone();
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let mark = format!("{client}:{round}");
                    let batch = json!([
                        ["MGET", "left", "right"],
                        ["INCR", "left"],
                        ["SET", "mark", mark],
                        ["GET", "mark"],
                        ["INCR", "right"],
                        ["MGET", "left", "right"],
                    ]);
                    let replies = items(pkv.post("/multi-exec", batch).await.unwrap());
                    let number = |reply: usize, item: usize| -> usize {
                        let text = replies[reply]["result"][item].as_str().unwrap_or("0");
                        text.parse().unwrap()
                    };
                    assert_eq!(number(0, 0), number(0, 1), "between two transactions");
                    assert_eq!(replies[1]["result"], json!(number(0, 0) + 1));
                    assert_eq!(replies[3]["result"], json!(mark));
                    assert_eq!((number(5, 0), number(5, 1)), (number(0, 0) + 1, number(0, 0) + 1));
                    // Traffic on the same connections that is in no transaction.
                    result(pkv.run(json!(["INCR", "outside"])).await);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let total = (CLIENTS * ROUNDS).to_string();
    let reply = result(pkv.run(json!(["MGET", "left", "right", "outside"])).await);
    assert_eq!(reply, json!([total, total, total]));
}

/// Sent behind a refused MULTI, the commands would be executed one by one.
#[tokio::test]
async fn a_server_that_refuses_transactions_executes_nothing_of_them() {
    let rename = ["--rename-command", "MULTI", "xmulti"];
    // MULTI alone is worse: whoever comes next on that connection would be queued.
    let half = ["--rename-command", "EXEC", "xexec"];
    let forbid = ["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-multi"];
    for arguments in [&rename[..], &half[..], &forbid[..]] {
        let redis = RedisServer::start(arguments).await;
        let url = redis.url();
        let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
        for _ in 0..2 {
            let batch = json!([["SET", "a", 1], ["INCR", "a"]]);
            let reply = pkv.post("/multi-exec", batch).await.unwrap();
            assert_eq!(reply.status, 400, "{}", reply.body);
        }
        assert_eq!(result(pkv.run(json!(["GET", "a"])).await), json!(null));
    }
}
