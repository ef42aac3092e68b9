//! The target of a request, in each of its forms: RFC 9112 §3.2.
//!
//! Called while a head is parsed, on the connection's thread. Clients send a path. One that takes the server for
//! its proxy sends a whole address, and its authority counts then, not the field `Host` (§3.2.2). `*` is the
//! server as a whole (§3.2.4).

/// A target, in its parts, as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The host and the port of a whole address; `None` for a path.
    pub authority: Option<&'a str>,
    /// Begins with `/`, or is `*`.
    pub path: &'a str,
    /// What stands behind the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Parses the target of a request with this method, which is not `CONNECT`.
    #[must_use]
    pub fn parse(method: &str, text: &'a str) -> Option<Self> {
        if text == "*" {
            return (method == "OPTIONS").then_some(Self { authority: None, path: "*", query: None });
        }
        if text.starts_with('/') {
            let (path, query) = split(text);
            return Some(Self { authority: None, path, query });
        }
        let (scheme, rest) = text.split_once("://")?;
        if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() || !is_authority(authority) {
            return None;
        }
        let (path, query) = match split(rest) {
            ("", None) if method == "OPTIONS" => ("*", None),
            ("", query) => ("/", query),
            parts => parts,
        };
        Some(Self { authority: Some(authority), path, query })
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)))
}

/// Whether it is a host with or without a port, or empty: RFC 3986 §3.2, without a user.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_host = match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => !inner.is_empty() && inner.bytes().all(|byte| is_of_name(byte) || byte == b':'),
        None => host.bytes().all(|byte| is_of_name(byte) || byte == b'%'),
    };
    is_host && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 3986 §2.3 and §2.2: what is not reserved, and what separates parts of a name. But no comma: with one, two
/// fields `Host` that a proxy has merged would pass for one.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_a_whole_address_or_the_server_itself() {
        let target = |authority, path, query| Some(Target { authority, path, query });
        for (method, text, expected) in [
            ("GET", "/", target(None, "/", None)),
            ("GET", "/a?b?c", target(None, "/a", Some("b?c"))),
            ("GET", "//a/b", target(None, "//a/b", None)),
            ("GET", "http://a.org", target(Some("a.org"), "/", None)),
            ("GET", "HTTP://a.org:8000/b?c=/d", target(Some("a.org:8000"), "/b", Some("c=/d"))),
            ("GET", "https://a.org?b", target(Some("a.org"), "/", Some("b"))),
            ("GET", "ws://[::1]:8000/ws", target(Some("[::1]:8000"), "/ws", None)),
            ("OPTIONS", "http://a.org", target(Some("a.org"), "*", None)),
            ("OPTIONS", "http://a.org/", target(Some("a.org"), "/", None)),
            ("OPTIONS", "*", target(None, "*", None)),
            ("GET", "*", None),
            ("GET", "", None),
            ("GET", "a", None),
            ("GET", "a.org:80", None),
            ("GET", "ftp://a.org/", None),
            ("GET", "http:///b", None),
            ("GET", "http://me@a.org/", None),
            ("GET", "http://a.org:x/", None),
            ("GET", "http://a.org#b", None),
        ] {
            assert_eq!(Target::parse(method, text), expected, "{method} {text}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for good in ["", "a", "a.org", "a_b.org:80", "a:", "127.0.0.1:8000", "[::1]", "[::1]:80", "%C3%BC.de", "xn--a"]
        {
            assert!(is_authority(good), "{good:?}");
        }
        for bad in ["a b", "a,b", "http://a", "a/b", "me@a", "a:b", "a:80:81", "[]", "[::1", "::1", "a:-1", "\u{fc}.de"]
        {
            assert!(!is_authority(bad), "{bad:?}");
        }
    }
}
