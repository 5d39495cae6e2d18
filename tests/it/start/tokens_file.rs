//! SRH's tokens.json: each token leads to a Redis of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ask, ended, log_says, text};
use crate::support::{Pkv, RedisServer, result};

/// SRH's own example with these ports: the first token is the example's, the second is added as
/// SRH's README says ("you can provide as many entries here as you like").
fn tokens_json(first: u16, second: u16) -> String {
    let example = include_str!("../../../etc/tokens.example.json");
    let mut tokens: Value = serde_json::from_str(example).unwrap();
    let address = |port: u16| json!(format!("redis://localhost:{port}"));
    let mut other = tokens["example_token"].clone();
    tokens["example_token"]["connection_string"] = address(first);
    other["connection_string"] = address(second);
    other["srh_id"] = json!("another_identifier");
    tokens["other_token"] = other;
    serde_json::to_string_pretty(&tokens).unwrap()
}

fn write(path: &Path, contents: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

#[test]
fn the_readme_shows_the_example() {
    let readme = include_str!("../../../README.md");
    let marker = "<!-- tested: tests/it/start/tokens_file.rs -->\n```json\n";
    let shown = readme.split(marker).nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(shown, include_str!("../../../etc/tokens.example.json"));
}

#[tokio::test]
async fn two_tokens_reach_two_servers_however_the_file_is_found() {
    let (one, two) = tokio::join!(RedisServer::start(&[]), RedisServer::start(&[]));
    let contents = tokens_json(one.port, two.port);
    let in_place = TempDir::new().unwrap();
    write(&in_place.path().join("srh-config/tokens.json"), &contents);
    let elsewhere = TempDir::new().unwrap();
    let named = elsewhere.path().join("etc/any-name");
    write(&named, &contents);
    let named = named.to_str().unwrap();
    for (round, (dir, vars)) in [
        (&in_place, vec![]),
        (&in_place, vec![("SRH_MODE", "file")]),
        (&elsewhere, vec![("PKV_TOKENS_FILE", named)]),
        (&elsewhere, vec![("PKV_TOKENS_FILE", named), ("SRH_MODE", "file")]),
    ]
    .into_iter()
    .enumerate()
    {
        let what = format!("{vars:?}");
        // SRH_TOKEN is set as well, and counts for nothing here.
        let mut pkv = Pkv::start_in(dir.path(), &vars);
        assert_eq!(pkv.run(json!(["PING"])).await.status, 401, "{what}");
        for (token, redis) in [("example_token", &one), ("other_token", &two)] {
            pkv.token = token.into();
            let value = format!("{token} {round}");
            assert_eq!(result(pkv.run(json!(["SET", "k", value])).await), "OK", "{what}");
            let there = ask(&redis.url(), &["GET", "k"]).await.unwrap();
            assert_eq!(there, text(&value), "{what}");
        }
        // One of them away is no reason to take pkv out of service.
        assert_eq!(pkv.get("/ready").await.status, 200, "{what}");
        assert!(log_says(&pkv, "from a tokens file"), "{what}: {:?}", pkv.log());
        let said = format!("{}{:?}", pkv.banner, pkv.log());
        assert!(!said.contains("example_token") && !said.contains("other_token"), "{said}");
        assert_eq!(pkv.redis_pids(), Vec::<i32>::new(), "{what}");
        assert!(!dir.path().join("data").exists(), "{what}: a data directory was made");
    }
}

#[tokio::test]
async fn one_server_that_is_away_does_not_hurt_the_other() {
    let (one, two) = tokio::join!(RedisServer::start(&[]), RedisServer::start(&[]));
    let dir = TempDir::new().unwrap();
    write(&dir.path().join("srh-config/tokens.json"), &tokens_json(one.port, two.port));
    let mut pkv = Pkv::start_in(dir.path(), &[]);
    drop(two);
    pkv.token = "other_token".into();
    let reply = pkv.run(json!(["GET", "k"])).await;
    assert!(reply.status == 503 && reply.body["error"].is_string(), "{}", reply.body);
    assert!(!reply.body.to_string().contains("other_token"), "{}", reply.body);
    pkv.token = "example_token".into();
    assert_eq!(result(pkv.run(json!(["PING"])).await), "PONG");
}

#[tokio::test]
async fn a_bad_file_ends_the_start_without_showing_a_token() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("srh-config/tokens.json");
    let entry = |entry: Value| json!({ "s3cret-token": entry }).to_string();
    let good = json!({ "srh_id": "one", "connection_string": "redis://h:1", "max_connections": 3 });
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        entry(changed)
    };
    for contents in [
        String::new(),
        "{".into(),
        "{}".into(),
        "[]".into(),
        "null".into(),
        r#"{"s3cret-token""#.into(),
        r#"{"s3cret-token": s3cret-token}"#.into(),
        entry(json!({})),
        entry(json!("s3cret-token")),
        entry(json!({ "srh_id": "one" })),
        with("connection_string", json!("h:1")),
        with("connection_string", json!("http://h:1")),
        with("connection_string", json!("redis://:s3cret-token@h:port")),
        with("connection_string", json!(6379)),
        with("srh_id", json!(7)),
        with("max_connections", json!(0)),
        with("max_connections", json!("s3cret-token")),
        with("max_connections", json!(1.5)),
        entry(good.clone()) + "s3cret-token",
    ] {
        write(&path, &contents);
        let end = ended(dir.path(), &[], Duration::from_secs(5)).await;
        let what = format!("{contents}: {:?} {}{}", end.code, end.stderr, end.stdout);
        assert_eq!(end.code, Some(64), "{what}");
        // Log lines may stand before it; the fault is one line.
        let fault: Vec<_> = end.stderr.lines().filter(|line| line.starts_with("pkv: ")).collect();
        assert_eq!(fault.len(), 1, "{what}");
        assert!(fault[0].contains("tokens.json"), "{what}");
        assert!(fault[0].contains("for example "), "{what}");
        assert!(!end.stderr.contains("s3cret"), "{what}");
        assert_eq!(end.stdout, "", "{what}");
    }
}
