//! A request's body, whole, within its bounds.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use super::Context;
use super::error::ApiError;
use crate::upstream::Pass;

/// A body that is too large is read and thrown away up to this many times the limit: a client that
/// only reads the answer after it has sent everything then sees the error instead of a reset.
const DISCARD: u64 = 4;

/// And for this long at most.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The slowest client that is waited for, in bytes per second over the whole of its body, or of its
/// answer: 128 kbit/s, so that 10 MB may take ten minutes, and 100 bytes no longer than a pause.
pub const SLOWEST: u64 = 16 << 10;

/// Reads the body; `pass` takes what arrives. Each pause of the client, the time in all and the size
/// are bounded.
pub async fn read(
    context: &Context,
    headers: &HeaderMap,
    mut body: Incoming,
    pass: &mut Pass,
) -> Result<Bytes, ApiError> {
    let limit = context.max_body;
    if let Some(announced) = body.size_hint().exact()
        && announced > limit as u64
    {
        pass_over(context, headers, body).await;
        return Err(ApiError::TooLarge { limit, actual: announced });
    }
    let mut patience = Patience { pause: context.client_timeout, begun: None };
    let mut whole = Whole::Nothing;
    // The usual body is whole with its first frame.
    while !body.is_end_stream() {
        let Some(bytes) = next(&mut body, &mut patience, whole.len()).await? else { break };
        let length = whole.len() + bytes.len();
        if length > limit {
            drop(whole);
            pass.set(0);
            let actual = discard(context, body, length as u64).await;
            return Err(ApiError::TooLarge { limit, actual });
        }
        if let Err(fault) = pass.take(bytes.len()) {
            drop(whole);
            pass.set(0);
            discard(context, body, length as u64).await;
            return Err(fault.into());
        }
        whole = whole.and(bytes, body.size_hint().lower() as usize);
    }
    Ok(whole.into())
}

/// What has arrived: the usual request is one frame, which need not be copied.
enum Whole {
    Nothing,
    Frame(Bytes),
    Frames(Vec<u8>),
}

impl Whole {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Frame(bytes) => bytes.len(),
            Self::Frames(bytes) => bytes.len(),
        }
    }

    /// `to_come`: bytes that are announced behind this frame.
    fn and(self, frame: Bytes, to_come: usize) -> Self {
        match self {
            Self::Nothing => Self::Frame(frame),
            Self::Frame(first) => {
                let mut bytes = Vec::with_capacity(first.len() + frame.len() + to_come);
                bytes.extend_from_slice(&first);
                bytes.extend_from_slice(&frame);
                Self::Frames(bytes)
            }
            Self::Frames(mut bytes) => {
                bytes.extend_from_slice(&frame);
                Self::Frames(bytes)
            }
        }
    }
}

impl From<Whole> for Bytes {
    fn from(whole: Whole) -> Self {
        match whole {
            Whole::Nothing => Self::new(),
            Whole::Frame(bytes) => bytes,
            Whole::Frames(mut bytes) => {
                // Words keep it, and what it has grown too much is counted nowhere.
                bytes.shrink_to_fit();
                bytes.into()
            }
        }
    }
}

/// Reads a body that nobody wants, so that the client gets to see why. One that asks first is answered
/// before it sends anything.
pub async fn pass_over(context: &Context, headers: &HeaderMap, body: Incoming) {
    if !headers.contains_key(EXPECT) {
        discard(context, body, 0).await;
    }
}

/// How long a client that sends a body is waited for. The clock is not looked at before it has to be.
struct Patience {
    pause: Duration,
    /// The first time that there was nothing to be read.
    begun: Option<Instant>,
}

impl Patience {
    /// For the next frame, of a client that has sent so many bytes.
    fn deadline(&mut self, length: usize) -> Instant {
        let now = Instant::now();
        let fair = Duration::from_secs(length as u64 / SLOWEST);
        let latest = *self.begun.get_or_insert(now) + self.pause + fair;
        latest.min(now + self.pause)
    }
}

/// The next bytes, behind `length` others; trailers are passed over. A client that went away is one that
/// timed out: nobody will read the answer.
async fn next(
    body: &mut Incoming,
    patience: &mut Patience,
    length: usize,
) -> Result<Option<Bytes>, ApiError> {
    loop {
        let frame = match body.frame().now_or_never() {
            Some(frame) => Ok(frame),
            None => timeout_at(patience.deadline(length), body.frame()).await,
        };
        match frame {
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) | Err(_) => return Err(ApiError::BodyTimeout),
        }
    }
}

/// Reads on without keeping anything; returns how many bytes came in all, `read` before included.
async fn discard(context: &Context, mut body: Incoming, mut read: u64) -> u64 {
    let most = (context.max_body as u64).saturating_mul(DISCARD);
    let deadline = Instant::now() + DISCARD_TIME;
    while read < most {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => read += frame.data_ref().map_or(0, |bytes| bytes.len() as u64),
            _ => break,
        }
    }
    read
}
