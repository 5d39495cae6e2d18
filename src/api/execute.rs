//! Requests that run commands: `/`, path commands, `/pipeline`, `/multi-exec`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response};
use redis::Value;

use super::error::{self, ApiError};
use super::{Context, auth, body, health, stream};
use crate::command::body::{parse_command, parse_pipeline};
use crate::command::policy::{self, Policy};
use crate::command::{Batch, Command, path};
use crate::dialect::{Answer as Translation, Reply};
use crate::reply::{self, Encoding};
use crate::tokens::Tenant;

type Answer = Result<Response<Body>, ApiError>;

/// A request whose bearer is known and whose body has arrived.
struct Asked {
    tenant: Tenant,
    encoding: Encoding,
    parts: Parts,
    body: Bytes,
}

impl Asked {
    /// Who pkv is to the Redis that is asked.
    fn own_user<'a>(&self, context: &'a Context) -> &'a str {
        context.tokens.targets()[self.tenant.target].connection.user()
    }
}

/// `/`: with a body it is one command; without, a greeting.
pub async fn root(State(context): State<Arc<Context>>, request: Request) -> Answer {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(health::greet());
    }
    let asked = receive(&context, request).await?;
    let command = parse_command(&asked.body)?;
    run_one(&context, &asked, command).await
}

/// `/set/key/value?EX=100`: the path is one command, or a stream.
pub async fn path_command(State(context): State<Arc<Context>>, request: Request) -> Answer {
    let asked = receive(&context, request).await?;
    let uri = &asked.parts.uri;
    // Whatever body comes with it (the SDK sends `[]`) is no channel.
    if let Some(topics) = stream::topics(uri.path()) {
        return stream::open(&context, asked.tenant, topics?).await;
    }
    let command = path::parse(uri.path(), &asked.body, uri.query())?;
    run_one(&context, &asked, command).await
}

/// `/pipeline`: each line is answered on its own.
pub async fn pipeline(State(context): State<Arc<Context>>, request: Request) -> Answer {
    let asked = receive(&context, request).await?;
    let lines = parse_pipeline(&asked.body)?;
    let mut batch = Batch { commands: Vec::with_capacity(lines.len()), atomic: false };
    let mut own_connection = false;
    // For each line the text that takes its place in the answer, if it is not sent.
    let mut answers = Vec::with_capacity(lines.len());
    for line in lines {
        let answer = match line {
            Err(error) => Err(error.to_string()),
            Ok(command) => match policy::of(&command, asked.own_user(&context)) {
                Policy::Refuse(text) => Err(text),
                policy => {
                    own_connection |= policy == Policy::Lease;
                    let (command, translation) = context.dialect.translate(command);
                    batch.commands.push(command);
                    Ok(translation)
                }
            },
        };
        answers.push(answer);
    }
    let replies = match batch.commands.is_empty() {
        true => Vec::new(),
        false => context.upstreams.execute(asked.tenant, &batch, own_connection).await?,
    };
    let mut answered = batch.commands.iter().zip(replies);
    let mut out = vec![b'['];
    for answer in answers {
        if out.len() > 1 {
            out.push(b',');
        }
        match answer {
            Err(text) => reply::write_error(&mut out, &text),
            // One reply per command that was sent, so there is one for each line left.
            Ok(translation) => {
                if let Some((command, value)) = answered.next() {
                    write_item(&mut out, &translation.to(command, value), asked.encoding);
                }
            }
        }
    }
    out.push(b']');
    Ok(error::json(out))
}

/// `/multi-exec`: all lines or none, in one MULTI/EXEC.
pub async fn transaction(State(context): State<Arc<Context>>, request: Request) -> Answer {
    let asked = receive(&context, request).await?;
    let lines: Vec<Command> = parse_pipeline(&asked.body)?.into_iter().collect::<Result<_, _>>()?;
    let mut own_connection = false;
    let mut batch = Batch { commands: Vec::with_capacity(lines.len()), atomic: true };
    let mut translations = Vec::with_capacity(lines.len());
    for command in lines {
        match policy::of(&command, asked.own_user(&context)) {
            Policy::Refuse(text) => return Err(ApiError::Refused(text)),
            policy => own_connection |= policy == Policy::Lease,
        }
        let (command, translation) = context.dialect.translate(command);
        batch.commands.push(command);
        translations.push(translation);
    }
    let mut replies = context.upstreams.execute(asked.tenant, &batch, own_connection).await?;
    // MULTI's reply, one `QUEUED` or error per command, EXEC's reply.
    let exec = replies.pop().unwrap_or(Value::Nil);
    let queued = batch.commands.iter().zip(&translations);
    let Value::Array(results) = exec else {
        return Err(ApiError::Refused(why_discarded(queued, replies, exec)));
    };
    let mut out = vec![b'['];
    for ((command, translation), result) in queued.zip(results) {
        if out.len() > 1 {
            out.push(b',');
        }
        write_item(&mut out, &translation.to(command, result), asked.encoding);
    }
    out.push(b']');
    Ok(error::json(out))
}

/// The first command that was not queued says more than EXEC's "because of previous errors".
fn why_discarded<'a>(
    sent: impl Iterator<Item = (&'a Command, &'a Translation)>,
    mut replies: Vec<Value>,
    exec: Value,
) -> String {
    let queued = replies.split_off(replies.len().min(1));
    let first =
        queued.into_iter().zip(sent).find_map(|(reply, (command, translation))| match translation
            .to(command, reply)
        {
            Reply::Error(text) => Some(text),
            Reply::Value(_) => None,
        });
    let multi = || {
        replies.iter().chain([&exec]).find_map(|reply| match reply {
            Value::ServerError(error) => Some(reply::error_text(error).into_owned()),
            _ => None,
        })
    };
    first.or_else(multi).unwrap_or_else(|| "ERR transaction discarded".into())
}

/// Authenticates, then reads the body: who may not ask need not be listened to.
async fn receive(context: &Context, request: Request) -> Result<Asked, ApiError> {
    let (parts, body) = request.into_parts();
    let tenant = auth::tenant(&context.tokens, &parts.headers, parts.uri.query())?;
    // Only these methods' bodies are arguments or commands.
    let body = match parts.method {
        Method::POST | Method::PUT => body::read(context, &parts.headers, body).await?,
        _ => Bytes::new(),
    };
    let base64 = parts
        .headers
        .get("upstash-encoding")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"base64"));
    let encoding = if base64 { Encoding::Base64 } else { Encoding::Text };
    Ok(Asked { tenant, encoding, parts, body })
}

async fn run_one(context: &Context, asked: &Asked, command: Command) -> Answer {
    let own_connection = match policy::of(&command, asked.own_user(context)) {
        Policy::Refuse(text) => return Err(ApiError::Refused(text)),
        policy => policy == Policy::Lease,
    };
    let (command, translation) = context.dialect.translate(command);
    let batch = Batch { commands: vec![command], atomic: false };
    let mut replies = context.upstreams.execute(asked.tenant, &batch, own_connection).await?;
    let (Some(value), []) = (replies.pop(), replies.as_slice()) else {
        return Err(ApiError::Refused("ERR Redis answered with more than one reply".into()));
    };
    let reply = translation.to(&batch.commands[0], value);
    let mut out = Vec::new();
    write_item(&mut out, &reply, asked.encoding);
    Ok(match reply {
        Reply::Error(_) => error::command_failed(out),
        Reply::Value(_) => error::json(out),
    })
}

fn write_item(out: &mut Vec<u8>, reply: &Reply, encoding: Encoding) {
    match reply {
        Reply::Error(text) => reply::write_error(out, text),
        Reply::Value(value) => reply::write_item(out, value, encoding),
    }
}
