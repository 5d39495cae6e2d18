//! Variables: bad ones, misspelt ones, empty ones.

use std::time::Duration;

use tempfile::TempDir;

use super::{ended, log_says};
use crate::support::{Pkv, result};

#[tokio::test]
async fn a_bad_value_ends_the_start_with_64_and_one_line_that_helps() {
    let dir = TempDir::new().unwrap();
    let secret = "redis://user:hunter2@nowhere.example:port/0";
    for (name, value, more) in [
        ("SRH_PORT", "abc", ""),
        ("SRH_PORT", "65536", ""),
        ("SRH_PORT", "-1", ""),
        ("SRH_MODE", "cluster", ""),
        ("SRH_MAX_CONNECTIONS", "0", ""),
        ("SRH_MAX_CONNECTIONS", "three", ""),
        ("TOKIO_WORKER_THREADS", "0", ""),
        ("TOKIO_WORKER_THREADS", "two", ""),
        ("SRH_CONNECTION_STRING", "127.0.0.1:6379", "SRH_MODE=env"),
        ("SRH_CONNECTION_STRING", "http://127.0.0.1", "SRH_MODE=env"),
        ("SRH_CONNECTION_STRING", secret, "SRH_MODE=env"),
        ("SRH_CONNECTION_STRING", "", "SRH_MODE=env"),
        ("PKV_BIND", "localhost", ""),
        ("PKV_TOKENS_FILE", "/nowhere/tokens.json", ""),
        ("PKV_TOKENS_FILE", "", "SRH_MODE=file"),
        ("PKV_REDIS_SERVER", "/nowhere/redis-server", ""),
        ("PKV_JSON_MODULE", "/nowhere/module.so", ""),
        ("PKV_REDIS_PORT", "0", ""),
        ("PKV_REDIS_PORT", "6379x", ""),
        ("PKV_DURABILITY", "yes", ""),
        ("PKV_MAXMEMORY", "0", ""),
        ("PKV_MAXMEMORY", "lots", ""),
        ("PKV_MAX_BODY", "ten", ""),
        ("PKV_MAX_RESPONSE", "lots", ""),
        ("PKV_MAX_RESPONSE", "0", ""),
        ("PKV_MAX_QUEUE", "1kb", ""),
        ("PKV_IDLE_TIMEOUT", "0s", ""),
        ("PKV_CLIENT_TIMEOUT", "never", ""),
        ("PKV_DIALECT", "french", ""),
        ("PKV_TIMEOUT", "soon", ""),
        ("PKV_TIMEOUT", "0s", ""),
        ("PKV_LOG", "loud", ""),
    ] {
        let more = more.split_once('=').unwrap_or(("PKV_LOG", ""));
        let vars = if more.0 == name { vec![(name, value)] } else { vec![more, (name, value)] };
        let end = ended(dir.path(), &vars, Duration::from_secs(5)).await;
        let what = format!("{name}={value}: {:?} {}", end.code, end.stderr);
        assert_eq!(end.code, Some(64), "{what}");
        assert_eq!(end.stderr.lines().count(), 1, "{what}");
        assert!(end.stderr.contains(&format!("for example {name}=")), "{what}");
        let fault = end.stderr.split("; for example").next().unwrap();
        assert!(fault.contains(name) && fault.len() > "pkv: ".len() + name.len() + 5, "{what}");
        // The value is part of the fault, unless it may hold a password.
        if name != "SRH_CONNECTION_STRING" {
            assert!(fault.contains(value), "{what}");
        }
        assert!(!end.stderr.contains("hunter2"), "{what}");
        assert_eq!(end.stdout, "", "{what}");
    }
    // PORT counts only where SRH_PORT is unset.
    let vars = [("SRH_PORT", ""), ("PORT", "http")];
    let end = ended(dir.path(), &vars, Duration::from_secs(5)).await;
    assert!(end.code == Some(64) && end.stderr.contains("for example PORT="), "{}", end.stderr);
    assert!(!dir.path().join("data").exists(), "a start that failed left files behind");
}

#[tokio::test]
async fn a_misspelt_name_is_a_warning_and_an_empty_value_counts_as_unset() {
    let pkv = Pkv::start_with(&[
        ("SRH_TOKNE", "whatever"),
        ("PKV_DATADIR", "/nowhere"),
        ("SRH_DURABILITY", "always"),
        ("PKV_SOMETHING_ELSE", "x"),
        ("SRH_IPV6", "true"),
        ("SRH_MODE", ""),
        ("SRH_CONNECTION_STRING", ""),
        ("SRH_MAX_CONNECTIONS", ""),
        ("PKV_TOKENS_FILE", ""),
        ("PKV_REDIS_PORT", ""),
        ("PKV_DURABILITY", ""),
        ("PKV_MAXMEMORY", ""),
        ("PKV_MAX_BODY", ""),
        ("PKV_TIMEOUT", ""),
        ("PKV_LOG", ""),
        ("PORT", "not looked at: SRH_PORT is set"),
        ("SPACE_ID", ""),
    ]);
    for (name, meant) in [
        ("SRH_TOKNE", "did you mean SRH_TOKEN?"),
        ("PKV_DATADIR", "did you mean PKV_DATA_DIR?"),
        ("SRH_DURABILITY", "did you mean PKV_DURABILITY?"),
        ("PKV_SOMETHING_ELSE", "--help"),
    ] {
        let warned = pkv.log().iter().any(|entry| {
            let text = entry["message"].as_str().unwrap_or_default();
            entry["level"] == "WARN" && text.contains(name) && text.contains(meant)
        });
        assert!(warned, "{name}: {:?}", pkv.log());
    }
    assert!(!log_says(&pkv, "SRH_IPV6"), "a variable of SRH that is known");
    assert!(!log_says(&pkv, "whatever"), "a value that may be a token is in the log");
    assert!(pkv.banner.contains("durability  everysec"), "{}", pkv.banner);
    assert_eq!(result(pkv.run(serde_json::json!(["PING"])).await), "PONG");
}
