//! Every reply belongs to its request, whatever the replies look like and whoever asks beside it.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Pkv, eventually, items, result};

const CLIENTS: usize = 64;
const REQUESTS: usize = 200_000;

/// What pub/sub confirmations and messages look like: clients that take an array for a push message
/// by its looks drop such a reply, and every later one on that connection reaches the wrong caller.
const LOOKALIKES: &[&[&str]] = &[
    &["message", "a", "b"],
    &["pmessage", "p*", "a", "b"],
    &["smessage", "a", "b"],
    &["subscribe", "a", "1"],
    &["psubscribe", "p*", "1"],
    &["unsubscribe", "a", "0"],
    &["punsubscribe", "p*", "0"],
    &["message", "a", "b", "c"],
    &["invalidate", "a", "b"],
];

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_replies_reach_who_asked() {
    let pkv = Arc::new(Pkv::start());
    for (index, list) in LOOKALIKES.iter().enumerate() {
        let mut push = vec![json!("RPUSH"), json!(format!("list{index}"))];
        push.extend(list.iter().map(|item| json!(item)));
        result(pkv.run(Value::Array(push)).await);
    }
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(one_client(pkv.clone(), client, REQUESTS / CLIENTS)))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

/// Asks in turn for a look-alike list, a secret of its own, a pipeline and a transaction.
async fn one_client(pkv: Arc<Pkv>, client: usize, requests: usize) {
    let key = format!("secret{client}");
    for request in 0..requests {
        let secret = format!("{client}-{request}");
        let index = (client + request) % LOOKALIKES.len();
        let list = json!(["LRANGE", format!("list{index}"), 0, -1]);
        match request % 4 {
            0 => {
                let reply = result(pkv.run(list).await);
                assert_eq!(reply, json!(LOOKALIKES[index]), "client {client}");
            }
            1 => {
                let batch = json!([["SET", key, secret], list, ["GET", key]]);
                let replies = items(pkv.post("/pipeline", batch).await.unwrap());
                assert_eq!(replies[1]["result"], json!(LOOKALIKES[index]));
                assert_eq!(replies[2]["result"], json!(secret), "client {client}");
            }
            2 => {
                // What the pipeline before has set.
                let secret = format!("{client}-{}", request - 1);
                assert_eq!(result(pkv.run(json!(["GET", key])).await), json!(secret));
            }
            _ => {
                let batch = json!([["SET", key, secret], ["GET", key], list]);
                let replies = items(pkv.post("/multi-exec", batch).await.unwrap());
                let replies: Vec<_> = replies.iter().map(|reply| &reply["result"]).collect();
                assert_eq!(replies, [&json!("OK"), &json!(secret), &json!(LOOKALIKES[index])]);
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_nobodys_reply_with_it() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    result(pkv.run(json!(["SET", "mine", "x"])).await);
    for _ in 0..5 {
        pkv.signal_redis(Signal::SIGSTOP);
        let slow = pkv.run(json!(["INCR", "n"]));
        // Given up while Redis has it before it.
        assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err());
        pkv.signal_redis(Signal::SIGCONT);
        assert_eq!(result(pkv.run(json!(["GET", "mine"])).await), json!("x"));
    }
    let pkv = &pkv;
    eventually("the abandoned commands ran, once each", Duration::from_secs(5), || async move {
        result(pkv.run(json!(["GET", "n"])).await) == json!("5")
    })
    .await;
}
