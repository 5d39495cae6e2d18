//! Data that Redis cannot load.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::start::Running;
use crate::support::{Pkv, eventually, free_port, items, result};

/// A store with a base file and an incremental one.
async fn fill(dir: &Path) {
    let pkv = Pkv::start_in(dir, &[]);
    let set: Vec<_> = (0..200).map(|n| json!(["SET", format!("k{n}"), "v".repeat(50)])).collect();
    items(pkv.post("/pipeline", json!(set)).await.unwrap());
    pkv.stop().await;
}

/// The files in the append-only directory, and what is in them.
pub fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir.join("data/appendonlydir")).unwrap();
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

/// Starts pkv, waits until it says that the data is damaged, and returns `/ready` and a request's answer.
pub async fn report(dir: &Path, vars: &[(&str, &str)]) -> (Value, Value) {
    let port = free_port().to_string();
    let mut command = Pkv::command(dir, vars);
    command.env("SRH_PORT", &port).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let client = reqwest::Client::new();
    let get = async |path: &str| -> Option<(u16, Value)> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let response = client.get(url).bearer_auth("test-token-0123456789").send().await.ok()?;
        Some((response.status().as_u16(), response.json().await.ok()?))
    };
    eventually("/ready says that the data is damaged", Duration::from_secs(10), async || {
        get("/ready").await.is_some_and(|(_, body)| body["state"] == "damaged")
    })
    .await;
    let (status, ready) = get("/ready").await.unwrap();
    assert_eq!(status, 503, "{ready}");
    assert_eq!(get("/health").await.unwrap().0, 200);
    let asked = Instant::now();
    let (status, answer) = get("/get/k1").await.unwrap();
    assert_eq!(status, 503, "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(4));
    running.stop().await;
    (ready, answer)
}

/// In the middle, at the beginning, a file missing, a version to come: the files stay as they are, and
/// whoever looks is told which they are and what to do.
#[tokio::test]
async fn damaged_data_is_refused_explained_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let whole = files(dir.path());
    let at = |name: &str| dir.path().join("data/appendonlydir").join(name);
    let named = |end: &str| whole.keys().find(|name| name.ends_with(end)).unwrap().clone();
    let (incr, base, manifest) = (named(".incr.aof"), named(".base.rdb"), named(".manifest"));
    let damages: [(&str, &dyn Fn(), &str); 5] = [
        (
            "commands that make no sense",
            &|| {
                let mut bytes = whole[&incr].clone();
                bytes[1000..1200].fill(b'x');
                fs::write(at(&incr), bytes).unwrap();
            },
            "redis-check-aof --fix",
        ),
        (
            "a base that is no RDB",
            &|| fs::write(at(&base), [b'x'; 100]).unwrap(),
            "appendonly.aof.1.base.rdb",
        ),
        (
            "a version to come",
            &|| {
                let mut bytes = whole[&base].clone();
                bytes[5..9].copy_from_slice(b"0099");
                fs::write(at(&base), bytes).unwrap();
            },
            "newer Redis than this one",
        ),
        ("no incremental file", &|| fs::remove_file(at(&incr)).unwrap(), "from a backup"),
        ("no manifest", &|| fs::remove_file(at(&manifest)).unwrap(), "is missing"),
    ];
    for (what, damage, advice) in damages {
        damage();
        let before = files(dir.path());
        let (ready, answer) = report(dir.path(), &[]).await;
        for told in [&ready["error"], &ready["last_error"], &answer["error"]] {
            assert!(told.as_str().unwrap().contains(advice), "{what}: {told}");
        }
        assert!(files(dir.path()) == before, "{what}: the files were changed");
        for (name, bytes) in &whole {
            fs::write(at(name), bytes).unwrap();
        }
    }
    let pkv = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), json!(200));
}
