//! The upper limit that `scripts/bench` compares pkv with: the same HTTP server with nothing behind it.
//!
//! `POST /` on 127.0.0.1:`$PORT` reads the body and answers with the bytes that pkv answers a GET of 16
//! bytes with; `GET /64k` with those of a GET of 64 KiB. Threads, sockets and connections are set up as
//! in pkv (`src/workers.rs`, `src/api/server.rs`, `src/api/connection.rs`); there are no limits, no log, no token.

use std::net::Ipv4Addr;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use pkv::workers::{self, Workers};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

const SMALL: &str = r#"{"result":"0123456789abcdef"}"#;

/// As in pkv: longest line and headers of a request, in bytes.
const BUFFER: usize = 64 << 10;

/// As in pkv: bytes that the kernel takes for a client that does not read.
const UNSENT: u32 = 128 << 10;

fn main() -> anyhow::Result<()> {
    let port = std::env::var("PORT").context("PORT names the port to listen on")?.parse()?;
    let runtimes = workers::runtimes(None)?;
    let workers = Workers::new(runtimes.iter().map(|runtime| runtime.handle().clone()));
    runtimes[0].block_on(async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        tokio::spawn(serve(listener, workers)).await?
    })
}

async fn serve(listener: TcpListener, workers: Workers) -> anyhow::Result<()> {
    let large = Bytes::from(format!(r#"{{"result":"{}"}}"#, "0123456789abcdef".repeat(4096)));
    let router = Router::new()
        .route("/", post(async |_: Bytes| json(Bytes::from_static(SMALL.as_bytes()))))
        .route("/64k", get(async move || json(large.clone())));
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().header_read_timeout(None).max_buf_size(BUFFER);
    loop {
        let (stream, _) = listener.accept().await?;
        let (http, router) = (http.clone(), router.clone());
        workers.give(stream, async move |stream| {
            let service = TowerToHyperService::new(router);
            // A client that goes away is no fault.
            let _ = http.serve_connection(TokioIo::new(tuned(stream)), service).await;
        })?;
    }
}

fn json(body: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}

fn tuned(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
    stream
}
