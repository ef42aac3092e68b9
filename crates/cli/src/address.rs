//! Addresses of the form `HOST:PORT`.
//!
//! Called while arguments and settings are read, on the main thread. Only the form is checked: a host name is
//! resolved when the address is used, so reading arguments never waits for a network.

use std::net::{Ipv4Addr, SocketAddrV6};

/// Checks `HOST:PORT`.
///
/// # Errors
/// A problem that reads on after the name of the flag or setting.
pub fn host_port(text: &str) -> Result<String, String> {
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
    match port_number(port) {
        Some(_) => Ok(text.to_owned()),
        None => problem(" (a port is 0 to 65535)"),
    }
}

/// What stands before the path of a unix socket.
const UNIX: &str = "unix:";
/// Bytes of such a path, at most: `sun_path` has 108, with a zero behind it (unix(7)).
const UNIX_PATH_MAX: usize = 107;

/// Checks where a server is to listen: `HOST:PORT`, or `unix:PATH`.
///
/// # Errors
/// As [`host_port`].
pub fn listen_address(text: &str) -> Result<String, String> {
    let problem = |what: &str| Err(format!("must be HOST:PORT or unix:PATH, not {text:?}{what}"));
    match text.strip_prefix(UNIX) {
        None => host_port(text).map_err(|error| error.replacen("HOST:PORT", "HOST:PORT or unix:PATH", 1)),
        Some("") => problem(" (the path is empty)"),
        Some(path) if path.ends_with('/') => problem(" (it is the path of a folder)"),
        Some(path) if path.len() > UNIX_PATH_MAX => problem(" (a path has at most 107 bytes)"),
        Some(path) if path.contains('\0') => problem(" (a path has no zero)"),
        Some(_) => Ok(text.to_owned()),
    }
}

/// A host name or an IPv4 address; what looks like the latter must be one.
#[must_use]
pub fn is_host(text: &str) -> bool {
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return text.parse::<Ipv4Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// A port; only digits count.
#[must_use]
pub fn port_number(text: &str) -> Option<u16> {
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
            assert_eq!(host_port(good).as_deref(), Ok(good));
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
            let problem = host_port(bad).unwrap_err();
            assert!(problem.starts_with("must be HOST:PORT, not "), "{problem}");
            assert!(problem.ends_with(end), "{bad}: {problem}");
        }
    }
}
