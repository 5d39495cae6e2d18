//! `pkv backup` and `pkv restore`: the data into a file, and back.

mod refused;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use crate::start::{Ended, ask, run_to_end};
use crate::supervisor::starting::program;
use crate::support::{Pkv, eventually, items, result};

/// Longest time for a command: pkv runs unoptimised, beside other tests.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `pkv` with arguments, in the directory of a test's pkv.
async fn pkv(dir: &Path, arguments: &[&str], vars: &[(&str, &str)]) -> Ended {
    run_to_end(Pkv::command(dir, vars).args(arguments), LIMIT).await
}

#[track_caller]
fn succeeded(ended: &Ended, start: &str) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.starts_with(start), "{}", ended.stdout);
    // No terminal, no progress.
    assert_eq!(ended.stderr, "");
}

/// Writers go on all the time, in transactions that keep two keys the same: so they are in the copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_store_is_of_one_moment_and_can_be_restored() {
    let dir = TempDir::new().unwrap();
    let running = Arc::new(Pkv::start_in(dir.path(), &[]));
    let values: Vec<_> =
        (0..500).map(|n| json!(["SET", format!("k{n}"), "v".repeat(1000)])).collect();
    items(running.post("/pipeline", json!(values)).await.unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (running, is_over) = (running.clone(), is_over.clone());
        async move {
            let mut written = 0;
            while !is_over.load(Ordering::Acquire) {
                written += 1;
                let pair =
                    json!([["SET", "a", written.to_string()], ["SET", "z", written.to_string()]]);
                items(running.post("/multi-exec", pair).await.unwrap());
            }
            written
        }
    });
    let ended = pkv(dir.path(), &["backup", "copy.rdb"], &[]).await;
    is_over.store(true, Ordering::Release);
    assert!(writer.await.unwrap() > 3, "nothing was written meanwhile");
    succeeded(&ended, "backed up 50");
    assert!(ended.stdout.ends_with(" s, and checked the file\n"), "{}", ended.stdout);
    Arc::into_inner(running).unwrap().stop().await;

    let other = TempDir::new().unwrap();
    let copy = dir.path().join("copy.rdb");
    let ended = pkv(other.path(), &["restore", copy.to_str().unwrap()], &[]).await;
    succeeded(&ended, "restored 502 keys (");
    let restored = Pkv::start_in(other.path(), &[]);
    let values = result(restored.run(json!(["MGET", "a", "z", "k0", "k499"])).await);
    assert!(values[0].is_string(), "{values}");
    assert_eq!(values[0], values[1]);
    assert_eq!(values[3], "v".repeat(1000));
    assert_eq!(result(restored.run(json!(["DBSIZE"])).await), 502);
    // What comes afterwards is appended.
    result(restored.run(json!(["SET", "a", "later"])).await);
    restored.stop().await;
    let restored = Pkv::start_in(other.path(), &[]);
    assert_eq!(result(restored.run(json!(["GET", "a"])).await), "later");
}

/// Also if it was killed; what a crash has left is what a start would make of it.
#[tokio::test]
async fn a_stopped_store_is_backed_up_and_stays_as_it_is() {
    let dir = TempDir::new().unwrap();
    let mut running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    result(running.run(json!(["SET", "soon gone", "v", "PX", 1])).await);
    result(running.run(json!(["ACL", "SETUSER", "app", "on", "~app:*", "+get"])).await);
    let redis = format!("/proc/{}/exe", running.redis_pids()[0]);
    running.signal(Signal::SIGKILL);
    running.ended(LIMIT).await;
    eventually("Redis is gone", LIMIT, async || !Path::new(&redis).exists()).await;
    let ended = pkv(dir.path(), &["backup", "copy.rdb"], &[]).await;
    succeeded(&ended, "backed up ");
    // There is one already: nothing but --force overwrites it.
    let copy = fs::read(dir.path().join("copy.rdb")).unwrap();
    let ended = pkv(dir.path(), &["backup", "copy.rdb"], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "pkv: copy.rdb is there already: --force overwrites it\n");
    assert_eq!(fs::read(dir.path().join("copy.rdb")).unwrap(), copy);
    succeeded(&pkv(dir.path(), &["backup", "--force", "copy.rdb"], &[]).await, "backed up ");

    let running = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(running.run(json!(["GET", "k"])).await), "v");
    let users = result(running.run(json!(["ACL", "USERS"])).await);
    assert!(users.as_array().unwrap().contains(&json!("app")), "{users}");
}

/// The Redis of a pkv that was killed holds the directory for a moment, and answers nobody any more.
#[tokio::test]
async fn a_store_whose_redis_is_about_to_end_is_waited_for() {
    let dir = TempDir::new().unwrap();
    // Its shell holds the directory for two seconds more.
    let slowly = "\"$redis\" \"$@\" & redis=$!\ntrap 'kill $redis' TERM\nwait; wait\nsleep 2";
    let server = program(dir.path(), slowly);
    let vars = [("PKV_REDIS_SERVER", server.to_str().unwrap())];
    let mut running = Pkv::start_in(dir.path(), &vars);
    result(running.run(json!(["SET", "k", "v"])).await);
    let login = fs::read_to_string(dir.path().join("data/backup-login")).unwrap();
    let socket = Path::new(login.lines().next().unwrap());
    assert!(socket.exists());
    running.signal(Signal::SIGKILL);
    running.ended(LIMIT).await;
    eventually("Redis answers nobody", LIMIT, async || !socket.exists()).await;
    succeeded(&pkv(dir.path(), &["backup", "copy.rdb"], &[]).await, "backed up 1 keys");
}

/// What was there before is replaced as a whole, and only if told so.
#[tokio::test]
async fn a_restore_replaces_the_data_if_it_is_told_to() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "before", "v"])).await);
    succeeded(&pkv(dir.path(), &["backup", "copy.rdb"], &[]).await, "backed up 1 keys");
    result(running.run(json!(["SET", "after", "v"])).await);
    running.stop().await;
    let ended = pkv(dir.path(), &["restore", "copy.rdb"], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("holds data already: --force replaces it"), "{}", ended.stderr);
    succeeded(&pkv(dir.path(), &["restore", "copy.rdb", "--force"], &[]).await, "restored 1 keys");
    let running = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(running.run(json!(["KEYS", "*"])).await), json!(["before"]));
    let left = names(&dir.path().join("data"));
    assert!(left.iter().all(|name| !name.contains("before-restore")), "{left:?}");
}

/// The same where the data directory takes snapshots only: from the running Redis, which has its files
/// elsewhere, and into a snapshot, which any machine then starts from.
#[tokio::test]
async fn snapshots_are_backed_up_and_restored_as_well() {
    let (dir, disk) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let vars = [("PKV_STORAGE", "snapshots"), ("TMPDIR", disk.path().to_str().unwrap())];
    let running = Pkv::start_in(dir.path(), &vars);
    result(running.run(json!(["SET", "k", "old"])).await);
    succeeded(&pkv(dir.path(), &["backup", "copy.rdb"], &vars).await, "backed up 1 keys");
    result(running.run(json!(["SET", "k", "new"])).await);
    running.stop().await;
    succeeded(&pkv(dir.path(), &["backup", "new.rdb"], &vars).await, "backed up 1 keys");
    assert_eq!(pkv(dir.path(), &["restore", "copy.rdb"], &vars).await.code, Some(1));
    let ended = pkv(dir.path(), &["restore", "copy.rdb", "--force"], &vars).await;
    succeeded(&ended, "restored 1 keys");
    let new_disk = TempDir::new().unwrap();
    for disk in [&disk, &new_disk] {
        let vars = [vars[0], ("TMPDIR", disk.path().to_str().unwrap())];
        let running = Pkv::start_in(dir.path(), &vars);
        assert_eq!(result(running.run(json!(["GET", "k"])).await), "old");
        running.stop().await;
    }
    // On a machine without local files the newest snapshot is the store.
    let third_disk = TempDir::new().unwrap();
    let vars = [vars[0], ("TMPDIR", third_disk.path().to_str().unwrap())];
    succeeded(&pkv(dir.path(), &["backup", "third.rdb"], &vars).await, "backed up 1 keys");
}

/// The way to the running Redis is for the directory's owner, and leads to a copy and nowhere else.
#[tokio::test]
async fn the_login_for_backups_allows_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    let path = dir.path().join("data/backup-login");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let login = fs::read_to_string(&path).unwrap();
    let (socket, password) = login.trim().split_once('\n').unwrap();
    let url = format!("redis+unix://{socket}?user=pkv-backup&pass={password}");
    for command in [
        vec!["GET", "k"],
        vec!["SET", "k", "w"],
        vec!["CONFIG", "GET", "dir"],
        vec!["SHUTDOWN"],
        vec!["REPLICAOF", "127.0.0.1", "1"],
        vec!["ACL", "WHOAMI"],
    ] {
        let error = ask(&url, &command).await.unwrap_err().to_string();
        assert!(error.contains("no permissions"), "{command:?}: {error}");
    }
    assert_eq!(result(running.run(json!(["GET", "k"])).await), "v");
}

/// Interrupts what waits for Redis; it ends at once and says so.
async fn interrupt(command: &mut Command, stderr: &Path) {
    let mut process = command.stderr(fs::File::create(stderr).unwrap()).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await; // it waits for Redis
    let asked = Instant::now();
    kill(Pid::from_raw(process.id() as i32), Signal::SIGINT).unwrap();
    let mut status = None;
    eventually("it ends", Duration::from_secs(5), || {
        status = process.try_wait().unwrap();
        std::future::ready(status.is_some())
    })
    .await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(fs::read_to_string(stderr).unwrap(), "pkv: interrupted\n");
    assert_eq!(status.unwrap().code(), Some(1));
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn an_interrupted_backup_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    running.signal_redis(Signal::SIGSTOP);
    let mut command = Pkv::command(dir.path(), &[]);
    interrupt(command.args(["backup", "copy.rdb"]), &dir.path().join("stderr")).await;
    running.signal_redis(Signal::SIGCONT);
    assert!(names(dir.path()).iter().all(|name| !name.starts_with("copy.rdb")));
}

#[tokio::test]
async fn an_interrupted_restore_leaves_what_was_there() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "old"])).await);
    succeeded(&pkv(dir.path(), &["backup", "copy.rdb"], &[]).await, "backed up 1 keys");
    result(running.run(json!(["SET", "k", "new"])).await);
    running.stop().await;
    // A checker as ever, and a Redis that never comes.
    let server = program(
        dir.path(),
        "case $0 in *check-rdb) ln -s \"$redis\" redis-check-rdb && exec ./redis-check-rdb \"$@\";; esac\n\
         exec sleep 60",
    );
    let mut command = Pkv::command(dir.path(), &[("PKV_REDIS_SERVER", server.to_str().unwrap())]);
    let command = command.args(["restore", "copy.rdb", "--force"]);
    interrupt(command, &dir.path().join("stderr")).await;
    let left = names(&dir.path().join("data"));
    assert!(left.iter().all(|name| !name.contains("before-restore")), "{left:?}");
    let running = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(running.run(json!(["GET", "k"])).await), "new");
}

/// The README's commands, as they stand there.
#[tokio::test]
async fn the_readme_does_not_promise_too_much() {
    let readme = include_str!("../../README.md");
    let marked = readme.split("<!-- tested: tests/it/backup.rs -->\n```sh\n").nth(1).unwrap();
    let script = marked.split("```").next().unwrap();
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    result(running.run(json!(["SET", "k", "v"])).await);
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pkv"), bin.join("pkv")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-ec", script]).current_dir(dir.path());
    shell.envs(Pkv::command(dir.path(), &[]).get_envs().filter_map(|(k, v)| Some((k, v?))));
    let ended = run_to_end(shell.env("PATH", path), LIMIT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("restored 1 keys"), "{}", ended.stdout);
    let elsewhere = dir.path().join("elsewhere");
    let restored = [("PKV_DATA_DIR", elsewhere.to_str().unwrap())];
    let restored = Pkv::start_in(TempDir::new().unwrap().path(), &restored);
    assert_eq!(result(restored.run(json!(["GET", "k"])).await), "v");
}

/// On a terminal there is something to see, and it is gone in the end.
#[tokio::test]
async fn progress_is_shown_on_a_terminal() {
    let dir = TempDir::new().unwrap();
    let running = Pkv::start_in(dir.path(), &[]);
    let values: Vec<_> =
        (0..200).map(|n| json!(["SET", format!("k{n}"), "v".repeat(10_000)])).collect();
    items(running.post("/pipeline", json!(values)).await.unwrap());
    // `script` (of every Debian) gives it one.
    let line = format!("{} backup copy.rdb", env!("CARGO_BIN_EXE_pkv"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(dir.path()).env("TERM", "xterm");
    script.envs(Pkv::command(dir.path(), &[]).get_envs().filter_map(|(k, v)| Some((k, v?))));
    let ended = run_to_end(&mut script, LIMIT).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(ended.stdout.contains("checking"), "{:?}", ended.stdout);
    let last = ended.stdout.trim_end().rsplit(['\r', '\n']).next().unwrap();
    assert!(last.contains("backed up 200 keys"), "{:?}", ended.stdout);
}
