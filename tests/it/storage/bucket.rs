//! A data directory on a file system that refuses to open a file again to append to it: a bucket, mounted
//! for real.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use super::Machine;
use crate::start::log_says;
use crate::support::{Bucket, eventually, result};

const SOON: &[(&str, &str)] = &[("PKV_SNAPSHOT_INTERVAL", "1s")];

#[tokio::test]
async fn a_directory_that_takes_no_append_only_file_is_found_out_and_told() {
    let bucket = Bucket::mount();
    let machine = Machine::start(bucket.path(), &[]);
    let path = bucket.path().to_str().unwrap();
    let banner = &machine.pkv.banner;
    assert!(banner.contains(&format!("  data        {path}\n")), "{banner}");
    assert!(banner.contains("  durability  snapshots, every 1m "), "{banner}");
    let warned = machine.pkv.log().into_iter().find(|entry| entry["level"] == "WARN").unwrap();
    assert_eq!(warned["message"], "the data directory holds no append-only file");
    assert!(warned["why"].as_str().unwrap().contains("cannot be appended to"), "{warned}");
    let data = machine.data().await;
    assert_eq!(data["kind"], "snapshots");
    assert!(data["last_snapshot"].is_null() && data["snapshot_error"].is_null(), "{data}");
}

/// Everything that callers have made is there on a new machine after a stop: data, users, settings,
/// the token. And nothing was done to the bucket that it may not take.
#[tokio::test]
async fn a_stop_stores_everything() {
    let bucket = Bucket::mount();
    let generated = [("SRH_TOKEN", "")];
    let machine = Machine::start(bucket.path(), &generated);
    let token = machine.pkv.token.clone();
    machine.set("k", "v").await;
    let add = "#!lua name=lib\nredis.register_function('seven', function() return 7 end)";
    for command in [
        json!(["FUNCTION", "LOAD", add]),
        json!(["ACL", "SETUSER", "app", "on", "~app:*", "+get"]),
        json!(["CONFIG", "SET", "notify-keyspace-events", "KEA"]),
    ] {
        result(machine.pkv.run(command).await);
    }
    assert!(bucket.snapshots().is_empty());
    machine.stop().await;
    assert_eq!(bucket.snapshots().len(), 1);

    let machine = Machine::start(bucket.path(), &generated);
    assert_eq!(machine.pkv.token, token);
    assert_eq!(machine.get("k").await, "v");
    assert_eq!(result(machine.pkv.run(json!(["FCALL", "seven", 0])).await), 7);
    let users = result(machine.pkv.run(json!(["ACL", "USERS"])).await);
    assert!(users.as_array().unwrap().contains(&json!("app")), "{users}");
    let setting = json!(["CONFIG", "GET", "notify-keyspace-events"]);
    let setting = result(machine.pkv.run(setting).await);
    assert_eq!(setting[1].as_str().unwrap().len(), 3, "{setting}");
    assert!(!machine.data().await["last_snapshot"].is_null());
    machine.stop().await;
    // Nothing had changed.
    assert_eq!(bucket.snapshots().len(), 1);
    let misused = bucket.misused();
    let is_probe = |what: &String| what.contains(" .probe-");
    assert!(!misused.is_empty() && misused.iter().all(is_probe), "{misused:?}");
}

/// A machine that is lost takes with it what came after the last snapshot, and nothing else.
#[tokio::test]
async fn a_snapshot_is_stored_whenever_something_has_changed_and_three_are_kept() {
    let bucket = Bucket::mount();
    let machine = Machine::start(bucket.path(), SOON);
    for value in ["1", "2", "3", "4", "5"] {
        machine.set("k", value).await;
        machine.until_stored().await;
    }
    assert!(log_says(&machine.pkv, "an old snapshot was removed"));
    tokio::time::sleep(Duration::from_millis(2500)).await; // the last change is stored
    let before = bucket.snapshots();
    assert_eq!(before.len(), 3);
    tokio::time::sleep(Duration::from_millis(2500)).await; // two intervals without a change
    assert_eq!(bucket.snapshots(), before);
    // A change that Redis does not count.
    result(machine.pkv.run(json!(["ACL", "SETUSER", "app", "on"])).await);
    let soon = Duration::from_secs(10);
    eventually("it is stored", soon, async || bucket.snapshots() != before).await;
    eventually("an old one is removed", soon, async || bucket.snapshots().len() == 3).await;
    assert_eq!(bucket.snapshots()[..2], before[1..]);
    drop(machine.kill().await);

    let machine = Machine::start(bucket.path(), SOON);
    assert_eq!(machine.get("k").await, "5");
    let users = result(machine.pkv.run(json!(["ACL", "USERS"])).await);
    assert!(users.as_array().unwrap().contains(&json!("app")), "{users}");
}

/// While the local disk lives, a crash loses nothing: neither of Redis nor of pkv.
#[tokio::test]
async fn redis_goes_on_from_its_own_files_if_they_are_there() {
    let bucket = Bucket::mount();
    let machine = Machine::start(bucket.path(), &[]);
    machine.set("a", "1").await;
    machine.pkv.signal_redis(Signal::SIGKILL);
    assert_eq!(machine.get("a").await, "1");
    let disk = machine.kill().await;
    assert!(bucket.snapshots().is_empty());

    let machine = Machine::start_on(disk, bucket.path(), &[]);
    assert_eq!(machine.get("a").await, "1");
    machine.stop().await;
    let machine = Machine::start(bucket.path(), &[]);
    assert_eq!(machine.get("a").await, "1");
    // What was there before this Redis is stored as well, though nothing has changed since: it is not
    // known to be in the bucket.
    let disk = machine.kill().await;
    fs::remove_file(&bucket.snapshots()[0]).unwrap();
    let machine = Machine::start_on(disk, bucket.path(), &[]);
    machine.stop().await;
    let machine = Machine::start(bucket.path(), &[]);
    assert_eq!(machine.get("a").await, "1");
}

/// A bucket that takes nothing for a while: that is told, and made up for.
#[tokio::test]
async fn a_snapshot_that_is_not_stored_is_told_and_tried_again() {
    let bucket = Bucket::mount();
    let machine = Machine::start(bucket.path(), SOON);
    bucket.break_down(true);
    machine.set("k", "v").await;
    eventually("the failure is told", Duration::from_secs(15), async || {
        let error = machine.data().await["snapshot_error"].clone();
        error.as_str().is_some_and(|what| what.contains("storing"))
            && log_says(&machine.pkv, "no snapshot was stored")
    })
    .await;
    assert_eq!(machine.get("k").await, "v");
    bucket.break_down(false);
    machine.until_stored().await;
    drop(machine.kill().await);
    let machine = Machine::start(bucket.path(), SOON);
    assert_eq!(machine.get("k").await, "v");
}

/// The last snapshot has its time, and the stop too: what is left half done is no snapshot to go on from.
#[tokio::test]
async fn a_slow_bucket_does_not_hold_the_stop_up() {
    let bucket = Bucket::mount();
    let mut machine = Machine::start(bucket.path(), SOON);
    machine.set("k", "stored").await;
    machine.until_stored().await;
    bucket.slow_down(true);
    let large: String = (0..300_000).map(|n| format!("{:x}", n * 2_654_435_761_u64)).collect();
    for key in 0..4 {
        machine.set(&format!("large{key}"), &large).await;
    }
    machine.set("k", "lost").await;
    let asked = Instant::now();
    machine.pkv.signal(Signal::SIGTERM);
    let status = machine.pkv.ended(Duration::from_secs(8)).await;
    assert!(asked.elapsed() < Duration::from_secs(8));
    assert_eq!(status.code(), Some(1));
    assert!(log_says(&machine.pkv, "the last snapshot was not stored in time"));
    bucket.slow_down(false);
    drop(machine);

    let machine = Machine::start(bucket.path(), &[]);
    assert_eq!(machine.get("k").await, "stored");
}
