//! How long it takes from a kill of Redis to the next write, by how much data there is.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::figures::median_and_worst;
use super::variable;
use crate::support::{Dice, Pkv, eventually, items, result};

/// Longest recovery, by hand: far more than a gigabyte takes to load on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// And in `cargo test`, with hardly any data: the second that the README promises, and what a busy
/// machine adds.
const SOON: Duration = Duration::from_secs(10);

/// A life of at least this long is a real one to pkv, after which it waits 250 ms before a start.
const LIFE: Duration = Duration::from_millis(1200);

/// Bytes of a value.
const VALUE: usize = 1000;

/// Values of a request.
const VALUES: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn writes_succeed_again_soon_after_each_kill() {
    let by_hand = variable("TORTURE_RECOVERY_KILLS");
    let limit = if by_hand.is_some() { LIMIT } else { SOON };
    let sizes: &[usize] = if by_hand.is_some() { &[0, 100, 1000] } else { &[0, 5] };
    println!("{:<8} {:>5}  {:>10}  {:>10}", "data", "kills", "median", "worst");
    for megabytes in sizes {
        let pkv = Pkv::start_with(&[("PKV_MAXMEMORY", "3gb")]);
        fill(&pkv, *megabytes).await;
        let mut times = Vec::new();
        for kill in 1..=by_hand.unwrap_or(3) {
            tokio::time::sleep(LIFE).await; // life goes on in between
            let killed = Instant::now();
            pkv.signal_redis(Signal::SIGKILL);
            while pkv.run(json!(["SET", "kill", kill])).await.status != 200 {
                assert!(killed.elapsed() < limit, "no write within {limit:?}");
            }
            times.push(killed.elapsed());
        }
        let (median, worst) = median_and_worst(&times);
        println!("{:<8} {:>5}  {median:>10}  {worst:>10}", format!("{megabytes} MB"), times.len());
        let keys = megabytes * 1_000_000 / VALUE + 1;
        assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), json!(keys));
    }
}

/// Fills the store with values that cannot be compressed, and waits until Redis is at rest.
async fn fill(pkv: &Pkv, megabytes: usize) {
    let mut dice = Dice::new(1);
    for request in 0..megabytes * 1_000_000 / (VALUE * VALUES) {
        let lines = (0..VALUES).map(|line| {
            let words = (0..VALUE / 16).map(|_| format!("{:016x}", dice.roll()));
            json!(["SET", format!("key{request}:{line}"), words.collect::<String>()])
        });
        let replies = items(pkv.post("/pipeline", Value::from_iter(lines)).await.unwrap());
        assert!(replies.iter().all(|reply| reply["result"] == "OK"));
    }
    eventually("the append-only file is not being rewritten", LIMIT, || async {
        let info = result(pkv.run(json!(["INFO", "persistence"])).await);
        info.as_str().unwrap().contains("aof_rewrite_in_progress:0")
    })
    .await;
}
