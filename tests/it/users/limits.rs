//! What users cannot be, and what none of them may do.

use serde_json::{Value, json};

use super::{make, ok, refused};
use crate::support::{Bearer, Pkv, RedisServer, TOKEN, items, result};

#[tokio::test]
async fn a_password_is_a_token_and_nothing_else() {
    let pkv = Pkv::start();
    let full = Bearer::new(&pkv, TOKEN);
    let others = super::gentoken(&pkv, "other").await;
    let hash = "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    for (rule, part) in [
        (">plain", "ACL GENTOKEN"),
        (&format!(">{others}"), "ACL GENTOKEN"),
        (hash, "hashes"),
        ("nopass", "nopass"),
        ("NoPass", "nopass"),
        ("nopass\0x", "must be text"),
        ("(+@all ~*)", "selectors"),
        ("+config|set", "sub-commands"),
        ("+nonsense", "Unknown command or category name in ACL"),
    ] {
        refused(full.run(&json!(["ACL", "SETUSER", "app", "on", rule])).await, part);
    }
    let user = result(pkv.run(json!(["ACL", "GETUSER", "app"])).await);
    assert_eq!(user, Value::Null, "a refused change changes nothing");
}

#[tokio::test]
async fn users_are_shown_as_upstash_shows_them_and_pkvs_own_are_not() {
    let pkv = Pkv::start_with(&[("SRH_READONLY_TOKEN", "reader")]);
    make(&pkv, "app", &["~a", "~b", "resetchannels", "&c", "+get"]).await;
    let user = result(pkv.run(json!(["ACL", "GETUSER", "app"])).await);
    let fields: Vec<_> = user.as_array().unwrap().chunks(2).collect();
    let names: Vec<_> = fields.iter().map(|pair| pair[0].as_str().unwrap()).collect();
    assert_eq!(names, ["flags", "passwords", "commands", "keys", "channels"]);
    assert_eq!((&fields[3][1], &fields[4][1]), (&json!(["~a", "~b"]), &json!(["&c"])));

    let users = result(pkv.run(json!(["ACL", "USERS"])).await);
    assert_eq!(users, json!(["app", "default", "default_ro"]));
    let list = result(pkv.run(json!(["ACL", "LIST"])).await);
    assert_eq!(list.as_array().unwrap().len(), 3, "{list}");
    assert!(!list.to_string().contains("pkv-"), "{list}");
    assert_eq!(result(pkv.run(json!(["ACL", "GETUSER", "pkv-supervisor"])).await), Value::Null);
    assert_eq!(result(pkv.run(json!(["ACL", "WHOAMI"])).await), json!("default"));
    for command in [json!(["ACL", "SAVE"]), json!(["ACL", "LOAD"]), json!(["ACL", "LOG", "RESET"])]
    {
        assert_eq!(result(pkv.run(command).await), json!("OK"));
    }
    assert_eq!(result(pkv.run(json!(["ACL", "LOG"])).await), json!([]));

    let full = Bearer::new(&pkv, TOKEN);
    for user in ["default", "default_ro", "pkv-callers"] {
        for command in [json!(["ACL", "GENTOKEN", user]), json!(["ACL", "RESTTOKEN", user, "x"])] {
            refused(full.run(&command).await, "this user is pkv's own");
        }
    }
    for user in ["default", "default_ro", "pkv-supervisor", "pkv-callers", "pkv-new"] {
        let part = format!("ERR The user '{user}' cannot be changed or deleted");
        refused(full.run(&json!(["ACL", "SETUSER", user, "off"])).await, &part);
        refused(full.run(&json!(["ACL", "DELUSER", "app", user])).await, &part);
    }
    assert_ne!(result(pkv.run(json!(["ACL", "GETUSER", "app"])).await), Value::Null);
}

#[tokio::test]
async fn only_full_access_makes_tokens() {
    let pkv = Pkv::start_with(&[("SRH_READONLY_TOKEN", "reader")]);
    let app = make(&pkv, "app", &["~*", "&*", "+@all"]).await;
    for token in [app.as_str(), "reader"] {
        let bearer = Bearer::new(&pkv, token);
        for command in [
            json!(["ACL", "GENTOKEN", "app"]),
            json!(["ACL", "RESTTOKEN", "app", app]),
            json!(["ACL", "SETUSER", "app2", "on"]),
            json!(["ACL", "DELUSER", "app"]),
            json!(["ACL", "GETUSER", "app"]),
            json!(["ACL", "LOG"]),
            json!(["CONFIG", "SET", "notify-keyspace-events", "KEA"]),
            json!(["CONFIG", "GET", "*"]),
        ] {
            refused(bearer.run(&command).await, "NOPERM");
        }
    }
}

/// Every command of the server, sub-commands too, with arguments enough.
async fn commands(redis: &Pkv) -> Vec<Vec<String>> {
    let list = result(redis.run(json!(["COMMAND", "LIST"])).await);
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut command = vec!["COMMAND", "INFO"];
    command.extend(names);
    let mut found = Vec::new();
    for entry in result(redis.run(json!(command)).await).as_array().unwrap() {
        let subcommands = entry[9].as_array().unwrap();
        for entry in subcommands.iter().chain(subcommands.is_empty().then_some(entry)) {
            let mut words: Vec<_> =
                entry[0].as_str().unwrap().split('|').map(str::to_owned).collect();
            let arity = entry[1].as_i64().unwrap().unsigned_abs() as usize;
            words.resize(arity.max(words.len()), "1".to_owned());
            found.push(words);
        }
    }
    found
}

#[tokio::test]
async fn nobody_is_given_more_than_callers_have() {
    let dir = tempfile::tempdir().unwrap();
    // A file from elsewhere, with all that Redis can give.
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let line = "user guest on nopass ~* &* +@all (~* &* +@all)\nuser default on nopass +@all\n";
    std::fs::write(dir.path().join("data/users.acl"), line).unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    make(&pkv, "app", &["~*", "&*", "+@all"]).await;

    let commands = commands(&pkv).await;
    assert!(commands.len() > 300, "{}", commands.len());
    let mut beyond = Vec::new();
    for user in ["default", "app", "guest"] {
        let dry_run = |words: &Vec<String>| {
            let mut command = json!(["ACL", "DRYRUN", user]);
            command.as_array_mut().unwrap().extend(words.iter().map(|word| json!(word)));
            command
        };
        let asked: Vec<Value> = commands.iter().map(dry_run).collect();
        let answers = items(pkv.post("/pipeline", json!(asked)).await.unwrap());
        let may: Vec<bool> = answers.iter().map(|answer| answer["result"] == "OK").collect();
        assert!(may.iter().filter(|may| **may).count() > 150, "{user}: {answers:?}");
        match beyond.as_slice() {
            [] => beyond = may.iter().map(|may| !may).collect(),
            beyond => {
                for (words, (beyond, may)) in commands.iter().zip(beyond.iter().zip(may)) {
                    assert!(!(*beyond && may), "{user} may {words:?}");
                }
            }
        }
    }
    let lines = result(pkv.run(json!(["ACL", "LIST"])).await);
    assert!(!lines.to_string().contains('('), "a selector: {lines}");
}

/// Redis looks sub-commands up in a table whose places follow from the whole name, and compares up to
/// a NUL: about one suffix in ten leads to the sub-command itself.
#[tokio::test]
async fn a_subcommand_with_a_nul_is_none() {
    let pkv = Pkv::start();
    let full = Bearer::new(&pkv, TOKEN);
    for suffix in 'a'..='z' {
        let hidden = |subcommand: &str| format!("{subcommand}\0{suffix}");
        for command in [
            json!(["CONFIG", hidden("SET"), "appendonly", "no"]),
            json!(["ACL", hidden("SETUSER"), "pkv-callers", "+@all"]),
            json!(["SCRIPT", hidden("DEBUG"), "YES"]),
            json!(["MEMORY", hidden("PURGE")]),
        ] {
            refused(full.run(&command).await, "Command is not available: '");
        }
    }
    let info = result(pkv.run(json!(["INFO", "persistence"])).await);
    assert!(info.as_str().unwrap().contains("aof_enabled:1"), "{info}");
}

/// What RESTORE is given is checked for callers' users too, whatever rules they were made with.
#[tokio::test]
async fn a_user_cannot_bring_in_a_forged_value() {
    let pkv = Pkv::start();
    let app = Bearer::new(&pkv, make(&pkv, "app", &["~*", "+@all", "skip-sanitize-payload"]).await);
    let flags = result(pkv.run(json!(["ACL", "GETUSER", "app"])).await)[1].clone();
    let flags: Vec<_> =
        flags.as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    assert!(flags.contains(&"sanitize-payload"), "{flags:?}");
    assert_eq!(app.run(&json!(["PING"])).await, ok(json!("PONG")));
}

#[tokio::test]
async fn names_that_are_no_text_do_not_keep_pkv_from_starting_again() {
    let dir = tempfile::tempdir().unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    for path in ["/acl/setuser/%ff/on", "/acl/setuser/app/on/~%ff*"] {
        let reply = pkv.get(&format!("{path}?_token={TOKEN}")).await;
        assert!(reply.body["error"].as_str().unwrap().contains("must be text"), "{}", reply.body);
    }
    pkv.stop().await;
    // A file from elsewhere may hold them.
    let file = dir.path().join("data/users.acl");
    let mut users = std::fs::read(&file).unwrap();
    users.extend_from_slice(b"user \xff on resetchannels -@all\n");
    std::fs::write(&file, users).unwrap();
    let pkv = Pkv::start_in(dir.path(), &[]);
    assert_eq!(result(pkv.run(json!(["PING"])).await), json!("PONG"));
}

#[tokio::test]
async fn a_token_that_can_be_guessed_signs_none() {
    let pkv = Pkv::start_with(&[("SRH_TOKEN", "short")]);
    refused(Bearer::new(&pkv, "short").run(&json!(["ACL", "GENTOKEN", "app"])).await, "too short");
}

#[tokio::test]
async fn what_callers_may_over_rest_no_script_may_and_no_client_of_the_port() {
    let port = crate::support::free_port();
    let pkv = Pkv::start_with(&[("PKV_REDIS_PORT", &port.to_string())]);
    for call in ["'CONFIG','SET','save','1 1'", "'ACL','SETUSER','x','on'", "'MONITOR'"] {
        let script = format!("return redis.call({call})");
        refused(
            Bearer::new(&pkv, TOKEN).run(&json!(["EVAL", script, 0])).await,
            "This Redis command is not allowed from script",
        );
    }
    let port = RedisServer::running_at(port);
    for line in ["CONFIG SET save 1", "ACL SETUSER x on", "MONITOR", "SHUTDOWN"] {
        let answer = port.say(&[line]).await;
        assert!(answer.starts_with("-NOPERM "), "{line}: {answer}");
    }
    assert_eq!(port.say(&["ACL WHOAMI"]).await, "$7\r\ndefault\r\n");
}

#[tokio::test]
async fn the_dialect_of_redis_takes_users_of_other_servers_as_they_are() {
    let redis = RedisServer::start(&[]).await;
    let url = redis.url();
    let pkv = Pkv::start_with(&[
        ("SRH_MODE", "env"),
        ("SRH_CONNECTION_STRING", &url),
        ("PKV_DIALECT", "redis"),
    ]);
    result(
        pkv.run(json!(["ACL", "SETUSER", "app", "on", ">plain", "~*", "+get", "-config|set"]))
            .await,
    );
    let user = result(pkv.run(json!(["ACL", "GETUSER", "app"])).await);
    assert_eq!(user.as_array().unwrap().len(), 12);

    // The bundled one's users are within their limits whatever the dialect.
    let pkv = Pkv::start_with(&[("PKV_DIALECT", "redis")]);
    let full = Bearer::new(&pkv, TOKEN);
    refused(full.run(&json!(["ACL", "SETUSER", "app", "on", "nopass", "+@all"])).await, "nopass");
    let app = Bearer::new(&pkv, make(&pkv, "app", &["~*", "+@all"]).await);
    refused(app.run(&json!(["MIGRATE", "h", 1, "k", 0, 1])).await, "not available");
    refused(app.run(&json!(["EVAL", "return redis.call('SWAPDB', 0, 1)", 0])).await, "");
    assert_eq!(app.run(&json!(["ACL", "WHOAMI"])).await, ok(json!("app")));
}
