//! The origin of the page that sent a request: RFC 6454, RFC 6455 §10.2, and the Fetch standard's CORS protocol.
//!
//! A browser says in `Origin` which page asks. The server's own pages are not restricted; nor are those
//! on the list, and their browsers are told that they may read the responses; any other page may open no
//! WebSocket and reach nothing below `/api/`. A request without `Origin` is not from a browser, or loads a page.

use super::head::RequestHead;
use super::response::Response;
use crate::net::context::ServerContext;

/// The header fields that pages on the list may send besides those that any page may.
const FIELDS: &str = "Authorization, Content-Type, Idempotency-Key";
/// Seconds for which a browser may cache that.
const CACHE_S: &str = "600";

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A client that is not a browser, or a page of the server's own.
    Own,
    /// A page on the list.
    Listed(&'a str),
    /// Any other page.
    Foreign,
}

impl<'a> Origin<'a> {
    /// The origin of `request`; `secure`: whether the client uses TLS, as far as is known.
    #[must_use]
    pub fn of(context: &ServerContext, request: &RequestHead<'a>, secure: bool) -> Self {
        let mut origins = request.values("Origin");
        let Some(origin) = origins.next() else { return Self::Own };
        let Ok(origin) = std::str::from_utf8(origin) else { return Self::Foreign };
        if origins.next().is_some() {
            return Self::Foreign;
        }
        let host = request.value("Host").unwrap_or_default();
        // A proxy before the server may speak TLS where this connection does not: then either scheme will do.
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

    /// The response to a preflight, which names a method, for a path with these methods. `None`: the request is
    /// no preflight, or its page is not on the list.
    #[must_use]
    pub fn preflight(self, request: &RequestHead<'_>, methods: &'static str) -> Option<Response> {
        let Self::Listed(_) = self else { return None };
        request.value("Access-Control-Request-Method")?;
        let response = Response::empty(204).with("Access-Control-Allow-Methods", methods);
        let response = response.with("Access-Control-Allow-Headers", FIELDS);
        Some(response.with("Access-Control-Max-Age", CACHE_S))
    }

    /// Tells the browser that the page may read the response, if it is on the list.
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
