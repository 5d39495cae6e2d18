//! Append-only files whose end is not what it should be: torn in the last command or inside a
//! transaction, or zeros.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Pkv, result};

const ALWAYS: (&str, &str) = ("PKV_DURABILITY", "always");

/// Appended as a transaction.
const SCRIPT: &str =
    "for i = 1, 3 do redis.call('SET', 'm' .. i, i) end redis.call('SET', 'last', 1)";

/// Of the append-only files in this test's directory.
pub fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join("data/appendonlydir").join(name)
}

/// Stores `before` = 1 and a script's keys behind it, and is killed.
pub async fn killed(dir: &Path) {
    killed_behind(dir, "/", json!(["EVAL", SCRIPT, 0])).await;
}

/// Stores `before` = 1 and what `last` stores behind it, and is killed.
async fn killed_behind(dir: &Path, path: &str, last: Value) {
    let mut pkv = Pkv::start_in(dir, &[ALWAYS]);
    result(pkv.run(json!(["SET", "before", "1"])).await);
    assert_eq!(pkv.post(path, last).await.unwrap().status, 200);
    pkv.signal(Signal::SIGKILL);
    pkv.ended(Duration::from_secs(5)).await;
}

/// Takes the last 20 bytes from the file that Redis appends to.
pub fn tear(dir: &Path) {
    let path = file(dir, "appendonly.aof.1.incr.aof");
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 20).unwrap();
}

/// Redis drops a torn end in memory only; without a rewrite, what it acknowledges after a torn
/// transaction is appended behind an unfinished MULTI, and the start after next reverts it.
#[tokio::test]
async fn writes_acknowledged_after_a_torn_end_survive_the_next_restart() {
    for (path, last) in [
        ("/", json!(["SET", "last", "a value of more than twenty bytes"])),
        ("/multi-exec", json!([["SET", "m1", "1"], ["SET", "last", "1"]])),
        ("/", json!(["EVAL", SCRIPT, 0])),
    ] {
        let dir = tempfile::tempdir().unwrap();
        killed_behind(dir.path(), path, last.clone()).await;
        tear(dir.path());

        let pkv = Pkv::start_in(dir.path(), &[ALWAYS]);
        result(pkv.run(json!(["SET", "after", "1"])).await);
        pkv.stop().await;
        let pkv = Pkv::start_in(dir.path(), &[ALWAYS]);
        let reply = result(pkv.run(json!(["MGET", "before", "last", "after"])).await);
        assert_eq!(reply, json!(["1", null, "1"]), "after {last}");
    }
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
