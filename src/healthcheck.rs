//! `pkv healthcheck`: whether the pkv of this environment is ready, for a container's HEALTHCHECK, in
//! an image that has no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::{Config, ConfigError};

/// Longest wait for everything: less than Docker's and Kubernetes' own limits are commonly set to.
const LIMIT: Duration = Duration::from_secs(4);

/// Of the answer, in bytes; it has some 500.
const ANSWER: usize = 64 << 10;

/// Asks `/ready` where a pkv with this configuration listens. The error says what is wrong.
pub async fn check(config: &Config) -> anyhow::Result<()> {
    if config.port == 0 {
        let fault = "is 0, so that nobody knows where pkv listens";
        return Err(ConfigError::new("SRH_PORT", fault, "7860").into());
    }
    timeout(LIMIT, ask(config)).await.with_context(|| format!("no answer within {LIMIT:?}"))?
}

async fn ask(config: &Config) -> anyhow::Result<()> {
    let stream = connect(config).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::get("/ready").header(HOST, "localhost").body(Body::empty())?;
    let response = sender.send_request(request).await.context("asking /ready")?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER).collect().await;
    driver.abort();
    if status.is_success() {
        return Ok(());
    }
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => bail!("/ready answers {status}"),
    }
}

/// The address it listens on; of all addresses, loopback's.
async fn connect(config: &Config) -> anyhow::Result<TcpStream> {
    let places = match config.bind {
        Some(address) if !address.is_unspecified() => vec![address],
        Some(IpAddr::V4(_)) => vec![Ipv4Addr::LOCALHOST.into()],
        _ => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
    };
    let places: Vec<_> =
        places.into_iter().map(|address| SocketAddr::new(address, config.port)).collect();
    TcpStream::connect(places.as_slice())
        .await
        .with_context(|| format!("nothing listens on port {}", config.port))
}
