//! Stops, under load and while something is still to be done.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use super::load::{self, Ledger, Load};
use crate::support::{Dice, Pkv, eventually, result};

/// Ends pkv, in time and with success, while its clients go on; returns what they remember.
async fn end_under_load(mut pkv: Arc<Pkv>, load: Load, signal: Signal) -> Vec<Ledger> {
    let asked = Instant::now();
    pkv.signal(signal);
    let ledgers = load.gone().await;
    let process = Arc::get_mut(&mut pkv).expect("the clients are gone");
    let status = process.ended(Duration::from_secs(8)).await;
    println!("{signal}: ended after {:?}", asked.elapsed());
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(8));
    ledgers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_is_clean_quick_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let pkv = Arc::new(Pkv::start_in(dir.path(), &[]));
        result(pkv.run(json!(["FLUSHALL"])).await);
        let load = Load::start(&pkv, 64);
        let answered = load.answered.clone();
        eventually("load", Duration::from_secs(20), || async {
            answered.load(std::sync::atomic::Ordering::Acquire) > 2000
        })
        .await;
        let ledgers = end_under_load(pkv, load, signal).await;

        let again = Pkv::start_in(dir.path(), &[]);
        load::check(&again, &ledgers).await;
        again.stop().await;
    }
}

/// A stop may come at any moment: before the first write, between two, in the middle of one.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_stops_at_random_moments_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(50);
    let mut ledgers = vec![Ledger::default(); 8];
    let mut acknowledged = 0;
    for _ in 0..50 {
        let pkv = Arc::new(Pkv::start_in(dir.path(), &[]));
        load::check(&pkv, &ledgers).await; // what the stop before has stored
        result(pkv.run(json!(["FLUSHALL"])).await);
        let load = Load::start(&pkv, ledgers.len());
        tokio::time::sleep(Duration::from_millis(dice.below(300) as u64)).await; // the random moment
        ledgers = end_under_load(pkv, load, Signal::SIGTERM).await;
        acknowledged += ledgers.iter().map(|ledger| ledger.acknowledged).sum::<usize>();
    }
    load::check(&Pkv::start_in(dir.path(), &[]), &ledgers).await;
    println!("{acknowledged} writes acknowledged");
    assert!(acknowledged > 2000, "no load to speak of: {acknowledged}");
}

/// A request that was being answered when the signal came is answered; idle connections are closed.
#[tokio::test]
async fn what_is_being_answered_is_finished() {
    let mut pkv = Pkv::start();
    pkv.signal_redis(Signal::SIGSTOP);
    let (reply, ()) = tokio::join!(pkv.run(json!(["SET", "k", "v"])), async {
        tokio::time::sleep(Duration::from_millis(100)).await; // the request has arrived
        pkv.signal(Signal::SIGTERM);
        tokio::time::sleep(Duration::from_millis(300)).await; // the drain is under way
        pkv.signal_redis(Signal::SIGCONT);
    });
    assert_eq!(result(reply), json!("OK"));
    let status = pkv.ended(Duration::from_secs(2)).await;
    assert!(status.success());
}

/// The drain has a limit, and asking twice ends it.
#[tokio::test]
async fn a_request_that_never_ends_does_not_delay_the_stop_for_ever() {
    let slow_body = |pkv: &Pkv| {
        let body = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let request = pkv.request("POST", "/").bearer_auth(&pkv.token);
        tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send())
    };
    for (asks, least, most) in [(1, 2, 5), (2, 0, 2)] {
        let mut pkv = Pkv::start();
        let request = slow_body(&pkv);
        tokio::time::sleep(Duration::from_millis(200)).await; // the headers have arrived
        let asked = Instant::now();
        for _ in 0..asks {
            pkv.signal(Signal::SIGTERM);
            tokio::time::sleep(Duration::from_millis(100)).await; // two signals, not one
        }
        let status = pkv.ended(Duration::from_secs(8)).await;
        assert!(status.success(), "{status}");
        let took = asked.elapsed();
        assert!(took > Duration::from_secs(least) && took < Duration::from_secs(most), "{took:?}");
        request.abort();
    }
}

/// Whenever it comes, a stop is clean: Redis may not even have come so far as to handle SIGTERM.
#[tokio::test]
async fn a_stop_during_the_start_is_clean() {
    for wait in (0..40).step_by(2) {
        let dir = tempfile::tempdir().unwrap();
        let mut process = Pkv::command(dir.path(), &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let pid = nix::unistd::Pid::from_raw(process.id() as i32);
        // Before the handlers are there, the signal's default action ends it.
        nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
        let deadline = Instant::now() + Duration::from_secs(8);
        let status = loop {
            match process.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "{wait} ms"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        let before_handlers = status.signal() == Some(Signal::SIGTERM as i32);
        assert!(status.success() || before_handlers, "after {wait} ms: {status}");
    }
}

/// A Redis that does not stop is killed, and the exit status says so.
#[tokio::test]
async fn a_stop_that_needed_sigkill_is_visible() {
    let mut pkv = Pkv::start();
    result(pkv.run(json!(["SET", "k", "v"])).await);
    pkv.signal_redis(Signal::SIGSTOP);
    pkv.signal(Signal::SIGTERM);
    let status = pkv.ended(Duration::from_secs(9)).await;
    assert_eq!(status.code(), Some(1));
    assert!(pkv.log().iter().any(|entry| entry["message"] == "Redis did not stop and was killed"));
}
