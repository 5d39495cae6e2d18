//! Whatever a client sends, or stops sending: it gets an error or a clean close, nobody else notices,
//! and the process stays up.

mod bodies;
mod clients;
pub mod memory;
mod mutations;
mod replies;

use std::fs;

use serde_json::json;

use crate::support::Pkv;
use crate::support::raw_http::{Connection, request};

/// The process of a pkv: the parent of its Redis.
pub fn process(pkv: &Pkv) -> i32 {
    let redis = pkv.redis_pids()[0];
    field(redis, "PPid").parse().unwrap()
}

/// A field of /proc/<pid>/status, such as `VmRSS`.
pub fn field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

/// Sees to it that pkv is as it was: neither it nor its Redis has ended, and both a new connection
/// and the one that stays open through the test are answered.
pub struct Witness {
    process: i32,
    redis: Vec<i32>,
    asked: u32,
    connection: Connection,
}

impl Witness {
    pub async fn of(pkv: &Pkv) -> Self {
        Self {
            process: process(pkv),
            redis: pkv.redis_pids(),
            asked: 0,
            connection: Connection::open(pkv).await,
        }
    }

    pub async fn all_is_well(&mut self, pkv: &Pkv, after: &str) {
        assert_eq!(pkv.redis_pids(), self.redis, "after {after}: Redis was started again");
        assert_eq!(process(pkv), self.process, "after {after}: another process");
        self.asked += 1;
        // A number of its own each time: an answer that belongs to another request would show.
        let want = json!({ "result": format!("well {}", self.asked) });
        let body = json!(["ECHO", want["result"]]).to_string();
        let request = request(pkv, "POST", "/", "", body.as_bytes());
        for connection in [&mut self.connection, &mut Connection::open(pkv).await] {
            let answer = connection.exchange(&request).await;
            assert_eq!((answer.status, answer.json()), (200, want.clone()), "after {after}");
        }
    }
}
