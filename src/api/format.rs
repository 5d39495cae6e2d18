//! How an answer is written: JSON, its strings plain or in base64, or the bytes of RESP2
//! (`Upstash-Encoding` and `Upstash-Response-Format`, Upstash docs, "REST API").
//!
//! At Upstash the limit on a request's size holds for its answer too, with the same error ("ERR max
//! request size exceeded", Upstash docs, "Troubleshooting"); here it is set apart. Whatever was asked,
//! one such error is then the whole answer, and the commands have been executed.

use http::{HeaderMap, HeaderName, Response};

use super::content::{Content, Piece};
use super::error::{self, ApiError};
use crate::dialect::Reply;
use crate::reply::{
    self, Bounded, Encoding, Frame, LONG, Output, Replies, Token, TooLarge, Written,
};
use crate::upstream::Pass;

/// What stands around a reply, in bytes: `{"result":""}`.
const AROUND: usize = 32;

static ENCODING: HeaderName = HeaderName::from_static("upstash-encoding");
static RESPONSE_FORMAT: HeaderName = HeaderName::from_static("upstash-response-format");

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `{"result":…}` or `{"error":…}`.
    Json(Encoding),
    /// As Redis sent it.
    Resp2,
}

impl Format {
    /// What the request's headers ask for.
    pub fn asked(headers: &HeaderMap) -> Result<Self, ApiError> {
        let json = Self::json(headers);
        let Some(format) = headers.get(&RESPONSE_FORMAT) else { return Ok(json) };
        match (format.as_bytes().to_ascii_lowercase().as_slice(), json) {
            (b"json", json) => Ok(json),
            (b"resp2", Self::Json(Encoding::Text)) => Ok(Self::Resp2),
            (b"resp2", _) => Err(ApiError::Refused(
                "ERR Upstash-Encoding: base64 is not for Upstash-Response-Format: resp2, which \
                 carries any bytes; leave one of them out"
                    .into(),
            )),
            _ => Err(ApiError::Refused(
                "ERR Upstash-Response-Format is neither json nor resp2".into(),
            )),
        }
    }

    /// What the headers ask for where there is JSON only.
    pub fn json(headers: &HeaderMap) -> Self {
        let base64 = headers
            .get(&ENCODING)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"base64"));
        Self::Json(if base64 { Encoding::Base64 } else { Encoding::Text })
    }

    /// The answer to a single command: 400 if it is an error, or longer than `limit` bytes.
    /// It is one of `replies`, or made up. The answer keeps the request's pass.
    pub fn one(
        self,
        reply: &Reply<'_>,
        replies: &Replies,
        limit: Option<usize>,
        pass: Pass,
    ) -> Response<Content> {
        let sent = match reply {
            Reply::Sent(frame) if !self.is_handed_on(*frame) => frame.bytes().len(),
            _ => 0,
        };
        let mut out = Bounded::new(limit, self.likely(sent), replies);
        self.write(&mut out, reply);
        match (out.finish(), reply) {
            (Ok(body), Reply::Sent(_) | Reply::Made(_)) => self.response(body, pass),
            (Ok(body), Reply::Error(_)) => error::command_failed(self.response(body, pass)),
            (Err(too_large), _) => self.too_large(too_large, pass),
        }
    }

    /// The answer to several commands: a JSON array, or one RESP2 reply behind the other. 400 if it is
    /// longer than `limit` bytes. They are of `replies`, or made up.
    pub fn several<'r>(
        self,
        answers: impl Iterator<Item = Reply<'r>>,
        replies: &Replies,
        limit: Option<usize>,
        pass: Pass,
    ) -> Response<Content> {
        let mut out = Bounded::new(limit, self.likely(replies.weight()), replies);
        let [open, between, close]: [&[u8]; 3] = match self {
            Self::Json(_) => [b"[", b",", b"]"],
            Self::Resp2 => [b"", b"", b""],
        };
        out.add([open]);
        for (index, reply) in answers.enumerate() {
            if index > 0 {
                out.add([between]);
            }
            self.write(&mut out, &reply);
        }
        out.add([close]);
        match out.finish() {
            Ok(body) => self.response(body, pass),
            Err(too_large) => self.too_large(too_large, pass),
        }
    }

    fn too_large(self, TooLarge { limit, actual }: TooLarge, pass: Pass) -> Response<Content> {
        let text = error::size_exceeded(limit, actual as u64);
        self.one(&Reply::Error(text), &Replies::default(), None, pass)
    }

    fn write(self, out: &mut Bounded<'_>, reply: &Reply<'_>) {
        match (self, reply) {
            (Self::Json(encoding), Reply::Sent(frame)) => reply::write_item(out, *frame, encoding),
            (Self::Json(encoding), Reply::Made(value)) => {
                reply::write_item(out, Frame::of(&reply::to_resp2(value)), encoding);
            }
            (Self::Json(_), Reply::Error(text)) => reply::write_error(out, text),
            (Self::Resp2, Reply::Sent(frame)) => out.add_part(b"", frame.bytes(), b""),
            (Self::Resp2, Reply::Made(value)) => out.add([&reply::to_resp2(value)]),
            (Self::Resp2, Reply::Error(text)) => reply::write_resp2_error(out, text),
        }
    }

    /// Whether the reply's bytes take no room of the answer's: unless something in them has to be escaped,
    /// which makes room for itself.
    fn is_handed_on(self, frame: Frame<'_>) -> bool {
        let is_plain = self != Self::Json(Encoding::Base64);
        is_plain && frame.bytes().len() >= LONG && matches!(frame.token(), Token::Bulk(_))
    }

    /// How many bytes the answer has to replies of so many, roughly: what RESP2 has around a text is what
    /// JSON has.
    fn likely(self, sent: usize) -> usize {
        AROUND + if self == Self::Json(Encoding::Base64) { sent / 3 * 4 } else { sent }
    }

    fn response(self, body: Written, pass: Pass) -> Response<Content> {
        let body = Piece::held(body, pass);
        match self {
            Self::Json(_) => error::json(body),
            Self::Resp2 => error::octets(body),
        }
    }
}
