//! `pkv exec`.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{LIMIT, pkv};
use crate::start::{Running, ask};
use crate::support::{Pkv, eventually};

/// Sets a key and reads it, as any client would.
const ROUND_TRIP: &str = "set -e; auth=\"Authorization: Bearer $UPSTASH_REDIS_REST_TOKEN\"; \
    curl -sf $UPSTASH_REDIS_REST_URL/get/k -H \"$auth\"; \
    curl -sf $KV_REST_API_URL/set/k/v -H \"$auth\" >/dev/null; \
    curl -sf $UPSTASH_REDIS_REST_URL/get/k -H \"$auth\"";

#[tokio::test]
async fn a_command_has_an_empty_store_of_its_own_and_its_exit_code_is_passed_on() {
    let dir = TempDir::new().unwrap();
    // What is set for another pkv, or lies around for one, is not for this one.
    fs::create_dir(dir.path().join("srh-config")).unwrap();
    fs::write(dir.path().join("srh-config/tokens.json"), "not even JSON").unwrap();
    let vars = [
        ("SRH_TOKEN", "somebody-elses"),
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", "redis://127.0.0.1:1"),
        ("PKV_DATA_DIR", "somebody-elses"),
        ("SPACE_HOST", "me-pkv.hf.space"),
    ];
    for _ in 0..2 {
        let ended = pkv(dir.path(), &["exec", "--", "sh", "-c", ROUND_TRIP], &vars).await;
        assert_eq!(ended.stdout, r#"{"result":null}{"result":"v"}"#, "{}", ended.stderr);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was made");
    for (command, code) in [
        (&["sh", "-c", "exit 7"] as &[&str], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["no-such-program"], 127),
        (&["/"], 126),
    ] {
        let ended = pkv(dir.path(), &[&["exec"], command].concat(), &[]).await;
        assert_eq!(ended.code, Some(code), "{command:?}: {}", ended.stderr);
    }
}

/// Nothing that the command starts finds another pkv, or another's token.
#[tokio::test]
async fn what_leads_to_another_pkv_is_taken_from_the_command() {
    let dir = TempDir::new().unwrap();
    let vars = [("SRH_TOKEN", "another"), ("KV_REST_API_READ_ONLY_TOKEN", "another-one")];
    let ended = pkv(dir.path(), &["exec", "--", "env"], &vars).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for name in ["SRH_", "READ_ONLY", "another"] {
        assert!(!ended.stdout.contains(name), "{name} in\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_store_that_ends_too_early_is_told() {
    let dir = TempDir::new().unwrap();
    // The store is the other child of pkv.
    let script = "for one in $(cat /proc/$PPID/task/$PPID/children); do \
        [ $one = $$ ] || kill -9 $one; done; sleep 1; exit 7";
    let ended = pkv(dir.path(), &["exec", "--", "sh", "-c", script], &[]).await;
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    let told = "the store of the command has ended: signal: 9";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[tokio::test]
async fn a_given_directory_is_kept() {
    let dir = TempDir::new().unwrap();
    let run = async || {
        let arguments = ["exec", "--data", "kept", "--", "sh", "-c", ROUND_TRIP];
        pkv(dir.path(), &arguments, &[]).await.stdout
    };
    assert_eq!(run().await, r#"{"result":null}{"result":"v"}"#);
    assert_eq!(run().await, r#"{"result":"v"}{"result":"v"}"#);
}

#[tokio::test]
async fn without_a_store_there_is_no_command() {
    let dir = TempDir::new().unwrap();
    let arguments = ["exec", "--", "touch", "ran"];
    let ended = pkv(dir.path(), &arguments, &[("PKV_REDIS_SERVER", "/bin/false")]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("Redis does not start"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("pkv: the store did not start\n"), "{}", ended.stderr);
    assert!(!dir.path().join("ran").exists());
}

/// The command's own Redis, by its URL.
async fn redis_url(dir: &TempDir) -> String {
    let file = dir.path().join("url");
    eventually("the command runs", LIMIT, async || file.exists()).await;
    fs::read_to_string(file).unwrap().trim().to_owned()
}

#[tokio::test]
async fn signals_are_passed_on_and_the_store_ends_with_whatever_ends_it() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let dir = TempDir::new().unwrap();
        // Renamed, so that it is never seen half written.
        // And it ends with its directory: nobody tells it when pkv is killed.
        let script = "trap 'exit 5' TERM INT; echo $REDIS_URL > new; mv new url; \
            while [ -e url ]; do sleep 0.1; done";
        let mut command = Pkv::command(dir.path(), &[]);
        command.args(["exec", "sh", "-c", script]).stdin(Stdio::null());
        let mut running = Running(command.spawn().unwrap());
        let url = redis_url(&dir).await;
        ask(&url, &["PING"]).await.unwrap();
        kill(Pid::from_raw(running.0.id().cast_signed()), signal).unwrap();
        let status = running.ended(LIMIT).await;
        if signal != Signal::SIGKILL {
            assert_eq!(status.code(), Some(5), "{signal}: the command was told");
        }
        eventually("the store ends", Duration::from_secs(10), async || {
            ask(&url, &["PING"]).await.is_err()
        })
        .await;
    }
}
