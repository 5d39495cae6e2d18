//! Answers on their way to their clients.
//!
//! Promises: what a request takes of the memory is given back once its client has taken the answer, not
//! before; a connection whose client takes nothing of an answer is known for it
//! ([`Activity::is_stalled`]), whatever the version of HTTP. Leaves to others: ending it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Response, Version};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::body::SLOWEST;
use super::content::{BoxError, Content, Piece, Source};

/// Bytes that are given to the connection at once: it can only be seen of a whole piece that the client
/// has taken it. A value of 64 KB is one piece, with what stands around it.
pub const PIECE: usize = 65 << 10;

/// An answer of at most so many bytes is given to the connection as it is: looking after each costs as
/// much as writing it, and a connection whose client takes nothing is soon full of them, or idle.
const SMALL: usize = 1 << 10;

/// An answer is compressed for so long before others have their turn: of what becomes much smaller, a piece
/// takes milliseconds.
const SPELL: Duration = Duration::from_millis(1);

/// What happens on one connection.
#[derive(Debug)]
pub struct Activity(Mutex<Happening>);

#[derive(Debug)]
struct Happening {
    /// Each has a place for as long as it takes; then another may have it. HTTP/1 needs one.
    deliveries: Vec<Option<Progress>>,
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
        let mut happening = self.lock();
        let free = happening.deliveries.iter().position(Option::is_none);
        let place = free.unwrap_or(happening.deliveries.len());
        if free.is_none() {
            happening.deliveries.push(None);
        }
        happening.deliveries[place] = Some(Progress::default());
        Delivery { activity: self.clone(), place }
    }

    /// How long nothing has been under way; `None` while something is.
    pub fn idle(&self) -> Option<Duration> {
        let happening = self.lock();
        let is_busy = happening.deliveries.iter().any(Option::is_some);
        (!is_busy).then(|| happening.quiet_since.elapsed())
    }

    /// Whether there is an answer of which the client has taken nothing for so long, or too little in
    /// all.
    pub fn is_stalled(&self, limit: Duration) -> bool {
        self.lock().deliveries.iter().flatten().any(|one| one.is_stalled(limit))
    }

    /// Notes what has become of one of them, and its end.
    fn note(&self, place: usize, news: impl FnOnce(&mut Progress)) {
        let mut happening = self.lock();
        let Some(progress) = &mut happening.deliveries[place] else { return };
        news(progress);
        if progress.is_handed_over && progress.out == 0 {
            happening.deliveries[place] = None;
            happening.quiet_since = Instant::now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Happening> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, and its answer until the connection has all of it.
#[derive(Debug)]
pub struct Delivery {
    activity: Arc<Activity>,
    place: usize,
}

impl Delivery {
    /// Watches over the answer. HTTP/2 takes a small one from here even if the client does not.
    pub fn of(self, version: Version, response: Response<Content>) -> Response<Tracked> {
        let watches_small = version == Version::HTTP_2;
        if matches!(response.body().source, Source::Events(_)) {
            self.activity.note(self.place, |progress| progress.is_stream = true);
        } else {
            let now = Some(Instant::now());
            self.activity.note(self.place, |progress| {
                (progress.waits_since, progress.answered_at) = (now, now);
            });
        }
        response.map(|body| Tracked {
            source: body.source,
            watches_small,
            rest: Bytes::new().into(),
            delivery: self,
            zips_since: None,
        })
    }

    /// A piece that the connection gets now.
    fn hand_out(&self, piece: Piece) -> Piece {
        self.activity.note(self.place, |progress| {
            progress.out += 1;
            progress.waits_since.get_or_insert_with(Instant::now);
        });
        let bytes = piece.remaining();
        piece.watched(Watched { activity: self.activity.clone(), place: self.place, bytes })
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.activity.note(self.place, |progress| progress.is_handed_over = true);
    }
}

/// A piece of an answer that the connection has and the client has not.
#[derive(Debug)]
pub struct Watched {
    activity: Arc<Activity>,
    place: usize,
    bytes: usize,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.activity.note(self.place, |progress| {
            progress.out -= 1;
            progress.taken += self.bytes as u64;
            let is_quiet = progress.is_stream && progress.out == 0;
            progress.waits_since = (!is_quiet).then(Instant::now);
        });
    }
}

#[derive(Debug, Default)]
struct Progress {
    /// A stream may have nothing to deliver.
    is_stream: bool,
    /// The connection has all of it.
    is_handed_over: bool,
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

/// A body whose bytes are handed out in pieces.
pub struct Tracked {
    source: Source,
    watches_small: bool,
    rest: Piece,
    delivery: Delivery,
    /// Since when it has been compressing without a pause.
    zips_since: Option<Instant>,
}

impl Tracked {
    /// The next bytes, as they come.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, BoxError>>> {
        match &mut self.source {
            Source::Nothing => Poll::Ready(None),
            Source::Whole(_) => match std::mem::replace(&mut self.source, Source::Nothing) {
                Source::Whole(piece) => Poll::Ready(Some(Ok(piece))),
                _ => Poll::Ready(None),
            },
            Source::Events(events) => {
                events.as_mut().poll_next(cx).map(|event| event.map(|event| Ok(event.into())))
            }
            Source::Elsewhere(handover) => {
                handover.begin();
                Poll::Pending
            }
            Source::Zipped(body) => {
                let since = *self.zips_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= SPELL {
                    self.zips_since = None;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                body.as_mut().poll_frame(cx).map(|frame| {
                    // Nothing that is whole has trailers.
                    frame.map(|frame| Ok(frame?.into_data().unwrap_or_default().into()))
                })
            }
        }
    }
}

impl Body for Tracked {
    type Data = Piece;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BoxError>>> {
        if !self.rest.has_remaining() {
            let may_pass = !self.watches_small && matches!(self.source, Source::Whole(_));
            match ready!(self.poll_source(cx)) {
                Some(Ok(piece)) if may_pass && piece.remaining() <= SMALL => {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Some(Ok(piece)) if piece.remaining() <= PIECE => {
                    return Poll::Ready(Some(Ok(Frame::data(self.delivery.hand_out(piece)))));
                }
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece = match self.rest.remaining() > PIECE {
            true => self.rest.split_to(PIECE),
            false => std::mem::replace(&mut self.rest, Bytes::new().into()),
        };
        Poll::Ready(Some(Ok(Frame::data(self.delivery.hand_out(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        !self.rest.has_remaining() && matches!(self.source, Source::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match self.source.length() {
            Some(length) => SizeHint::with_exact((length + self.rest.remaining()) as u64),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use crate::api::content::Kind;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn tracked(content: Content) -> (Arc<Activity>, Tracked) {
        let activity = Arc::new(Activity::new());
        let body = activity.begin().of(Version::HTTP_11, Response::new(content)).into_body();
        (activity, body)
    }

    fn json(bytes: impl Into<Piece>) -> Content {
        Content::whole(Kind::Json, bytes)
    }

    async fn pass_time(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_stalled_when_no_piece_of_it_is_taken_for_too_long() {
        let (activity, mut body) = tracked(json(vec![b'x'; 3 * PIECE - 1]));
        assert_eq!(body.size_hint().exact(), Some(3 * PIECE as u64 - 1));
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(
            pieces.iter().map(Piece::remaining).collect::<Vec<_>>(),
            [PIECE, PIECE, PIECE - 1]
        );
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
        let (activity, mut body) = tracked(json(vec![b'x'; 20 * PIECE]));
        let mut taken = 0;
        while !activity.is_stalled(LIMIT) {
            assert!(taken < 10);
            drop(body.frame().await);
            taken += 1;
            pass_time(10).await;
        }
        assert_eq!(taken, 6, "60 s were more than 30 and 6 times 4");
    }

    /// A stream of HTTP/2 may be left with a window of one byte.
    #[tokio::test(start_paused = true)]
    async fn a_small_one_is_stalled_too_where_the_connection_takes_it_before_the_client() {
        for (version, is_seen) in [(Version::HTTP_2, true), (Version::HTTP_11, false)] {
            let activity = Arc::new(Activity::new());
            let mut body = activity.begin().of(version, Response::new(json("x"))).into_body();
            let piece = body.frame().await;
            drop(body);
            pass_time(31).await;
            assert_eq!(activity.is_stalled(LIMIT), is_seen);
            assert_eq!(activity.idle().is_none(), is_seen);
            drop(piece);
            assert!(!activity.is_stalled(LIMIT));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_never_asked_for_is_stalled_too_but_not_a_quiet_stream() {
        let (activity, _body) = tracked(json("x"));
        pass_time(31).await;
        assert!(activity.is_stalled(LIMIT));

        let events = futures_util::stream::iter([Bytes::from_static(b"data: x\n\n")]);
        let (activity, mut body) = tracked(Content::events(events));
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
