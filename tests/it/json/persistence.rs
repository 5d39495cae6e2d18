//! Documents are the same, byte for byte, after everything that Redis does with values: saving,
//! loading, copying, replicating. On both versions of Redis.

use std::path::Path;
use std::time::Duration;

use super::{documents, module};
use crate::support::{
    RedisServer, Resp, Resp2Connection, eventually, free_port, older_server, server,
};

/// Longest time for a server to do what it has been told.
const LIMIT: Duration = Duration::from_secs(30);

/// A server with the module, and what it is asked.
struct Server {
    redis: RedisServer,
    connection: Resp2Connection,
}

impl Server {
    async fn start(program: &str, dir: &Path, arguments: &[&str]) -> Self {
        let module = module();
        let fixed = ["--loadmodule", module.to_str().unwrap(), "--dir", dir.to_str().unwrap()];
        let redis =
            RedisServer::start_program(program, free_port(), &[&fixed, arguments].concat()).await;
        let connection = Resp2Connection::open(redis.port).await;
        let mut server = Self { redis, connection };
        // It answers LOADING for as long as it loads.
        for _ in 0..600 {
            if matches!(server.ask(&["DBSIZE"]).await, Resp::Integer(_)) {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("still loading");
    }

    async fn ask(&mut self, words: &[&str]) -> Resp {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.connection.ask(&words).await
    }

    async fn tell(&mut self, words: &[&str]) {
        let answer = self.ask(words).await;
        assert!(!matches!(answer, Resp::Error(_)), "{words:?}: {answer:?}");
    }

    async fn fill(&mut self) {
        for (nth, text) in documents().iter().enumerate() {
            self.tell(&["JSON.SET", &format!("document:{nth}"), "$", text]).await;
        }
        // One that was changed in every way.
        self.tell(&[
            "JSON.SET",
            "changed",
            "$",
            r#"{"a":[1,2,3],"s":"x","n":1,"b":true,"gone":1}"#,
        ])
        .await;
        for change in [
            &["JSON.ARRAPPEND", "changed", "$.a", "4", "[5]"][..],
            &["JSON.ARRINSERT", "changed", "$.a", "0", "0"],
            &["JSON.ARRPOP", "changed", "$.a", "1"],
            &["JSON.ARRTRIM", "changed", "$.a", "0", "3"],
            &["JSON.STRAPPEND", "changed", "$.s", "\"yz\""],
            &["JSON.NUMINCRBY", "changed", "$.n", "0.5"],
            &["JSON.NUMMULTBY", "changed", "$.n", "3"],
            &["JSON.TOGGLE", "changed", "$.b"],
            &["JSON.MERGE", "changed", "$", r#"{"m":{"x":1},"gone":null}"#],
            &["JSON.MSET", "changed", "$.t", "[]", "another", "$", "{}"],
            &["JSON.CLEAR", "changed", "$.m"],
            &["JSON.DEL", "changed", "$.a[0]"],
        ] {
            self.tell(change).await;
        }
    }

    /// Asserts that every document is what was set, at keys with that prefix.
    async fn assert_documents(&mut self, prefix: &str) {
        for (nth, text) in documents().iter().enumerate() {
            let got = self.ask(&["JSON.GET", &format!("{prefix}{nth}")]).await;
            assert_eq!(got, Resp::Bulk(text.clone().into_bytes()), "document {nth}");
        }
    }

    /// Asserts that all is there that `fill` has written.
    async fn assert_filled(&mut self) {
        self.assert_documents("document:").await;
        let changed = self.ask(&["JSON.GET", "changed"]).await;
        let want = r#"{"a":[2,3,4],"s":"xyz","n":4.5,"b":false,"m":{},"t":[]}"#;
        assert_eq!(changed, Resp::Bulk(want.into()));
        assert_eq!(self.ask(&["JSON.GET", "another"]).await, Resp::Bulk("{}".into()));
    }

    async fn wait_until(&mut self, section: &str, line: &str) {
        for _ in 0..600 {
            let Resp::Bulk(info) = self.ask(&["INFO", section]).await else { panic!("no INFO") };
            if String::from_utf8_lossy(&info).contains(line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("INFO {section} never said {line}");
    }
}

fn programs() -> [String; 2] {
    [server(), older_server()]
}

#[tokio::test]
async fn a_snapshot_keeps_them() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::start(&program, dir.path(), &[]).await;
        server.fill().await;
        server.tell(&["SAVE"]).await;
        drop(server);
        Server::start(&program, dir.path(), &[]).await.assert_filled().await;
    }
}

/// As commands that are replayed, as a snapshot before them, and as commands that the module makes.
#[tokio::test]
async fn the_append_only_file_keeps_them_rewritten_or_not() {
    for program in programs() {
        for preamble in ["yes", "no"] {
            let arguments = [
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--aof-use-rdb-preamble",
                preamble,
            ];
            let dir = tempfile::tempdir().unwrap();
            let mut server = Server::start(&program, dir.path(), &arguments).await;
            server.fill().await;
            drop(server); // SIGKILL
            let mut server = Server::start(&program, dir.path(), &arguments).await;
            server.assert_filled().await;
            server.tell(&["BGREWRITEAOF"]).await;
            server.wait_until("persistence", "aof_rewrite_in_progress:0").await;
            server.wait_until("persistence", "aof_last_bgrewrite_status:ok").await;
            drop(server);
            Server::start(&program, dir.path(), &arguments).await.assert_filled().await;
        }
    }
}

#[tokio::test]
async fn copies_and_renamed_ones_are_the_same_and_their_own() {
    for program in programs() {
        let dir = tempfile::tempdir().unwrap();
        let mut server =
            Server::start(&program, dir.path(), &["--enable-debug-command", "yes"]).await;
        server.fill().await;
        for nth in 0..documents().len() {
            let [key, copy, restored, renamed] = ["document:", "copy:", "restored:", "renamed:"]
                .map(|prefix| format!("{prefix}{nth}"));
            server.tell(&["COPY", &key, &copy]).await;
            let dump = server.ask(&["DUMP", &key]).await;
            let Resp::Bulk(dump) = dump else { panic!("{dump:?}") };
            let words = [b"RESTORE".to_vec(), restored.into_bytes(), b"0".to_vec(), dump];
            assert_eq!(server.connection.ask(&words).await, Resp::Status("OK".into()));
            server.tell(&["COPY", &key, "to be renamed"]).await;
            server.tell(&["RENAME", "to be renamed", &renamed]).await;
        }
        for prefix in ["copy:", "restored:", "renamed:"] {
            server.assert_documents(prefix).await;
        }
        // What is done to a copy is not done to the document.
        for nth in 0..documents().len() {
            server.tell(&["JSON.SET", &format!("copy:{nth}"), "$", "\"changed\""]).await;
        }
        server.assert_filled().await;
        // All of one content have one digest.
        let one = server.ask(&["DEBUG", "DIGEST-VALUE", "document:19"]).await;
        assert!(matches!(one, Resp::Array(_)), "{one:?}");
        assert_eq!(server.ask(&["DEBUG", "DIGEST-VALUE", "restored:19"]).await, one);
        assert_ne!(server.ask(&["DEBUG", "DIGEST-VALUE", "restored:18"]).await, one);
    }
}

#[tokio::test]
async fn a_replica_has_them() {
    for program in programs() {
        let (dir, replica_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut server =
            Server::start(&program, dir.path(), &["--repl-diskless-sync-delay", "0"]).await;
        // Some of it comes with the first copy, the rest one command after the other.
        server.tell(&["JSON.SET", "first", "$", "{\"a\":1}"]).await;
        let port = server.redis.port.to_string();
        let mut replica =
            Server::start(&program, replica_dir.path(), &["--replicaof", "127.0.0.1", &port]).await;
        replica.wait_until("replication", "master_link_status:up").await;
        server.fill().await;
        server.tell(&["JSON.NUMINCRBY", "first", "$.a", "1"]).await;
        server.tell(&["WAIT", "1", "10000"]).await;
        replica.assert_filled().await;
        assert_eq!(replica.ask(&["JSON.GET", "first"]).await, Resp::Bulk("{\"a\":2}".into()));
    }
}

/// A damaged document is refused, by RESTORE and at the start, and no server dies of it.
#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let program = &programs()[0];
    let mut server = Server::start(program, dir.path(), &["--enable-debug-command", "yes"]).await;
    server.tell(&["JSON.SET", "k", "$", "{\"a\":[1,2,3]}"]).await;
    server.tell(&["DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1"]).await;
    let Resp::Bulk(dump) = server.ask(&["DUMP", "k"]).await else { panic!("no dump") };
    let at = dump.windows(2).position(|bytes| bytes == b"{\"").expect("the text is in it");
    let mut damaged = dump.clone();
    damaged[at] = b'!';
    let words = [b"RESTORE".to_vec(), b"k2".to_vec(), b"0".to_vec(), damaged];
    let answer = server.connection.ask(&words).await;
    assert_eq!(answer, Resp::Error("ERR Bad data format".into()));
    assert_eq!(server.ask(&["EXISTS", "k2"]).await, Resp::Integer(0));
    server.tell(&["SAVE"]).await;
    drop(server);
    let file = dir.path().join("dump.rdb");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(2).position(|bytes| bytes == b"{\"").expect("the text is in it");
    bytes[at] = b'!';
    std::fs::write(&file, bytes).unwrap();
    let module = module();
    let mut command = std::process::Command::new(program);
    command
        .args([
            "--port",
            &free_port().to_string(),
            "--rdbchecksum",
            "no",
            "--dir",
            dir.path().to_str().unwrap(),
        ])
        .args(["--loadmodule", module.to_str().unwrap()])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped());
    let mut process = command.spawn().unwrap();
    eventually("the server gives up", LIMIT, || {
        std::future::ready(process.try_wait().unwrap().is_some())
    })
    .await;
    let output = process.wait_with_output().unwrap();
    // Of its own will: Redis checks the file then, finds nothing amiss in its own part, and ends with 0.
    assert!(output.status.code().is_some(), "ended by a signal: {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("a JSON document cannot be loaded: ERR invalid JSON"), "{said}");
}
