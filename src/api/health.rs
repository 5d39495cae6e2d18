//! Answers that need no token: is the process alive, is Redis ready, who is this.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use redis::Value;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::content::Content;
use super::{Context, error};
use crate::command::{Batch, Command};
use crate::config::Storage;
use crate::state::{Data, State, Status, Writing};
use crate::tokens::{Access, Tenant};

/// Longest wait for the INFO behind `/ready`: a probe wants an answer, whatever it is.
const PROBE: Duration = Duration::from_secs(1);

/// How long Redis's answer to a probe holds: whoever likes may ask for `/ready`, as often as he likes.
const FRESH: Duration = Duration::from_millis(100);

/// What `/ready` tells of INFO persistence.
const TOLD: [&str; 4] =
    ["aof_enabled", "aof_last_bgrewrite_status", "aof_last_write_status", "rdb_last_bgsave_status"];

/// `GET /`: this is pkv.
pub fn greet() -> Response<Content> {
    let greeting = json!({
        "name": "pkv",
        "version": env!("CARGO_PKG_VERSION"),
        "message": "Serverless Redis. Point @upstash/redis at this URL with your token.",
    });
    error::json(greeting.to_string())
}

/// `GET /health`: the process answers.
pub fn health() -> Response<Content> {
    error::json(r#"{"status":"ok"}"#)
}

/// `GET /ready`: Redis answers. In front of many, pkv is ready by itself: one Redis that is away
/// must not take the others' gateway out of service.
pub async fn ready(context: &Context) -> Response<Content> {
    let status = context.status.as_ref().map(|status| status.borrow().clone());
    let mut report = status.as_ref().map_or_else(|| json!({}), history);
    match verdict(context, status.as_ref()).await {
        Ok(persistence) => {
            if let Some(persistence) = persistence {
                report["persistence"] = persistence;
            }
            report["status"] = "ok".into();
            report["state"] = "ready".into();
            error::json(report.to_string())
        }
        Err((state, what)) => {
            report["status"] = "error".into();
            report["state"] = state.into();
            report["error"] = format!("ERR Redis is not ready: it is {what}").into();
            error::not_ready(report.to_string())
        }
    }
}

/// The name of what pkv is instead of ready.
pub async fn fault(context: &Context) -> Option<&'static str> {
    let status = context.status.as_ref().map(|status| status.borrow().clone());
    verdict(context, status.as_ref()).await.err().map(|(state, _)| state)
}

/// What Redis says of its files, if one Redis is asked; or the name of what it is instead of ready, and
/// more about that.
async fn verdict(
    context: &Context,
    status: Option<&Status>,
) -> Result<Option<serde_json::Value>, (&'static str, String)> {
    match status {
        None if context.tokens.targets().len() > 1 => Ok(None),
        Some(status) if !status.is_ready() => Err((status.state.name(), status.state.to_string())),
        _ => match context.probe.persistence(context).await {
            Some(persistence) => Ok(Some(persistence)),
            None => Err(("unreachable", "unreachable".into())),
        },
    }
}

/// What the supervisor knows of the bundled Redis.
fn history(status: &Status) -> serde_json::Value {
    let mut report = json!({
        "since": humantime::format_rfc3339_seconds(status.since).to_string(),
        "restarts": status.restarts,
        "last_error": status.last_error.as_deref(),
        "data": data(&status.data),
    });
    match &status.state {
        State::Loading { percent } => report["loaded_percent"] = (*percent).into(),
        State::Ready { version, .. } => report["redis"] = version.as_ref().into(),
        _ => {}
    }
    report
}

/// What becomes of the data.
fn data(data: &Data) -> serde_json::Value {
    let mut report = json!({ "kind": data.storage.name() });
    let rfc3339 = |time| humantime::format_rfc3339_seconds(time).to_string();
    match data.storage {
        Storage::Snapshots => {
            report["last_snapshot"] = data.last_snapshot.map(rfc3339).into();
            report["snapshot_error"] = data.snapshot_error.as_deref().into();
        }
        Storage::Memory => {
            report["warning"] = "in memory only: lost when Redis or pkv ends".into();
        }
        Storage::AppendOnly => {}
    }
    if data.is_short_of_room {
        report["warning"] = "the disk is nearly full".into();
    }
    match data.writing {
        Writing::Well => {}
        Writing::Refused => report["warning"] = "the disk is full: writes are refused".into(),
        Writing::Doubtful => {
            report["warning"] = "the append-only file may be damaged: make room so that it can be \
                rewritten, as much as the data takes in memory"
                .into();
        }
    }
    if let Some(free) = data.free_bytes {
        report["free_bytes"] = free.into();
    }
    report
}

/// What Redis has answered to the last probe, and when.
#[derive(Debug, Default)]
pub struct Probe(Mutex<Option<(Instant, Option<serde_json::Value>)>>);

impl Probe {
    /// Asks Redis, if it has not just been asked; whoever comes meanwhile waits for the same answer.
    async fn persistence(&self, context: &Context) -> Option<serde_json::Value> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, known)) if *at >= asked => known.clone(),
            Some((at, known @ Some(_))) if at.elapsed() < FRESH => known.clone(),
            _ => {
                let answer = tokio::time::timeout(PROBE, persistence(context)).await.ok().flatten();
                *last = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }
}

/// What Redis says of its files. An answer without any is an answer too: a server elsewhere may not
/// tell pkv's user.
async fn persistence(context: &Context) -> Option<serde_json::Value> {
    let command = Command::new(["INFO", "persistence"].map(Bytes::from).to_vec())?;
    let batch = Batch { commands: vec![command], atomic: false };
    let anybody = Tenant { target: 0, access: Access::ReadOnly };
    let reply = context.upstreams.ask(&anybody, &batch).await.ok()?.values().into_iter().next()?;
    let info = match reply {
        Value::BulkString(info) => String::from_utf8_lossy(&info).into_owned(),
        Value::ServerError(error) if error.code() == "LOADING" => return None,
        _ => String::new(),
    };
    let told = info.lines().filter_map(|line| line.split_once(':'));
    let told = told.filter(|(name, _)| TOLD.contains(name));
    Some(told.map(|(name, value)| (name.to_owned(), json!(value))).collect())
}
