//! Every reply belongs to its request, whatever the replies look like and whoever asks beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::raw_http::{Connection, request};
use crate::support::{Act, FakeRedis, Pkv, RedisServer, eventually, free_port, items, result};

const CLIENTS: usize = 64;
const REQUESTS: usize = 200_000;

/// What pub/sub confirmations and messages look like: clients that take an array for a push message
/// by its looks drop such a reply, and every later one on that connection reaches the wrong caller.
const LOOKALIKES: &[&[&str]] = &[
    &["message", "a", "b"],
    &["pmessage", "p*", "a", "b"],
    &["smessage", "a", "b"],
    &["subscribe", "a", "1"],
    &["psubscribe", "p*", "1"],
    &["unsubscribe", "a", "0"],
    &["punsubscribe", "p*", "0"],
    &["message", "a", "b", "c"],
    &["invalidate", "a", "b"],
];

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_replies_reach_who_asked() {
    let pkv = Arc::new(Pkv::start());
    for (index, list) in LOOKALIKES.iter().enumerate() {
        let mut push = vec![json!("RPUSH"), json!(format!("list{index}"))];
        push.extend(list.iter().map(|item| json!(item)));
        result(pkv.run(Value::Array(push)).await);
    }
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(one_client(pkv.clone(), client, REQUESTS / CLIENTS)))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

/// Asks in turn for a look-alike list, a secret of its own, a pipeline and a transaction.
async fn one_client(pkv: Arc<Pkv>, client: usize, requests: usize) {
    let key = format!("secret{client}");
    for request in 0..requests {
        let secret = format!("{client}-{request}");
        let index = (client + request) % LOOKALIKES.len();
        let list = json!(["LRANGE", format!("list{index}"), 0, -1]);
        match request % 4 {
            0 => {
                let reply = result(pkv.run(list).await);
                assert_eq!(reply, json!(LOOKALIKES[index]), "client {client}");
            }
            1 => {
                let batch = json!([["SET", key, secret], list, ["GET", key]]);
                let replies = items(pkv.post("/pipeline", batch).await.unwrap());
                assert_eq!(replies[1]["result"], json!(LOOKALIKES[index]));
                assert_eq!(replies[2]["result"], json!(secret), "client {client}");
            }
            2 => {
                // What the pipeline before has set.
                let secret = format!("{client}-{}", request - 1);
                assert_eq!(result(pkv.run(json!(["GET", key])).await), json!(secret));
            }
            _ => {
                let batch = json!([["SET", key, secret], ["GET", key], list]);
                let replies = items(pkv.post("/multi-exec", batch).await.unwrap());
                let replies: Vec<_> = replies.iter().map(|reply| &reply["result"]).collect();
                assert_eq!(replies, [&json!("OK"), &json!(secret), &json!(LOOKALIKES[index])]);
            }
        }
    }
}

/// Notes who has asked it for what.
const NOTING: [&str; 4] = ["--slowlog-log-slower-than", "0", "--slowlog-max-len", "1000"];

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_opens_another_connection_when_its_own_has_no_turn_left() {
    let redis = RedisServer::start(&NOTING).await;
    let pkv = Pkv::start_with(&[
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &redis.url()),
        ("SRH_MAX_CONNECTIONS", "3"),
        ("TOKIO_WORKER_THREADS", "1"),
        // Room for the least number of turns: 16 on the first connection.
        ("PKV_MAX_QUEUE", "10mb"),
    ]);
    for _ in 0..10 {
        get_at_once(&pkv, "k", 16).await;
    }
    assert_eq!(gets(&redis).await, [160]);
    for _ in 0..2 {
        get_during_a_pause(&redis, &pkv, "k", 60).await;
    }
    assert_eq!(gets(&redis).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_uses_its_other_connections_too_while_replies_are_long() {
    let redis = RedisServer::start(&NOTING).await;
    let pkv = Pkv::start_with(&[
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &redis.url()),
        ("TOKIO_WORKER_THREADS", "1"),
    ]);
    for (key, length) in [("short", 16 << 10), ("long", 32 << 10)] {
        result(pkv.run(json!(["SET", key, "x".repeat(length)])).await);
    }
    for _ in 0..3 {
        get_during_a_pause(&redis, &pkv, "short", 12).await;
    }
    get_at_once(&pkv, "long", 4).await;
    assert_eq!(gets(&redis).await, [40]);
    // The first time the others are opened, which Redis may keep waiting until the pause that comes next is over.
    for _ in 0..3 {
        redis.say(&["SLOWLOG RESET"]).await;
        get_during_a_pause(&redis, &pkv, "long", 6).await;
    }
    assert_eq!(gets(&redis).await, [1, 1, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_replies_are_long_each_worker_uses_connections_of_its_own_whoever_opened_them_first()
{
    let redis = RedisServer::start(&NOTING).await;
    let pkv = Pkv::start_with(&[
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &redis.url()),
        ("SRH_MAX_CONNECTIONS", "4"),
        ("TOKIO_WORKER_THREADS", "2"),
        // Room for the least number of turns: 16 on the first connection of a worker, 4 on its other one.
        ("PKV_MAX_QUEUE", "10mb"),
    ]);
    result(pkv.run(json!(["SET", "long", "x".repeat(32 << 10)])).await);
    let get = request(&pkv, "GET", "/GET/long", "", b"");
    let mut clients = Vec::new();
    for _ in 0..80 {
        let mut client = Connection::open(&pkv).await;
        assert_eq!(client.exchange(&get).await.status, 200);
        clients.push(client);
    }
    // They have been given to the workers by turns.
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for pair in clients.chunks_exact_mut(2) {
        let [first, second] = pair else { unreachable!() };
        one.push(first);
        other.push(second);
    }
    let ask = async |clients: &mut [&mut Connection]| {
        redis.say(&["SLOWLOG RESET"]).await;
        redis.say(&["CLIENT PAUSE 700 ALL"]).await;
        let asked = clients.iter_mut().map(|client| client.exchange(&get));
        for reply in futures_util::future::join_all(asked).await {
            assert_eq!(reply.status, 200);
        }
        gets(&redis).await
    };
    for _ in 0..3 {
        ask(&mut one[..9]).await;
    }
    assert_eq!(ask(&mut one[..9]).await, [4, 5]);
    // More than it and the first one of the other worker have turns for: it opens the other's second one.
    ask(&mut one).await;
    assert_eq!(ask(&mut one).await.len(), 4);
    for _ in 0..3 {
        ask(&mut other[..9]).await;
    }
    assert_eq!(ask(&mut other[..9]).await, [4, 5]);
}

/// So many clients, each of whom gets this.
async fn get_at_once(pkv: &Pkv, key: &str, clients: usize) {
    let gets = (0..clients).map(|_| pkv.run(json!(["GET", key])));
    for reply in futures_util::future::join_all(gets).await {
        result(reply);
    }
}

/// The same where Redis does not answer until all have asked. (A connection is waited for a second.)
async fn get_during_a_pause(redis: &RedisServer, pkv: &Pkv, key: &str, clients: usize) {
    redis.say(&["CLIENT PAUSE 700 ALL"]).await;
    get_at_once(pkv, key, clients).await;
}

/// How many GETs it has noted for each connection, the fewest first.
async fn gets(redis: &RedisServer) -> Vec<usize> {
    let notes = redis.say(&["SLOWLOG GET -1"]).await;
    let lines: Vec<_> = notes.lines().collect();
    let mut counts = BTreeMap::<_, usize>::new();
    // "GET", then length and text of the key, then those of the client's address. (-1 is this one's own.)
    for note in lines.windows(5).filter(|note| note[0] == "GET" && note[2] != "-1") {
        *counts.entry(note[4]).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort();
    counts
}

#[tokio::test]
async fn nobody_waits_behind_a_long_reply_that_is_on_its_way() {
    let fake = FakeRedis::start(|words, _| match words[1].as_str() {
        "long" => Act::Send([&b"$1000000\r\n"[..], &[b'x'; 200_000]].concat()),
        _ => Act::reply("$5\r\nvalue\r\n"),
    })
    .await;
    let vars = [
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &fake.url()),
        ("TOKIO_WORKER_THREADS", "1"),
        ("PKV_TIMEOUT", "3s"),
    ];
    let pkv = Pkv::start_with(&vars);
    let long = pkv.run(json!(["GET", "long"]));
    let short = async {
        eventually("the other one has been asked", Duration::from_secs(2), async || {
            fake.count("GET") > 0
        })
        .await;
        // The beginning of the other reply has come as well, for all that one can tell from here.
        tokio::time::sleep(Duration::from_millis(300)).await;
        // More than there are connections.
        let gets = (0..10).map(|_| pkv.run(json!(["GET", "short"])));
        futures_util::future::join_all(gets).await
    };
    let (long, short) = tokio::join!(long, short);
    assert_eq!(long.status, 504);
    short.into_iter().for_each(|one| assert_eq!(result(one), "value"));
}

#[tokio::test]
async fn a_worker_that_gets_no_connection_of_its_own_uses_anothers() {
    let port = free_port();
    let redis = RedisServer::start_at(port, &[]).await;
    let vars = [
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &redis.url()),
        ("TOKIO_WORKER_THREADS", "2"),
    ];
    let pkv = Pkv::start_with(&vars);
    let get = request(&pkv, "GET", "/ping", "", b"");
    // Each on a worker of its own.
    let mut clients = [Connection::open(&pkv).await, Connection::open(&pkv).await];
    for client in &mut clients {
        assert_eq!(client.exchange(&get).await.status, 200);
    }
    drop(redis);
    let _redis = RedisServer::start_at(port, &["--maxclients", "1"]).await;
    let ask = async {
        for turn in 0..20 {
            // The first time there is none yet.
            let [one, other] = &mut clients;
            for answer in <[_; 2]>::from(tokio::join!(one.exchange(&get), other.exchange(&get))) {
                let told = (answer.status, answer.json());
                assert_eq!(told, (200, json!({ "result": "PONG" })), "turn {turn}");
            }
        }
    };
    // Only one of them waits, once: an attempt takes one or two seconds.
    tokio::time::timeout(Duration::from_secs(10), ask).await.unwrap();
}

#[tokio::test]
async fn once_redis_is_back_each_worker_has_its_own_connection_again() {
    let port = free_port();
    let redis = RedisServer::start_at(port, &[]).await;
    let vars = [
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &redis.url()),
        ("TOKIO_WORKER_THREADS", "2"),
    ];
    let pkv = Pkv::start_with(&vars);
    let get = request(&pkv, "GET", "/get/k", "", b"");
    let mut clients = [Connection::open(&pkv).await, Connection::open(&pkv).await];
    drop(redis);
    let [one, other] = &mut clients;
    let (first, second) = tokio::join!(one.exchange(&get), other.exchange(&get));
    assert_eq!([first.status, second.status], [503, 503]);
    let redis = RedisServer::start_at(port, &[]).await;
    for client in &mut clients {
        assert_eq!(client.exchange(&get).await.status, 200);
    }
    assert_eq!(redis.say(&["CLIENT LIST"]).await.matches("cmd=get").count(), 2);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_nobodys_reply_with_it() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    result(pkv.run(json!(["SET", "mine", "x"])).await);
    for _ in 0..5 {
        pkv.signal_redis(Signal::SIGSTOP);
        let slow = pkv.run(json!(["INCR", "n"]));
        // Given up while Redis has it before it.
        assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err());
        pkv.signal_redis(Signal::SIGCONT);
        assert_eq!(result(pkv.run(json!(["GET", "mine"])).await), json!("x"));
    }
    let pkv = &pkv;
    eventually("the abandoned commands ran, once each", Duration::from_secs(5), || async move {
        result(pkv.run(json!(["GET", "n"])).await) == json!("5")
    })
    .await;
}
