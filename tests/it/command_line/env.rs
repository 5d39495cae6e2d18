//! `pkv env`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LIMIT, pkv};
use crate::start::run_to_end;
use crate::support::{Pkv, result};

#[tokio::test]
async fn what_it_prints_lets_one_in() {
    let server = Pkv::start_with(&[("SRH_TOKEN", "")]);
    let port = server.url.rsplit_once(':').unwrap().1;
    let vars = [("SRH_TOKEN", ""), ("SRH_PORT", port)];
    let printed = pkv(server.dir(), &["env"], &vars).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let (url, token) = (&server.url, &server.token);
    let lines = format!(
        "UPSTASH_REDIS_REST_URL={url}\nUPSTASH_REDIS_REST_TOKEN={token}\n\
         KV_REST_API_URL={url}\nKV_REST_API_TOKEN={token}\n"
    );
    assert_eq!(printed.stdout, lines);

    let json = pkv(server.dir(), &["env", "--format", "json"], &vars).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["UPSTASH_REDIS_REST_TOKEN"], token.as_str());

    let shell = pkv(server.dir(), &["env", "--format", "shell"], &vars).await;
    let script = format!(
        "{}\ncurl -s $KV_REST_API_URL/set/from/shell -H \"Authorization: Bearer $KV_REST_API_TOKEN\"",
        shell.stdout
    );
    run_to_end(Command::new("sh").args(["-c", &script]), LIMIT).await;
    assert_eq!(result(server.run(json!(["GET", "from"])).await), "shell");
}

#[tokio::test]
async fn workflows_get_variables_on_stdout_and_masks_on_stderr() {
    let dir = TempDir::new().unwrap();
    let vars = [
        ("SRH_TOKEN", "one%25"),
        ("SRH_READONLY_TOKEN", "two"),
        ("PKV_REDIS_PORT", "6390"),
        ("SPACE_HOST", "me-pkv.hf.space"),
    ];
    let printed = pkv(dir.path(), &["env", "--format", "github"], &vars).await;
    let lines: Vec<_> = printed.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        ["UPSTASH_REDIS_REST_URL=https://me-pkv.hf.space", "UPSTASH_REDIS_REST_TOKEN=one%25"]
    );
    assert_eq!(lines[4..], ["KV_REST_API_READ_ONLY_TOKEN=two", "REDIS_URL=redis://127.0.0.1:6390"]);
    assert_eq!(printed.stderr, "::add-mask::one%2525\n::add-mask::two\n");
}

#[tokio::test]
async fn without_a_token_it_says_how_to_get_one_and_makes_nothing() {
    let dir = TempDir::new().unwrap();
    let none = [("SRH_TOKEN", ""), ("SRH_PORT", "7860")];
    let printed = pkv(dir.path(), &["env"], &none).await;
    assert_eq!((printed.code, printed.stdout.as_str()), (Some(1), ""));
    assert!(printed.stderr.contains("start pkv, which makes one, or set SRH_TOKEN"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    // In memory a new token is made at each start.
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/token"), "stale").unwrap();
    let memory = [none[0], none[1], ("PKV_STORAGE", "memory")];
    assert_eq!(pkv(dir.path(), &["env"], &memory).await.code, Some(1));
    assert_eq!(pkv(dir.path(), &["env"], &none).await.code, Some(0));
    assert_eq!(pkv(dir.path(), &["env"], &[]).await.code, Some(64), "SRH_PORT is 0");

    fs::write(dir.path().join("tokens.json"), "{}").unwrap();
    let printed = pkv(dir.path(), &["env"], &[("PKV_TOKENS_FILE", "tokens.json")]).await;
    assert_eq!(printed.code, Some(1));
    assert!(printed.stderr.contains("a token for each Redis in tokens.json"), "{}", printed.stderr);
}
