//! An append-only file torn inside a transaction.

use std::fs::{self, File};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Pkv, result};

/// Redis drops the torn end in memory only; without a rewrite, what it acknowledges afterwards is
/// appended behind an unfinished MULTI, and the start after next reverts it.
#[tokio::test]
async fn writes_acknowledged_after_a_torn_end_survive_the_next_restart() {
    let dir = tempfile::tempdir().unwrap();
    let vars = [("PKV_DURABILITY", "always")];
    let mut pkv = Pkv::start_in(dir.path(), &vars);
    result(pkv.run(json!(["SET", "before", "1"])).await);
    let script = "for i = 1, 3 do redis.call('SET', 'm' .. i, i) end";
    result(pkv.run(json!(["EVAL", script, 0])).await);
    pkv.signal(Signal::SIGKILL);
    pkv.ended(std::time::Duration::from_secs(5)).await;

    let files = fs::read_dir(dir.path().join("data/appendonlydir")).unwrap();
    let path = files
        .map(|file| file.unwrap().path())
        .find(|path| path.ends_with("appendonly.aof.1.incr.aof"));
    let file = File::options().write(true).open(path.unwrap()).unwrap();
    file.set_len(file.metadata().unwrap().len() - 20).unwrap();

    let pkv = Pkv::start_in(dir.path(), &vars);
    result(pkv.run(json!(["SET", "after", "1"])).await);
    pkv.stop().await;
    let pkv = Pkv::start_in(dir.path(), &vars);
    let reply = result(pkv.run(json!(["MGET", "before", "after"])).await);
    assert_eq!(reply, json!(["1", "1"]));
}
