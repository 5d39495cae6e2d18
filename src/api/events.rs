//! Server-Sent Events: what every stream has in common
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::time::{Interval, MissedTickBehavior};

use super::content::Content;
use super::error;
use crate::reply;
use crate::stop::Stop;
use crate::upstream::Ended;

/// Shorter than the idle timeout of any proxy between us and the client.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where a stream's events come from.
pub trait Source: Send + 'static {
    /// The next events' bytes, or how the stream ended. Loses nothing if it is dropped while it
    /// waits.
    fn next(&mut self) -> impl Future<Output = Result<Bytes, Ended>> + Send;
}

/// Answers with what comes from the source, until it ends or `stop` is requested; the source is
/// dropped when the client goes away.
pub fn respond(source: impl Source, stop: Stop) -> Response<Content> {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset(); // the first beat is not due at once
    let feed = Feed { source, heartbeat, stop };
    let events = futures_util::stream::unfold(Some(feed), |feed| async {
        let mut feed = feed?;
        let (bytes, goes_on) = feed.next().await?;
        Some((bytes, goes_on.then_some(feed)))
    });
    error::event_stream(Content::events(events))
}

/// One client's stream.
struct Feed<S> {
    source: S,
    heartbeat: Interval,
    stop: Stop,
}

impl<S: Source> Feed<S> {
    /// The next bytes, and whether more may follow; `None` at the end.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        tokio::select! {
            bytes = self.source.next() => match bytes {
                Ok(bytes) => Some((bytes, true)),
                Err(Ended::TooSlow) => Some((too_slow(), false)),
                Err(Ended::Closed) => None,
            },
            _ = self.heartbeat.tick() => Some((Bytes::from_static(b": keepalive\n\n"), true)),
            () = self.stop.requested() => None,
        }
    }
}

fn too_slow() -> Bytes {
    let mut text = b"event: error\ndata: ".to_vec();
    reply::write_error(&mut text, "ERR the client reads too slowly and was cut off");
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// One event. A text with line ends becomes several `data:` lines, as the standard has it.
pub fn event(text: &str) -> Bytes {
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
    fn line_ends_make_more_data_lines() {
        assert_eq!(&event("a,b")[..], b"data: a,b\n\n");
        assert_eq!(&event("a\nb")[..], b"data: a\ndata: b\n\n");
    }
}
