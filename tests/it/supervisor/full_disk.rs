//! A disk without room. What stands for it here is a limit on the size of a file (RLIMIT_FSIZE): a
//! write beyond it fails as one on a full disk does, for this Redis alone.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::starting::program;
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
