//! `pkv healthcheck`: whether the pkv of this environment is ready, for a container's HEALTHCHECK, in
//! an image that has no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Config;

/// Longest wait for everything: less than the five seconds of the image's HEALTHCHECK, so that the reason
/// is told.
const LIMIT: Duration = Duration::from_secs(4);

/// Of the answer, in bytes; it has some 500.
const ANSWER: usize = 64 << 10;

/// Asks `/ready` where a pkv with this configuration listens. The error says what is wrong.
pub async fn check(config: &Config) -> anyhow::Result<()> {
    let port = config.known_port()?;
    timeout(LIMIT, ask(config, port))
        .await
        .with_context(|| format!("no answer within {LIMIT:?}"))?
}

async fn ask(config: &Config, port: u16) -> anyhow::Result<()> {
    let stream = connect(config, port).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::get("/ready").header(HOST, "localhost").body(Empty::<Bytes>::new())?;
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
async fn connect(config: &Config, port: u16) -> anyhow::Result<TcpStream> {
    let places = match config.bind {
        Some(address) if !address.is_unspecified() => vec![address],
        Some(IpAddr::V4(_)) => vec![Ipv4Addr::LOCALHOST.into()],
        _ => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
    };
    let places: Vec<_> = places.into_iter().map(|address| SocketAddr::new(address, port)).collect();
    TcpStream::connect(places.as_slice())
        .await
        .with_context(|| format!("nothing listens on port {port}"))
}
