//! What is restored at the start, and what is not. In a common directory that is told to take snapshots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::Machine;
use crate::start::{Running, log_says, run_to_end};
use crate::support::{Pkv, eventually, free_port, snapshots};

const SNAPSHOTS: &[(&str, &str)] = &[("PKV_STORAGE", "snapshots"), ("PKV_SNAPSHOT_INTERVAL", "1s")];

/// Stores a snapshot for each of the values of `k`, at a stop.
async fn store(data_dir: &Path, values: &[&str]) {
    for value in values {
        let machine = Machine::start(data_dir, HOURLY);
        machine.set("k", value).await;
        machine.stop().await;
    }
}

const HOURLY: &[(&str, &str)] = &[("PKV_STORAGE", "snapshots"), ("PKV_SNAPSHOT_INTERVAL", "1h")];

fn refused(rdb: &Path) -> PathBuf {
    rdb.with_extension("refused")
}

/// One that is empty and from the future, one that is cut off, one whose bytes are wrong: each is kept,
/// marked with the reason, and the next older one is restored.
#[tokio::test]
async fn the_newest_snapshot_that_loads_is_restored_and_others_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &["oldest", "middle", "newest"]).await;
    let mut stored = snapshots(dir.path());
    let empty = stored[2].with_file_name("2999-01-01T00-00-00.000Z.rdb");
    fs::write(&empty, "").unwrap();
    stored.push(empty);
    let newest = fs::read(&stored[2]).unwrap();
    fs::write(&stored[2], &newest[..newest.len() - 20]).unwrap();
    let mut middle = fs::read(&stored[1]).unwrap();
    let end = middle.len() - 4;
    middle[end] ^= 0xff;
    fs::write(&stored[1], &middle).unwrap();

    let machine = Machine::start(dir.path(), SNAPSHOTS);
    assert_eq!(machine.get("k").await, "oldest");
    assert!(log_says(&machine.pkv, "a snapshot cannot be loaded"), "{:?}", machine.pkv.log());
    for rdb in &stored[1..] {
        let why = fs::read_to_string(refused(rdb)).unwrap();
        let words = ["loading DB", "RDB CRC error", "does not begin as an RDB"];
        assert!(words.iter().any(|words| why.contains(words)), "{why}");
    }
    // They are there for a person, however many come later.
    for value in ["a", "b", "c", "d"] {
        machine.set("k", value).await;
        machine.until_stored().await;
    }
    machine.stop().await;
    let left = snapshots(dir.path());
    assert_eq!(left.len(), 6, "three and those that were refused: {left:?}");
    assert!(stored[1..].iter().all(|rdb| left.contains(rdb)), "{left:?}");
    assert_eq!(fs::read(&stored[1]).unwrap(), middle);
    let machine = Machine::start(dir.path(), SNAPSHOTS);
    assert_eq!(machine.get("k").await, "d");
}

/// `/ready` of a pkv that does not get ready.
async fn ready_of_one_that_cannot_load(data_dir: &Path) -> Value {
    let port = free_port().to_string();
    let disk = tempfile::tempdir().unwrap();
    let mut vars = vec![
        ("SRH_PORT", port.as_str()),
        ("PKV_DATA_DIR", data_dir.to_str().unwrap()),
        ("TMPDIR", disk.path().to_str().unwrap()),
    ];
    vars.extend(SNAPSHOTS);
    let mut command = Pkv::command(disk.path(), &vars);
    let running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let url = format!("http://127.0.0.1:{port}/ready");
    let ready = async || reqwest::get(&url).await.ok()?.json::<Value>().await.ok();
    eventually("/ready says that the data is damaged", Duration::from_secs(15), async || {
        ready().await.is_some_and(|ready| ready["state"] == "damaged")
    })
    .await;
    let ready = ready().await.unwrap();
    running.stop().await;
    ready
}

/// Nothing is damaged, so nothing older is restored; and where nothing loads, nothing begins anew.
#[tokio::test]
async fn a_snapshot_of_a_newer_redis_and_snapshots_none_of_which_loads_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &["older", "newer"]).await;
    let stored = snapshots(dir.path());
    let whole = fs::read(&stored[1]).unwrap();
    let mut newer = whole.clone();
    newer[5..9].copy_from_slice(b"0099");
    fs::write(&stored[1], &newer).unwrap();
    let ready = ready_of_one_that_cannot_load(dir.path()).await;
    assert!(ready["error"].as_str().unwrap().contains("newer Redis"), "{ready}");
    assert!(!refused(&stored[1]).exists());

    for rdb in &stored {
        fs::write(rdb, b"REDIS0011 and no more").unwrap();
    }
    for _ in 0..2 {
        let ready = ready_of_one_that_cannot_load(dir.path()).await;
        assert!(ready["error"].as_str().unwrap().contains("redis-check-rdb"), "{ready}");
    }
    // One of them is brought back: marks are no more than a hint.
    fs::write(&stored[1], &whole).unwrap();
    let machine = Machine::start(dir.path(), SNAPSHOTS);
    assert_eq!(machine.get("k").await, "newer");
}

/// Somebody else has gone on from the last snapshot: his is the truth, and what is on this disk is set
/// aside.
#[tokio::test]
async fn files_that_are_older_than_the_newest_snapshot_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine::start(dir.path(), HOURLY);
    machine.set("k", "here").await;
    let disk = machine.kill().await;
    store(dir.path(), &["elsewhere"]).await;

    let machine = Machine::start_on(disk, dir.path(), HOURLY);
    assert_eq!(machine.get("k").await, "elsewhere");
    assert!(log_says(&machine.pkv, "set aside"), "{:?}", machine.pkv.log());
    let entries = fs::read_dir(machine.disk.path()).unwrap().map(|entry| entry.unwrap().path());
    let stale: Vec<_> = entries.filter(|path| path.join("appendonlydir.stale").is_dir()).collect();
    assert_eq!(stale.len(), 1, "{stale:?}");
}

/// From a bucket to a disk: the snapshots are copied there, and the append-only file begins with them.
/// The way back would leave that file aside, and is refused.
#[tokio::test]
async fn an_append_only_file_begins_with_the_newest_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path(), &["v"]).await;
    let machine = Machine::start(dir.path(), &[]);
    assert_eq!(machine.data().await["kind"], "append-only");
    assert_eq!(machine.get("k").await, "v");
    machine.set("k", "w").await;
    machine.stop().await;
    let machine = Machine::start(dir.path(), &[]);
    assert_eq!(machine.get("k").await, "w");
    let disk = machine.kill().await;

    let mut vars = vec![("PKV_DATA_DIR", dir.path().to_str().unwrap())];
    vars.extend(SNAPSHOTS);
    let ended = run_to_end(&mut Pkv::command(disk.path(), &vars), Duration::from_secs(10)).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("PKV_STORAGE=append-only"), "{}", ended.stderr);
}
