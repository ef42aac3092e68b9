//! Whose page is behind a request: RFC 6454, RFC 6455 §10.2, and the Fetch standard's CORS protocol.
//!
//! A browser says in `Origin` which page asks. The server's own pages may do everything; so may those
//! on the list, which are told that they may read the answers; the pages of all others may open no
//! WebSocket and reach nothing below `/api/`. Who sends no `Origin` is no browser, or shows a page.

use super::head::RequestHead;
use super::incoming::ServerContext;
use super::response::Response;

/// What pages on the list may send beside what every page may.
const FIELDS: &str = "Authorization, Content-Type, Idempotency-Key";
/// Seconds for which a browser may remember that.
const REMEMBER_S: &str = "600";

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// From no browser, or from a page of the server's own.
    Own,
    /// From a page on the list.
    Listed(&'a str),
    /// From any other page.
    Foreign,
}

impl<'a> Origin<'a> {
    /// Where `request` comes from; `secure`: whether the client's side of it is TLS, as far as is known.
    #[must_use]
    pub fn of(context: &ServerContext, request: &RequestHead<'a>, secure: bool) -> Self {
        let mut origins = request.values("Origin");
        let Some(origin) = origins.next() else { return Self::Own };
        let Ok(origin) = std::str::from_utf8(origin) else { return Self::Foreign };
        if origins.next().is_some() {
            return Self::Foreign;
        }
        let host = request.value("Host").unwrap_or_default();
        // Without TLS here there may be some before us: then the scheme tells nothing.
        let plain = if secure { None } else { origin.strip_prefix("http://") };
        let own = plain.or_else(|| origin.strip_prefix("https://"));
        if own.is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host)) {
            Self::Own
        } else if context.settings.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
            Self::Listed(origin)
        } else {
            Self::Foreign
        }
    }

    /// The answer to a question of what may be sent (a preflight, which names a method), where the
    /// address allows these methods. `None`: it is no such question, or not to be answered.
    #[must_use]
    pub fn preflight(self, request: &RequestHead<'_>, methods: &'static str) -> Option<Response> {
        let Self::Listed(_) = self else { return None };
        request.value("Access-Control-Request-Method")?;
        let response = Response::empty(204).with("Access-Control-Allow-Methods", methods);
        let response = response.with("Access-Control-Allow-Headers", FIELDS);
        Some(response.with("Access-Control-Max-Age", REMEMBER_S))
    }

    /// Tells the browser that the page may read the answer, where it may.
    #[must_use]
    pub fn share(self, response: Response) -> Response {
        match self {
            Self::Listed(origin) => {
                let response = response.with("Access-Control-Allow-Origin", origin).with("Vary", "Origin");
                response.with("Access-Control-Expose-Headers", "Retry-After")
            }
            Self::Own | Self::Foreign => response,
        }
    }
}
