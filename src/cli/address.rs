//! The texts that name places: a listening address, and a web origin.
//!
//! Called while the settings are read, on the main thread. Only the form is checked: a host name
//! is resolved when the listener is opened, so reading settings never waits for a network.
//! An origin comes out exactly as a browser writes it, so that comparing bytes is enough later.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// Checks `HOST:PORT`; the problem reads on after the name of the setting.
pub fn listening(text: &str) -> Result<String, String> {
    let problem = |what: &str| Err(format!("must be HOST:PORT, not {text:?}{what}"));
    if text.starts_with('[') {
        return match text.parse::<SocketAddrV6>() {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => problem(" (an IPv6 address is written [::1]:8000)"),
        };
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return problem("");
    };
    if host.contains(':') {
        return problem(" (an IPv6 address is written [::1]:8000)");
    }
    if host.is_empty() || host == "*" {
        return problem(" (0.0.0.0 or [::] is every address of the machine)");
    }
    if !is_host(host) {
        return problem(" (the host is neither an address nor a name)");
    }
    match number(port) {
        Some(_) => Ok(text.to_owned()),
        None => problem(" (a port is 0 to 65535)"),
    }
}

/// Checks `scheme://host[:port]` and writes it as a browser would.
pub fn origin(text: &str) -> Result<String, String> {
    let problem = |what: &str| Err(format!("must be scheme://host[:port], not {text:?}{what}"));
    let lower = text.to_ascii_lowercase();
    let Some((scheme, rest)) = lower.split_once("://") else {
        return problem("");
    };
    if !is_scheme(scheme) {
        return problem("");
    }
    if scheme == "ws" || scheme == "wss" {
        return problem(" (a page's origin begins with http or https)");
    }
    if rest.contains(['/', '?', '#']) {
        return problem(" (it has no path, not even a slash)");
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => match inner.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => return problem(" (the host is not an IPv6 address)"),
        },
        None if is_host(host) => host.to_owned(),
        None if !host.is_ascii() => return problem(" (write the host in its xn-- form)"),
        None => return problem(" (the host is neither an address nor a name)"),
    };
    match port.map(number) {
        None => Ok(format!("{scheme}://{host}")),
        Some(None | Some(0)) => problem(" (a port is 1 to 65535)"),
        Some(Some(port)) if is_usual(scheme, port) => Ok(format!("{scheme}://{host}")),
        Some(Some(port)) => Ok(format!("{scheme}://{host}:{port}")),
    }
}

/// Browsers leave the scheme's usual port out, so an origin that keeps it would match nobody.
fn is_usual(scheme: &str, port: u16) -> bool {
    matches!((scheme, port), ("http", 80) | ("https", 443))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// A host name or an IPv4 address; what looks like the latter must be one.
fn is_host(text: &str) -> bool {
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return text.parse::<Ipv4Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

fn number(text: &str) -> Option<u16> {
    // `parse` alone would take "+80".
    let digits = text.chars().all(|c| c.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in [
            "127.0.0.1:8000",
            "0.0.0.0:0",
            "localhost:65535",
            "chat.example.org:80",
            "host_1:1",
            "[::1]:8000",
            "[::]:0",
        ] {
            assert_eq!(listening(good).as_deref(), Ok(good));
        }
        for (bad, end) in [
            ("", "not \"\""),
            ("8000", "not \"8000\""),
            (":8000", "(0.0.0.0 or [::] is every address of the machine)"),
            ("*:8000", "(0.0.0.0 or [::] is every address of the machine)"),
            ("::1:8000", "(an IPv6 address is written [::1]:8000)"),
            ("[::1]", "(an IPv6 address is written [::1]:8000)"),
            ("[::g]:1", "(an IPv6 address is written [::1]:8000)"),
            ("127.0.0.300:1", "(the host is neither an address nor a name)"),
            ("a b:1", "(the host is neither an address nor a name)"),
            ("a..b:1", "(the host is neither an address nor a name)"),
            ("a:65536", "(a port is 0 to 65535)"),
            ("a:+80", "(a port is 0 to 65535)"),
            ("a:", "(a port is 0 to 65535)"),
            ("http://a:1", "(an IPv6 address is written [::1]:8000)"),
        ] {
            let problem = listening(bad).unwrap_err();
            assert!(problem.starts_with("must be HOST:PORT, not "), "{problem}");
            assert!(problem.ends_with(end), "{bad}: {problem}");
        }
    }

    #[test]
    fn an_origin_comes_out_as_a_browser_writes_it() {
        for (given, written) in [
            ("https://Example.ORG", "https://example.org"),
            ("HTTPS://example.org:443", "https://example.org"),
            ("http://example.org:80", "http://example.org"),
            ("http://example.org:443", "http://example.org:443"),
            ("http://localhost:03000", "http://localhost:3000"),
            ("http://[0:0::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(origin(given).as_deref(), Ok(written));
        }
        for (bad, end) in [
            ("example.org", "not \"example.org\""),
            ("*", "not \"*\""),
            ("null", "not \"null\""),
            ("://a", "not \"://a\""),
            ("https://a/", "(it has no path, not even a slash)"),
            ("https://a/b", "(it has no path, not even a slash)"),
            ("https://a?b", "(it has no path, not even a slash)"),
            ("wss://a", "(a page's origin begins with http or https)"),
            ("https://", "(the host is neither an address nor a name)"),
            ("https://me@a", "(the host is neither an address nor a name)"),
            ("https://*.a", "(the host is neither an address nor a name)"),
            ("https://[::g]", "(the host is not an IPv6 address)"),
            ("https://bücher.de", "(write the host in its xn-- form)"),
            ("https://a:0", "(a port is 1 to 65535)"),
            ("https://a:99999", "(a port is 1 to 65535)"),
        ] {
            let problem = origin(bad).unwrap_err();
            assert!(problem.starts_with("must be scheme://host"), "{problem}");
            assert!(problem.ends_with(end), "{bad}: {problem}");
        }
    }
}
