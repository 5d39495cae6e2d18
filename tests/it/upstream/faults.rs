//! Cuts at every point of a command's way: what is certainly a read is sent again, anything else
//! never.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Act, FakeRedis, Pkv, RedisServer, TOO_LONG, free_port, items, result};

/// COMMAND INFO as Redis answers it: GET is a read, everything else is not.
fn command_info(words: &[String]) -> Act {
    let mut reply = format!("*{}\r\n", words.len() - 2);
    for name in &words[2..] {
        reply += match name.as_str() {
            "get" => "*3\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n",
            "incr" => "*3\r\n$4\r\nincr\r\n:2\r\n*2\r\n+write\r\n+denyoom\r\n",
            _ => "*-1\r\n",
        };
    }
    Act::reply(&reply)
}

async fn pkv_before(fake: &FakeRedis, more: &[(&str, &str)]) -> Pkv {
    let url = fake.url();
    let mut vars = vec![
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", url.as_str()),
        ("SRH_MAX_CONNECTIONS", "1"),
    ];
    vars.extend_from_slice(more);
    Pkv::start_with(&vars)
}

fn error(body: &Value) -> &str {
    body["error"].as_str().unwrap()
}

/// Cuts the connection after each command of the first life, before, in the middle of or instead of
/// the answer; answers normally from the second on.
fn cut_first(cut: &'static [u8]) -> impl Fn(&[String], usize) -> Act {
    move |words, before| match (words[0].as_str(), before) {
        ("COMMAND", _) => command_info(words),
        // The empty transaction with which each new connection is asked: twice before the cut.
        ("EXEC", 0 | 1) => Act::reply("*0\r\n"),
        ("GET", 0) | ("INCR", 0) | ("EXEC", 2) => Act::SendAndClose(cut.to_vec()),
        ("GET", _) => Act::reply("$5\r\nvalue\r\n"),
        ("MULTI", _) => Act::reply("+OK\r\n"),
        _ => Act::reply(":1\r\n"),
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_cut_off_is_sent_once_and_reported_as_unknown() {
    for cut in [&b""[..], b":", b"$100\r\nabc"] {
        let fake = FakeRedis::start(cut_first(cut)).await;
        let pkv = pkv_before(&fake, &[]).await;
        let reply = pkv.run(json!(["INCR", "n"])).await;
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
        assert_eq!(fake.count("INCR"), 1, "after {cut:?}");
        assert_eq!(result(pkv.run(json!(["INCR", "n"])).await), json!(1));
    }
}

/// Cut while it is sent: how much of it has arrived is not known, so it may as well be all.
#[tokio::test]
async fn a_write_that_is_cut_off_on_its_way_is_sent_once_and_reported_as_unknown() {
    let fake = FakeRedis::start(cut_first(b"")).await;
    let pkv = pkv_before(&fake, &[]).await;
    let reply = pkv.run(json!(["SET", "k", "v".repeat(4 * TOO_LONG)])).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
    assert_eq!(fake.count("SET"), 1);
    assert_eq!(result(pkv.run(json!(["SET", "k", "v"])).await), json!(1));
}

#[tokio::test]
async fn a_read_whose_answer_is_cut_off_is_sent_once_more() {
    for cut in [&b""[..], b"$5\r\nval"] {
        let fake = FakeRedis::start(cut_first(cut)).await;
        let pkv = pkv_before(&fake, &[]).await;
        assert_eq!(result(pkv.run(json!(["GET", "k"])).await), json!("value"));
        assert_eq!(fake.count("GET"), 2);
    }
}

#[tokio::test]
async fn a_read_that_is_cut_off_twice_is_given_up() {
    let fake = FakeRedis::start(|words, _| match words[0].as_str() {
        "COMMAND" => command_info(words),
        _ => Act::SendAndClose(Vec::new()),
    })
    .await;
    let pkv = pkv_before(&fake, &[]).await;
    let reply = pkv.run(json!(["GET", "k"])).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert_eq!(fake.count("GET"), 2);
}

#[tokio::test]
async fn a_batch_with_one_write_and_a_transaction_are_never_sent_again() {
    let fake = FakeRedis::start(cut_first(b"")).await;
    let pkv = pkv_before(&fake, &[]).await;
    let batch = json!([["GET", "k"], ["INCR", "n"]]);
    let reply = pkv.post("/pipeline", batch.clone()).await.unwrap();
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert_eq!((fake.count("GET"), fake.count("INCR")), (1, 0));

    // Cut at the INCR within MULTI, then at EXEC: each transaction goes out once.
    for transactions in 1..=2 {
        let reply = pkv.post("/multi-exec", batch.clone()).await.unwrap();
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
        let asked = transactions;
        assert_eq!(fake.count("MULTI"), asked + transactions);
        assert_eq!(fake.count("EXEC"), asked + transactions - 1);
    }
}

/// Answers so many of this name, then cuts the connection, an answer to the next one before it or not;
/// answers everything behind that.
fn cut_at(
    name: &'static str,
    count: usize,
    reply: &'static str,
    last: &'static [u8],
) -> impl Fn(&[String], usize) -> Act {
    move |words, before| match (words[0].as_str(), before) {
        ("COMMAND", _) => command_info(words),
        (found, at) if found == name && at == count => Act::SendAndClose(last.to_vec()),
        _ => Act::reply(reply),
    }
}

/// As many commands are a slice.
const SLICE: usize = 1024;

#[tokio::test]
async fn a_large_batch_that_is_cut_is_not_sent_again_unless_it_only_reads() {
    const COMMANDS: usize = 2000;
    let cut = SLICE + 100;
    let fake = FakeRedis::start(cut_at("INCR", cut, ":1\r\n", b"")).await;
    let pkv = pkv_before(&fake, &[]).await;
    let reply = pkv.post("/pipeline", json!(vec![["INCR", "n"]; COMMANDS])).await.unwrap();
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
    assert_eq!(fake.count("INCR"), cut + 1);

    let fake = FakeRedis::start(cut_at("GET", cut, "$5\r\nvalue\r\n", b"")).await;
    let pkv = pkv_before(&fake, &[]).await;
    let reply = pkv.post("/pipeline", json!(vec![["GET", "k"]; COMMANDS])).await.unwrap();
    assert_eq!(items(reply), vec![json!({ "result": "value" }); COMMANDS]);
    assert_eq!(fake.count("GET"), cut + 1 + COMMANDS);
}

/// Of a large batch only the slice that was under way may have been executed or not: what comes behind it
/// has certainly not been sent, and goes out on the next connection.
#[tokio::test]
async fn a_large_batch_goes_on_on_the_next_connection_if_it_is_cut_between_slices() {
    const COMMANDS: usize = 2000;
    let mut went_on = 0;
    // Whether the next slice is under way when pkv learns of the cut is a matter of luck.
    for _ in 0..20 {
        let fake = FakeRedis::start(cut_at("INCR", SLICE - 1, ":1\r\n", b":1\r\n")).await;
        let pkv = pkv_before(&fake, &[]).await;
        let reply = pkv.post("/pipeline", json!(vec![["INCR", "n"]; COMMANDS])).await.unwrap();
        match reply.status {
            200 => {
                assert_eq!(items(reply), vec![json!({ "result": 1 }); COMMANDS]);
                assert_eq!(fake.count("INCR"), COMMANDS);
                went_on += 1;
            }
            status => {
                assert_eq!(status, 503, "{}", reply.body);
                assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
                assert_eq!(fake.count("INCR"), SLICE);
            }
        }
        if went_on > 0 {
            return;
        }
    }
    panic!("it never went on");
}

#[tokio::test]
async fn a_large_batch_of_which_only_some_was_sent_in_time_has_an_unknown_outcome() {
    let fake = FakeRedis::start(|words, before| match (words[0].as_str(), before) {
        ("INCR", 1100) => Act::Nothing,
        _ => Act::reply(":1\r\n"),
    })
    .await;
    let pkv = pkv_before(&fake, &[("PKV_TIMEOUT", "2s")]).await;
    let reply = pkv.post("/pipeline", json!(vec![["INCR", "n"]; 1500])).await.unwrap();
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
}

/// What becomes of the question whether a server takes transactions is not what becomes of them.
#[tokio::test]
async fn a_transaction_outlives_a_cut_or_a_busy_moment_before_it() {
    for (first, status) in [(Act::SendAndClose(Vec::new()), 200), (Act::reply("-BUSY x\r\n"), 400)]
    {
        let fake = FakeRedis::start(move |words, before| match (words[0].as_str(), before) {
            ("MULTI", _) => Act::reply("+OK\r\n"),
            ("EXEC", 0) => first.clone(),
            ("EXEC", 1) => Act::reply("*0\r\n"),
            ("EXEC", _) => Act::reply("*1\r\n:1\r\n"),
            _ => Act::reply("+QUEUED\r\n"),
        })
        .await;
        let pkv = pkv_before(&fake, &[]).await;
        let batch = json!([["INCR", "n"]]);
        let reply = pkv.post("/multi-exec", batch.clone()).await.unwrap();
        assert_eq!(reply.status, status, "{}", reply.body);
        let sent = fake.count("INCR");
        assert_eq!(sent, usize::from(status == 200), "a refused one is not sent, another once");
        // A busy server's refusal is not its last word.
        assert_eq!(pkv.post("/multi-exec", batch).await.unwrap().status, 200);
        assert_eq!(fake.count("INCR"), sent + 1);
    }
}

/// The connection that a transaction was to go out on is closed while another one is asked whether the
/// server takes transactions: nothing has left yet, so the next connection has it.
#[tokio::test]
async fn what_was_not_sent_goes_out_on_the_next_connection() {
    let fake = FakeRedis::start(|words, before| match (words[0].as_str(), before) {
        ("MULTI", _) => Act::reply("+OK\r\n"),
        ("EXEC", 0) => Act::SendAlone(b"*0\r\n".to_vec()),
        ("EXEC", 1) => Act::reply("*0\r\n"),
        ("EXEC", _) => Act::reply("*1\r\n:1\r\n"),
        _ => Act::reply("+QUEUED\r\n"),
    })
    .await;
    let pkv = pkv_before(&fake, &[]).await;
    let reply = pkv.post("/multi-exec", json!([["INCR", "n"]])).await.unwrap();
    assert_eq!((reply.status, fake.count("INCR")), (200, 1), "{}", reply.body);
}

#[tokio::test]
async fn a_server_that_cannot_tell_reads_gets_nothing_twice() {
    let fake = FakeRedis::start(|words, before| match (words[0].as_str(), before) {
        ("COMMAND", _) => Act::reply("-NOPERM no\r\n"),
        ("GET", 0) => Act::SendAndClose(Vec::new()),
        _ => Act::reply("$5\r\nvalue\r\n"),
    })
    .await;
    let pkv = pkv_before(&fake, &[]).await;
    assert_eq!(pkv.run(json!(["GET", "k"])).await.status, 503);
    assert_eq!(fake.count("GET"), 1);
}

#[tokio::test]
async fn silence_ends_in_time_and_later_callers_get_their_own_replies() {
    let fake = FakeRedis::start(|words, before| match (words[0].as_str(), before) {
        ("INCR", 0) => Act::Nothing,
        ("INCR", _) => Act::reply(":7\r\n"),
        _ => Act::reply("+OK\r\n"),
    })
    .await;
    let pkv = pkv_before(&fake, &[("PKV_TIMEOUT", "300ms")]).await;
    let asked = Instant::now();
    let reply = pkv.run(json!(["INCR", "n"])).await;
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(error(&reply.body).contains("outcome unknown"), "{}", reply.body);
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(result(pkv.run(json!(["INCR", "n"])).await), json!(7));
    assert_eq!(fake.count("INCR"), 2);
}

#[tokio::test]
async fn an_answer_that_is_no_resp_is_a_fault_and_not_somebody_elses_reply() {
    let fake = FakeRedis::start(|words, before| match (words[0].as_str(), before) {
        ("INCR", 0) => Act::reply("HTTP/1.1 200 OK\r\n\r\n"),
        _ => Act::reply(":7\r\n"),
    })
    .await;
    let pkv = pkv_before(&fake, &[]).await;
    assert_eq!(pkv.run(json!(["INCR", "n"])).await.status, 503);
    assert_eq!(result(pkv.run(json!(["INCR", "n"])).await), json!(7));
}

#[tokio::test]
async fn a_redis_that_is_away_is_waited_for_and_then_reported() {
    let port = free_port();
    let url = format!("redis://bob:pw@127.0.0.1:{port}");
    let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
    let request = pkv.request("POST", "/").bearer_auth(&pkv.token).body(r#"["PING"]"#);
    let asked = Instant::now();
    let response = request.send().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(4));
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let text = response.text().await.unwrap();
    assert!(text.contains("was not sent") && !text.contains("pw"), "{text}");
    assert_eq!(pkv.get("/ready").await.status, 503);
    assert_eq!(pkv.get("/health").await.status, 200);

    // One that comes back while a request waits is no more than a slow answer.
    let waiting = pkv.run(json!(["PING"]));
    let login = ["--user", "bob", "on", ">pw", "~*", "+@all"];
    let (reply, _redis) = tokio::join!(waiting, RedisServer::start_at(port, &login));
    assert_eq!(result(reply), json!("PONG"));
    assert_eq!(pkv.get("/ready").await.status, 200);
}

#[tokio::test]
async fn a_refused_password_is_said_without_being_shown() {
    // The second one does not know the command, and repeats what came with it.
    for (settings, said) in [
        (&["--requirepass", "right"][..], "WRONGPASS"),
        (&["--rename-command", "AUTH", ""], "unknown command"),
    ] {
        let redis = RedisServer::start(settings).await;
        let url = format!("redis://default:hunter2@localhost:{}", redis.port);
        let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
        let reply = pkv.run(json!(["PING"])).await;
        assert_eq!(reply.status, 503);
        let text = error(&reply.body);
        assert!(text.contains("refused the connection") && text.contains(said), "{text}");
        assert!(!format!("{reply:?}{:?}", pkv.log()).contains("hunter2"));
    }
}

#[tokio::test]
async fn those_who_went_away_before_their_answer_came_keep_their_turns_and_no_more() {
    let fake = FakeRedis::start(|words, _| match words[0].as_str() {
        "INCR" => Act::Nothing,
        _ => Act::reply("+OK\r\n"),
    })
    .await;
    let vars = [("PKV_TIMEOUT", "2s"), ("SRH_MAX_CONNECTIONS", "1"), ("PKV_MAX_QUEUE", "8mb")];
    let pkv = pkv_before(&fake, &vars).await;
    // More than there are turns, and none of them waits long enough for a timeout.
    let leave = async || {
        let asked = pkv.run(json!(["INCR", "n"]));
        assert!(tokio::time::timeout(Duration::from_millis(500), asked).await.is_err());
    };
    futures_util::future::join_all((0..40).map(|_| leave())).await;
    // Neither sent behind them, nor for ever in vain: the silent connection is not used any more.
    let reply = pkv.run(json!(["SET", "k", "v"])).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(error(&reply.body).contains("was not sent"), "{}", reply.body);
    assert_eq!(result(pkv.run(json!(["SET", "k", "v"])).await), json!("OK"));
    assert_eq!(fake.count("INCR"), 1);
}
