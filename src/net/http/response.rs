//! An HTTP response, with the header fields that each of them carries.
//!
//! Made by the routes and by whatever refuses a request; printed once, onto the socket. The fields
//! that protect a page are set here and nowhere else, so none can be forgotten.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use crate::chat::{Code, Event, Refusal};
use crate::net::tcp::Tcp;
use crate::wire::json;

/// Allows pages to load their own files and to connect to their own server, and nothing else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types service-worker";

/// When a client may try again that was refused for want of a resource, unless the refusal says.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What follows a response on its connection: RFC 9112 §9.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: the connection ends.
    Close,
    /// A further request, of a client of HTTP/1.0 that asked for it: it waits for the end unless it is told.
    KeepAlive,
    /// A further request, as in HTTP/1.1 where nothing else is said.
    Persist,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new() }
    }

    /// A response with a body of this media type.
    #[must_use]
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::empty(status).with("Content-Type", media_type) }
    }

    /// A response with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// A response with an event as its body.
    #[must_use]
    pub fn event(status: u16, event: &Event) -> Self {
        let mut body = Vec::new();
        json::print(event, None, "room", &mut body);
        Self::json(status, body)
    }

    /// The response to a request that is refused.
    #[must_use]
    pub fn refusal(refusal: &Refusal) -> Self {
        let status = match refusal.code {
            Code::BadRequest => 400,
            Code::Unauthorized => 401,
            Code::UnknownType => 415,
            Code::TooLarge => 413,
            Code::Forbidden | Code::NotMember | Code::Muted => 403,
            Code::NotFound | Code::UserOffline | Code::SessionExpired => 404,
            Code::NameTaken | Code::Conflict => 409,
            Code::RateLimited => 429,
            Code::RoomFull | Code::TooManyRooms | Code::Unavailable | Code::Draining => 503,
            Code::Internal => 500,
        };
        let mut refusal = refusal.clone();
        if status == 503 {
            refusal.retry_after.get_or_insert(RETRY_AFTER);
        }
        Self::refusal_as(status, &refusal)
    }

    fn refusal_as(status: u16, refusal: &Refusal) -> Self {
        let response = Self::json(status, json::error_body(refusal));
        match refusal.retry_after {
            // RFC 9110 §11.6.1: the scheme that would be accepted.
            None if status == 401 => response.with("WWW-Authenticate", "Bearer"),
            // Whole seconds, RFC 9110 §10.2.3.
            Some(wait) if matches!(status, 429 | 503) => {
                response.with("Retry-After", wait.as_millis().div_ceil(1000).max(1).to_string())
            }
            _ => response,
        }
    }

    /// The response to a request that is wrong as HTTP.
    #[must_use]
    pub fn error(status: u16, message: &'static str) -> Self {
        let code = match status {
            404 => Code::NotFound,
            403 => Code::Forbidden,
            413 | 431 => Code::TooLarge,
            503 => Code::Unavailable,
            _ => Code::BadRequest,
        };
        Self::refusal_as(status, &Refusal::new(code, message))
    }

    /// With one more header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Through TLS it tells browsers to use TLS for the next year (RFC 6797 §7.2). A browser ignores it where it does not
    /// trust the certificate.
    #[must_use]
    pub fn secured(self, socket: &Tcp) -> Self {
        if socket.is_sealed() { self.with("Strict-Transport-Security", "max-age=31536000") } else { self }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether it is a script or a style sheet. The policies of its page apply to it; browsers ignore its
    /// own, which would be a fifth of the bytes of the page's first view.
    fn is_part(&self) -> bool {
        let is_part = |value: &str| value.starts_with("text/javascript") || value.starts_with("text/css");
        self.fields.iter().any(|(name, value)| *name == "Content-Type" && is_part(value))
    }

    /// The bytes to send; without the body if `head_only`, as the answer to a `HEAD`.
    #[must_use]
    pub fn bytes(&self, persistence: Persistence, head_only: bool) -> Vec<u8> {
        let mut bytes = self.head(persistence, true);
        if !head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// The bytes before a body without a length, which ends with the connection (RFC 9112 §6.3).
    #[must_use]
    pub fn head_of_stream(&self) -> Vec<u8> {
        self.head(Persistence::Close, false)
    }

    fn head(&self, persistence: Persistence, has_length: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut field = |name: &str, value: &str| {
            _ = write!(head, "{name}: {value}\r\n"); // A string takes every character.
        };
        field("Date", &httpdate::fmt_http_date(SystemTime::now()));
        field("Server", concat!("roomd/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.fields {
            field(name, value);
        }
        field("X-Content-Type-Options", "nosniff");
        field("Cross-Origin-Resource-Policy", "same-origin");
        if !self.is_part() {
            field("Content-Security-Policy", CONTENT_SECURITY_POLICY);
            field("Referrer-Policy", "no-referrer");
            field("X-Frame-Options", "DENY");
            field("Cross-Origin-Opener-Policy", "same-origin");
        }
        if !self.fields.iter().any(|(name, _)| *name == "Cache-Control") {
            field("Cache-Control", "no-store");
        }
        match persistence {
            Persistence::Close => field("Connection", "close"),
            Persistence::KeepAlive => field("Connection", "keep-alive"),
            Persistence::Persist => {}
        }
        // A 204 has no length, and that of a 304 would be the page's, RFC 9110 §8.6.
        if has_length && !matches!(self.status, 204 | 304) {
            field("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// The last bytes for a client that is refused before it has sent a request, or instead of a WebSocket.
#[must_use]
pub fn last_refusal(refusal: &Refusal) -> Vec<u8> {
    Response::refusal(refusal).bytes(Persistence::Close, false)
}

/// The last bytes for a client that does not speak TLS where the server does.
#[must_use]
pub fn not_tls() -> Vec<u8> {
    Response::error(400, "This port speaks TLS: https, wss").bytes(Persistence::Close, false)
}

/// The reason phrase of a status that the server uses, RFC 9110 §15 and RFC 6585.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        303 => "See Other",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
