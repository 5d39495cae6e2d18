//! What a value of Redis's own has to do beside being kept: rights, events, watches, limits.

use serde_json::json;

use super::module;
use crate::support::{RedisServer, Resp, Resp2Connection};

pub async fn start(arguments: &[&str]) -> (RedisServer, Resp2Connection) {
    let module = module();
    let redis =
        RedisServer::start(&[&["--loadmodule", module.to_str().unwrap()], arguments].concat())
            .await;
    let connection = Resp2Connection::open(redis.port).await;
    (redis, connection)
}

async fn ask(connection: &mut Resp2Connection, line: &str) -> Resp {
    let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    connection.ask(&words).await
}

fn error(reply: Resp) -> String {
    let Resp::Error(text) = reply else { panic!("no error: {:.200}", format!("{reply:?}")) };
    String::from_utf8(text).unwrap()
}

fn bulk(text: &str) -> Resp {
    Resp::Bulk(text.as_bytes().to_vec())
}

fn status(text: &str) -> Resp {
    Resp::Status(text.into())
}

/// Redis can tell which keys a command names, and what it does with them.
#[tokio::test]
async fn redis_knows_each_commands_keys_and_what_is_done_with_them() {
    let (_redis, mut connection) = start(&[]).await;
    for (line, want) in [
        ("JSON.GET k $.a", &[("k", "RO access")][..]),
        ("JSON.TYPE k", &[("k", "RO")]),
        ("JSON.SET k $ 1", &[("k", "RW update")]),
        ("JSON.NUMINCRBY k $ 1", &[("k", "RW access update")]),
        ("JSON.DEL k", &[("k", "RW delete")]),
        ("JSON.MGET k1 k2 $", &[("k1", "RO access"), ("k2", "RO access")]),
        ("JSON.MSET k1 $ 1 k2 $ 2", &[("k1", "RW update"), ("k2", "RW update")]),
        ("JSON.DEBUG MEMORY k $", &[("k", "RO")]),
    ] {
        let got = ask(&mut connection, &format!("COMMAND GETKEYSANDFLAGS {line}")).await;
        let row = |(key, flags): &(&str, &str)| {
            Resp::Array(vec![bulk(key), Resp::Array(flags.split(' ').map(status).collect())])
        };
        assert_eq!(got, Resp::Array(want.iter().map(row).collect()), "{line}");
    }
}

#[tokio::test]
async fn rights_are_those_of_reading_and_writing() {
    let (redis, mut connection) = start(&[]).await;
    ask(&mut connection, "JSON.SET k $ 1").await;
    ask(&mut connection, "ACL SETUSER reader on >p %R~k +@read").await;
    ask(&mut connection, "ACL SETUSER json on >p ~* +@json").await;
    let mut reader = Resp2Connection::open(redis.port).await;
    assert_eq!(ask(&mut reader, "AUTH reader p").await, status("OK"));
    assert_eq!(ask(&mut reader, "JSON.GET k").await, bulk("1"));
    for refused in ["JSON.SET k $ 2", "JSON.GET other", "JSON.DEL k", "JSON.NUMINCRBY k $ 1"] {
        let text = error(ask(&mut reader, refused).await);
        assert!(text.starts_with("NOPERM"), "{refused}: {text}");
    }
    let mut json = Resp2Connection::open(redis.port).await;
    assert_eq!(ask(&mut json, "AUTH json p").await, status("OK"));
    assert_eq!(ask(&mut json, "JSON.SET k $ 2").await, status("OK"));
    assert!(matches!(ask(&mut json, "GET k").await, Resp::Error(_)));
}

#[tokio::test]
async fn a_watch_ends_with_a_change_and_with_nothing_else() {
    let (redis, mut watcher) = start(&[]).await;
    let mut other = Resp2Connection::open(redis.port).await;
    ask(&mut other, "JSON.SET k $ {\"a\":1}").await;
    for (done, is_changed) in [
        ("JSON.GET k", false),
        ("JSON.SET k $ 2 NX", false),
        ("JSON.SET k $.b 2 XX", false),
        ("JSON.DEL k $.b", false),
        ("JSON.NUMINCRBY k $.b 1", false),
        ("JSON.SET k $.c.d 2", false),
        ("JSON.NUMINCRBY k $.a 1", true),
        ("JSON.SET k $.b 2", true),
        ("JSON.DEL k", true),
    ] {
        ask(&mut watcher, "WATCH k").await;
        ask(&mut other, done).await;
        ask(&mut watcher, "MULTI").await;
        ask(&mut watcher, "PING").await;
        let executed = ask(&mut watcher, "EXEC").await;
        assert_eq!(executed == Resp::Nil, is_changed, "{done}: {executed:?}");
    }
}

#[tokio::test]
async fn changes_are_events() {
    let (redis, mut listener) = start(&["--notify-keyspace-events", "EA"]).await;
    let mut other = Resp2Connection::open(redis.port).await;
    ask(&mut listener, "PSUBSCRIBE __keyevent@0__:*").await;
    for (done, event) in [
        ("JSON.SET k $ {\"a\":[1],\"n\":1}", "json.set"),
        ("JSON.ARRAPPEND k $.a 2", "json.arrappend"),
        ("JSON.NUMINCRBY k $.n 2", "json.numincrby"),
        ("JSON.DEL k", "json.del"),
    ] {
        ask(&mut other, done).await;
        let pushed = listener.next().await;
        let want =
            ["pmessage", "__keyevent@0__:*", &format!("__keyevent@0__:{event}"), "k"].map(bulk);
        assert_eq!(pushed, Resp::Array(want.into()), "{done}");
    }
    // As of any key that is gone.
    let want = ["pmessage", "__keyevent@0__:*", "__keyevent@0__:del", "k"].map(bulk);
    assert_eq!(listener.next().await, Resp::Array(want.into()));
}

#[tokio::test]
async fn memory_is_counted_and_bounded() {
    let (_redis, mut connection) =
        start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]).await;
    let text = json!({ "text": "x".repeat(100_000) }).to_string();
    let set = |key: &str| ["JSON.SET", key, "$", &text].map(|word| word.as_bytes().to_vec());
    assert_eq!(connection.ask(&set("k")).await, status("OK"));
    let Resp::Integer(bytes) = ask(&mut connection, "MEMORY USAGE k").await else { panic!() };
    assert!((100_000..120_000).contains(&bytes), "{bytes}");
    let Resp::Integer(part) = ask(&mut connection, "JSON.DEBUG MEMORY k .text").await else {
        panic!()
    };
    assert!((100_000..bytes).contains(&part), "{part}");
    let mut refused = None;
    for n in 0..100 {
        if let Resp::Error(text) = connection.ask(&set(&format!("k{n}"))).await {
            refused = Some(text);
            break;
        }
    }
    assert!(refused.expect("the memory is full").starts_with(b"OOM"));
    assert_eq!(ask(&mut connection, "JSON.ARRLEN k $").await, Resp::Array(vec![Resp::Nil]));
    // What makes room is not refused.
    assert_eq!(ask(&mut connection, "JSON.DEL k").await, Resp::Integer(1));
}

/// Hostile paths and documents end in an error, soon, and the server lives on.
#[tokio::test]
async fn hostile_input_is_bounded() {
    let (_redis, mut connection) = start(&[]).await;
    let wide = format!("[{}]", vec!["[[1,2],[3,4]]"; 20_000].join(","));
    let nested = "[".repeat(128) + &"]".repeat(128);
    for (document, path) in [
        (&nested, "$..*..*..*..*..*..*"),
        (&wide, "$[*][?count($..*)>0]"),
        (&wide, "$[*][?$..[?@==7]]"),
    ] {
        let set = ["JSON.SET", "hostile", "$", document].map(|word| word.as_bytes().to_vec());
        assert_eq!(connection.ask(&set).await, status("OK"));
        let asked = std::time::Instant::now();
        let text = error(ask(&mut connection, &format!("JSON.GET hostile {path}")).await);
        assert!(text.contains("narrower path"), "{path}: {text}");
        // The module is not optimised here, and other tests run.
        assert!(asked.elapsed().as_secs() < 60, "{path} took {:?}", asked.elapsed());
    }
    // One value a million times over, and much to do with each.
    let long = format!(
        r#"{{"a":[[[{}]]],"s":[["{}"]]}}"#,
        vec!["1"; 100_000].join(","),
        "x".repeat(1_000_000)
    );
    let set = ["JSON.SET", "hostile", "$", &long].map(|word| word.as_bytes().to_vec());
    assert_eq!(connection.ask(&set).await, status("OK"));
    let times = format!("[{}]", vec!["0"; 1000].join(","));
    for command in [
        format!("JSON.ARRINDEX hostile $.a{times}{times} 2"),
        format!("JSON.ARRINSERT hostile $.a{times}{times} 0 2"),
        format!("JSON.ARRTRIM hostile $.a{times}{times} 0 -1"),
        format!("JSON.STRAPPEND hostile $.s{times}{times} \"x\""),
        format!("JSON.RESP hostile $.a{times}{times}"),
        format!("JSON.DEBUG MEMORY hostile $.a{times}{times}"),
        format!("JSON.GET hostile {}", vec!["$..[?@..*]"; 1000].join(" ")),
    ] {
        let asked = std::time::Instant::now();
        let text = error(ask(&mut connection, &command).await);
        assert!(text.contains("narrower path"), "{command:.40}: {text}");
        assert!(asked.elapsed().as_secs() < 60, "{command:.40} took {:?}", asked.elapsed());
    }
    // Nothing was done by halves.
    assert_eq!(
        ask(&mut connection, "JSON.ARRLEN hostile $.a[0][0]").await,
        Resp::Array(vec![Resp::Integer(100_000)])
    );
    assert_eq!(
        ask(&mut connection, "JSON.STRLEN hostile $.s[0][0]").await,
        Resp::Array(vec![Resp::Integer(1_000_000)])
    );
    // What is much, but asked for in earnest.
    let members = (0..100_000).map(|n| format!(r#""k{n}":{n}"#)).collect::<Vec<_>>().join(",");
    let nulls = (0..50_000).map(|n| format!(r#""k{n}":null"#)).collect::<Vec<_>>().join(",");
    for (words, want) in [
        (
            vec!["JSON.SET".to_owned(), "large".into(), "$".into(), format!("{{{members}}}")],
            status("OK"),
        ),
        (
            vec!["JSON.MERGE".into(), "large".into(), "$".into(), format!("{{{nulls}}}")],
            status("OK"),
        ),
        (vec!["JSON.DEL".into(), "large".into(), "$[?@<75000]".into()], Resp::Integer(25_000)),
        (vec!["JSON.OBJLEN".into(), "large".into(), ".".into()], Resp::Integer(25_000)),
    ] {
        let asked = std::time::Instant::now();
        let words: Vec<_> = words.into_iter().map(String::into_bytes).collect();
        assert_eq!(connection.ask(&words).await, want);
        // A minute and more, one child after the other.
        assert!(asked.elapsed().as_secs() < 20, "took {:?}", asked.elapsed());
    }
    // An error says whatever was asked for.
    let text = error(ask(&mut connection, "JSON.GET hostile .日本\r\n\0").await);
    assert_eq!(text, "ERR Path '.日本   ' does not exist");
    for text in ["[".repeat(129), "[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        let set = ["JSON.SET", "deep", "$", &text].map(|word| word.as_bytes().to_vec());
        assert!(matches!(connection.ask(&set).await, Resp::Error(_)));
    }
    // What could not be read back may not come about piece by piece either.
    let deep = "[".repeat(127) + &"]".repeat(127);
    let set = ["JSON.SET", "deep", "$", &deep].map(|word| word.as_bytes().to_vec());
    assert_eq!(connection.ask(&set).await, status("OK"));
    let innermost = format!("${}", "[0]".repeat(126));
    assert_eq!(
        ask(&mut connection, &format!("JSON.ARRAPPEND deep {innermost} []")).await,
        Resp::Array(vec![Resp::Integer(1)])
    );
    for refused in [
        format!("JSON.ARRAPPEND deep {innermost} [[]]"),
        format!("JSON.ARRINSERT deep {innermost} 0 [[]]"),
        format!("JSON.SET deep {innermost} [[[]]]"),
        format!("JSON.MERGE deep {innermost} {{\"a\":{{\"b\":{{}}}}}}"),
        format!("JSON.MSET deep {innermost} [[[]]]"),
    ] {
        let text = error(ask(&mut connection, &refused).await);
        assert!(text.contains("128 levels"), "{refused}: {text}");
    }
    assert_eq!(ask(&mut connection, "PING").await, status("PONG"));
}
