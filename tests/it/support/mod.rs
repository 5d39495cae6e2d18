//! What every test needs: a pkv of its own, a Redis of its own, a way to ask.

mod bucket;
mod dice;
mod fake_redis;
mod pkv;
pub mod raw_http;
mod redis_server;
mod resp2;

use std::future::Future;
use std::time::{Duration, Instant};

pub use bucket::{Bucket, snapshots};
pub use dice::Dice;
pub use fake_redis::{Act, FakeRedis, TOO_LONG};
pub use pkv::{Bearer, Pkv, Reply, TOKEN, items, result};
pub use redis_server::{RedisServer, free_port, older_server, server};
pub use resp2::{Resp, Resp2Connection, read as read_resp};

/// Polls until `what` is so; panics after `limit`.
pub async fn eventually<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut is_so: impl FnMut() -> F,
) {
    let deadline = Instant::now() + limit;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
