//! The origin of the page that sent a request: RFC 6454, RFC 6455 §10.2, and the Fetch standard's CORS protocol.
//!
//! A browser says in `Origin` which page asks. The server's own pages are not restricted; nor are those
//! on the list, and their browsers are told that they may read the responses; any other page may open no
//! WebSocket and reach nothing below `/api/`. A request without `Origin` is not from a browser, or loads a page.

use super::head::RequestHead;
use super::response::Response;
use crate::net::context::ServerContext;

/// The header fields that pages on the list may send besides those that any page may.
const FIELDS: &str = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID";
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
    /// The origin of `request`, which is for one of `hosts`; `secure`: whether the client uses TLS, as far as is
    /// known.
    #[must_use]
    pub fn of(context: &ServerContext, request: &RequestHead<'a>, hosts: &[&str], secure: bool) -> Self {
        let mut origins = request.values("Origin");
        let Some(origin) = origins.next() else { return Self::Own };
        let Ok(origin) = std::str::from_utf8(origin) else { return Self::Foreign };
        if origins.next().is_some() {
            return Self::Foreign;
        }
        // A proxy before the server may speak TLS where this connection does not: then either scheme will do.
        let schemes: &[&str] = if secure { &["https"] } else { &["http", "https"] };
        let is_of = |scheme: &str, host: &str| !host.is_empty() && is_same(origin, &format!("{scheme}://{host}"));
        if hosts.iter().any(|host| schemes.iter().any(|scheme| is_of(scheme, host))) {
            Self::Own
        } else if context.settings.load().origins.iter().any(|listed| is_same(origin, listed)) {
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

/// Whether two origins are the same: the port may be named where it is the scheme's own (RFC 9110 §4.2.3).
fn is_same(one: &str, other: &str) -> bool {
    match (parts(one), parts(other)) {
        (Some((scheme, host, port)), Some((other_scheme, other_host, other_port))) => {
            scheme == other_scheme && host.eq_ignore_ascii_case(other_host) && port == other_port
        }
        // Of packaged apps, whose schemes have no ports.
        (None, None) => one.eq_ignore_ascii_case(other),
        _ => false,
    }
}

/// Scheme, host and port of an origin of the web.
fn parts(origin: &str) -> Option<(&str, &str, u16)> {
    let (scheme, authority) = origin.split_once("://")?;
    let own_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = if port.is_empty() { Some(own_port) } else { port.parse().ok().filter(|_| is_number) };
    Some((scheme, host, port?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_scheme_may_be_named_or_not() {
        for (one, other) in [
            ("https://a.org", "https://a.org:443"),
            ("https://A.org:443", "https://a.org"),
            ("http://a.org", "http://a.org:80"),
            ("http://a.org:", "http://a.org"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://a.org:8000", "http://a.org:8000"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("https://a.org", "http://a.org"),
            ("https://a.org", "https://a.org:80"),
            ("http://a.org", "http://a.org:443"),
            ("http://a.org", "http://a.org:8000"),
            ("http://a.org:+80", "http://a.org"),
            ("http://a.org:x", "http://a.org"),
            ("http://[::1]:80", "http://[::1:80]"),
            ("HTTPS://a.org", "https://a.org"),
            ("http://a.org", "http://b.org"),
            ("null", "http://null"),
        ] {
            assert!(!is_same(one, other) && !is_same(other, one), "{one} {other}");
        }
    }
}
