//! Web origins: `scheme://host[:port]`.
//!
//! Parsed while the settings are read, on the main thread. An origin comes out exactly as a browser
//! writes it, so comparing bytes is enough later.

use std::net::Ipv6Addr;

use roomd_cli::address::{is_host, port_number};

/// Parses an origin. The error reads on after the name of the setting.
pub fn parse(text: &str) -> Result<String, String> {
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
    match port.map(port_number) {
        None => Ok(format!("{scheme}://{host}")),
        Some(None | Some(0)) => problem(" (a port is 1 to 65535)"),
        Some(Some(port)) if is_default_port(scheme, port) => Ok(format!("{scheme}://{host}")),
        Some(Some(port)) => Ok(format!("{scheme}://{host}:{port}")),
    }
}

/// Browsers leave out the default port of a scheme, so an origin with it would match nothing.
fn is_default_port(scheme: &str, port: u16) -> bool {
    matches!((scheme, port), ("http", 80) | ("https", 443))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(parse(given).as_deref(), Ok(written));
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
            let problem = parse(bad).unwrap_err();
            assert!(problem.starts_with("must be scheme://host"), "{problem}");
            assert!(problem.ends_with(end), "{bad}: {problem}");
        }
    }
}
