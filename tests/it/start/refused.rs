//! Starts that cannot succeed: they end, soon, and say why.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::{Ended, ended};
use crate::support::{Pkv, result};

/// The line that says why; log lines may stand before it.
#[track_caller]
fn reason(end: &Ended) -> &str {
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    assert_eq!(end.stdout, "", "a banner in spite of everything");
    let at = end.stderr.find("pkv: ").unwrap_or_else(|| panic!("no reason: {}", end.stderr));
    &end.stderr[at..]
}

#[tokio::test]
async fn a_redis_that_does_not_start_is_given_up_with_its_own_words() {
    let dir = TempDir::new().unwrap();
    let script = dir.path().join("redis-server");
    fs::write(&script, "#!/bin/sh\necho 'Fatal: the moon is full'\necho 'and more' >&2\nexit 1\n")
        .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let started = Instant::now();
    let vars = [("PKV_REDIS_SERVER", script.to_str().unwrap())];
    let end = ended(dir.path(), &vars, Duration::from_secs(8)).await;
    let reason = reason(&end);
    assert!(reason.contains("the moon is full") && reason.contains("and more"), "{reason}");
    assert!(reason.contains("exit code 1"), "{reason}");
    // Not at the first try: what is wrong may pass.
    assert!(started.elapsed() > Duration::from_millis(300), "{:?}", started.elapsed());

    // What is no program at all ends the same way.
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    let end = ended(dir.path(), &vars, Duration::from_secs(8)).await;
    let reason = super::refused::reason(&end);
    assert!(reason.contains("redis-server"), "{reason}");
}

#[tokio::test]
async fn a_second_pkv_on_one_data_directory_refuses_and_names_the_first() {
    let dir = TempDir::new().unwrap();
    let first = Pkv::start_in(dir.path(), &[]);
    result(first.run(json!(["SET", "k", "v"])).await);
    let redis = first.redis_pids()[0];
    let status = fs::read_to_string(format!("/proc/{redis}/status")).unwrap();
    let holder = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();

    // It waits a while, since the first might be about to end.
    let second = ended(dir.path(), &[], Duration::from_secs(20)).await;
    let reason = reason(&second);
    assert!(reason.contains(&format!("process {holder})")), "not {holder}: {reason}");
    assert!(reason.contains("PKV_DATA_DIR"), "{reason}");

    // The first has not noticed.
    assert_eq!(result(first.run(json!(["GET", "k"])).await), "v");
    assert_eq!(first.redis_pids(), [redis]);
}

/// Redis names the file; pkv says what helps.
#[tokio::test]
async fn a_module_that_cannot_be_loaded_is_named_with_what_helps() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("module.so");
    fs::write(&file, "no library").unwrap();
    let path = file.to_str().unwrap();
    let end = ended(dir.path(), &[("PKV_JSON_MODULE", path)], Duration::from_secs(20)).await;
    let reason = reason(&end);
    assert!(reason.contains("PKV_JSON_MODULE") && reason.contains("`off`"), "{reason}");
    assert!(reason.contains(path), "{reason}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let end = ended(dir.path(), &[("SRH_PORT", &port)], Duration::from_secs(5)).await;
    let reason = reason(&end);
    assert!(reason.contains(&format!("port {port}")), "{reason}");
    assert!(reason.contains("SRH_PORT") && reason.contains("in use"), "{reason}");
    assert_eq!(reason.lines().count(), 1, "{reason}");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_named() {
    let dir = TempDir::new().unwrap();
    // Below a file nobody can make a directory, not even root.
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    for path in [file.join("data"), file] {
        let path = path.to_str().unwrap();
        let end = ended(dir.path(), &[("PKV_DATA_DIR", path)], Duration::from_secs(5)).await;
        let reason = reason(&end);
        assert!(reason.contains(path) && reason.contains("PKV_DATA_DIR"), "{reason}");
        assert!(reason.contains("PKV_STORAGE=memory"), "{reason}");
        assert_eq!(reason.lines().count(), 1, "{reason}");
    }
}

#[tokio::test]
async fn without_any_redis_server_it_says_what_to_install() {
    let dir = TempDir::new().unwrap();
    let empty = dir.path().join("bin");
    fs::create_dir(&empty).unwrap();
    let vars = [("PKV_REDIS_SERVER", ""), ("PATH", empty.to_str().unwrap())];
    let end = ended(dir.path(), &vars, Duration::from_secs(5)).await;
    let reason = reason(&end);
    assert!(reason.contains("redis-server") && reason.contains("PKV_REDIS_SERVER"), "{reason}");
}
