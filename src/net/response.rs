//! An HTTP response, and the header fields that every one of them carries.
//!
//! Made by the routes and by whoever refuses a request; printed once, onto the socket. The fields
//! that protect a page are set here and nowhere else, so none can be forgotten.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::chat::{Code, Refusal};
use crate::wire::json;

/// What pages may load: their own files and their own socket, nothing else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// An answer.
#[derive(Debug)]
pub struct Response {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new() }
    }

    /// An answer with a body of this media type.
    #[must_use]
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::empty(status).with("Content-Type", media_type) }
    }

    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// The answer to something that is not done.
    #[must_use]
    pub fn refusal(status: u16, refusal: &Refusal) -> Self {
        let response = Self::json(status, json::error_body(refusal));
        match refusal.retry_after {
            // Whole seconds, RFC 9110 §10.2.3.
            // RFC 9110 §11.6.1: what would do.
            None if status == 401 => response.with("WWW-Authenticate", "Bearer"),
            Some(wait) if matches!(status, 429 | 503) => {
                response.with("Retry-After", wait.as_millis().div_ceil(1000).max(1).to_string())
            }
            _ => response,
        }
    }

    /// The answer to a request that is wrong as HTTP.
    #[must_use]
    pub fn error(status: u16, message: &'static str) -> Self {
        let code = match status {
            404 => Code::NotFound,
            403 => Code::Forbidden,
            413 | 431 => Code::TooLarge,
            503 => Code::Unavailable,
            _ => Code::BadRequest,
        };
        Self::refusal(status, &Refusal::new(code, message))
    }

    /// With one more header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether it is only ever a part of a page. Its page's policies hold for it; its own are heeded by
    /// nobody, and would be a fifth of the page's first view.
    fn is_part(&self) -> bool {
        let is_part = |value: &str| value.starts_with("text/javascript") || value.starts_with("text/css");
        self.fields.iter().any(|(name, value)| *name == "Content-Type" && is_part(value))
    }

    /// The bytes to send. `head_only`: the answer to a `HEAD`.
    #[must_use]
    pub fn bytes(&self, close: bool, head_only: bool) -> Vec<u8> {
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
        if close {
            field("Connection", "close");
        }
        // A 204 has no length, and that of a 304 would be the page's, RFC 9110 §8.6.
        if !matches!(self.status, 204 | 304) {
            field("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// The names of the statuses that are given here, RFC 9110 §15 and RFC 6585.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
