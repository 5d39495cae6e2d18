//! More work than Redis or the memory can take: what is refused was not sent, and says so.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::bad_input::memory::megabytes;
use crate::bad_input::process;
use crate::support::raw_http::{Answer, Connection, request};
use crate::support::{Pkv, eventually, items, result};

/// Requests that are refused say that they were not sent, and when to try again.
fn is_refused(answer: &Answer) -> bool {
    if answer.status != 503 {
        return false;
    }
    assert!(answer.error().contains("was not sent"), "{}", answer.error());
    assert_eq!(answer.header("retry-after"), Some("1"));
    true
}

/// INCRs at the same time, each on a connection of its own.
async fn increments(pkv: &Pkv, count: usize) -> JoinSet<Answer> {
    let mut asking = JoinSet::new();
    for _ in 0..count {
        let mut connection = Connection::open(pkv).await;
        let bytes = request(pkv, "POST", "/", "", br#"["INCR","n"]"#);
        asking.spawn(async move { connection.exchange(&bytes).await });
    }
    asking
}

#[tokio::test]
async fn beyond_its_room_work_is_refused_at_once_and_the_rest_is_done() {
    // 42 requests of 24 KB.
    let pkv = Pkv::start_with(&[("PKV_MAX_QUEUE", "1mb")]);
    assert_eq!(result(pkv.run(json!(["INCR", "n"])).await), 1);
    pkv.signal_redis(Signal::SIGSTOP);
    let mut asking = increments(&pkv, 150).await;
    for _ in 0..100 {
        assert!(is_refused(&asking.join_next().await.unwrap().unwrap()));
    }
    let asked = Instant::now();
    assert_eq!(pkv.get("/health").await.status, 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    // It answers too, with the truth: Redis does not.
    assert_eq!(pkv.get("/ready").await.status, 503);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());

    pkv.signal_redis(Signal::SIGCONT);
    let mut done = 0;
    while let Some(answer) = asking.join_next().await {
        let answer = answer.unwrap();
        if !is_refused(&answer) {
            assert_eq!(answer.status, 200, "{}", answer.json());
            done += 1;
        }
    }
    assert!((36..=46).contains(&done), "{done}");
    assert_eq!(result(pkv.run(json!(["GET", "n"])).await), (done + 1).to_string());
    eventually("Redis is seen to answer", Duration::from_secs(5), async || {
        pkv.get("/ready").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_its_turn_is_certainly_not_sent() {
    // As many may be under way on a connection as have room for replies of 1 MB in a quarter of the
    // memory, but 16 at the least.
    for (queue, turns) in [("10mb", 16), ("256mb", 64)] {
        let pkv = Pkv::start_with(&[
            ("SRH_MAX_CONNECTIONS", "1"),
            ("PKV_TIMEOUT", "1s"),
            ("PKV_MAX_QUEUE", queue),
        ]);
        assert_eq!(result(pkv.run(json!(["INCR", "n"])).await), 1);
        pkv.signal_redis(Signal::SIGSTOP);
        let answers = increments(&pkv, 100).await.join_all().await;
        let (refused, unknown): (Vec<_>, Vec<_>) = answers.iter().partition(|one| is_refused(one));
        assert!(unknown.iter().all(|answer| answer.status == 504));
        assert_eq!((refused.len(), unknown.len()), (100 - turns, turns));
        pkv.signal_redis(Signal::SIGCONT);
        eventually("those that were sent are done", Duration::from_secs(5), async || {
            let done = (1 + turns).to_string();
            pkv.run(json!(["GET", "n"])).await.body == json!({ "result": done })
        })
        .await;
    }
}

/// Twice and more of what Redis can do in the time: what it cannot do is refused while there is time to
/// answer what it can.
#[tokio::test]
async fn what_gets_its_turn_has_the_time_to_be_answered() {
    let pkv = Pkv::start_with(&[
        ("SRH_MAX_CONNECTIONS", "1"),
        ("PKV_TIMEOUT", "2s"),
        ("PKV_MAX_QUEUE", "10mb"),
    ]);
    result(pkv.run(json!(["SET", "n", "0"])).await);
    // 8 ms of the processor's time each: 3.2 s for all of them.
    let script = "local till = os.clock() + 0.008 repeat until os.clock() >= till \
        return redis.call('INCR', 'n')";
    let mut asking = JoinSet::new();
    for _ in 0..400 {
        let mut connection = Connection::open(&pkv).await;
        let body = json!(["EVAL", script, 0]).to_string();
        let bytes = request(&pkv, "POST", "/", "", body.as_bytes());
        asking.spawn(async move { connection.exchange(&bytes).await });
    }
    let answers = asking.join_all().await;
    let (refused, rest): (Vec<_>, Vec<_>) = answers.iter().partition(|one| is_refused(one));
    let other = rest.iter().find(|answer| answer.status != 200);
    assert!(other.is_none(), "{other:?}");
    assert!(
        !refused.is_empty() && rest.len() > 16,
        "{} refused, {} done",
        refused.len(),
        rest.len()
    );
    assert_eq!(result(pkv.run(json!(["GET", "n"])).await), rest.len().to_string());
}

#[tokio::test]
async fn probes_need_no_token_and_so_ask_redis_now_and_then_only() {
    let pkv = Pkv::start();
    let asked = async || {
        let info = result(pkv.run(json!(["INFO", "commandstats"])).await);
        let line = info.as_str().unwrap().lines().find(|line| line.starts_with("cmdstat_info:"));
        let calls = line.unwrap().split(['=', ',']).nth(1).unwrap();
        calls.parse::<u64>().unwrap()
    };
    assert_eq!(pkv.get("/ready").await.status, 200);
    let (before, begun) = (asked().await, Instant::now());
    for _ in 0..300 {
        assert_eq!(pkv.get("/ready").await.status, 200);
    }
    // Ten times a second; two more for the looks at the count itself.
    let most = u64::try_from(begun.elapsed().as_millis()).unwrap() / 100 + 3;
    let count = asked().await - before;
    assert!(count <= most, "{count} times in {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_batch_that_fills_the_memory_leaves_room_to_small_requests() {
    // Its 20 000 commands weigh more than that.
    let pkv = Pkv::start_with(&[("PKV_MAX_QUEUE", "2mb")]);
    result(pkv.run(json!(["SET", "n", "1"])).await);
    let large = json!(vec![["INCR", "n"]; 20_000]);
    let begun = Instant::now();
    let batches = async {
        while begun.elapsed() < Duration::from_secs(2) {
            assert_eq!(items(pkv.post("/pipeline", large.clone()).await.unwrap()).len(), 20_000);
        }
    };
    let gets = async {
        while begun.elapsed() < Duration::from_secs(2) {
            assert_eq!(pkv.run(json!(["GET", "n"])).await.status, 200);
        }
    };
    tokio::join!(batches, gets);
}

/// Asks, and reads nothing.
async fn ask(pkv: &Pkv, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = pkv.url.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(&request(pkv, "GET", path, "", b"")).await.unwrap();
    stream
}

#[tokio::test]
async fn clients_that_do_not_take_large_answers_are_cut_off_and_fill_no_memory() {
    const CLIENTS: usize = 160;
    let pkv = Pkv::start_with(&[
        ("PKV_MAX_QUEUE", "16mb"),
        ("PKV_CLIENT_TIMEOUT", "500ms"),
        // Those that are refused keep their connections, and ask no more.
        ("PKV_IDLE_TIMEOUT", "2s"),
        ("SRH_MAX_CONNECTIONS", "1"),
    ]);
    let megabyte = vec![b'x'; 1 << 20];
    let set = pkv.request("POST", "/set/large").bearer_auth(&pkv.token).body(megabyte);
    assert_eq!(result(pkv.send(set).await.unwrap()), "OK");
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(ask(&pkv, "/get/large").await);
    }
    let pid = process(&pkv);
    let open = || std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    eventually("they are all cut off", Duration::from_secs(40), async || open() < 100).await;
    let mut cut = 0;
    for client in &mut clients {
        let mut bytes = Vec::new();
        // What was on its way; perhaps a reset behind it.
        let _ = client.read_to_end(&mut bytes).await;
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).into_owned();
        assert!(text == "HTTP/1.1 200" || text == "HTTP/1.1 503", "{text}");
        cut += usize::from(text == "HTTP/1.1 200" && bytes.len() < 1 << 20);
    }
    assert!(cut > CLIENTS / 2, "{cut}");
    // 16 MB, what is under way beyond it (16 answers), and 30 for everything else: without a bound
    // it would be 160 and more.
    let most = megabytes(pid, "VmHWM");
    println!("{most} MB at the most");
    assert!(most < 110, "{most} MB at the most");
    assert_eq!(result(pkv.run(json!(["STRLEN", "large"])).await), 1 << 20);
}
