//! What the policy refuses must not be reachable through a Lua script either: there Redis itself
//! has to refuse it.

use serde_json::json;

use crate::support::{Pkv, result};

/// Server control; each would be noticed, one way or the other, if a script could do it.
const CLOSED: &[&[&str]] = &[
    &["SHUTDOWN", "NOSAVE"],
    &["SHUTDOWN", "NOSAVE", "NOW", "FORCE"],
    &["DEBUG", "SLEEP", "0"],
    &["DEBUG", "SEGFAULT"],
    &["MODULE", "LIST"],
    &["CONFIG", "GET", "*"],
    &["CONFIG", "SET", "appendonly", "no"],
    &["CONFIG", "SET", "dir", "/tmp"],
    &["CONFIG", "REWRITE"],
    &["CONFIG", "RESETSTAT"],
    &["REPLICAOF", "127.0.0.1", "1"],
    &["SLAVEOF", "127.0.0.1", "1"],
    &["FAILOVER"],
    &["ACL", "SETUSER", "default", "off"],
    &["ACL", "SETUSER", "mallory", "on", "nopass", "+@all", "~*"],
    &["ACL", "DELUSER", "pkv-supervisor"],
    &["ACL", "LIST"],
    &["ACL", "GETUSER", "pkv-supervisor"],
    &["SAVE"],
    &["BGSAVE"],
    &["BGREWRITEAOF"],
    &["MIGRATE", "127.0.0.1", "1", "canary", "0", "100"],
    &["CLUSTER", "RESET"],
    &["CLIENT", "KILL", "TYPE", "normal"],
    &["CLIENT", "PAUSE", "100000"],
    &["SYNC"],
    &["PSYNC", "?", "-1"],
    &["REPLCONF", "ACK", "0"],
    &["MONITOR"],
    &["SWAPDB", "0", "1"],
    &["MOVE", "canary", "1"],
    &["LATENCY", "RESET"],
    &["MEMORY", "DOCTOR"],
    &["MEMORY", "PURGE"],
    &["PFDEBUG", "GETREG", "canary"],
    &["PFSELFTEST"],
    &["RESTORE-ASKING", "k", "0", "x"],
    &["SLOWLOG", "RESET"],
];

#[tokio::test]
async fn a_script_cannot_do_to_the_server_what_a_command_may_not() {
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1"), ("PKV_MAXMEMORY", "100mb")]);
    assert_eq!(result(pkv.run(json!(["SET", "canary", "here"])).await), "OK");
    let before = pkv.redis_pids();
    let mut reached = Vec::new();
    for words in CLOSED {
        for script in [
            "return redis.call(unpack(ARGV))",
            "return redis.pcall(unpack(ARGV))",
            // A script that swallows the error has done no more for it.
            "local reply = redis.pcall(unpack(ARGV)) \
             if type(reply) == 'table' and reply.err then return redis.error_reply(reply.err) end \
             return reply",
        ] {
            let command = [&["EVAL", script, "0"], *words].concat();
            let reply = pkv.run(json!(command)).await;
            if reply.status != 400 || !reply.body["error"].is_string() {
                reached.push(format!("{words:?}: {} {}", reply.status, reply.body));
            }
        }
        let canary = pkv.run(json!(["GET", "canary"])).await;
        if canary.body != json!({ "result": "here" }) {
            reached.push(format!("{words:?} left {}", canary.body));
            pkv.run(json!(["SET", "canary", "here"])).await;
        }
    }
    assert_eq!(reached, Vec::<String>::new());
    assert_eq!(pkv.redis_pids(), before, "Redis was started again");
    let info = result(pkv.run(json!(["INFO"])).await);
    for line in ["role:master", "aof_enabled:1", "maxmemory:104857600"] {
        assert!(info.as_str().unwrap().contains(line), "{line}: {info}");
    }
}
