//! What cannot be done: it says why, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::pkv;
use crate::support::{Pkv, result};

/// Every file below the directory but the lock, which says who was there last.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.ends_with(".lock") => {}
            false => drop(found.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    found
}

#[tokio::test]
async fn what_cannot_be_backed_up_is_not() {
    let dir = TempDir::new().unwrap();
    let ended = pkv(dir.path(), &["backup", "copy.rdb"], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("PKV_DATA_DIR"), "{}", ended.stderr);
    assert!(!dir.path().join("data").exists());

    fs::create_dir(dir.path().join("data")).unwrap();
    let ended = pkv(dir.path(), &["backup", "copy.rdb"], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("holds no data"), "{}", ended.stderr);

    let memory = [("PKV_STORAGE", "memory")];
    let ended = pkv(dir.path(), &["backup", "copy.rdb"], &memory).await;
    assert!(ended.stderr.contains("in memory only"), "{}", ended.stderr);

    // Nowhere to write to.
    Pkv::start_in(dir.path(), &[]).stop().await;
    let ended = pkv(dir.path(), &["backup", "missing/copy.rdb"], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("missing/copy.rdb"), "{}", ended.stderr);
    assert!(!dir.path().join("copy.rdb").exists());
}

#[tokio::test]
async fn nothing_is_restored_below_a_running_pkv() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    assert_eq!(pkv(dir.path(), &["backup", "copy.rdb"], &[]).await.code, Some(0));
    let before = files(&dir.path().join("data"));
    for force in [&["--force"] as &[&str], &[]] {
        let arguments = [&["restore", "copy.rdb"], force].concat();
        let ended = pkv(dir.path(), &arguments, &[]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains("used by a pkv that runs (process "), "{}", ended.stderr);
    }
    assert_eq!(files(&dir.path().join("data")), before);
    assert_eq!(result(running.run(json!(["GET", "k"])).await), "v");
}

/// Garbage, a file that is cut off, one whose checksum is wrong, one of a Redis to come, none at all.
#[tokio::test]
async fn a_file_that_is_no_whole_rdb_is_not_restored() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    assert_eq!(pkv(dir.path(), &["backup", "copy.rdb"], &[]).await.code, Some(0));
    running.stop().await;
    let whole = fs::read(dir.path().join("copy.rdb")).unwrap();
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 0xff;
    let mut newer = whole.clone();
    newer[5..9].copy_from_slice(b"0099");
    let before = files(&dir.path().join("data"));
    let cut = whole[..whole.len() - 10].to_vec();
    for (what, bytes) in
        [("garbage", b"not an RDB".to_vec()), ("cut", cut), ("wrong", wrong), ("newer", newer)]
    {
        fs::write(dir.path().join(what), bytes).unwrap();
        let ended = pkv(dir.path(), &["restore", what, "--force"], &[]).await;
        assert_eq!(ended.code, Some(1), "{what}");
        let start = format!("pkv: {what} is not a whole RDB file that this Redis can read: ");
        assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let ended = pkv(dir.path(), &["restore", "none", "--force"], &[]).await;
    assert!(ended.stderr.starts_with("pkv: reading none: "), "{}", ended.stderr);
    assert!(files(&dir.path().join("data")) == before, "something was changed");
}

/// Root may write anywhere, but what it makes in somebody else's directory would keep him from starting.
/// (Others the system itself keeps out.)
#[tokio::test]
async fn what_belongs_to_somebody_else_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    assert_eq!(pkv(dir.path(), &["backup", "copy.rdb"], &[]).await.code, Some(0));
    running.stop().await;
    let data = dir.path().join("data");
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(&data, Some(12345), None).unwrap();
    let before = files(&data);
    for arguments in [&["backup", "new.rdb"] as &[&str], &["restore", "copy.rdb", "--force"]] {
        let ended = pkv(dir.path(), arguments, &[]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains("belongs to the user 12345"), "{}", ended.stderr);
    }
    assert!(files(&data) == before, "something was changed");
}
