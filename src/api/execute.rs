//! Requests that run commands: `/`, path commands, `/pipeline`, `/multi-exec`.

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use hyper::body::Incoming;

use super::content::Content;
use super::error::ApiError;
use super::format::Format;
use super::{Context, auth, body, health, labour, monitor, page, readonly, stream};
use crate::command::body::{parse_command, parse_pipeline};
use crate::command::policy::{self, Policy};
use crate::command::{self, Batch, Command, path};
use crate::dialect::{Answer as Translation, Listener, Reply};
use crate::engine::Engine;
use crate::reply::{Frame, Replies};
use crate::tokens::Tenant;
use crate::upstream::Pass;

type Answer = Result<Response<Content>, ApiError>;

/// A request whose bearer is known.
struct Asked<'a> {
    tenant: Cow<'a, Tenant>,
}

impl Asked<'_> {
    /// Who pkv itself is to the Redis that is asked.
    fn own_user<'a>(&self, context: &'a Context) -> &'a str {
        context.tokens.targets()[self.tenant.target].connection.user()
    }

    /// Whom the commands are for.
    async fn listener<'a>(
        &'a self,
        context: &Context,
        engine: &'a Engine,
    ) -> Result<Listener<'a>, ApiError> {
        Ok(Listener {
            engine,
            takes_scripts: context.upstreams.takes_scripts(&self.tenant).await?,
            only_reads: self.tenant.access.is_readonly(),
            is_bundled: context.status.is_some(),
            key: self.tenant.access.key(),
        })
    }
}

/// `GET /`: a greeting.
pub async fn greet(context: &Context, parts: &Parts) -> Response<Content> {
    match page::is_asked_for(&parts.headers) {
        true => page::show(context, parts, health::fault(context).await),
        false => health::greet(),
    }
}

/// `POST /`: the body is one command.
pub async fn root(context: &Context, parts: &Parts, body: Incoming) -> Answer {
    let (asked, body, pass) = receive(context, parts, body).await?;
    let format = Format::asked(&parts.headers)?;
    let command = labour::run(body.len(), || parse_command(&body)).await?;
    run_one(context, &asked, body, command, format, pass).await
}

/// `/set/key/value?EX=100`: the path is one command, or a stream.
pub async fn path_command(context: &Context, parts: &Parts, body: Incoming) -> Answer {
    let (asked, body, pass) = receive(context, parts, body).await?;
    let uri = &parts.uri;
    if monitor::is_asked_for(uri.path()) {
        return Box::pin(monitor::open(context, &asked.tenant)).await;
    }
    // Whatever body comes with it (the SDK sends `[]`) is no channel.
    if let Some(topics) = stream::topics(uri.path()) {
        return Box::pin(stream::open(context, &asked.tenant, topics?)).await;
    }
    let format = Format::asked(&parts.headers)?;
    let parse = || path::parse(uri.path(), &body, uri.query());
    let command = labour::run(body.len(), parse).await?;
    run_one(context, &asked, body, command, format, pass).await
}

/// `/pipeline`: each line is answered on its own.
pub async fn pipeline(context: &Context, parts: &Parts, body: Incoming) -> Answer {
    let (asked, body, mut pass) = receive(context, parts, body).await?;
    let format = Format::asked(&parts.headers)?;
    let size = body.len();
    let lines = labour::run(size, || parse_pipeline(&body)).await?;
    hold(&mut pass, body, lines.iter().flatten())?;
    let commands = lines.iter().flatten();
    let mut forbidden = readonly::forbidden(context, &asked.tenant, commands).await?.into_iter();
    let engine = context.upstreams.engine(&asked.tenant).await?;
    let listener = asked.listener(context, &engine).await?;
    let mut batch = Batch { commands: Vec::with_capacity(lines.len()), atomic: false };
    let mut own_connection = false;
    // For each line the text that takes its place in the answer, if it is not sent.
    let mut answers = Vec::with_capacity(lines.len());
    labour::run(size, || {
        for line in lines {
            let answer = match line {
                Err(error) => Err(error.to_string()),
                Ok(command) => match (
                    policy::of(&command, asked.own_user(context)),
                    forbidden.next().flatten(),
                ) {
                    (Policy::Refuse(text), _) | (_, Some(text)) => Err(text),
                    (policy, None) => {
                        own_connection |= policy == Policy::Lease;
                        Ok(context.dialect.translate(command, listener, &mut batch.commands))
                    }
                },
            };
            answers.push(answer);
        }
    })
    .await;
    let replies = match batch.commands.is_empty() {
        true => Replies::default(),
        false => {
            context.upstreams.execute(&asked.tenant, &batch, own_connection, &mut pass).await?
        }
    };
    // Throwing 100 000 commands away takes its time as well.
    let answer = labour::run(pass.weight(), move || {
        let mut sent = batch.commands.as_slice();
        let mut frames = replies.iter();
        let answers = answers.into_iter().map(|answer| match answer {
            Err(text) => Reply::Error(text),
            Ok(translation) => translation.next(&mut sent, &mut frames),
        });
        format.several(answers, &replies, context.max_response, pass)
    });
    Ok(answer.await)
}

/// `/multi-exec`: all lines or none, in one MULTI/EXEC.
pub async fn transaction(context: &Context, parts: &Parts, body: Incoming) -> Answer {
    let (asked, body, mut pass) = receive(context, parts, body).await?;
    let size = body.len();
    let lines = labour::run(size, || parse_pipeline(&body)).await?;
    let lines: Vec<Command> = lines.into_iter().collect::<Result<_, _>>()?;
    hold(&mut pass, body, lines.iter())?;
    let forbidden = readonly::forbidden(context, &asked.tenant, lines.iter()).await?;
    if let Some(text) = forbidden.into_iter().flatten().next() {
        return Err(ApiError::Refused(text));
    }
    let engine = context.upstreams.engine(&asked.tenant).await?;
    let listener = asked.listener(context, &engine).await?;
    let mut own_connection = false;
    let mut batch = Batch { commands: Vec::with_capacity(lines.len()), atomic: true };
    let mut translations = Vec::with_capacity(lines.len());
    labour::run(size, || {
        for command in lines {
            match policy::of(&command, asked.own_user(context)) {
                Policy::Refuse(text) => return Err(ApiError::Refused(text)),
                policy => own_connection |= policy == Policy::Lease,
            }
            translations.push(context.dialect.translate(command, listener, &mut batch.commands));
        }
        Ok(())
    })
    .await?;
    let replies =
        context.upstreams.execute(&asked.tenant, &batch, own_connection, &mut pass).await?;
    // MULTI's reply, one `QUEUED` or error per command, EXEC's reply.
    let Some(mut results) = replies.iter().last().and_then(Frame::items) else {
        let reason = why_discarded(&batch.commands, &translations, &replies);
        return Err(ApiError::Refused(reason));
    };
    let format = Format::json(&parts.headers);
    let answer = labour::run(pass.weight(), || {
        let mut sent = batch.commands.as_slice();
        let answers = translations.iter().map(|one| one.next(&mut sent, &mut results));
        format.several(answers, &replies, context.max_response, pass)
    });
    Ok(answer.await)
}

/// The first command that was not queued says more than EXEC's "because of previous errors".
fn why_discarded(
    mut sent: &[Command],
    translations: &[Translation<'_>],
    replies: &Replies,
) -> String {
    let mut queued = replies.iter().skip(1).take(replies.len().saturating_sub(2));
    let refused = |one: &Translation<'_>| one.next_queued(&mut sent, &mut queued);
    let multi_or_exec = || replies.iter().find_map(|reply| Some(reply.error()?.into_owned()));
    translations
        .iter()
        .find_map(refused)
        .or_else(multi_or_exec)
        .unwrap_or_else(|| "ERR transaction discarded".into())
}

/// Authenticates, then reads the body if there is room for it: who may not ask need not be listened to.
async fn receive<'a>(
    context: &'a Context,
    parts: &Parts,
    body: Incoming,
) -> Result<(Asked<'a>, Bytes, Pass), ApiError> {
    let tenant = auth::tenant(&context.tokens, &parts.headers, parts.uri.query())?;
    let mut pass = match context.upstreams.admit(&tenant) {
        Ok(pass) => pass,
        Err(fault) => {
            body::pass_over(context, &parts.headers, body).await;
            return Err(fault.into());
        }
    };
    // Only these methods' bodies are arguments or commands.
    let body = match parts.method {
        Method::POST | Method::PUT => body::read(context, &parts.headers, body, &mut pass).await?,
        _ => Bytes::new(),
    };
    Ok((Asked { tenant }, body, pass))
}

/// Takes room for the commands, and for the body that they came in as far as they keep it.
fn hold<'a>(
    pass: &mut Pass,
    body: Bytes,
    commands: impl Iterator<Item = &'a Command>,
) -> Result<(), ApiError> {
    let weight = command::weight(commands, &body);
    match weight.checked_sub(pass.weight()) {
        Some(more) => pass.take(more)?,
        None => pass.set(weight),
    }
    Ok(())
}

/// Runs a single command and answers; a refusal is an error like Redis's own.
async fn run_one(
    context: &Context,
    asked: &Asked<'_>,
    body: Bytes,
    command: Command,
    format: Format,
    mut pass: Pass,
) -> Answer {
    hold(&mut pass, body, [&command].into_iter())?;
    let refusal = |text, pass| {
        let reply = Reply::Error(text);
        Ok(format.one(&reply, &Replies::default(), context.max_response, pass))
    };
    let own_connection = match policy::of(&command, asked.own_user(context)) {
        Policy::Refuse(text) => return refusal(text, pass),
        policy => policy == Policy::Lease,
    };
    let forbidden = readonly::forbidden(context, &asked.tenant, [&command].into_iter()).await?;
    if let Some(text) = forbidden.into_iter().flatten().next() {
        return refusal(text, pass);
    }
    let engine = context.upstreams.engine(&asked.tenant).await?;
    let mut batch = Batch { commands: Vec::with_capacity(1), atomic: false };
    let listener = asked.listener(context, &engine).await?;
    let translation = context.dialect.translate(command, listener, &mut batch.commands);
    let replies = match batch.commands.is_empty() {
        true => Replies::default(),
        false => {
            context.upstreams.execute(&asked.tenant, &batch, own_connection, &mut pass).await?
        }
    };
    let weight = pass.weight();
    let write = || {
        let reply = translation.next(&mut batch.commands.as_slice(), &mut replies.iter());
        format.one(&reply, &replies, context.max_response, pass)
    };
    Ok(labour::run(weight, write).await)
}
