//! `/subscribe/<channel>…` and `/psubscribe/<pattern>…`: Server-Sent Events.
//!
//! The bytes are Upstash's (`data: subscribe,chat,1`, `data: message,chat,hello`), as
//! `@upstash/redis` parses them: payloads are raw text, never base64, and every stream counts its
//! own subscriptions from 1.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use percent_encoding::percent_decode_str;
use tokio::time::{Interval, MissedTickBehavior};

use super::Context;
use super::error::{self, ApiError};
use crate::dialect;
use crate::reply;
use crate::stop::Stop;
use crate::tokens::{Access, Tenant};
use crate::upstream::{Ended, Event, Message, Subscription, Topic};

/// Shorter than the idle timeout of any proxy between us and the client.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The topics in a path, if it is that of a stream. The first segment may be in any case.
pub fn topics(path: &str) -> Option<Result<Vec<Topic>, ApiError>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/');
    let command = segments.next()?.to_ascii_lowercase();
    let topic: fn(Vec<u8>) -> Topic = match command.as_str() {
        "subscribe" => Topic::Channel,
        "psubscribe" => Topic::Pattern,
        _ => return None,
    };
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
    tenant: Tenant,
    topics: Vec<Topic>,
) -> Result<Response<Body>, ApiError> {
    if tenant.access != Access::Full {
        let command = match topics.first() {
            Some(Topic::Pattern(_)) => "psubscribe",
            _ => "subscribe",
        };
        return Err(ApiError::Refused(dialect::no_permission(command)));
    }
    let subscription = context.upstreams.subscribe(tenant, topics.clone()).await?;
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset(); // the first beat is not due at once
    let ready = (1..).zip(&topics).map(|(count, topic)| confirmation(topic, count)).collect();
    let feed = Feed { subscription, topics, ready, heartbeat, stop: context.stop.clone() };
    let events = futures_util::stream::unfold(Some(feed), |feed| async {
        let mut feed = feed?;
        let (bytes, goes_on) = feed.next().await?;
        Some((Ok::<_, Infallible>(bytes), goes_on.then_some(feed)))
    });
    Ok(error::event_stream(Body::from_stream(events)))
}

/// One client's stream; dropped, and so unsubscribed, when the client goes away.
struct Feed {
    subscription: Subscription,
    topics: Vec<Topic>,
    ready: VecDeque<Bytes>,
    heartbeat: Interval,
    stop: Stop,
}

impl Feed {
    /// The next bytes, and whether more may follow; `None` at the end.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        if let Some(bytes) = self.ready.pop_front() {
            return Some((bytes, true));
        }
        tokio::select! {
            event = self.subscription.next() => match event {
                Ok(Event::Message(message)) => Some((message_event(&message), true)),
                Ok(Event::Subscribed(topic)) => {
                    let count = 1 + self.topics.iter().position(|known| *known == topic)?;
                    Some((confirmation(&topic, count), true))
                }
                Err(Ended::TooSlow) => Some((too_slow(), false)),
                Err(Ended::Closed) => None,
            },
            _ = self.heartbeat.tick() => Some((Bytes::from_static(b": keepalive\n\n"), true)),
            () = self.stop.requested() => None,
        }
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

fn too_slow() -> Bytes {
    let mut text = b"event: error\ndata: ".to_vec();
    reply::write_error(&mut text, "ERR the client reads too slowly and was cut off");
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// A text with line ends becomes several `data:` lines, as the standard has it
/// (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
fn event(text: &str) -> Bytes {
    let mut bytes = Vec::with_capacity(text.len() + 8);
    for line in text.split('\n') {
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes.into()
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

    #[test]
    fn line_ends_make_more_data_lines() {
        assert_eq!(&event("a,b")[..], b"data: a,b\n\n");
        assert_eq!(&event("a\nb")[..], b"data: a\ndata: b\n\n");
    }
}
