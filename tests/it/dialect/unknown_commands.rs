//! Commands that the server does not have.

use pkv::engine::{Engine, commands};
use serde_json::{Value, json};

use crate::support::{Pkv, items, result};

/// What pkv puts together itself where the server lacks it may have errors of its own.
const EMULATED: [&str; 4] = ["DELEX", "DIGEST", "XACKDEL", "XDELEX"];

async fn engine(pkv: &Pkv) -> Engine {
    let info = result(pkv.run(json!(["INFO", "server"])).await);
    Engine::from_info(info.as_str().unwrap())
}

#[tokio::test]
async fn the_list_of_newer_commands_agrees_with_the_server() {
    let pkv = Pkv::start();
    let engine = engine(&pkv).await;
    assert_ne!(engine, Engine::Unknown);
    for (since, names) in commands::NEWER {
        let asked: Vec<_> = ["COMMAND", "INFO"].iter().chain(*names).collect();
        let known = result(pkv.run(json!(asked)).await);
        for (name, row) in names.iter().zip(known.as_array().unwrap()) {
            assert_eq!(row.is_null(), engine.lacks(*since), "{name} on {engine}");
        }
    }
}

#[tokio::test]
async fn who_asks_for_one_is_told_where_it_comes_from_and_what_this_server_is() {
    let pkv = Pkv::start_with(&[("PKV_JSON_MODULE", "off")]);
    let engine = engine(&pkv).await;
    let told = |name: &str, more: String| {
        let text = format!(
            "ERR Command is not available: '{name}'. See \
             https://upstash.com/docs/redis/overall/rediscompatibility for details{more}"
        );
        json!({ "error": text })
    };
    let mut rows = vec![
        (json!(["NOTACMD", "x"]), told("NOTACMD", String::new())),
        (json!(["search.query", "i"]), told("SEARCH.QUERY", String::new())),
        (
            json!(["json.get", "k"]),
            told(
                "JSON.GET",
                format!(" (JSON.* commands come with the JSON module; this is {engine})"),
            ),
        ),
    ];
    for (since, names) in commands::NEWER {
        if let Some(release) = engine.release_with(*since) {
            let told =
                |name| told(name, format!(" ({name} came with {release}; this is {engine})"));
            let names = names.iter().filter(|name| !EMULATED.contains(name));
            rows.extend(names.map(|name| (json!([name]), told(name))));
        }
    }
    assert!(rows.len() > 3, "{engine} has them all");
    for (command, want) in &rows {
        let reply = pkv.run(command.clone()).await;
        assert_eq!((reply.status, &reply.body), (400, want), "{command}");
    }
    let lines: Vec<_> = rows.iter().map(|(command, _)| command).collect();
    let answers = items(pkv.post("/pipeline", json!(lines)).await.unwrap());
    let wanted: Vec<_> = rows.iter().map(|(_, want)| want).collect();
    assert_eq!(answers.iter().collect::<Vec<_>>(), wanted);
    for (command, want) in &rows {
        let reply = pkv.post("/multi-exec", json!([["PING"], command])).await.unwrap();
        assert_eq!((reply.status, &reply.body), (400, want), "{command} in a transaction");
    }
    let unknown: Value = json!(["OBJECT", "NONSENSE"]);
    let reply = pkv.run(unknown).await;
    assert!(reply.body["error"].as_str().unwrap().starts_with("ERR unknown subcommand"));
}
