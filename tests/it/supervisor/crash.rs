//! Redis is killed under load.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use super::load::{self, Load};
use crate::support::{Pkv, eventually, free_port, result};

const CLIENTS: usize = 64;

/// Longest time from a kill to the next answered request, by the promise of the README.
const RECOVERY: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_under_load_lose_no_acknowledged_write_and_fail_no_read() {
    // With the default durability: it must not take a sync to keep what was acknowledged.
    let pkv = Arc::new(Pkv::start());
    let load = Load::start(&pkv, CLIENTS);
    let mut slowest = Duration::ZERO;
    for kill in 1..=10 {
        tokio::time::sleep(Duration::from_millis(1100 + 37 * kill)).await; // life goes on in between
        let killed = Instant::now();
        pkv.signal_redis(Signal::SIGKILL);
        let before = load.answered.load(Ordering::Acquire);
        let answered = load.answered.clone();
        // More answers than can have been on their way when the kill came.
        eventually("requests succeed again", RECOVERY, || async {
            answered.load(Ordering::Acquire) > before + 4 * CLIENTS
        })
        .await;
        slowest = slowest.max(killed.elapsed());
        let pkv = pkv.clone();
        eventually("the new Redis is known", RECOVERY, || async {
            pkv.redis_pids().len() == kill as usize + 1
        })
        .await;
    }
    let ledgers = load.finish().await;
    let asked: usize = ledgers.iter().map(|ledger| ledger.asked).sum();
    let acknowledged: usize = ledgers.iter().map(|ledger| ledger.acknowledged).sum();
    println!("{asked} writes, {acknowledged} acknowledged; slowest recovery {slowest:?}");
    assert!(acknowledged > 1000, "no load to speak of: {acknowledged}");
    load::check(&pkv, &ledgers).await;
}

#[tokio::test]
async fn a_request_during_a_restart_is_a_slow_answer() {
    let pkv = Pkv::start();
    result(pkv.run(json!(["SET", "k", "v"])).await);
    for _ in 0..3 {
        pkv.signal_redis(Signal::SIGKILL);
        assert_eq!(result(pkv.run(json!(["GET", "k"])).await), json!("v"));
    }
    assert_eq!(result(pkv.run(json!(["SET", "k", "w"])).await), json!("OK"));
    assert_eq!(pkv.get("/ready").await.status, 200);
}

/// Redis ends when pkv does, whatever ends pkv, and a new pkv may start at once.
#[tokio::test]
async fn a_killed_pkv_takes_redis_with_it_and_leaves_the_data() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut pkv = Pkv::start_in(dir.path(), &[]);
        let rounds = result(pkv.run(json!(["INCR", "rounds"])).await);
        assert_eq!(rounds, json!(round + 1));
        let redis = *pkv.redis_pids().last().unwrap();
        pkv.signal(Signal::SIGKILL);
        pkv.ended(Duration::from_secs(5)).await;
        eventually("Redis is gone", Duration::from_secs(5), || async {
            !std::path::Path::new(&format!("/proc/{redis}/exe")).exists()
        })
        .await;
    }
}

/// The same where the bundled Redis stands in at a loopback address: what still listens there for a
/// moment is its predecessor, and not somebody else's Redis.
#[tokio::test]
async fn a_killed_pkv_that_stood_in_at_a_port_does_so_again() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("redis://127.0.0.1:{}", free_port());
    let vars = [("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", url.as_str())];
    for round in 1..=5 {
        let mut pkv = Pkv::start_in(dir.path(), &vars);
        // Only the bundled Redis has a durability to speak of.
        assert!(pkv.banner.contains("durability"), "{}", pkv.banner);
        assert_eq!(result(pkv.run(json!(["INCR", "rounds"])).await), json!(round));
        pkv.signal(Signal::SIGKILL);
        pkv.ended(Duration::from_secs(5)).await;
    }
}

/// What `everysec` adds: the disk is told to store what was written, about once a second.
#[tokio::test]
async fn writes_are_synced_within_seconds() {
    let pkv = Pkv::start_with(&[("PKV_LOG", "debug")]);
    for round in 1..=2 {
        result(pkv.run(json!(["INCR", "n"])).await);
        let pkv = &pkv;
        eventually("the append-only file is synced", Duration::from_secs(5), || async move {
            let synced = |entry: &serde_json::Value| entry["message"] == "append-only file synced";
            pkv.log().iter().filter(|entry| synced(entry)).count() >= round
        })
        .await;
    }
}
