//! `/monitor`: what Redis executes, as Server-Sent Events.
//!
//! The bytes are those of Upstash's documentation
//! (<https://upstash.com/docs/redis/features/restapi>): `data: "OK"`, then one event per command.

use bytes::Bytes;
use http::Response;

use super::Context;
use super::content::Content;
use super::error::ApiError;
use super::events::{self, Source, event};
use crate::dialect;
use crate::tokens::Tenant;
use crate::upstream::{Ended, Monitor, Sight};

/// Whether the path is that of the monitor, in any case.
pub fn is_asked_for(path: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path).eq_ignore_ascii_case("/monitor")
}

/// Answers with a stream that begins once Redis has confirmed.
pub async fn open(context: &Context, tenant: &Tenant) -> Result<Response<Content>, ApiError> {
    if tenant.access.is_readonly() {
        return Err(ApiError::Refused(dialect::no_permission("monitor")));
    }
    let monitor = context.upstreams.monitor(tenant).await?;
    Ok(events::respond(monitor, context.stop.clone()))
}

impl Source for Monitor {
    async fn next(&mut self) -> Result<Bytes, Ended> {
        Ok(match Self::next(self).await? {
            // Redis's status, in the quotes that Upstash puts around it.
            Sight::Confirmed => event("\"OK\""),
            Sight::Commands(lines) => {
                let mut bytes = Vec::with_capacity(lines.len() * 2);
                for line in lines.lines() {
                    bytes.extend_from_slice(&event(line));
                }
                bytes.into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_may_be_in_any_case_and_is_nothing_but_the_word() {
        for path in ["/monitor", "/monitor/", "/MoniTor"] {
            assert!(is_asked_for(path), "{path}");
        }
        for path in ["/monitor/x", "/monitor//", "monitor", "/get/monitor", "/"] {
            assert!(!is_asked_for(path), "{path}");
        }
    }
}
