//! One client's large batches beside others' small requests.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Pkv, items, result};

/// Commands that keep Redis busy for 10 ms each. They are 2 KB long: Redis goes on to the next
/// connection after each 16 KB that it has read.
fn slow_batch(count: usize) -> Value {
    let script = "local until_ = os.clock() + 0.01 repeat until os.clock() > until_";
    let script = format!("{script} return redis.call('INCR', 'n') --{}", "x".repeat(2000));
    Value::Array(vec![json!(["EVAL", script, 0]); count])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_does_not_stand_behind_a_large_batch() {
    // There is one connection for everybody's small requests.
    let pkv = Pkv::start_with(&[("SRH_MAX_CONNECTIONS", "1")]);
    result(pkv.run(json!(["SET", "k", "v"])).await);
    const COMMANDS: usize = 300;
    let batch = async {
        let begun = Instant::now();
        let answers = items(pkv.post("/pipeline", slow_batch(COMMANDS)).await.unwrap());
        let counted: Vec<_> = answers.iter().map(|one| one["result"].as_u64().unwrap()).collect();
        assert!(counted.iter().copied().eq(1..=COMMANDS as u64), "in order");
        begun.elapsed()
    };
    let gets = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let asked = Instant::now();
            assert_eq!(result(pkv.run(json!(["GET", "k"])).await), "v");
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    };
    let (whole, slowest) = tokio::join!(batch, gets);
    assert!(whole > Duration::from_secs(3), "{whole:?}");
    // 16 KB are 80 ms of Redis's time, and it may be reading them twice in a row.
    assert!(slowest < whole / 4, "a GET took {slowest:?} beside a batch of {whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_batches_take_turns() {
    let pkv = Pkv::start();
    // One goes out in forty slices, the other in one of them.
    let long = Value::Array(vec![json!(["INCR", "long"]); 40_000]);
    let short = Value::Array(vec![json!(["GET", "long"]); 200]);
    let long = async {
        items(pkv.post("/pipeline", long).await.unwrap());
        Instant::now()
    };
    let short = async {
        while pkv.run(json!(["GET", "long"])).await.body["result"].is_null() {}
        let seen = items(pkv.post("/pipeline", short).await.unwrap());
        let seen = seen[0]["result"].as_str().unwrap().parse::<usize>().unwrap();
        (seen, Instant::now())
    };
    let (long, (seen, short)) = tokio::join!(long, short);
    assert!(seen < 40_000 && short < long, "it waited for all of the other: {seen}");
}
