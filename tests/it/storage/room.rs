//! Little room, said before there is none.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use super::Machine;
use crate::start::log_says;
use crate::support::{Bucket, Pkv, eventually, result};

#[tokio::test]
async fn little_room_is_told_and_so_is_that_there_is_enough_again() {
    let bucket = Bucket::mount();
    bucket.leave_room(63 << 20);
    let machine = Machine::start(bucket.path(), &[]);
    let short = "the disk is nearly full";
    eventually("little room is told", Duration::from_secs(5), async || {
        machine.data().await["warning"] == short && log_says(&machine.pkv, short)
    })
    .await;
    assert_eq!(machine.data().await["free_bytes"], 63 << 20);
    bucket.leave_room(65 << 20);
    eventually("enough room is told", Duration::from_secs(20), async || {
        machine.data().await["warning"].is_null()
            && log_says(&machine.pkv, "the disk has room again")
    })
    .await;
}

/// Redis itself would only find out from a write that fails, and may have acknowledged it by then.
#[tokio::test]
async fn writes_are_refused_before_there_is_no_room_and_taken_again_once_there_is() {
    for durability in ["everysec", "always"] {
        let disk = Bucket::mount_as_disk();
        let dir = disk.path().to_str().unwrap();
        let pkv = Pkv::start_with(&[("PKV_DATA_DIR", dir), ("PKV_DURABILITY", durability)]);
        assert_eq!(pkv.get("/ready").await.body["data"]["kind"], "append-only");
        result(pkv.run(json!(["SET", "k", "v"])).await);
        let write = || pkv.run(json!(["INCR", "writes"]));
        let limit = Duration::from_secs(5);

        disk.leave_room(31 << 20);
        eventually("writes are refused", limit, async || write().await.status == 400).await;
        let refusal = "MISCONF Errors writing to the AOF file: No space left on device";
        assert_eq!(write().await.body["error"], refusal);
        let script = json!(["EVAL", "return redis.call('SET', KEYS[1], 'v')", 1, "script"]);
        assert!(pkv.run(script).await.body["error"].as_str().unwrap().starts_with(refusal));
        let batch = pkv.post("/multi-exec", json!([["SET", "k", "w"]])).await.unwrap();
        assert_eq!(batch.status, 400, "{}", batch.body);
        assert!(batch.body["error"].as_str().unwrap().contains(refusal), "{}", batch.body);
        assert_eq!(result(pkv.run(json!(["GET", "k"])).await), "v");
        // The one that is started again is told before anybody may write to it.
        pkv.signal_redis(Signal::SIGKILL);
        eventually("the next one refuses as well", limit, async || {
            let reply = write().await;
            assert_ne!(reply.status, 200, "{}", reply.body);
            reply.body["error"] == refusal
        })
        .await;
        let ready = pkv.get("/ready").await;
        assert_eq!(ready.status, 200, "it can be read: {}", ready.body);
        assert_eq!(ready.body["data"]["warning"], "the disk is full: writes are refused");

        // Enough is more than what was too little: it must not be both by turns.
        disk.leave_room(63 << 20);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(write().await.body["error"], refusal);
        disk.leave_room(64 << 20);
        eventually("writes are taken", limit, async || write().await.status == 200).await;
    }
}

/// While a script runs for long, Redis listens to nobody, the supervisor included.
#[tokio::test]
async fn room_that_comes_during_a_long_script_is_not_overlooked() {
    let disk = Bucket::mount_as_disk();
    let pkv = Pkv::start_with(&[("PKV_DATA_DIR", disk.path().to_str().unwrap())]);
    let write = || pkv.run(json!(["INCR", "writes"]));
    disk.leave_room(31 << 20);
    let limit = Duration::from_secs(15);
    eventually("writes are refused", limit, async || write().await.status == 400).await;
    // Redis says BUSY from the fifth second on.
    let script = "local n = 0 repeat n = n + 1 until redis.call('TIME')[1] - ARGV[1] >= 8";
    let now = result(pkv.run(json!(["TIME"])).await)[0].clone();
    let busy = pkv.run(json!(["EVAL", script, 0, now]));
    let room = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        disk.leave_room(1 << 30);
    };
    assert_eq!(tokio::join!(busy, room).0.status, 200);
    eventually("writes are taken", limit, async || write().await.status == 200).await;
}

/// What Redis's log says is not believed so far that it could stop others.
#[tokio::test]
async fn words_in_the_log_stop_nobodys_writes() {
    let disk = Bucket::mount_as_disk();
    let pkv = Pkv::start_with(&[("PKV_DATA_DIR", disk.path().to_str().unwrap())]);
    let forged = "redis.log(redis.LOG_NOTICE, 'AOF write error looks solved')";
    for _ in 0..3 {
        result(pkv.run(json!(["EVAL", forged, 0])).await);
    }
    eventually("the file is rewritten", Duration::from_secs(10), async || {
        log_says(&pkv, "had failed: rewriting it")
    })
    .await;
    eventually("writes are taken", Duration::from_secs(10), async || {
        pkv.run(json!(["SET", "k", "v"])).await.status == 200
    })
    .await;
    result(pkv.run(json!(["EVAL", forged, 0])).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    result(pkv.run(json!(["SET", "k", "v"])).await);
    let count =
        |what| pkv.log().iter().filter(|e| e["message"].as_str().unwrap().contains(what)).count();
    assert_eq!(count("had failed: rewriting it"), 1, "not again within a minute");
}
