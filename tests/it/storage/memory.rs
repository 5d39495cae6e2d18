//! Data that is kept nowhere, and what says so.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;

use super::Machine;
use crate::start::log_says;
use crate::support::{eventually, result};

#[tokio::test]
async fn data_in_memory_is_said_to_be_so_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let vars = [("PKV_STORAGE", "memory")];
    let machine = Machine::start(&data_dir, &vars);
    let banner = &machine.pkv.banner;
    assert!(banner.contains("  data        IN MEMORY ONLY: PKV_STORAGE=memory\n"), "{banner}");
    assert!(banner.contains("  durability  none: all data is lost"), "{banner}");
    assert!(log_says(&machine.pkv, "the data is in memory only"));
    let data = machine.data().await;
    assert_eq!(data["kind"], "memory");
    assert!(data["warning"].as_str().unwrap().contains("in memory only"), "{data}");
    machine.set("k", "v").await;
    assert_eq!(machine.get("k").await, "v");
    let info = result(machine.pkv.run(json!(["INFO", "persistence"])).await);
    assert!(info.as_str().unwrap().contains("aof_enabled:0\r\n"), "{info}");
    // A request that comes meanwhile waits, and finds nothing.
    machine.pkv.signal_redis(Signal::SIGKILL);
    assert!(machine.get("k").await.is_null());
    eventually("the loss is told", Duration::from_secs(5), async || {
        log_says(&machine.pkv, "Redis ended, and with it the data: it was in memory only")
    })
    .await;
    assert!(!data_dir.exists());
    machine.pkv.stop().await;
    let left: Vec<_> =
        fs::read_dir(machine.disk.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["log"]);
}
