//! Read-only tokens in front of a server where pkv has no user that may only read: the server's own
//! command table says what a read is. (On the bundled Redis a user of its own enforces it.)

use super::Context;
use super::error::ApiError;
use crate::command::Command;
use crate::dialect;
use crate::tokens::{Access, Tenant};
use crate::upstream::Kind;

/// What needs no data, and is not flagged as a read.
const HARMLESS: [&str; 3] = ["ECHO", "PING", "TIME"];

/// Reads that go over all keys: Upstash denies them (docs, "Read-only token").
const POWERFUL: [&str; 2] = ["KEYS", "SCAN"];

/// For each command the text of its refusal, if the tenant may not run it. Empty for a tenant whom
/// this does not concern.
pub async fn forbidden(
    context: &Context,
    tenant: &Tenant,
    commands: impl Iterator<Item = &Command>,
) -> Result<Vec<Option<String>>, ApiError> {
    if tenant.access != Access::ReadOnly {
        return Ok(Vec::new());
    }
    let commands: Vec<Command> = commands.cloned().collect();
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    let kinds = context.upstreams.kinds(tenant, &commands).await?;
    let refusal = |(command, kind): (&Command, Kind)| {
        let name = command.display_name();
        let name = name.as_str();
        let allowed = match kind {
            // The server itself will say so, or the dialect makes it up out of reads (DIGEST).
            Kind::Unknown => true,
            Kind::Read => !POWERFUL.contains(&name),
            Kind::DangerousRead => false,
            Kind::Other => HARMLESS.contains(&name),
        };
        (!allowed).then(|| dialect::no_permission(name))
    };
    Ok(commands.iter().zip(kinds).map(refusal).collect())
}
