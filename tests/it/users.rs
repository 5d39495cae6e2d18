//! ACL users over REST: `ACL GENTOKEN`, `ACL RESTTOKEN`, and what their tokens can do.

mod limits;

use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::streams::Stream;
use crate::support::{Bearer, Pkv, RedisServer, eventually, items, result};

/// A new token for the user.
pub async fn gentoken(pkv: &Pkv, user: &str) -> String {
    result(pkv.run(json!(["ACL", "GENTOKEN", user])).await).as_str().unwrap().to_owned()
}

/// Makes the user, or gives him another password; returns his token.
pub async fn make(pkv: &Pkv, user: &str, rules: &[&str]) -> String {
    let token = gentoken(pkv, user).await;
    let password = format!(">{token}");
    let mut command = vec!["ACL", "SETUSER", user, "reset", "on", &password];
    command.extend(rules);
    assert_eq!(result(pkv.run(json!(command)).await), json!("OK"));
    token
}

#[track_caller]
fn denied((status, body): (u16, Value)) {
    assert_eq!(status, 401, "{body}");
    assert!(body["error"].as_str().unwrap().starts_with("WRONGPASS "), "{body}");
}

#[track_caller]
fn refused((status, body): (u16, Value), part: &str) {
    assert_eq!(status, 400, "{body}");
    assert!(body["error"].as_str().unwrap().contains(part), "{body}");
}

fn ok(value: Value) -> (u16, Value) {
    (200, json!({ "result": value }))
}

/// The bundled Redis, and one that runs elsewhere.
async fn everywhere(check: impl AsyncFn(&Pkv)) {
    check(&Pkv::start()).await;
    let redis = RedisServer::start(&["--requirepass", "of-the-server"]).await;
    let url = format!("redis://:of-the-server@127.0.0.1:{}/3", redis.port);
    check(&Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)])).await;
}

#[tokio::test]
async fn a_token_reaches_redis_as_its_user() {
    everywhere(async |pkv| {
        let rules = ["~app:*", "+get", "+set", "+multi", "+exec", "+select", "+acl"];
        let app = Bearer::new(pkv, make(pkv, "app", &rules).await);
        result(pkv.run(json!(["SET", "secret", "s"])).await);
        assert_eq!(app.run(&json!(["SET", "app:k", "v"])).await, ok(json!("OK")));
        assert_eq!(result(pkv.run(json!(["GET", "app:k"])).await), json!("v"));
        refused(app.run(&json!(["GET", "secret"])).await, "NOPERM No permissions to access a key");
        refused(app.run(&json!(["DEL", "app:k"])).await, "'del' command or its subcommand");
        let path = format!("/get/app:k?_token={}", app.token);
        assert_eq!(result(pkv.get(&path).await), json!("v"));

        let batch = json!([["GET", "app:k"], ["GET", "secret"]]);
        let (status, body) = app.post("/pipeline", &batch).await;
        assert_eq!((status, &body[0]["result"]), (200, &json!("v")));
        assert!(body[1]["error"].as_str().unwrap().starts_with("NOPERM "), "{body}");
        refused(app.post("/multi-exec", &batch).await, "NOPERM");
        let (_, body) = app.post("/multi-exec", &json!([["GET", "app:k"]])).await;
        assert_eq!(body, json!([{ "result": "v" }]));
    })
    .await;
}

#[tokio::test]
async fn who_knows_the_password_gets_a_token() {
    everywhere(async |pkv| {
        let wrapped = "correct-horse-battery";
        let gentoken = json!(["ACL", "GENTOKEN", "app", wrapped]);
        let token = result(pkv.run(gentoken).await).as_str().unwrap().to_owned();
        let set =
            json!(["ACL", "SETUSER", "app", "on", format!(">{token}"), "~*", "+get", "+select"]);
        let ask = |password: &str| json!(["ACL", "RESTTOKEN", "app", password]);
        let no_user = "ERR Wrong password or user \"app\" does not exist";
        refused(Bearer::new(pkv, &pkv.token).run(&ask(&token)).await, no_user);
        result(pkv.run(set).await);
        for password in [token.as_str(), wrapped] {
            let made = result(pkv.run(ask(password)).await);
            let app = Bearer::new(pkv, made.as_str().unwrap());
            assert_eq!(app.run(&json!(["GET", "k"])).await, ok(Value::Null));
        }
        // In the same batch as what makes the user.
        let other = result(pkv.run(json!(["ACL", "GENTOKEN", "b"])).await);
        let other = other.as_str().unwrap();
        let batch = json!([
            ["ACL", "SETUSER", "b", "on", format!(">{other}"), "+ping", "+select"],
            ["ACL", "RESTTOKEN", "b", other]
        ]);
        for path in ["/pipeline", "/multi-exec"] {
            let made = items(pkv.post(path, batch.clone()).await.unwrap());
            assert_eq!(made[0]["result"], json!("OK"), "{path}");
            let b = Bearer::new(pkv, made[1]["result"].as_str().unwrap());
            assert_eq!(b.run(&json!(["PING"])).await, ok(json!("PONG")));
        }

        let full = Bearer::new(pkv, &pkv.token);
        refused(full.run(&ask("wrong")).await, no_user);
        result(pkv.run(json!(["ACL", "SETUSER", "app", "off"])).await);
        refused(full.run(&ask(wrapped)).await, no_user);
        refused(full.run(&json!(["ACL", "GENTOKEN", "app", "secret"])).await, "too weak");
        refused(full.run(&json!(["ACL", "GENTOKEN"])).await, "Usage: ACL GENTOKEN");
        refused(full.run(&json!(["ACL", "RESTTOKEN", "app"])).await, "Usage: ACL RESTTOKEN");
    })
    .await;
}

#[tokio::test]
async fn a_token_dies_with_its_user_and_with_a_changed_password() {
    everywhere(async |pkv| {
        let rules = ["~*", "+get", "+select"];
        let get = json!(["GET", "k"]);
        let first = Bearer::new(pkv, make(pkv, "app", &rules).await);
        assert_eq!(first.run(&get).await, ok(Value::Null));
        let second = Bearer::new(pkv, make(pkv, "app", &rules).await);
        denied(first.run(&get).await);
        assert_eq!(second.run(&get).await, ok(Value::Null));
        result(pkv.run(json!(["ACL", "SETUSER", "app", "off"])).await);
        denied(second.run(&get).await);
        result(pkv.run(json!(["ACL", "SETUSER", "app", "on"])).await);
        assert_eq!(second.run(&get).await, ok(Value::Null));
        result(pkv.run(json!(["ACL", "SETUSER", "app", format!("<{}", second.token)])).await);
        denied(second.run(&get).await);
        let third = Bearer::new(pkv, make(pkv, "app", &rules).await);
        assert_eq!(third.run(&get).await, ok(Value::Null));
        assert_eq!(result(pkv.run(json!(["ACL", "DELUSER", "app", "none"])).await), json!(1));
        denied(third.run(&get).await);
        denied(third.post("/subscribe/chat", &json!([])).await);
    })
    .await;
}

#[tokio::test]
async fn what_is_changed_past_pkv_counts_soon() {
    let redis = RedisServer::start(&[]).await;
    let url = redis.url();
    let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
    let app = Bearer::new(&pkv, make(&pkv, "app", &["~*", "+incr"]).await);
    let increment = json!(["INCR", "n"]);
    // Every connection of the pool is in use.
    let burst = async || join_all((0..30).map(|_| app.run(&increment))).await;
    assert!(burst().await.iter().all(|(status, _)| *status == 200));
    redis.say(&["ACL SETUSER app resetpass"]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await; // RECHECK is a second
    assert!(burst().await.iter().all(|(status, _)| *status == 401), "not one more");
}

/// Who is not allowed to ends nobody's stream by trying.
#[tokio::test]
async fn a_refused_change_of_users_changes_nothing() {
    let pkv = Pkv::start_with(&[("SRH_READONLY_TOKEN", "reader")]);
    let app = make(&pkv, "app", &["&*", "+subscribe"]).await;
    let other = make(&pkv, "other", &["~*", "+get"]).await;
    let mut stream = Stream::open_as(&pkv, &app, "/subscribe/chat").await;
    stream.until("subscribe,chat,1\n\n").await;
    for token in [other.as_str(), "reader"] {
        let bearer = Bearer::new(&pkv, token);
        for command in [
            json!(["ACL", "DELUSER", "app"]),
            json!(["ACL", "SETUSER", "app", "off"]),
            json!(["ACL", "LOAD"]),
        ] {
            refused(bearer.run(&command).await, "NOPERM");
        }
    }
    assert_eq!(result(pkv.run(json!(["PUBLISH", "chat", "still here"])).await), json!(1));
    assert_eq!(stream.until("\n\n").await, "data: message,chat,still here\n\n");
}

/// On a database other than 0 the way there takes SELECT.
#[tokio::test]
async fn a_user_who_may_not_come_this_way_is_told_so() {
    let redis = RedisServer::start(&[]).await;
    let url = format!("{}/3", redis.url());
    let pkv = Pkv::start_with(&[("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)]);
    let app = Bearer::new(&pkv, make(&pkv, "app", &["~*", "+get"]).await);
    refused(app.run(&json!(["GET", "k"])).await, "'select' command or its subcommand");
}

#[tokio::test]
async fn users_survive_restarts_of_redis_and_of_pkv() {
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    let token = make(&pkv, "app", &["~*", "+get"]).await;
    let gone = make(&pkv, "gone", &["~*", "+get"]).await;
    result(pkv.run(json!(["ACL", "DELUSER", "gone"])).await);
    let get = json!(["GET", "k"]);
    pkv.signal_redis(Signal::SIGKILL);
    let restarted = &pkv;
    eventually("Redis is another one", Duration::from_secs(5), || async move {
        restarted.redis_pids().len() == 2
    })
    .await;
    assert_eq!(Bearer::new(&pkv, &token).run(&get).await, ok(Value::Null));
    denied(Bearer::new(&pkv, &gone).run(&get).await);
    pkv.stop().await;

    for _ in 0..2 {
        let pkv = Pkv::start_in(dir.path(), &[]);
        assert_eq!(Bearer::new(&pkv, &token).run(&get).await, ok(Value::Null));
        denied(Bearer::new(&pkv, &gone).run(&get).await);
    }
    // Its tokens were signed with what follows from the full-access token.
    let pkv = Pkv::start_in(dir.path(), &[("SRH_TOKEN", "another-long-enough-token")]);
    denied(Bearer::new(&pkv, &token).run(&get).await);
}

#[tokio::test]
async fn a_users_streams_are_his_channels_and_end_with_him() {
    everywhere(async |pkv| {
        let rules = ["resetchannels", "&news:*", "+subscribe", "+psubscribe", "+select"];
        let app = Bearer::new(pkv, make(pkv, "app", &rules).await);
        let mut stream = Stream::open_as(pkv, &app.token, "/subscribe/news:1").await;
        stream.until("subscribe,news:1,1\n\n").await;
        // Refusing one stream leaves the others alone.
        refused(app.post("/subscribe/other", &json!([])).await, "NOPERM");
        refused(app.post("/psubscribe/*", &json!([])).await, "NOPERM");
        refused(app.post("/monitor", &json!([])).await, "'monitor' command or its subcommand");
        assert_eq!(result(pkv.run(json!(["PUBLISH", "news:1", "hello"])).await), json!(1));
        assert_eq!(stream.until("\n\n").await, "data: message,news:1,hello\n\n");
        result(pkv.run(json!(["ACL", "DELUSER", "app"])).await);
        let rest = tokio::time::timeout(Duration::from_secs(5), stream.rest()).await;
        assert_eq!(rest.expect("the stream ends"), "");
    })
    .await;
}

#[tokio::test]
async fn who_may_run_no_scripts_gets_what_the_server_makes_of_a_command() {
    everywhere(async |pkv| {
        let scan = json!(["SCAN", 0, "WITHTYPE"]);
        let rules = ["~*", "+xadd", "+scan", "+select"];
        let few = Bearer::new(pkv, make(pkv, "few", &rules).await);
        let add = json!(["XADD", "s", "MAXLEN", "~", 30, "1-1", "f", "v"]);
        assert_eq!(few.run(&add).await, ok(json!("1-1")));
        refused(few.run(&scan).await, "ERR syntax error");
        let more =
            Bearer::new(pkv, make(pkv, "more", &[&rules[..], &["+eval", "+type"]].concat()).await);
        assert_eq!(more.run(&scan).await, ok(json!(["0", ["s", "stream"]])));
    })
    .await;
}

#[tokio::test]
async fn many_users_take_turns() {
    let pkv = Pkv::start();
    let mut tokens = Vec::new();
    for number in 0..300 {
        tokens.push(make(&pkv, &format!("u{number}"), &["~*", "+incr"]).await);
    }
    for token in &tokens {
        assert_eq!(Bearer::new(&pkv, token).run(&json!(["INCR", "n"])).await.0, 200);
    }
    let info = result(pkv.run(json!(["INFO", "clients"])).await);
    let connected =
        info.as_str().unwrap().lines().find_map(|line| line.strip_prefix("connected_clients:"));
    let connected: usize = connected.unwrap().parse().unwrap();
    // Two connections of each user who is still connected, and pkv's own.
    assert!((256..=256 * 2 + 8).contains(&connected), "{connected}");
    assert_eq!(Bearer::new(&pkv, &tokens[0]).run(&json!(["INCR", "n"])).await, ok(json!(301)));
}
