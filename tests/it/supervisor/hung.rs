//! A Redis that runs and does not answer.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Pkv, eventually, result};

#[tokio::test]
async fn a_redis_that_hangs_is_started_again_and_one_that_pauses_is_not() {
    // One connection: a new one would give up on a pause of this length.
    let pkv = Pkv::start_with(&[
        ("PKV_HANG_LIMIT", "10s"),
        ("PKV_TIMEOUT", "20s"),
        ("SRH_MAX_CONNECTIONS", "1"),
    ]);
    result(pkv.run(json!(["SET", "k", "v"])).await);
    pkv.signal_redis(Signal::SIGSTOP);
    let asked = pkv.run(json!(["GET", "k"]));
    let pause = async {
        tokio::time::sleep(Duration::from_secs(4)).await; // well below the limit
        pkv.signal_redis(Signal::SIGCONT);
    };
    assert_eq!(result(tokio::join!(asked, pause).0), json!("v"));
    assert_eq!(pkv.redis_pids().len(), 1, "a pause is no hang");

    pkv.signal_redis(Signal::SIGSTOP);
    let hung = &pkv;
    eventually("another Redis", Duration::from_secs(40), || async { hung.redis_pids().len() == 2 })
        .await;
    assert_eq!(result(pkv.run(json!(["GET", "k"])).await), json!("v"));
    let ready = pkv.get("/ready").await;
    assert_eq!((ready.status, &ready.body["restarts"]), (200, &json!(1)));
    let last = ready.body["last_error"].as_str().unwrap();
    assert!(last.starts_with("did not answer for 10 s, "), "{last}");
}

/// It answers `-BUSY`, which is an answer.
#[tokio::test]
async fn a_redis_that_is_busy_with_a_script_is_left_alone() {
    let pkv = Pkv::start_with(&[("PKV_HANG_LIMIT", "10s")]);
    // Redis says BUSY from the fifth second on.
    let script = "local n = 0 repeat n = n + 1 until redis.call('TIME')[1] - ARGV[1] >= 14";
    let now = result(pkv.run(json!(["TIME"])).await)[0].clone();
    let reply = pkv.run(json!(["EVAL", script, 0, now])).await;
    assert_eq!((reply.status, pkv.redis_pids().len()), (200, 1), "{}", reply.body);
}
