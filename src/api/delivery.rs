//! Answers on their way to their clients.
//!
//! Promises: what a request takes of the memory is given back once its client has taken the answer, not
//! before; a connection whose client takes nothing of an answer is known for it
//! ([`Activity::is_stalled`]), whatever the version of HTTP. Leaves to others: ending it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::body::SLOWEST;
use super::error;
use crate::upstream::Pass;

/// Bytes that are given to the connection at once: it can only be seen of a whole piece that the client
/// has taken it.
const PIECE: usize = 64 << 10;

/// An answer of at most so many bytes is given to the connection as it is: looking after each costs as
/// much as writing it, and a connection whose client takes nothing is soon full of them, or idle.
const SMALL: u64 = 1 << 10;

/// A shorter answer keeps the room in which it has grown, in bytes.
const SHRUNK: usize = 4 << 10;

/// The bytes of an answer, with the room that they take in the memory.
pub fn held(mut bytes: Vec<u8>, mut pass: Pass) -> Bytes {
    // It has grown by doubling.
    if bytes.len() > SHRUNK {
        bytes.shrink_to_fit();
    }
    pass.set(bytes.len());
    Bytes::from_owner(Held { bytes, _pass: pass })
}

struct Held {
    bytes: Vec<u8>,
    _pass: Pass,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What happens on one connection.
#[derive(Debug)]
pub struct Activity(Mutex<Happening>);

#[derive(Debug)]
struct Happening {
    deliveries: Vec<Weak<Progressing>>,
    quiet_since: Instant,
}

impl Activity {
    /// A new connection's.
    pub fn new() -> Self {
        let quiet_since = Instant::now();
        Self(Mutex::new(Happening { deliveries: Vec::new(), quiet_since }))
    }

    /// A request has come.
    pub fn begin(self: &Arc<Self>) -> Delivery {
        let progress =
            Progress { is_stream: false, out: 0, waits_since: None, answered_at: None, taken: 0 };
        let delivery =
            Arc::new(Progressing { activity: self.clone(), progress: Mutex::new(progress) });
        let mut happening = self.lock();
        happening.deliveries.retain(|one| one.strong_count() > 0);
        happening.deliveries.push(Arc::downgrade(&delivery));
        Delivery(delivery)
    }

    /// How long nothing has been under way; `None` while something is.
    pub fn idle(&self) -> Option<Duration> {
        let happening = self.lock();
        let is_busy = happening.deliveries.iter().any(|one| one.strong_count() > 0);
        (!is_busy).then(|| happening.quiet_since.elapsed())
    }

    /// Whether there is an answer of which the client has taken nothing for so long, or too little in
    /// all.
    pub fn is_stalled(&self, limit: Duration) -> bool {
        let deliveries: Vec<_> = self.lock().deliveries.iter().filter_map(Weak::upgrade).collect();
        deliveries.iter().any(|one| one.lock().is_stalled(limit))
    }

    fn lock(&self) -> MutexGuard<'_, Happening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, and its answer to the last byte.
#[derive(Debug)]
pub struct Delivery(Arc<Progressing>);

impl Delivery {
    /// Watches over the answer.
    pub fn of(self, response: Response<Body>) -> Response<Tracked> {
        self.0.answer(error::is_event_stream(&response));
        response.map(|body| {
            let is_small = body.size_hint().exact().is_some_and(|length| length <= SMALL);
            Tracked { body, is_small, rest: Bytes::new(), delivery: self.0 }
        })
    }
}

/// Dropped with the last piece of the answer.
#[derive(Debug)]
struct Progressing {
    activity: Arc<Activity>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// A stream may have nothing to deliver.
    is_stream: bool,
    /// Pieces that the connection has and the client has not.
    out: usize,
    /// Since when the client could have taken something.
    waits_since: Option<Instant>,
    /// Since when the client could have taken it all; streams have no end.
    answered_at: Option<Instant>,
    /// Bytes that the client has taken.
    taken: u64,
}

impl Progress {
    /// Whether the client has taken nothing for so long, or has been slower than [`SLOWEST`] since.
    fn is_stalled(&self, limit: Duration) -> bool {
        let fair = limit + Duration::from_secs(self.taken / SLOWEST);
        self.waits_since.is_some_and(|at| at.elapsed() > limit)
            || self.answered_at.is_some_and(|at| at.elapsed() > fair)
    }
}

impl Progressing {
    fn answer(&self, is_stream: bool) {
        let mut progress = self.lock();
        progress.is_stream = is_stream;
        progress.waits_since = (!is_stream).then(Instant::now);
        progress.answered_at = progress.waits_since;
    }

    fn handed_out(&self) {
        let mut progress = self.lock();
        progress.out += 1;
        progress.waits_since.get_or_insert_with(Instant::now);
    }

    fn taken(&self, bytes: usize) {
        let mut progress = self.lock();
        progress.out -= 1;
        progress.taken += bytes as u64;
        let is_quiet = progress.is_stream && progress.out == 0;
        progress.waits_since = (!is_quiet).then(Instant::now);
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Progressing {
    fn drop(&mut self) {
        self.activity.lock().quiet_since = Instant::now();
    }
}

/// A piece of an answer; dropped when it has left.
struct Piece {
    bytes: Bytes,
    delivery: Arc<Progressing>,
}

impl Piece {
    fn of(bytes: Bytes, delivery: &Arc<Progressing>) -> Bytes {
        delivery.handed_out();
        Bytes::from_owner(Self { bytes, delivery: delivery.clone() })
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.delivery.taken(self.bytes.len());
    }
}

/// A body whose bytes are handed out in pieces.
#[derive(Debug)]
pub struct Tracked {
    body: Body,
    is_small: bool,
    rest: Bytes,
    delivery: Arc<Progressing>,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_small {
            return Pin::new(&mut self.body).poll_frame(cx);
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rest = bytes,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(PIECE);
        let bytes = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(Piece::of(bytes, &self.delivery)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn tracked(body: Body, is_stream: bool) -> (Arc<Activity>, Tracked) {
        let activity = Arc::new(Activity::new());
        let response = match is_stream {
            true => error::event_stream(body),
            false => error::json(body),
        };
        let body = activity.begin().of(response).into_body();
        (activity, body)
    }

    async fn pass_time(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_stalled_when_no_piece_of_it_is_taken_for_too_long() {
        let (activity, mut body) = tracked(Body::from(vec![b'x'; 3 * PIECE - 1]), false);
        assert_eq!(body.size_hint().exact(), Some(3 * PIECE as u64 - 1));
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE, PIECE - 1]);
        drop(body);
        pass_time(20).await;
        assert!(!activity.is_stalled(LIMIT));
        pieces.pop();
        pass_time(13).await;
        assert!(!activity.is_stalled(LIMIT), "there was progress");
        pass_time(31).await;
        assert!(activity.is_stalled(LIMIT));
        assert_eq!(activity.idle(), None);
        pieces.clear();
        assert!(!activity.is_stalled(LIMIT));
        pass_time(1).await;
        assert_eq!(activity.idle(), Some(Duration::from_secs(1)));
    }

    /// A piece every 10 s is no pause, but too slow in the end: 64 KB are given 4 s.
    #[tokio::test(start_paused = true)]
    async fn an_answer_is_stalled_when_it_is_taken_too_slowly() {
        let (activity, mut body) = tracked(Body::from(vec![b'x'; 20 * PIECE]), false);
        let mut taken = 0;
        while !activity.is_stalled(LIMIT) {
            assert!(taken < 10);
            drop(body.frame().await);
            taken += 1;
            pass_time(10).await;
        }
        assert_eq!(taken, 6, "60 s were more than 30 and 6 times 4");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_never_asked_for_is_stalled_too_but_not_a_quiet_stream() {
        let (activity, _body) = tracked(Body::from("x"), false);
        pass_time(31).await;
        assert!(activity.is_stalled(LIMIT));

        let events = futures_util::stream::iter([Ok::<_, axum::Error>("data: x\n\n")]);
        let (activity, mut body) = tracked(Body::from_stream(events), true);
        pass_time(31).await;
        assert!(!activity.is_stalled(LIMIT));
        let event = body.frame().await;
        pass_time(31).await;
        assert!(activity.is_stalled(LIMIT), "an event that nobody takes");
        drop(event);
        pass_time(31).await;
        assert!(!activity.is_stalled(LIMIT));
    }
}
