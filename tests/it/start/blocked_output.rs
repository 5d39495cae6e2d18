//! Nobody reads what pkv says: it serves and stops all the same.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe};

use super::Running;
use crate::supervisor::starting::program;
use crate::support::{Pkv, RedisServer, TOKEN, eventually, free_port};

/// A pipe that takes nothing more, and its other end.
fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = pipe().unwrap();
    fcntl(&write, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut file = File::from(write.try_clone().unwrap());
    while file.write(&[b'x'; 4096]).is_ok() {}
    while file.write(b"x").is_ok() {}
    fcntl(&write, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (read, write)
}

#[tokio::test]
async fn blocked_stdout_or_stderr_stops_neither_the_service_nor_the_stop() {
    for (stdout, stderr) in [(true, false), (false, true)] {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let (_stdout, full_out) = full_pipe();
        let (_stderr, full_err) = full_pipe();
        let or_null = |blocked: bool, full: OwnedFd| match blocked {
            true => Stdio::from(full),
            false => Stdio::null(),
        };
        let process = Pkv::command(dir.path(), &[("SRH_PORT", &port.to_string())])
            .stdout(or_null(stdout, full_out))
            .stderr(or_null(stderr, full_err))
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(process.id() as i32);
        let mut running = Running(process);
        let client = reqwest::Client::new();
        let answers = || async {
            let url = format!("http://127.0.0.1:{port}/incr/n?_token={TOKEN}");
            let request = client.get(url).timeout(Duration::from_secs(3));
            request.send().await.is_ok_and(|response| response.status() == 200)
        };
        eventually("it serves", Duration::from_secs(20), answers).await;
        // A restart says many a line, and changes the state that everybody waits on.
        let redis = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        kill(Pid::from_raw(redis.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
        eventually("it serves again", Duration::from_secs(20), answers).await;
        kill(pid, Signal::SIGTERM).unwrap();
        let status = running.ended(Duration::from_secs(9)).await;
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn so_it_is_in_front_of_another_redis() {
    let redis = RedisServer::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let (_stdout, full) = full_pipe();
    let vars = [
        ("SRH_PORT", port.to_string()),
        ("SRH_MODE", "env".into()),
        ("SRH_CONNECTION_STRING", redis.url()),
    ];
    let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let process = Pkv::command(dir.path(), &vars).stdout(Stdio::from(full)).spawn().unwrap();
    let pid = Pid::from_raw(process.id() as i32);
    let mut running = Running(process);
    let url = format!("http://127.0.0.1:{port}/incr/n?_token={TOKEN}");
    let client = reqwest::Client::new();
    let answers = || async {
        let request = client.get(&url).timeout(Duration::from_secs(3));
        request.send().await.is_ok_and(|response| response.status() == 200)
    };
    eventually("it serves", Duration::from_secs(20), answers).await;
    kill(pid, Signal::SIGTERM).unwrap();
    let status = running.ended(Duration::from_secs(9)).await;
    assert!(status.success(), "{status}");
}

/// More than may wait for stderr (10 000 lines) is dropped, and Redis, whose lines they are, is not held
/// up by it.
#[tokio::test]
async fn a_redis_that_talks_without_end_is_not_held_up_by_a_blocked_stderr() {
    let dir = tempfile::tempdir().unwrap();
    let noise = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); l=\"$l\n1:M 01 Jan 2026 00:00:00.000 * noise\"; \
                 done; i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo \"$l\"; done\nexec \"$redis\" \"$@\"";
    let server = program(dir.path(), noise);
    let port = free_port();
    let vars = [("SRH_PORT", &*port.to_string()), ("PKV_REDIS_SERVER", server.to_str().unwrap())];
    let (_stderr, full) = full_pipe();
    let mut command = Pkv::command(dir.path(), &vars);
    let running = Running(command.stdout(Stdio::null()).stderr(full).spawn().unwrap());
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    let url = format!("http://127.0.0.1:{port}/ping?_token={TOKEN}");
    eventually("it serves", Duration::from_secs(20), || async {
        client.get(&url).send().await.is_ok_and(|response| response.status() == 200)
    })
    .await;
    running.stop().await;
}
