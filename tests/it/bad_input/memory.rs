//! Memory stays bounded, whatever is thrown at it.

use futures_util::stream::{self, StreamExt};
use serde_json::json;

use super::{Witness, field, process};
use crate::support::raw_http::{Connection, chunked, request};
use crate::support::{Pkv, result};

/// Requests under way at the same time.
const AT_ONCE: usize = 4;

pub fn megabytes(pid: i32, name: &str) -> u64 {
    let value = field(pid, name);
    value.strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn memory_is_given_back_after_bodies_that_are_too_large_or_too_deep() {
    let pkv = Pkv::start();
    let mut witness = Witness::of(&pkv).await;
    let pid = process(&pkv);
    let large = vec![b'x'; (10 << 20) + 1];
    let announced = request(&pkv, "POST", "/set/big", "", &large);
    // Nothing says that this one is too large until it is.
    let chunked = chunked(&pkv, "/set/big", &large);
    let deep = format!("[\"SET\",\"k\",{}", "[".repeat(4 << 20));
    let deep = request(&pkv, "POST", "/", "", deep.as_bytes());
    let deeper = request(&pkv, "POST", "/pipeline", "", &vec![b'['; 4 << 20]);
    let bodies = [&announced, &chunked, &deep, &deeper];
    stream::iter((0..200).map(|number| bodies[number % bodies.len()]))
        .for_each_concurrent(AT_ONCE, async |bytes| {
            let answer = Connection::open(&pkv).await.exchange(bytes).await;
            assert_eq!(answer.status, 400, "{}", answer.json());
        })
        .await;
    // Measured: 70 to 80 MB at the most, 30 to 60 afterwards (an allocator keeps some). Four bodies
    // of 10 MB at once need 40 and their buffers' growth the rest; what is not given back would be
    // more than 1000 after 200 of them.
    let most = megabytes(pid, "VmHWM");
    assert!(most < 200, "{most} MB at the most, {} MB now", megabytes(pid, "VmRSS"));
    witness.all_is_well(&pkv, "200 bodies").await;
    assert_eq!(result(pkv.run(json!(["DBSIZE"])).await), 0);
}

/// A connection that goes on being used does not keep the room of the longest reply that came over it.
#[tokio::test]
async fn memory_is_given_back_after_a_long_reply() {
    const MB: usize = 1 << 20;
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    let pid = process(&pkv);
    let script = format!("return redis.call('SET', KEYS[1], string.rep('x', {}))", 100 * MB);
    assert_eq!(result(pkv.run(json!(["EVAL", script, 1, "long"])).await), "OK");
    let request = pkv.request("POST", "/").bearer_auth(&pkv.token).body(r#"["GET","long"]"#);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(answer.len(), 100 * MB + r#"{"result":""}"#.len());
    let most = megabytes(pid, "VmHWM");
    assert!((100..180).contains(&most), "{most} MB: the reply, and no copy of it");
    for _ in 0..10 {
        assert_eq!(result(pkv.run(json!(["PING"])).await), "PONG");
    }
    let now = megabytes(pid, "VmRSS");
    assert!(now < 60, "{now} MB");
}
