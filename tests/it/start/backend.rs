//! Which Redis it is: one that runs already, or the bundled one in its place.

use std::time::Duration;

use redis::{ErrorKind, Value};
use serde_json::json;

use super::{ask, log_says, text};
use crate::support::{Pkv, RedisServer, eventually, free_port, result};

const EXTERNAL: &str = "serving an external Redis";
const BUNDLED: &str = "starting the bundled Redis";

fn env_mode(url: &str) -> [(&str, &str); 2] {
    [("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", url)]
}

async fn set(pkv: &Pkv, value: &str) {
    assert_eq!(result(pkv.run(json!(["SET", "k", value])).await), "OK");
}

#[tokio::test]
async fn a_redis_that_listens_is_used_and_the_log_says_so() {
    let redis = RedisServer::start(&[]).await;
    let pkv = Pkv::start_with(&env_mode(&redis.url()));
    set(&pkv, "outside").await;
    assert_eq!(ask(&redis.url(), &["GET", "k"]).await.unwrap(), text("outside"));
    assert!(log_says(&pkv, EXTERNAL) && !log_says(&pkv, BUNDLED), "{:?}", pkv.log());
    assert_eq!(pkv.redis_pids(), Vec::<i32>::new(), "a Redis of its own was started as well");
    assert!(pkv.banner.contains("external"), "{}", pkv.banner);
    assert!(pkv.banner.lines().last().unwrap().starts_with("pkv ready in "), "{}", pkv.banner);
}

#[tokio::test]
async fn where_nothing_listens_the_bundled_redis_does_and_the_log_says_so() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let pkv = Pkv::start_with(&env_mode(&url));
    set(&pkv, "inside").await;
    assert_eq!(ask(&url, &["GET", "k"]).await.unwrap(), text("inside"));
    assert_eq!(ask(&url, &["SET", "k", "from outside"]).await.unwrap(), Value::Okay);
    assert_eq!(result(pkv.run(json!(["GET", "k"])).await), "from outside");
    assert!(log_says(&pkv, BUNDLED) && !log_says(&pkv, EXTERNAL), "{:?}", pkv.log());
    assert_eq!(pkv.redis_pids().len(), 1);
    assert!(pkv.banner.contains(&url), "{}", pkv.banner);
    // Who comes by that port is no better than who comes by HTTP.
    for words in [&["SHUTDOWN", "NOSAVE"][..], &["CONFIG", "SET", "appendonly", "no"]] {
        let error = ask(&url, words).await.unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{words:?}: {error}");
    }
}

#[tokio::test]
async fn password_and_database_of_the_url_count_in_front_of_an_external_redis() {
    let redis = RedisServer::start(&["--requirepass", "s3cret"]).await;
    let url = format!("redis://:s3cret@127.0.0.1:{}/2", redis.port);
    let pkv = Pkv::start_with(&env_mode(&url));
    set(&pkv, "in two").await;
    assert_eq!(ask(&url, &["GET", "k"]).await.unwrap(), text("in two"));
    let zero = format!("redis://:s3cret@127.0.0.1:{}/0", redis.port);
    assert_eq!(ask(&zero, &["GET", "k"]).await.unwrap(), Value::Nil);
    let told = || async { log_says(&pkv, EXTERNAL) };
    eventually("the log tells which Redis it is", Duration::from_secs(5), told).await;
    let log = format!("{:?}", pkv.log());
    assert!(!log.contains("s3cret"), "{log}");

    // With the wrong one there is an answer, and it is JSON.
    let wrong = format!("redis://:wr0ng@127.0.0.1:{}", redis.port);
    let pkv = Pkv::start_with(&env_mode(&wrong));
    let reply = pkv.run(json!(["GET", "k"])).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let error = reply.body["error"].as_str().unwrap();
    assert!(!error.contains("wr0ng"), "{error}");
}

#[tokio::test]
async fn password_and_database_of_the_url_count_for_the_bundled_redis_too() {
    let port = free_port();
    let url = format!("redis://:s3cret@localhost:{port}/2");
    let pkv = Pkv::start_with(&env_mode(&url));
    set(&pkv, "in two").await;
    assert_eq!(ask(&url, &["GET", "k"]).await.unwrap(), text("in two"));
    let zero = format!("redis://:s3cret@127.0.0.1:{port}/0");
    assert_eq!(ask(&zero, &["GET", "k"]).await.unwrap(), Value::Nil);
    let without = ask(&format!("redis://127.0.0.1:{port}"), &["GET", "k"]).await.unwrap_err();
    assert_eq!(without.code(), Some("NOAUTH"), "{without}");
    let wrong = ask(&format!("redis://:wrong@127.0.0.1:{port}"), &["PING"]).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::AuthenticationFailed, "{wrong}");
    let said = format!("{}{:?}", pkv.banner, pkv.log());
    assert!(said.contains(BUNDLED) && !said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_redis_port_of_ones_own_choice_opens_the_bundled_redis_to_local_clients() {
    let port = free_port();
    let number = port.to_string();
    let pkv = Pkv::start_with(&[("PKV_REDIS_PORT", &*number)]);
    set(&pkv, "by port").await;
    let url = format!("redis://127.0.0.1:{port}");
    assert_eq!(ask(&url, &["GET", "k"]).await.unwrap(), text("by port"));
    assert!(pkv.banner.contains(&url), "{}", pkv.banner);
}

#[tokio::test]
async fn an_external_redis_needs_a_chosen_token() {
    let redis = RedisServer::start(&[]).await;
    let url = redis.url();
    let dir = tempfile::tempdir().unwrap();
    let vars = [("SRH_TOKEN", ""), ("SRH_MODE", "env"), ("SRH_CONNECTION_STRING", &url)];
    let end = super::ended(dir.path(), &vars, std::time::Duration::from_secs(5)).await;
    assert_eq!(end.code, Some(64), "{}", end.stderr);
    assert!(end.stderr.contains("SRH_TOKEN"), "{}", end.stderr);
}
