//! Reading the head of a request, under one deadline.
//!
//! httparse splits the head (RFC 9112); the rules on top are strict where leniency lets two
//! readers see two requests in the same bytes. On the connection's thread.

use std::io;
use std::time::Instant;

use httparse::Header;

use super::target::{Target, is_authority};
use crate::net::tcp::Tcp;

/// Bytes of a head, at most; beyond it `431`.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header fields of a head, at most; beyond it `431`.
pub const FIELDS_MAX: usize = 64;
/// The first size of a buffer for a head: larger than what the allocator caches for each thread, so
/// that another thread can use the memory again.
const HEAD_BYTES: usize = 2 * 1024;

/// What a proxy says of the user of a request (`--user-header`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyUser<'a> {
    /// The request came through no proxy that names users.
    #[default]
    None,
    /// It came through one, which has named nobody.
    Unnamed,
    /// It came through one, which has named several, or what is not UTF-8.
    Unreadable,
    /// It came through one, which has named this user.
    Named(&'a str),
}

/// A request's head, which lies in the buffer that it was read into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestHead<'a> {
    /// The method, a token.
    pub method: &'a str,
    /// The path of the target; begins with `/`, or is `*` for the server as a whole (`OPTIONS *`).
    pub path: &'a str,
    /// The query of the target, without its `?`.
    pub query: Option<&'a str>,
    /// The host that the request is for, with its port if it names one: from the target, or else from `Host`
    /// (RFC 9112 §3.3). Empty if the request names none.
    pub host: &'a str,
    /// Whether the version is 1.1, and not 1.0.
    pub http11: bool,
    /// Whom a proxy names as its user.
    pub proxy_user: ProxyUser<'a>,
    fields: &'a [Header<'a>],
}

impl<'a> RequestHead<'a> {
    /// The same request for another path.
    #[must_use]
    pub fn at(&self, path: &'a str) -> Self {
        Self { path, ..*self }
    }

    /// The values of the header fields of this name, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The value of the first header field of this name; empty if it is not UTF-8.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next().map(|value| std::str::from_utf8(value).unwrap_or_default())
    }

    /// The items of the header fields of this name that are lists (RFC 9110 §5.6.1), in order.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let texts = self.values(name).filter_map(|value| std::str::from_utf8(value).ok());
        texts.flat_map(|text| text.split(',')).map(str::trim)
    }

    /// Whether the list of this name has the token, in any case.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|item| item.eq_ignore_ascii_case(token))
    }
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub enum HeadError {
    /// The client is gone, or sent nothing.
    Gone,
    /// Answer with this status and sentence, and close.
    Status(u16, &'static str),
}

/// What a client is told whose request does not arrive in time.
pub(super) const TOO_LATE: HeadError = HeadError::Status(408, "The request did not arrive in time");

/// Reads one head into `buffer`, which may hold bytes already, until the deadline. Returns its length: the
/// bytes behind belong to what follows.
///
/// # Errors
/// There is no request, and no further one on this connection.
pub fn read(socket: &Tcp, buffer: &mut Vec<u8>, deadline: Instant) -> Result<usize, HeadError> {
    buffer.reserve(HEAD_BYTES);
    loop {
        if let Some(length) = parse(buffer, &mut fields())?.map(|(_, length)| length) {
            return Ok(length);
        }
        match fill(socket, buffer, deadline, HEAD_BYTES) {
            Ok(true) => {}
            Ok(false) | Err(io::ErrorKind::ConnectionReset) => return Err(HeadError::Gone),
            // Old clients send an empty line behind a body (RFC 9112 §2.2), which is no request yet.
            Err(_) if buffer.iter().all(|byte| b"\r\n".contains(byte)) => return Err(HeadError::Gone),
            Err(_) => return Err(TOO_LATE),
        }
    }
}

/// Reads once, at most `most` bytes. False at the end of the stream.
///
/// # Errors
/// As [`Tcp::read`], and `TimedOut` at the deadline.
pub(super) fn fill(socket: &Tcp, buffer: &mut Vec<u8>, deadline: Instant, most: usize) -> Result<bool, io::ErrorKind> {
    let left = deadline.checked_duration_since(Instant::now()).ok_or(io::ErrorKind::TimedOut)?;
    socket.set_read_timeout(left).map_err(|error| error.kind())?;
    let begin = buffer.len();
    buffer.resize(begin + most.min(16 * 1024), 0);
    let read = socket.read(&mut buffer[begin..]);
    buffer.truncate(begin + *read.as_ref().unwrap_or(&0));
    read.map(|count| count > 0).map_err(|error| error.kind())
}

/// Where the fields of a head are stored. Not on the stack: what a thread has touched of it stays resident as long as its
/// connection.
#[must_use]
pub fn fields<'a>() -> Vec<Header<'a>> {
    vec![httparse::EMPTY_HEADER; FIELDS_MAX]
}

/// Parses a head, and returns it with its length; its fields are stored in `fields`. `None`: more bytes are
/// needed.
///
/// # Errors
/// No further bytes make it valid.
pub fn parse<'a>(bytes: &'a [u8], fields: &'a mut [Header<'a>]) -> Result<Option<(RequestHead<'a>, usize)>, HeadError> {
    let mut head = httparse::Request::new(fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Err(HeadError::Status(431, "The request head is too large"));
        }
        Err(httparse::Error::Version) => return Err(HeadError::Status(505, "HTTP/1.1 is spoken here")),
        Err(_) => return Err(HeadError::Status(400, "Bad request")),
    };
    if bare_line_feed(&bytes[..length]) {
        return Err(HeadError::Status(400, "Lines of a head end with CR LF"));
    }
    let method = head.method.unwrap_or_default();
    if method == "CONNECT" {
        return Err(HeadError::Status(400, "This server is no proxy"));
    }
    let target = Target::parse(method, head.path.unwrap_or_default());
    let target = target.ok_or(HeadError::Status(400, "Bad request target"))?;
    let http11 = head.version == Some(1);
    let mut request = RequestHead {
        method,
        path: target.path,
        query: target.query,
        host: "",
        http11,
        proxy_user: ProxyUser::None,
        fields: head.headers,
    };
    // RFC 9112 §3.2: exactly one Host in HTTP/1.1, and a valid one.
    let (count, host) = (request.values("Host").count(), request.value("Host").unwrap_or_default());
    if count > 1 || (count == 0 && http11) {
        return Err(HeadError::Status(400, "A request has one Host"));
    }
    if count == 1 && (request.values("Host").any(|value| value != host.as_bytes()) || !is_authority(host)) {
        return Err(HeadError::Status(400, "Bad Host"));
    }
    request.host = target.authority.unwrap_or(host);
    Ok(Some((request, length)))
}

fn bare_line_feed(head: &[u8]) -> bool {
    let ends = head.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.into_iter().any(|(at, _)| at == 0 || head[at - 1] != b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> Option<u16> {
        match parse(head.as_bytes(), &mut [httparse::EMPTY_HEADER; FIELDS_MAX]) {
            Ok(_) => None,
            Err(HeadError::Status(status, _)) => Some(status),
            Err(HeadError::Gone) => unreachable!("parsing reads nothing"),
        }
    }

    #[test]
    fn a_head_in_pieces_is_waited_for() {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHost: x\r\n", &mut fields), Ok(None));
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (request, length) = parse(b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nmore", &mut fields).unwrap().unwrap();
        assert_eq!((request.path, request.query, length), ("/a", Some("b=c"), 32));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (head, answer) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: a\n\n", 400),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", 400),
            ("GET http://x@y/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\u{ff}\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ] {
            assert_eq!(status(head), Some(answer), "{head:?}");
        }
    }

    #[test]
    fn a_head_beyond_its_limits_is_431() {
        let many = "X: y\r\n".repeat(FIELDS_MAX);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")), Some(431));
        assert_eq!(status(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(HEAD_BYTES_MAX))), Some(431));
        assert_eq!(status(&format!("GET /{}", "a".repeat(HEAD_BYTES_MAX))), Some(431));
    }

    #[test]
    fn the_host_of_a_request_is_that_of_its_target_or_else_of_its_field() {
        let host = |line: &str, fields: &str| {
            let head = format!("{line}\r\n{fields}\r\n");
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
            (request.host.to_owned(), request.path.to_owned(), request.query.map(str::to_owned))
        };
        let of =
            |host: &str, path: &str, query: Option<&str>| (host.to_owned(), path.to_owned(), query.map(str::to_owned));
        assert_eq!(host("GET /a?b HTTP/1.1", "Host: x:80\r\n"), of("x:80", "/a", Some("b")));
        assert_eq!(host("GET http://y:81/a?b HTTP/1.1", "Host: x\r\n"), of("y:81", "/a", Some("b")));
        assert_eq!(host("GET / HTTP/1.0", ""), of("", "/", None));
        assert_eq!(host("GET / HTTP/1.1", "Host:\r\n"), of("", "/", None));
    }
}
