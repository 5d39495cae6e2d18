//! `rediss://`: TLS to a Redis elsewhere, verified against the system's certificates.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;

use crate::streams::Stream;
use crate::support::{Pkv, RedisServer, result};

#[tokio::test]
async fn tls_is_spoken_and_the_certificate_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cert = write("cert.pem", &cert.pem());
    let key = write("key.pem", &signing_key.serialize_pem());
    let port = crate::support::free_port().to_string();
    let _redis = RedisServer::start(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &cert,
        "--tls-auth-clients",
        "no",
    ])
    .await;

    let vars = |host: &str| format!("rediss://{host}:{port}");
    let pkv = |url: &str, trusted: &str| {
        Pkv::start_with(&[
            ("SRH_MODE", "env"),
            ("SRH_CONNECTION_STRING", url),
            ("SSL_CERT_FILE", trusted),
        ])
    };
    let trusting = pkv(&vars("localhost"), &cert);
    assert_eq!(result(trusting.run(json!(["SET", "k", "v"])).await), json!("OK"));
    let mut monitor = Stream::open(&trusting, "/monitor").await;
    assert_eq!(monitor.until("\n\n").await, "data: \"OK\"\n\n");

    // Another name than the certificate's, and a store that does not hold it.
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = write("other.pem", &other.cert.pem());
    for (host, trusted) in [("127.0.0.1", &cert), ("localhost", &other)] {
        let reply = pkv(&vars(host), trusted).run(json!(["GET", "k"])).await;
        assert_eq!(reply.status, 503, "{host}: {}", reply.body);
        let error = reply.body["error"].as_str().unwrap();
        assert!(error.contains("certificate"), "{error}");
    }
}
