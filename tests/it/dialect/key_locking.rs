//! Scripts as `@upstash/ratelimit` sends them: EVALSHA of the original's digest, EVAL on NOSCRIPT.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Pkv, eventually, items, result};

const SCRIPT: &str = "#!lua flags=allow-key-locking\nreturn redis.call('INCR', KEYS[1])";

/// `sha1sum` of SCRIPT.
const DIGEST: &str = "5c6e36d70d4ec2144321a8f9c663f6c612440510";

#[track_caller]
fn no_script(body: &Value) {
    let error = body["error"].as_str().unwrap_or_else(|| panic!("no error: {body}"));
    assert!(error.starts_with("NOSCRIPT "), "{error}");
}

#[tokio::test]
async fn the_flag_is_taken_and_the_digest_is_that_of_the_script_that_was_sent() {
    let pkv = Pkv::start();
    let evalsha = json!(["EVALSHA", DIGEST, 1, "n"]);
    no_script(&pkv.run(evalsha.clone()).await.body);
    assert_eq!(result(pkv.run(json!(["EVAL", SCRIPT, 1, "n"])).await), json!(1));
    assert_eq!(result(pkv.run(evalsha.clone()).await), json!(2));

    let batch = json!([evalsha, ["SCRIPT", "EXISTS", DIGEST, "0"], ["SCRIPT", "LOAD", SCRIPT]]);
    for (path, count) in [("/pipeline", 3), ("/multi-exec", 4)] {
        let replies = items(pkv.post(path, batch.clone()).await.unwrap());
        let replies: Vec<_> = replies.iter().map(|reply| &reply["result"]).collect();
        assert_eq!(replies, [&json!(count), &json!([1, 0]), &json!(DIGEST)], "{path}");
    }
    let reply = pkv.get(&format!("/evalsha/{DIGEST}/1/n?_token={}", pkv.token)).await;
    assert_eq!(result(reply), json!(5));

    // A path's script cannot hold a line end, but a body can.
    let request = pkv.request("POST", "/script/load").bearer_auth(&pkv.token).body(SCRIPT);
    assert_eq!(result(pkv.send(request).await.unwrap()), json!(DIGEST));
}

#[tokio::test]
async fn other_flags_stay_in_force_and_so_does_the_rest_of_the_script() {
    let pkv = Pkv::start();
    let flags = "#!lua flags=no-writes,allow-key-locking\n";
    let reply = pkv.run(json!(["EVAL", format!("{flags}return redis.call('INCR', 'n')"), 0])).await;
    let error = reply.body["error"].as_str().unwrap();
    assert!(error.contains("not allowed from read-only script"), "{error}");
    let script = format!("{flags}return 'flags=allow-key-locking'");
    let reply = pkv.run(json!(["EVAL_RO", script, 0])).await;
    assert_eq!(result(reply), json!("flags=allow-key-locking"));

    let library = "#!lua name=l\nredis.register_function{function_name='f', \
                   callback=function() return 'ran' end, flags={'allow-key-locking'}}";
    assert_eq!(result(pkv.run(json!(["FUNCTION", "LOAD", library])).await), json!("l"));
    assert_eq!(result(pkv.run(json!(["FCALL", "f", 0])).await), json!("ran"));
}

#[tokio::test]
async fn what_redis_or_pkv_has_forgotten_is_noscript_and_never_another_script() {
    let dir = tempfile::tempdir().unwrap();
    let evalsha = json!(["EVALSHA", DIGEST, 1, "n"]);
    let eval = json!(["EVAL", SCRIPT, 1, "n"]);
    let pkv = Pkv::start_in(dir.path(), &[]);
    result(pkv.run(eval.clone()).await);
    assert_eq!(result(pkv.run(json!(["SCRIPT", "FLUSH"])).await), json!("OK"));
    no_script(&pkv.run(evalsha.clone()).await.body);
    result(pkv.run(eval.clone()).await);

    // Redis starts again: it has no scripts, but pkv still knows the alias.
    pkv.signal_redis(Signal::SIGKILL);
    let restarted = &pkv;
    eventually("Redis is another one", Duration::from_secs(5), || async move {
        restarted.redis_pids().len() == 2
    })
    .await;
    no_script(&pkv.run(evalsha.clone()).await.body);
    result(pkv.run(eval.clone()).await);
    result(pkv.run(evalsha.clone()).await);
    pkv.stop().await;

    let pkv = Pkv::start_in(dir.path(), &[]);
    no_script(&pkv.run(evalsha.clone()).await.body);
    assert_eq!(result(pkv.run(eval).await), json!(5));
    assert_eq!(result(pkv.run(evalsha).await), json!(6));
}
