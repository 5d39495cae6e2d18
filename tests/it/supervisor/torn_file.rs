//! Append-only files whose end is not what it should be: torn inside a transaction, or zeros.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Pkv, result};

const ALWAYS: (&str, &str) = ("PKV_DURABILITY", "always");

/// Of the append-only files in this test's directory.
pub fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join("data/appendonlydir").join(name)
}

/// Stores `before` = 1 and a script's keys behind it, and is killed.
pub async fn killed(dir: &Path) {
    let mut pkv = Pkv::start_in(dir, &[ALWAYS]);
    result(pkv.run(json!(["SET", "before", "1"])).await);
    let script = "for i = 1, 3 do redis.call('SET', 'm' .. i, i) end";
    result(pkv.run(json!(["EVAL", script, 0])).await);
    pkv.signal(Signal::SIGKILL);
    pkv.ended(std::time::Duration::from_secs(5)).await;
}

/// Tears off the end of the script.
pub fn tear(dir: &Path) {
    let path = file(dir, "appendonly.aof.1.incr.aof");
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 20).unwrap();
}

/// Redis drops the torn end in memory only; without a rewrite, what it acknowledges afterwards is
/// appended behind an unfinished MULTI, and the start after next reverts it.
#[tokio::test]
async fn writes_acknowledged_after_a_torn_end_survive_the_next_restart() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path()).await;
    tear(dir.path());
    let pkv = Pkv::start_in(dir.path(), &[ALWAYS]);
    result(pkv.run(json!(["SET", "after", "1"])).await);
    pkv.stop().await;
    let pkv = Pkv::start_in(dir.path(), &[ALWAYS]);
    let reply = result(pkv.run(json!(["MGET", "before", "after"])).await);
    assert_eq!(reply, json!(["1", "1"]));
}

/// What a loss of power may leave: the file's length was stored and its content was not, and while it
/// was being rewritten, the file that goes on behind it is empty.
#[tokio::test]
async fn zeros_at_the_end_are_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    for begins_another in [false, true] {
        killed(dir.path()).await;
        let manifest = file(dir.path(), "appendonly.aof.manifest");
        let listed = fs::read_to_string(&manifest).unwrap();
        let last = listed.lines().rfind(|line| line.contains(" type i")).unwrap();
        let path = file(dir.path(), last.split(' ').nth(1).unwrap());
        let mut append = File::options().append(true).open(&path).unwrap();
        append.write_all(&[0; 747]).unwrap();
        if begins_another {
            fs::write(file(dir.path(), "appendonly.aof.9.incr.aof"), "").unwrap();
            let another = "file appendonly.aof.9.incr.aof seq 9 type i\n";
            fs::write(manifest, listed + another).unwrap();
        }
        let pkv = Pkv::start_in(dir.path(), &[ALWAYS]);
        let reply = result(pkv.run(json!(["MGET", "before", "m3"])).await);
        assert_eq!(reply, json!(["1", "3"]), "{begins_another}");
        result(pkv.run(json!(["SET", "after", "1"])).await);
        pkv.stop().await;
        let pkv = Pkv::start_in(dir.path(), &[ALWAYS]);
        assert_eq!(result(pkv.run(json!(["GETDEL", "after"])).await), json!("1"));
        pkv.stop().await;
    }
}
