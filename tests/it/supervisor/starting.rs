//! The start: what is answered meanwhile, and what counts as ready. Redis's program is a script here
//! that does something before or beside the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::start::Running;
use crate::support::{Pkv, eventually, free_port, items, result};

/// A program `redis-server` below `dir` with these lines; `$redis` is the real one.
pub fn program(dir: &Path, lines: &str) -> PathBuf {
    let real = std::env::var("PKV_REDIS_SERVER").unwrap_or("redis-server".into());
    let path = dir.join("redis-server");
    fs::write(&path, format!("#!/bin/sh\nredis='{real}'\n{lines}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn while_redis_is_away_http_answers_at_once_and_requests_wait_two_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let server = program(dir.path(), "exec sleep 60");
    let port = free_port().to_string();
    let vars = [("PKV_REDIS_SERVER", server.to_str().unwrap()), ("SRH_PORT", &port)];
    let mut command = Pkv::command(dir.path(), &vars);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let started = Instant::now();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    eventually("HTTP answers", Duration::from_secs(5), async || {
        client.get(url("/")).send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
    println!("HTTP answered after {:?}", started.elapsed());
    let ready = client.get(url("/ready")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["state"], "starting", "{ready}");
    assert_eq!(client.get(url("/health")).send().await.unwrap().status(), 200);

    let asked = Instant::now();
    let request = client.post(url("/")).bearer_auth("test-token-0123456789").body(r#"["GET","k"]"#);
    let reply = request.send().await.unwrap();
    let took = asked.elapsed();
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert!((1900..4000).contains(&took.as_millis()), "{took:?}");
    let error: Value = reply.json().await.unwrap();
    assert!(error["error"].as_str().unwrap().contains("Redis is starting"), "{error}");
    running.stop().await;
}

/// While Redis loads, its socket is there and PING is answered with LOADING.
#[tokio::test]
async fn ready_means_loaded_and_progress_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    let set: Vec<_> = (0..30_000).map(|n| json!(["SET", format!("k{n}"), "v"])).collect();
    items(pkv.post("/pipeline", json!(set)).await.unwrap());
    pkv.stop().await;

    // Microseconds for each key: about five seconds. It answers after each 1024th.
    let server = program(dir.path(), "exec \"$redis\" \"$@\" --key-load-delay 150");
    let port = free_port().to_string();
    let vars = [("PKV_REDIS_SERVER", server.to_str().unwrap()), ("SRH_PORT", &port)];
    let mut command = Pkv::command(dir.path(), &vars);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let client = reqwest::Client::new();
    let mut percents = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "never ready: {percents:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let url = format!("http://127.0.0.1:{port}/ready");
        let Ok(response) = client.get(url).send().await else { continue };
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        match body["state"].as_str().unwrap() {
            "loading" => {
                assert_eq!(status, 503);
                percents.extend(body["loaded_percent"].as_u64());
            }
            "starting" => assert_eq!(status, 503),
            state => {
                assert_eq!((status, state), (200, "ready"), "{body}");
                break;
            }
        }
    }
    assert!(percents.len() > 2 && percents.is_sorted(), "{percents:?}");
    let url = format!("http://127.0.0.1:{port}/dbsize?_token=test-token-0123456789");
    let size: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(size, json!({ "result": 30_000 }));
    running.stop().await;
}

/// The policy of `backoff`: a quarter of a second, doubled, and one line in the log for a minute of it.
#[tokio::test]
async fn a_crash_loop_waits_longer_and_longer_and_stays_quiet() {
    let dir = tempfile::tempdir().unwrap();
    // Alive until there is a file that says otherwise.
    let server = program(
        dir.path(),
        "date +%s%N >> starts\n[ -e broken ] && exit 1\nexec \"$redis\" \"$@\"",
    );
    let pkv = Pkv::start_in(dir.path(), &[("PKV_REDIS_SERVER", server.to_str().unwrap())]);
    fs::write(dir.path().join("broken"), "").unwrap();
    let (killed, cpu_before) = (Instant::now(), pkv.cpu());
    pkv.signal_redis(Signal::SIGKILL);
    let starts = || {
        let text = fs::read_to_string(dir.path().join("starts")).unwrap();
        text.lines().map(|line| line.parse::<u64>().unwrap() / 1_000_000).collect::<Vec<_>>()
    };
    eventually("six starts", Duration::from_secs(30), async || starts().len() >= 6).await;
    let (took, cpu) = (killed.elapsed(), pkv.cpu() - cpu_before);
    assert!(cpu < took / 4, "busy for {cpu:?} of {took:?}");
    let starts = starts();
    let waits: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // 250 ms after the kill, then doubled, ±20 %: half a second here, and four in the end. A busy machine
    // adds to that.
    for (wait, least) in waits[1..].iter().zip([400, 800, 1600, 3200]) {
        assert!(*wait >= least && *wait < least * 3 / 2 + 1500, "{waits:?}");
    }
    let errors = pkv.log().iter().filter(|entry| entry["level"] == "ERROR").count();
    assert_eq!(errors, 1, "{:?}", pkv.log());
    let ready = pkv.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body["restarts"].as_u64().unwrap() >= 4, "{}", ready.body);
    assert_eq!(ready.body["last_error"], "exit code 1");

    fs::remove_file(dir.path().join("broken")).unwrap();
    let back = &pkv;
    eventually("it comes back by itself", Duration::from_secs(20), || async {
        back.get("/ready").await.status == 200
    })
    .await;
    assert_eq!(result(pkv.run(json!(["PING"])).await), json!("PONG"));
}

/// A pipe holds 64 KiB: a Redis that nobody listens to would stop in a line of its log.
#[tokio::test]
async fn a_redis_that_talks_without_end_is_not_held_up_by_it() {
    let dir = tempfile::tempdir().unwrap();
    // About 10 MB/s, in the form of Redis's lines, for as long as Redis runs.
    let noise = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); l=\"$l\n1:M 01 Jan 2026 00:00:00.000 - noise\"; \
                 done; (while kill -0 $$ 2>/dev/null; do echo \"$l\"; done) &\nexec \"$redis\" \"$@\"";
    let server = program(dir.path(), noise);
    let pkv = Pkv::start_in(dir.path(), &[("PKV_REDIS_SERVER", server.to_str().unwrap())]);
    let mut times = Vec::new();
    for _ in 0..300 {
        let asked = Instant::now();
        assert_eq!(result(pkv.run(json!(["PING"])).await), json!("PONG"));
        times.push(asked.elapsed());
    }
    times.sort();
    println!("PING: median {:?}, p99 {:?}", times[150], times[297]);
    // A Redis that is held up would not answer at all; the machine may be busy.
    assert!(times[297] < Duration::from_secs(2), "{:?}", times[297]);
    pkv.stop().await;
}
