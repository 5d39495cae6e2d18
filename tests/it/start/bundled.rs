//! How the bundled Redis is started: with what it was told to be, and with nothing of ours that it
//! need not know.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::log_says;
use crate::support::{Pkv, eventually, items, result};

/// The configuration file that Redis was started with.
fn conf(dir: &Path) -> String {
    fs::read_to_string(dir.join("data/redis.conf")).unwrap()
}

/// Writes, and asks how many disks have it (0 or 1) within `limit_ms`.
async fn synced(pkv: &Pkv, limit_ms: u32) -> Value {
    let body = json!([["SET", "k", "v"], ["WAITAOF", 1, 0, limit_ms]]);
    items(pkv.post("/pipeline", body).await.unwrap())[1]["result"][0].clone()
}

#[tokio::test]
async fn durability_and_memory_arrive_in_redis() {
    for durability in ["always", "everysec", "none"] {
        let (dir, temp_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let vars = [
            ("PKV_DURABILITY", durability),
            ("PKV_MAXMEMORY", "64mb"),
            ("PKV_LOG", "debug"),
            ("TMPDIR", temp_dir.path().to_str().unwrap()),
        ];
        let pkv = Pkv::start_in(dir.path(), &vars);
        assert_eq!(fs::read_dir(temp_dir.path()).unwrap().count(), 1, "its private directory");
        assert!(pkv.banner.contains(&format!("durability  {durability}\n")), "{}", pkv.banner);
        let info = result(pkv.run(json!(["INFO", "memory"])).await);
        let info = info.as_str().unwrap();
        assert!(info.contains("maxmemory:67108864\r\n"), "{info}");
        assert!(info.contains("maxmemory_policy:noeviction\r\n"), "{info}");
        let appendfsync = if durability == "always" { "always" } else { "no" };
        let conf = conf(dir.path());
        assert!(conf.contains(&format!("\nappendfsync {appendfsync}\n")), "{conf}");
        match durability {
            "always" => assert_eq!(synced(&pkv, 5000).await, 1, "acknowledged before the disk"),
            // pkv tells the disk, once a second.
            "everysec" => {
                assert_eq!(synced(&pkv, 1).await, 0);
                eventually(
                    "the file is synced from outside",
                    Duration::from_secs(10),
                    async || log_says(&pkv, "append-only file synced"),
                )
                .await;
            }
            _ => assert_eq!(synced(&pkv, 1).await, 0),
        }
        pkv.stop().await;
        let left = fs::read_dir(temp_dir.path()).unwrap().count();
        assert_eq!(left, 0, "its private directory is left");
    }
}

#[tokio::test]
async fn a_full_redis_refuses_writes_and_keeps_what_it_has() {
    let pkv = Pkv::start_with(&[("PKV_MAXMEMORY", "5mb")]);
    result(pkv.run(json!(["SET", "first", "here"])).await);
    let mut written = 0;
    let refused = loop {
        let reply = pkv.run(json!(["SET", format!("k{written}"), "x".repeat(500_000)])).await;
        if reply.status != 200 {
            break reply;
        }
        written += 1;
        assert!(written < 100, "50 MB fit into 5");
    };
    let text = refused.body["error"].as_str().unwrap();
    assert!(refused.status == 400 && text.starts_with("OOM "), "{text}");
    assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), written + 1);
    assert_eq!(result(pkv.run(json!(["GET", "first"])).await), "here");
}

#[tokio::test]
async fn redis_is_told_nothing_of_ours() {
    let vars = [("SPACE_ID", "somebody/pkv"), ("SRH_IPV6", "true"), ("SOME_SECRET", "hunter2")];
    let pkv = Pkv::start_with(&vars);
    let redis = pkv.redis_pids()[0];
    let read = |name: &str| {
        let bytes = fs::read(format!("/proc/{redis}/{name}")).unwrap();
        String::from_utf8_lossy(&bytes).replace('\0', "\n")
    };
    // A wrapper around the server may add something of its own; it has nothing of ours to add.
    let environment = read("environ");
    assert!(environment.contains("PATH="), "{environment}");
    for ours in ["SRH_", "PKV_", "SPACE_ID", "SOME_SECRET", "hunter2", &pkv.token] {
        assert!(!environment.contains(ours), "{ours}: {environment}");
    }
    let command = read("cmdline");
    assert!(!command.contains(&pkv.token) && !command.contains("hunter2"), "{command}");
    // Nor can it be reached from outside: no TCP port unless one was asked for.
    let info = result(pkv.run(json!(["INFO", "server"])).await);
    assert!(info.as_str().unwrap().contains("tcp_port:0\r\n"), "{info}");
}

#[tokio::test]
async fn its_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    result(pkv.run(json!(["SET", "k", "v"])).await);
    let files = dir.path().join("data/appendonlydir");
    let mut paths: Vec<_> =
        std::fs::read_dir(&files).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!paths.is_empty());
    paths.push(files);
    for path in paths {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}
