//! Errors as HTTP: the only place that names status codes.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, RETRY_AFTER, VARY};
use http::{HeaderValue, Response, StatusCode};

use super::content::{Content, Kind, Piece};
use crate::command::ParseError;
use crate::dialect;
use crate::reply;
use crate::tokens::Denied;
use crate::upstream::Fault;

/// Why a request has no result.
#[derive(Debug)]
pub enum ApiError {
    /// The token is missing or wrong, or nobody has set one.
    Denied(Denied),
    /// The body or path holds no command.
    Parse(ParseError),
    /// The request as a whole was refused; the text is the answer's `error`.
    Refused(String),
    /// The body is larger than `limit` bytes.
    TooLarge { limit: usize, actual: u64 },
    /// The body did not arrive.
    BodyTimeout,
    /// Redis did not answer.
    Fault(Fault),
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<ParseError> for ApiError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(text) => Self::Refused(dialect::error_in_upstash_words(text)),
            fault => Self::Fault(fault),
        }
    }
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Denied(Denied::Unknown) | Self::Fault(Fault::Denied) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::NoneConfigured) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Parse(_) | Self::Refused(_) | Self::TooLarge { .. } => StatusCode::BAD_REQUEST,
            Self::Fault(Fault::Refused(_)) => StatusCode::BAD_REQUEST,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Fault(Fault::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::Fault(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(&self) -> String {
        match self {
            // Upstash's own text, as its clients have seen it.
            Self::Denied(Denied::Unknown) | Self::Fault(Fault::Denied) => {
                "WRONGPASS invalid or missing auth token. See \
                https://docs.upstash.com/redis/troubleshooting/http_unauthorized for details."
                    .into()
            }
            Self::Denied(Denied::NoneConfigured) => {
                "ERR no token is set: open the Space's Settings, Variables and secrets, add a \
                 secret named SRH_TOKEN, and use its value as the token"
                    .into()
            }
            Self::Parse(error) => error.to_string(),
            Self::Refused(text) | Self::Fault(Fault::Refused(text)) => text.clone(),
            Self::TooLarge { limit, actual } => size_exceeded(*limit, *actual),
            Self::BodyTimeout => "ERR the request body did not arrive in time".into(),
            Self::Fault(Fault::NotSent) => {
                "ERR the connection to Redis broke; the command was not sent. Try again".into()
            }
            Self::Fault(Fault::Lost) => "ERR outcome unknown: the connection to Redis broke \
                before its answer; the command may or may not have been executed"
                .into(),
            Self::Fault(Fault::Timeout) => "ERR outcome unknown: Redis did not answer in time \
                (PKV_TIMEOUT); the command may or may not have been executed"
                .into(),
            Self::Fault(Fault::Busy) => "ERR there is more to do than Redis, or the memory for \
                requests and answers (PKV_MAX_QUEUE), can take; the command was not sent. Try again"
                .into(),
            Self::Fault(Fault::Down(what)) => {
                format!("ERR Redis is not available: {what}. The command was not sent; try again")
            }
        }
    }

    /// A second after which trying again is safe and may help.
    fn may_be_retried(&self) -> bool {
        matches!(self, Self::Fault(Fault::NotSent | Fault::Busy | Fault::Down(_)))
    }

    /// The answer that says so.
    pub fn into_response(self) -> Response<Content> {
        let mut out = Vec::new();
        reply::write_error(&mut out, &self.text());
        let mut response = json(out);
        *response.status_mut() = self.status();
        if self.may_be_retried() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Upstash's text about a request, or an answer, of more bytes than there may be.
pub fn size_exceeded(limit: usize, actual: u64) -> String {
    format!("ERR max request size exceeded. Limit: {limit} bytes, Actual: {actual} bytes")
}

/// 200 with a JSON body.
pub fn json(body: impl Into<Piece>) -> Response<Content> {
    Response::new(Content::whole(Kind::Json, body))
}

/// 200 with a page that brings everything with it, and may be framed by Hugging Face alone.
pub fn page(html: String) -> Response<Content> {
    let mut response = Response::new(Content::whole(Kind::Page, html));
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; \
        frame-ancestors 'self' https://huggingface.co https://*.hf.space";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// 200 with Server-Sent Events.
pub fn event_stream(events: Content) -> Response<Content> {
    let mut response = Response::new(events);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold events back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// 200 with a body of bytes.
pub fn octets(body: impl Into<Piece>) -> Response<Content> {
    Response::new(Content::whole(Kind::Octets, body))
}

/// The same with 400: Redis's error to a single command.
pub fn command_failed(mut response: Response<Content>) -> Response<Content> {
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// 503 with a JSON body.
pub fn not_ready(body: String) -> Response<Content> {
    let mut response = json(body);
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 405 with an empty body, as Upstash answers DELETE, PATCH and the like. `allowed` is what HTTP wants
/// to be said then (RFC 9110, section 15.5.6).
pub fn method_not_allowed(allowed: &'static str) -> Response<Content> {
    let mut response = Response::new(Content::nothing());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
