//! Answers that need no token: is the process alive, is Redis ready, who is this.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract;
use axum::http::Response;
use redis::Value;
use serde_json::json;

use super::{Context, error};
use crate::command::{Batch, Command};
use crate::state::State;
use crate::tokens::{Access, Tenant};

/// Longest wait for the PING behind `/ready`: a probe wants an answer, whatever it is.
const PROBE: Duration = Duration::from_secs(1);

/// `GET /`: this is pkv.
pub fn greet() -> Response<Body> {
    let greeting = json!({
        "name": "pkv",
        "version": env!("CARGO_PKG_VERSION"),
        "message": "Serverless Redis. Point @upstash/redis at this URL with your token.",
    });
    error::json(greeting.to_string())
}

/// `GET /health`: the process answers.
pub async fn health() -> Response<Body> {
    error::json(r#"{"status":"ok"}"#)
}

/// `GET /ready`: Redis answers. In front of many, pkv is ready by itself: one Redis that is away
/// must not take the others' gateway out of service.
pub async fn ready(extract::State(context): extract::State<Arc<Context>>) -> Response<Body> {
    match context.state.as_ref().map(|state| state.borrow().clone()) {
        None if context.tokens.targets().len() > 1 => return ready_json("ready"),
        None | Some(State::Ready { .. }) => {}
        Some(state) => return not_ready_json(&state.to_string()),
    }
    match tokio::time::timeout(PROBE, ping(&context)).await {
        Ok(true) => ready_json("ready"),
        _ => not_ready_json("unreachable"),
    }
}

async fn ping(context: &Context) -> bool {
    let Some(command) = Command::new(vec![b"PING".to_vec()]) else { return false };
    let batch = Batch { commands: vec![command], atomic: false };
    let anybody = Tenant { target: 0, access: Access::ReadOnly };
    let replies = context.upstreams.execute(&anybody, &batch, false).await;
    matches!(replies.as_deref(), Ok([Value::SimpleString(pong)]) if pong == "PONG")
}

fn ready_json(state: &str) -> Response<Body> {
    error::json(json!({ "status": "ok", "state": state }).to_string())
}

fn not_ready_json(state: &str) -> Response<Body> {
    let text = format!("ERR Redis is not ready: {state}");
    error::not_ready(json!({ "error": text, "state": state }).to_string())
}
