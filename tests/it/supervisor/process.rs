//! pkv among other processes: as PID 1, and on a terminal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::start::Running;
use crate::support::{Pkv, eventually};

/// State and parent of every process, from `/proc`.
fn processes() -> Vec<(i32, char, i32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stat = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        Some((pid, fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
    };
    entries.filter_map(stat).collect()
}

fn children(parent: i32) -> Vec<(i32, char)> {
    let of = |(pid, state, of): (i32, char, i32)| (of == parent).then_some((pid, state));
    processes().into_iter().filter_map(of).collect()
}

/// Waits until it has said that it is ready; what it says later is read and thrown away.
fn until_ready(process: &mut Child) {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut said = lines.by_ref().map(Result::unwrap);
    assert!(said.any(|line| line.starts_with("pkv ready in ")), "it ended");
    std::thread::spawn(move || lines.for_each(drop));
}

/// Whoever loses his parent becomes PID 1's child, and a zombie if PID 1 does not care.
#[tokio::test]
async fn as_pid_1_it_reaps_orphans_and_still_knows_how_redis_ended() {
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::command(dir.path(), &[]);
    let root = nix::unistd::geteuid().is_root();
    // A PID namespace of its own; without root, a user namespace as well.
    let mut unshare = Command::new("unshare");
    unshare.args(if root { &[][..] } else { &["--user", "--map-root-user"] });
    unshare.args(["--pid", "--fork", "--kill-child", "--"]).arg(pkv.get_program());
    let vars = pkv.get_envs().filter_map(|(name, value)| Some((name, value?)));
    unshare.env_clear().envs(vars).current_dir(dir.path());
    let unshared = unshare.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut outer = Running(unshared);
    until_ready(&mut outer.0);
    let (init, _) = children(outer.0.id() as i32)[0];
    let redis = children(init)[0].0;

    let mut nsenter = Command::new("nsenter");
    nsenter.args(["--target", &init.to_string(), "--pid"]);
    nsenter.args(if root { &[][..] } else { &["--user", "--preserve-credentials"] });
    let orphans = "for i in $(seq 100); do (sleep 0.2 & exec true) & done; wait";
    assert!(nsenter.args(["sh", "-c", orphans]).status().unwrap().success());
    eventually("the orphans have come", Duration::from_secs(5), async || children(init).len() > 1)
        .await;
    eventually("and are gone, zombies too", Duration::from_secs(10), async || {
        children(init).len() == 1
    })
    .await;
    assert_eq!(children(init)[0].0, redis, "Redis is still there");

    // Its end is not taken for an orphan's: it is started again, and the last one's status counts.
    kill(Pid::from_raw(redis), Signal::SIGKILL).unwrap();
    eventually(
        "another Redis",
        Duration::from_secs(10),
        async || matches!(children(init)[..], [(pid, state)] if pid != redis && state != 'Z'),
    )
    .await;
    kill(Pid::from_raw(init), Signal::SIGTERM).unwrap();
    assert!(outer.0.wait().unwrap().success());
}

/// Ctrl-C goes to the terminal's foreground group. Redis hears of it through pkv alone, as SIGTERM: a
/// second SIGINT would make it exit without storing anything.
#[tokio::test]
async fn ctrl_c_reaches_redis_through_pkv_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut command = Pkv::command(dir.path(), &[]);
    command.process_group(0).stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
    let mut running = Running(command.spawn().unwrap());
    until_ready(&mut running.0);
    killpg(Pid::from_raw(running.0.id() as i32), Signal::SIGINT).unwrap();
    assert!(running.0.wait().unwrap().success());
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("Received SIGTERM scheduling shutdown"), "{log}");
    assert!(!log.contains("SIGINT scheduling shutdown"), "{log}");
}
