//! Clients that remember what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Pkv, Reply, items, result};

/// What a client's keys must hold: at least what was acknowledged, at most what was asked for.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    pub asked: usize,
    pub acknowledged: usize,
}

/// The load while it runs.
pub struct Load {
    stop: Arc<AtomicBool>,
    pub answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Ledger>>,
}

/// How a request ended.
enum Outcome {
    Done(Reply),
    /// 503 or 504, with its text: it may have been executed, or certainly was not.
    NotDone(String),
    /// The HTTP connection is gone: pkv is stopping.
    Gone,
}

async fn ask(pkv: &Pkv, path: &str, body: Value) -> Outcome {
    match pkv.post(path, body).await {
        Err(_) => Outcome::Gone,
        Ok(reply) if reply.status == 503 || reply.status == 504 => {
            let error = reply.body["error"].as_str().unwrap();
            assert!(error.contains("outcome unknown") || error.contains("not sent"), "{error}");
            Outcome::NotDone(error.to_owned())
        }
        Ok(reply) => Outcome::Done(reply),
    }
}

impl Load {
    /// Each client appends to a list of its own, plainly, in a pipeline, in a transaction and in a
    /// script by turns, and reads in between. A read that fails is a panic.
    pub fn start(pkv: &Arc<Pkv>, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let clients = (0..clients)
            .map(|client| {
                tokio::spawn(one_client(pkv.clone(), client, stop.clone(), answered.clone()))
            })
            .collect();
        Self { stop, answered, clients }
    }

    /// Ends it; one ledger per client.
    pub async fn finish(self) -> Vec<Ledger> {
        self.stop.store(true, Ordering::Release);
        self.gone().await
    }

    /// Goes on until nobody answers any more; one ledger per client.
    pub async fn gone(self) -> Vec<Ledger> {
        let mut ledgers = Vec::new();
        for client in self.clients {
            let ledger = tokio::time::timeout(Duration::from_secs(70), client).await;
            ledgers.push(ledger.expect("a client hangs").unwrap());
        }
        ledgers
    }
}

async fn one_client(
    pkv: Arc<Pkv>,
    client: usize,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Ledger {
    let list = format!("list{client}");
    let mut ledger = Ledger::default();
    while !stop.load(Ordering::Acquire) {
        let item = ledger.asked;
        let push = json!(["RPUSH", list, item]);
        let (path, body) = match item % 4 {
            0 => ("/", push),
            1 => ("/pipeline", json!([["PING"], push])),
            2 => ("/multi-exec", json!([["INCR", "count"], push])),
            _ => {
                let script =
                    "redis.call('INCR', 'count') return redis.call('RPUSH', KEYS[1], ARGV[1])";
                ("/", json!(["EVAL", script, 1, list, item]))
            }
        };
        ledger.asked += 1;
        match ask(&pkv, path, body).await {
            Outcome::Done(reply) => {
                assert_eq!(reply.status, 200, "{}", reply.body);
                ledger.acknowledged += 1;
                answered.fetch_add(1, Ordering::Release);
            }
            // The next item has another number, so an item that stands twice was executed twice.
            Outcome::NotDone(_) => {}
            Outcome::Gone => return ledger,
        }
        match ask(&pkv, "/", json!(["LLEN", list])).await {
            Outcome::Done(reply) => {
                let length = result(reply).as_u64().unwrap() as usize;
                assert!(length >= ledger.acknowledged, "an acknowledged write is missing");
                answered.fetch_add(1, Ordering::Release);
            }
            Outcome::Gone => return ledger,
            Outcome::NotDone(error) => panic!("a read failed: {error}"),
        }
    }
    ledger
}

/// Every acknowledged item is in its list, none is there twice, and none that nobody asked for.
pub async fn check(pkv: &Pkv, ledgers: &[Ledger]) {
    let lines: Vec<_> = (0..ledgers.len())
        .map(|client| json!(["LRANGE", format!("list{client}"), 0, -1]))
        .collect();
    let lists = items(pkv.post("/pipeline", Value::Array(lines)).await.unwrap());
    for (client, (ledger, list)) in ledgers.iter().zip(&lists).enumerate() {
        let list = list["result"].as_array().unwrap();
        let found: Vec<usize> =
            list.iter().map(|item| item.as_str().unwrap().parse().unwrap()).collect();
        assert!(
            found.len() >= ledger.acknowledged,
            "client {client}: an acknowledged write is gone"
        );
        assert!(found.len() <= ledger.asked, "client {client}: more writes than were asked for");
        assert!(found.is_sorted_by(|a, b| a < b), "client {client}: a write was executed twice");
    }
}
