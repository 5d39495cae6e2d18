//! A disk without room. What stands for it here is a limit on the size of a file (RLIMIT_FSIZE): a
//! write beyond it fails as one on a full disk does, for this Redis alone.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::starting::program;
use super::torn_file;
use crate::support::{Pkv, eventually, result};

#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_writes_do_again_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    // 256 KiB, and an error instead of the signal that would end it.
    let limited = "trap '' XFSZ\nulimit -S -f 512\nexec \"$redis\" \"$@\"";
    let server = program(dir.path(), limited);
    let pkv = Pkv::start_in(dir.path(), &[("PKV_REDIS_SERVER", server.to_str().unwrap())]);
    result(pkv.run(json!(["SET", "first", "v"])).await);
    let mut stored = 0;
    let refusal = loop {
        let reply = pkv.run(json!(["SET", format!("k{stored}"), "v".repeat(10_000)])).await;
        if reply.status != 200 {
            break reply;
        }
        stored += 1;
        assert!(stored < 1000, "the disk is not full");
        // Redis notices a failed write only when it comes to write: behind the reply, or before the next.
    };
    assert_eq!(refusal.status, 400, "{}", refusal.body);
    let error = refusal.body["error"].as_str().unwrap();
    assert!(error.starts_with("MISCONF Errors writing to the AOF file"), "{error}");
    assert_eq!(result(pkv.run(json!(["GET", "first"])).await), json!("v"));
    assert_eq!(result(pkv.run(json!(["STRLEN", "k1"])).await), json!(10_000));
    let ready = pkv.get("/ready").await;
    assert_eq!(ready.status, 200, "it can be read: {}", ready.body);
    assert_eq!(ready.body["persistence"]["aof_last_write_status"], "err");

    let pid = pkv.redis_pids()[0].to_string();
    let room =
        Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status().unwrap();
    assert!(room.success());
    let full = &pkv;
    eventually("writes succeed again", Duration::from_secs(10), || async {
        full.run(json!(["SET", "last", "v"])).await.status == 200
    })
    .await;
    assert_eq!(pkv.redis_pids().len(), 1, "without a restart");
    pkv.stop().await;

    let pkv = Pkv::start_in(dir.path(), &[]);
    let keys = json!(["MGET", "first", "k0", format!("k{}", stored - 1), "last"]);
    let values = result(pkv.run(keys).await);
    assert!(
        values.as_array().unwrap().iter().all(Value::is_string),
        "an acknowledged write is gone"
    );
    assert!(result(pkv.run(json!(["DBSIZE"])).await).as_u64().unwrap() >= stored + 2);
}

/// Redis cuts a half-written command off its file and goes on where that ended: zeros, which it would
/// refuse at the next start. (Only in a file that was begun by a rewrite.)
#[tokio::test]
async fn a_file_that_could_not_be_written_is_whole_again_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let server = program(dir.path(), "trap '' XFSZ\nexec \"$redis\" \"$@\"");
    torn_file::killed(dir.path()).await;
    torn_file::tear(dir.path());
    // Which rewrites the torn file.
    let pkv = Pkv::start_in(dir.path(), &[("PKV_REDIS_SERVER", server.to_str().unwrap())]);
    let file = torn_file::file(dir.path(), "appendonly.aof.2.incr.aof");
    let limit = |bytes: String| {
        let pid = pkv.redis_pids().pop().unwrap().to_string();
        let set = format!("--fsize={bytes}:");
        assert!(Command::new("prlimit").args(["--pid", &pid, &set]).status().unwrap().success());
    };
    result(pkv.run(json!(["SET", "first", "v"])).await);
    limit((file.metadata().unwrap().len() + 100).to_string());
    let mut stored = 0;
    while pkv.run(json!(["SET", format!("k{stored}"), "v"])).await.status == 200 {
        stored += 1;
        assert!(stored < 100, "the disk is not full");
    }
    limit("unlimited".into());
    eventually("the file is rewritten", Duration::from_secs(10), || async {
        let log = pkv.log();
        let says = |entry: &Value, what: &str| entry["message"].as_str().unwrap().contains(what);
        let mut since = log.iter().skip_while(|entry| !says(entry, "had failed: rewriting it"));
        since.any(|entry| says(entry, "rewrite finished successfully"))
    })
    .await;
    pkv.signal_redis(Signal::SIGKILL);
    let keys = json!(["MGET", "before", "first", "k0", format!("k{}", stored - 1)]);
    assert_eq!(result(pkv.run(keys).await), json!(["1", "v", "v", "v"]));
}
