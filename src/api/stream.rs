//! `/subscribe/<channel>…` and `/psubscribe/<pattern>…`: Server-Sent Events.
//!
//! The bytes are Upstash's (`data: subscribe,chat,1`, `data: message,chat,hello`), as
//! `@upstash/redis` parses them: payloads are raw text, never base64, and every stream counts its
//! own subscriptions from 1.

use std::collections::VecDeque;

use bytes::Bytes;
use http::Response;
use percent_encoding::percent_decode_str;

use super::Context;
use super::content::Content;
use super::error::ApiError;
use super::events::{self, Source, event};
use crate::dialect;
use crate::tokens::Tenant;
use crate::upstream::{Ended, Event, Message, Subscription, Topic};

/// The topics in a path, if it is that of a stream. The first segment may be in any case.
pub fn topics(path: &str) -> Option<Result<Vec<Topic>, ApiError>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/');
    let first = segments.next()?;
    let command =
        ["subscribe", "psubscribe"].into_iter().find(|name| first.eq_ignore_ascii_case(name))?;
    let topic = if command == "subscribe" { Topic::Channel } else { Topic::Pattern };
    let topics: Vec<_> =
        segments.map(|segment| topic(percent_decode_str(segment).collect())).collect();
    Some(match topics.is_empty() {
        true => {
            Err(ApiError::Refused(format!("ERR wrong number of arguments for '{command}' command")))
        }
        false => Ok(topics),
    })
}

/// Subscribes and answers with a stream that begins with the confirmations.
pub async fn open(
    context: &Context,
    tenant: &Tenant,
    topics: Vec<Topic>,
) -> Result<Response<Content>, ApiError> {
    if tenant.access.is_readonly() {
        let command = match topics.first() {
            Some(Topic::Pattern(_)) => "psubscribe",
            _ => "subscribe",
        };
        return Err(ApiError::Refused(dialect::no_permission(command)));
    }
    let subscription = context.upstreams.subscribe(tenant, topics.clone()).await?;
    let ready = (1..).zip(&topics).map(|(count, topic)| confirmation(topic, count)).collect();
    Ok(events::respond(Feed { subscription, topics, ready }, context.stop.clone()))
}

/// One client's stream; dropped, and so unsubscribed, when the client goes away.
struct Feed {
    subscription: Subscription,
    topics: Vec<Topic>,
    ready: VecDeque<Bytes>,
}

impl Source for Feed {
    async fn next(&mut self) -> Result<Bytes, Ended> {
        if let Some(bytes) = self.ready.pop_front() {
            return Ok(bytes);
        }
        Ok(match self.subscription.next().await? {
            Event::Message(message) => message_event(&message),
            Event::Subscribed(topic) => {
                let at = self.topics.iter().position(|known| *known == topic);
                confirmation(&topic, 1 + at.ok_or(Ended::Closed)?)
            }
        })
    }
}

fn confirmation(topic: &Topic, count: usize) -> Bytes {
    let (kind, name) = match topic {
        Topic::Channel(name) => ("subscribe", name),
        Topic::Pattern(pattern) => ("psubscribe", pattern),
    };
    event(&format!("{kind},{},{count}", String::from_utf8_lossy(name)))
}

fn message_event(message: &Message) -> Bytes {
    let channel = String::from_utf8_lossy(&message.channel);
    let payload = String::from_utf8_lossy(&message.payload);
    event(&match &message.topic {
        Topic::Channel(_) => format!("message,{channel},{payload}"),
        Topic::Pattern(pattern) => {
            format!("pmessage,{},{channel},{payload}", String::from_utf8_lossy(pattern))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_topics_segment_by_segment() {
        let named = |path: &str| topics(path).map(|topics| topics.map_err(|_| ()));
        let channel = |name: &str| Topic::Channel(name.into());
        assert_eq!(named("/subscribe/chat"), Some(Ok(vec![channel("chat")])));
        assert_eq!(named("/SUBSCRIBE/a%2Fb/c/"), Some(Ok(vec![channel("a/b"), channel("c")])));
        assert_eq!(named("/psubscribe/u:*"), Some(Ok(vec![Topic::Pattern("u:*".into())])));
        assert_eq!(named("/subscribe"), Some(Err(())));
        assert_eq!(named("/subscribe/"), Some(Err(())));
        assert_eq!(named("/get/subscribe"), None);
    }
}
