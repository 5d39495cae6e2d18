//! What a person reads and pastes, and what must not be there to be read.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Running, run_to_end};
use crate::support::{Pkv, TOKEN, eventually, result};

const GENERATED: &[(&str, &str)] = &[("SRH_TOKEN", "")];

/// Runs a line of the banner as a person would, in a shell; where there is no curl, what it would
/// have sent is sent.
async fn run_curl_line(pkv: &Pkv, line: &str) -> Value {
    let has_curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok();
    if has_curl {
        let mut shell = Command::new("sh");
        let end = run_to_end(shell.args(["-c", line]), Duration::from_secs(10)).await;
        assert_eq!(end.code, Some(0), "{line}: {}", end.stderr);
        return serde_json::from_str(&end.stdout).unwrap();
    }
    let (url, header) = line.strip_prefix("curl ").unwrap().split_once(" -H ").unwrap();
    let (name, value) = header.trim_matches('\'').split_once(": ").unwrap();
    let path = url.strip_prefix(&pkv.url).unwrap();
    pkv.send(pkv.request("GET", path).header(name, value)).await.unwrap().body
}

#[tokio::test]
async fn the_banner_says_all_that_one_needs_and_its_curl_line_works() {
    let pkv = Pkv::start_with(GENERATED);
    let banner = &pkv.banner;
    let line = |start: &str| {
        let found: Vec<_> = banner.lines().filter(|line| line.starts_with(start)).collect();
        assert_eq!(found.len(), 1, "lines that start with {start:?} in\n{banner}");
        found[0].to_owned()
    };
    // One block, to be pasted as it is.
    let url = &pkv.url;
    let token = &pkv.token;
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(token.len(), 43, "32 random bytes");
    let block = format!(
        "\nUPSTASH_REDIS_REST_URL={url}\nUPSTASH_REDIS_REST_TOKEN={token}\n\
         KV_REST_API_URL={url}\nKV_REST_API_TOKEN={token}\n"
    );
    assert!(banner.contains(&block), "{banner}");
    assert!(line("pkv 0").ends_with(url), "{banner}");
    assert!(line("  token ").contains(token), "{banner}");
    assert!(line("  durability ").contains("everysec"), "{banner}");
    let info = result(pkv.run(json!(["INFO", "server"])).await);
    let version = line("  redis ").split_whitespace().nth(1).unwrap().to_owned();
    assert!(info.as_str().unwrap().contains(&format!("redis_version:{version}\r\n")), "{banner}");
    // Where the files really are.
    let data_dir = line("  data ").split_whitespace().nth(1).unwrap().to_owned();
    assert!(Path::new(&data_dir).join("appendonlydir").is_dir(), "{data_dir}");

    let took = line("pkv ready in ");
    let took = took.strip_prefix("pkv ready in ").unwrap().strip_suffix(" ms").unwrap();
    assert!(took.parse::<u64>().unwrap() < 20_000, "{took}");

    assert_eq!(run_curl_line(&pkv, &line("curl ")).await, json!({ "result": "OK" }));
    assert_eq!(result(pkv.run(json!(["GET", "hello"])).await), "world");
}

/// A line without what differs from one start to the next, and without how it is aligned.
fn shape(line: &str) -> String {
    let words = line.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, _)) => name.to_owned(),
        None if word.starts_with(['/', '\'']) || word.contains("://") => "…".to_owned(),
        None => word.trim_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned(),
    });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The README's banner, but for what is another one's: versions, paths, addresses, tokens.
#[tokio::test]
async fn the_readme_shows_the_banner_as_it_is() {
    let readme = include_str!("../../../README.md");
    let marked =
        readme.split("<!-- tested: tests/it/start/banner.rs -->\n```text\n").nth(1).unwrap();
    let pkv = Pkv::start_with(GENERATED);
    let printed = pkv.banner.replace(&pkv.token, "N8v…");
    let shapes = |text: &str| text.lines().map(shape).collect::<Vec<_>>();
    assert_eq!(shapes(marked.split("```").next().unwrap()), shapes(&printed));
}

#[tokio::test]
async fn a_generated_token_is_shown_kept_for_its_owner_and_never_logged() {
    let dir = TempDir::new().unwrap();
    // With everything that can be logged.
    let vars = [("SRH_TOKEN", ""), ("PKV_LOG", "trace")];
    let pkv = Pkv::start_in(dir.path(), &vars);
    let token = pkv.token.clone();
    result(pkv.run(json!(["SET", "k", "v"])).await);
    assert_eq!(pkv.post("/", json!(["NOPE"])).await.unwrap().status, 400);
    let path = dir.path().join("data/token");
    assert_eq!(fs::read_to_string(&path).unwrap().trim(), token);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    pkv.stop().await;

    let again = Pkv::start_in(dir.path(), &vars);
    assert_eq!(again.token, token, "another token after a restart");
    assert_eq!(result(again.run(json!(["GET", "k"])).await), "v");
    again.stop().await;
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(log.contains("Redis is ready") && !log.contains(&token), "{log}");
}

#[tokio::test]
async fn a_chosen_token_is_repeated_neither_in_the_banner_nor_in_the_log() {
    let dir = TempDir::new().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[("PKV_LOG", "trace")]);
    result(pkv.run(json!(["SET", "k", "v"])).await);
    let query = format!("/get/k?_token={TOKEN}");
    assert_eq!(pkv.get(&query).await.status, 200);
    assert_eq!(pkv.get("/get/k?_token=wrong-test-token-0123456789").await.status, 401);
    assert!(!pkv.banner.contains(TOKEN), "{}", pkv.banner);
    assert!(!pkv.banner.contains("generated"), "{}", pkv.banner);
    // With the token in its place the line works as well.
    let line = pkv.banner.lines().find(|line| line.starts_with("curl ")).unwrap();
    let line = line.replace("<your token>", TOKEN);
    assert_eq!(run_curl_line(&pkv, &line).await, json!({ "result": "OK" }));
    pkv.stop().await;
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(log.contains("Redis is ready") && !log.contains(TOKEN), "{log}");
    assert!(!dir.path().join("data/token").exists(), "a token was generated all the same");
}

#[tokio::test]
async fn ready_is_said_once_even_if_redis_starts_twice() {
    let dir = TempDir::new().unwrap();
    let (stdout, stderr) = (dir.path().join("stdout"), dir.path().join("stderr"));
    let mut command = Pkv::command(dir.path(), &[]);
    command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
    let mut pkv = Running(command.spawn().unwrap());
    let count = |path: &Path, part: &str| fs::read_to_string(path).unwrap().matches(part).count();
    let limit = Duration::from_secs(20);
    eventually("the banner", limit, async || count(&stdout, "pkv ready in ") == 1).await;
    let log = fs::read_to_string(&stderr).unwrap();
    let started: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let started = started.iter().find(|entry| entry["message"] == "Redis started").unwrap();
    let redis = Pid::from_raw(started["pid"].as_i64().unwrap() as i32);
    kill(redis, Signal::SIGKILL).unwrap();
    eventually("a second Redis", limit, async || count(&stderr, "Redis is ready") == 2).await;
    kill(Pid::from_raw(pkv.0.id() as i32), Signal::SIGTERM).unwrap();
    assert!(pkv.ended(limit).await.success());
    assert_eq!(count(&stdout, "pkv ready in "), 1);
    assert_eq!(count(&stdout, "UPSTASH_REDIS_REST_URL="), 1);
}

#[tokio::test]
async fn a_space_without_a_token_says_which_secret_to_set_and_makes_none() {
    let dir = TempDir::new().unwrap();
    let vars = [("SRH_TOKEN", ""), ("SPACE_ID", "somebody/pkv")];
    let pkv = Pkv::start_in(dir.path(), &vars);
    for (method, path, body) in [
        ("GET", "/get/k", ""),
        ("POST", "/", r#"["GET","k"]"#),
        ("POST", "/pipeline", r#"[["GET","k"]]"#),
        ("POST", "/multi-exec", r#"[["GET","k"]]"#),
        ("GET", "/get/k?_token=", ""),
    ] {
        for token in ["", "anything"] {
            let request = pkv.request(method, path).bearer_auth(token).body(body);
            let reply = pkv.send(request).await.unwrap();
            assert_eq!(reply.status, 503, "{method} {path} {token:?}: {}", reply.body);
            let text = reply.body["error"].as_str().unwrap();
            assert!(text.contains("SRH_TOKEN") && text.contains("secret"), "{text}");
        }
    }
    // The Space itself is well, and its page shows something.
    for path in ["/", "/health", "/ready"] {
        assert_eq!(pkv.get(path).await.status, 200, "{path}");
    }
    assert!(!dir.path().join("data/token").exists());
    drop(pkv);
    // Once the secret is set, it is the token.
    let vars = [("SRH_TOKEN", TOKEN), ("SPACE_ID", "somebody/pkv")];
    let pkv = Pkv::start_in(dir.path(), &vars);
    assert_eq!(result(pkv.run(json!(["PING"])).await), "PONG");
}
