//! `pkv healthcheck`.

use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::pkv;
use crate::support::Pkv;

#[tokio::test]
async fn it_ends_with_0_while_pkv_is_ready_and_else_with_1_and_the_reason() {
    let server = Pkv::start();
    let port = server.url.rsplit_once(":").unwrap().1.to_owned();
    let port = port.as_str();
    let vars = [("SRH_PORT", port)];
    let healthy = pkv(server.dir(), &["healthcheck"], &vars).await;
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""));
    // As most people run it: on all addresses.
    assert_eq!(
        pkv(server.dir(), &["healthcheck"], &[("SRH_PORT", ""), ("PORT", port), ("PKV_BIND", "")])
            .await
            .code,
        Some(0)
    );

    server.signal_redis(Signal::SIGSTOP);
    // What the last probe learnt holds for 100 ms.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let hung = pkv(server.dir(), &["healthcheck"], &vars).await;
    server.signal_redis(Signal::SIGCONT);
    assert_eq!(hung.code, Some(1));
    assert_eq!(hung.stderr, "pkv: ERR Redis is not ready: it is unreachable\n");

    server.stop().await;
    let dir = TempDir::new().unwrap();
    let away = pkv(dir.path(), &["healthcheck"], &vars).await;
    assert_eq!(away.code, Some(1));
    assert!(
        away.stderr.starts_with(&format!("pkv: nothing listens on port {port}")),
        "{}",
        away.stderr
    );
    let anywhere = pkv(dir.path(), &["healthcheck"], &[]).await;
    assert_eq!(anywhere.code, Some(64), "{}", anywhere.stderr);
}
