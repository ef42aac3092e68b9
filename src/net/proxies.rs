//! The client's address, as trusted proxies report it.
//!
//! A proxy is trusted if its address is in `--trusted-proxy`; `X-Forwarded-For` from any other client is
//! ignored. From the right, the first address in that field which is not a trusted proxy's is the client's:
//! the client may have made up what stands left of it. Of a PROXY header (version 1 or 2) not one byte too many is
//! read, since TLS may begin behind it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use proxy_header::{ParseConfig, ProxyHeader};

use super::http::head::RequestHead;
use super::tcp::Tcp;
use crate::settings::base_path;

/// The beginning of a header of version 1, a line of text.
const TEXT_BEGIN: &[u8] = b"PROXY ";
/// Bytes of such a line with its end, at most (§2.1 of the PROXY protocol).
const TEXT_BYTES_MAX: usize = 107;
/// Bytes that tell the version: fewer than the shortest header of either has.
const BEGIN_BYTES: usize = 12;
/// Bytes of the part of a header of version 2 that ends with the length of the rest.
const FIXED_BYTES: usize = 16;
/// Bytes that may follow: addresses take 36, further fields of the proxy the rest.
const REST_BYTES_MAX: usize = 4096;

/// Whether `ip` lies in one of the networks.
#[must_use]
pub fn among(networks: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    networks.iter().any(|network| network.contains(&ip))
}

/// The client's address as the `trusted` proxies report it; `None` when they report none, or not an address.
#[must_use]
pub fn forwarded(request: &RequestHead<'_>, trusted: &[IpNet]) -> Option<IpAddr> {
    let named: Vec<_> = request.list("X-Forwarded-For").collect();
    let mut client = None;
    for name in named.into_iter().rev() {
        // An unreadable entry cannot be trusted: the client is the one before it.
        let Some(ip) = address(name) else { break };
        client = Some(ip);
        if !among(trusted, ip) {
            break;
        }
    }
    client
}

/// The path below which the client sees the server, as a trusted proxy says; `None` when it says none, or one that
/// cannot be a path. Several proxies each add what they have taken away.
#[must_use]
pub fn prefix(request: &RequestHead<'_>) -> Option<String> {
    let parts: Vec<_> = request.list("X-Forwarded-Prefix").filter(|part| !part.is_empty()).collect();
    let whole: String = parts.iter().map(|part| part.trim_end_matches('/')).collect();
    if parts.is_empty() { None } else { base_path(&whole).ok() }
}

/// An address as proxies write it: with or without a port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let ip = bare.unwrap_or(text).parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(ip.to_canonical())
}

/// Reads a PROXY header at the beginning of a connection. Returns the client's address; `None` when the
/// connection is the proxy's own, as for a health check.
///
/// # Errors
/// `InvalidData` for anything but such a header; `WouldBlock` or `TimedOut` at the deadline.
pub fn read_header(socket: &Tcp, deadline: Instant) -> io::Result<Option<IpAddr>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    let mut header = vec![0; BEGIN_BYTES];
    fill(socket, &mut header, deadline)?;
    if header.starts_with(TEXT_BEGIN) {
        while !header.ends_with(b"\n") {
            if header.len() == TEXT_BYTES_MAX {
                return Err(invalid("a PROXY header that is too long"));
            }
            let mut next = [0];
            fill(socket, &mut next, deadline)?;
            header.extend(next);
        }
    } else {
        header.resize(FIXED_BYTES, 0);
        fill(socket, &mut header[BEGIN_BYTES..], deadline)?;
        let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
        match ProxyHeader::parse(&header, ParseConfig { allow_v1: false, ..config }) {
            Ok(_) | Err(proxy_header::Error::BufferTooShort) if rest <= REST_BYTES_MAX => {}
            Ok(_) | Err(proxy_header::Error::BufferTooShort) => return Err(invalid("a PROXY header that is too long")),
            Err(_) => return Err(invalid("no PROXY header")),
        }
        header.resize(FIXED_BYTES + rest, 0);
        fill(socket, &mut header[FIXED_BYTES..], deadline)?;
    }
    let (parsed, length) = ProxyHeader::parse(&header, config).map_err(|_| invalid("a PROXY header that is wrong"))?;
    if length != header.len() {
        return Err(invalid("a PROXY header that is wrong"));
    }
    Ok(parsed.proxied_address().map(|addresses| addresses.source.ip().to_canonical()))
}

fn fill(socket: &Tcp, mut buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(left)?;
        match socket.read(buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => buffer = &mut buffer[count..],
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::http::head::{FIELDS_MAX, parse};
    use super::*;

    fn client(fields: &str) -> Option<String> {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
        forwarded(&request, &trusted).map(|ip| ip.to_string())
    }

    #[test]
    fn a_prefix_is_a_path_of_this_server_or_none() {
        let prefix_in = |fields: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
            prefix(&request)
        };
        for (value, expected) in [
            ("/chat", Some("/chat")),
            ("/chat/", Some("/chat")),
            ("/a/b", Some("/a/b")),
            ("/a, /b/", Some("/a/b")),
            ("/", Some("")),
            ("", None),
            ("chat", None),
            ("//evil.example", None),
            ("/a//b", None),
            ("/a/../b", None),
            ("/\"><script>", None),
            ("/a?b", None),
            ("/\\evil.example", None),
        ] {
            assert_eq!(prefix_in(&format!("X-Forwarded-Prefix: {value}\r\n")).as_deref(), expected, "{value}");
        }
        assert_eq!(prefix_in(""), None);
    }

    #[test]
    fn the_client_is_the_last_that_is_no_trusted_proxy() {
        for (fields, expected) in [
            ("", None),
            ("X-Forwarded-For: 192.0.2.1\r\n", Some("192.0.2.1")),
            ("X-Forwarded-For: 198.51.100.9, 192.0.2.1\r\n", Some("192.0.2.1")),
            ("X-Forwarded-For: 192.0.2.1, 10.1.1.1,10.2.2.2\r\n", Some("192.0.2.1")),
            ("X-Forwarded-For: 198.51.100.9\r\nx-forwarded-for: 192.0.2.1\r\n", Some("192.0.2.1")),
            ("X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n", Some("10.1.1.1")),
            ("X-Forwarded-For: 192.0.2.1:4711\r\n", Some("192.0.2.1")),
            ("X-Forwarded-For: [2001:db8::1]:4711\r\n", Some("2001:db8::1")),
            ("X-Forwarded-For: [2001:db8::1]\r\n", Some("2001:db8::1")),
            ("X-Forwarded-For: ::ffff:192.0.2.1\r\n", Some("192.0.2.1")),
            ("X-Forwarded-For: unknown\r\n", None),
            ("X-Forwarded-For: 192.0.2.1, unknown, 10.1.1.1\r\n", Some("10.1.1.1")),
            ("X-Forwarded-For: 192.0.2.1,\r\n", None),
            ("X_Forwarded_For: 192.0.2.1\r\n", None),
        ] {
            assert_eq!(client(fields).as_deref(), expected, "{fields:?}");
        }
    }
}
