//! A server's address: parsed from the URL that a program gives, printed as the URL of a connection.
//!
//! Parsed once, by `Client::connect`, on the caller's thread. Only the form is checked: a host name is
//! resolved again for each connection, because servers move.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The parts of a server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether the connection uses TLS.
    secure: bool,
    /// A name or an IPv4 address, or an IPv6 address in brackets.
    host: String,
    /// 1 to 65535.
    port: u16,
    /// Begins with a slash.
    path: String,
    /// Without its question mark; may be empty.
    query: String,
}

impl Address {
    /// Parses `ws://HOST[:PORT][/PATH]`, or the same with `wss` for TLS. `http` is read as `ws` and `https`
    /// as `wss`, because those are the addresses that a server announces. The path is the one below which the
    /// server is; with or without the `/ws` at its end. The default port is 80, or 443 with TLS.
    ///
    /// # Errors
    /// A sentence that says what an address must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = |what: &str| format!("an address is ws://HOST:PORT, not {text:?}{what}");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| problem(""))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(problem("")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, if secure { "443" } else { "80" }),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '"' | '<' | '>' | '\\');
        if host.is_empty() || host.contains(strange) || (host.contains([':', '[', ']']) && !bracketed) {
            return Err(problem(" (the host is neither an address nor a name)"));
        }
        // `parse` alone would take "+80".
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.then(|| port.parse().ok()).flatten().filter(|port| *port > 0);
        let port = port.ok_or_else(|| problem(" (a port is 1 to 65535)"))?;
        if rest.contains(strange) || query.contains(strange) || !rest.is_ascii() || !query.is_ascii() {
            return Err(problem(" (what is not ASCII is written with % and digits)"));
        }
        let path = path.trim_end_matches('/');
        let path = if path.ends_with("/ws") { path.to_owned() } else { format!("{path}/ws") };
        Ok(Self { secure, host: host.to_owned(), port, path, query: query.to_owned() })
    }

    /// Whether connections use TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as it is resolved, without brackets, and the port.
    #[must_use]
    pub fn host_and_port(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }

    /// The `Host` and the target of a request for this resource of the HTTP interface.
    #[must_use]
    pub fn for_api(&self, resource: &str) -> (String, String) {
        let Self { host, port, path, .. } = self;
        let base = path.strip_suffix("/ws").unwrap_or_default();
        (format!("{host}:{port}"), format!("{base}/api/v1/{resource}"))
    }

    /// The URL of a connection of this user in the JSON dialect; `None` is a guest.
    #[must_use]
    pub fn for_user(&self, user: Option<&str>) -> String {
        let Self { host, port, path, query, .. } = self;
        let mut address = format!("ws://{host}:{port}{path}?");
        if !query.is_empty() {
            address.push_str(query);
            address.push('&');
        }
        address.push_str("format=json");
        if let Some(user) = user {
            address.push_str("&user=");
            address.extend(utf8_percent_encode(user, NON_ALPHANUMERIC));
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_or_without_port_and_path() {
        for (text, host, wanted) in [
            ("ws://127.0.0.1:8000", ("127.0.0.1", 8000), "ws://127.0.0.1:8000/ws?format=json&user=Zo%C3%AB%26"),
            ("http://chat.example/", ("chat.example", 80), "ws://chat.example:80/ws?format=json&user=Zo%C3%AB%26"),
            ("WS://[::1]:81/a/b?x=1#y", ("::1", 81), "ws://[::1]:81/a/b/ws?x=1&format=json&user=Zo%C3%AB%26"),
            ("ws://a/b/", ("a", 80), "ws://a:80/b/ws?format=json&user=Zo%C3%AB%26"),
            ("ws://a/b/ws", ("a", 80), "ws://a:80/b/ws?format=json&user=Zo%C3%AB%26"),
            ("ws://[::1]", ("::1", 80), "ws://[::1]:80/ws?format=json&user=Zo%C3%AB%26"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.host_and_port(), &*address.for_user(Some("Zoë&"))), (host, wanted));
        }
        let secure = |text| Address::parse(text).map(|address| (address.is_secure(), address.port)).unwrap();
        assert_eq!(
            [secure("wss://a"), secure("HTTPS://a:80"), secure("ws://a:443")],
            [(true, 443), (true, 80), (false, 443)]
        );
        let api = |text| Address::parse(text).unwrap().for_api("me").1;
        assert_eq!(
            [api("ws://a:1"), api("ws://a/b/ws?x"), api("ws://a/c")].join(" "),
            "/api/v1/me /b/api/v1/me /c/api/v1/me"
        );
        let guest = Address::parse("ws://a:1").unwrap().for_user(None);
        assert_eq!(guest, "ws://a:1/ws?format=json");
    }

    #[test]
    fn an_invalid_address_is_explained_in_a_sentence() {
        for (bad, end) in [
            ("localhost:8000", "not \"localhost:8000\""),
            ("ftp://a", "not \"ftp://a\""),
            ("wss:/a", "not \"wss:/a\""),
            ("ws://", "(the host is neither an address nor a name)"),
            ("ws://me@a", "(the host is neither an address nor a name)"),
            ("ws://::1:80", "(the host is neither an address nor a name)"),
            ("ws://a:", "(a port is 1 to 65535)"),
            ("ws://a:0", "(a port is 1 to 65535)"),
            ("ws://a:+1", "(a port is 1 to 65535)"),
            ("ws://a:65536", "(a port is 1 to 65535)"),
            ("ws://a/b c", "(what is not ASCII is written with % and digits)"),
        ] {
            let problem = Address::parse(bad).unwrap_err();
            assert!(problem.starts_with("an address is ws://HOST:PORT, not "), "{problem}");
            assert!(problem.ends_with(end), "{bad}: {problem}");
        }
    }
}
