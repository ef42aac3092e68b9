//! Reading the body of a request: of a length that the head tells, or in chunks (RFC 9112 §6 and §7.1).
//!
//! On the connection's thread, under one deadline. A length that is told twice, and a coding that is not the last,
//! are refused: two readers could see two requests in the same bytes. The fields behind the last chunk are read
//! over: nothing here asks for one.

use std::io;
use std::time::{Duration, Instant};

use super::head::{FIELDS_MAX, HEAD_BYTES_MAX, HeadError, RequestHead, TOO_LATE, fill};
use crate::net::tcp::Tcp;

/// Bytes of the line that begins a chunk, at most; its length takes some, extensions the rest.
const CHUNK_LINE_MAX: usize = 256;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// Appends at least one byte to what was read, and at most so many.
pub type More<'a> = dyn FnMut(&mut Vec<u8>, usize) -> Result<(), HeadError> + 'a;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// After so many bytes.
    Bytes(usize),
    /// With the last chunk.
    Chunked,
}

impl BodyLength {
    /// What a head says.
    ///
    /// # Errors
    /// It says it in a way that the server does not know, or in two ways (RFC 9112 §6).
    pub fn of(request: &RequestHead<'_>) -> Result<Self, HeadError> {
        let mut codings = request.list("Transfer-Encoding");
        if request.values("Transfer-Encoding").next().is_some() {
            // RFC 9112 §6.1: what an old client, or a second length, makes of it cannot be known.
            if !request.http11 || request.values("Content-Length").next().is_some() {
                return Err(HeadError::Status(400, "A body has one length"));
            }
            return match (codings.next(), codings.next()) {
                (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Self::Chunked),
                _ => Err(HeadError::Status(501, "The only transfer coding is chunked")),
            };
        }
        let mut length = None;
        for value in request.values("Content-Length") {
            let bad = HeadError::Status(400, "Bad Content-Length");
            let digits = std::str::from_utf8(value).ok();
            let digits = digits.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
            let Some(number) = digits.and_then(|text| text.parse::<usize>().ok()) else { return Err(bad) };
            if length.replace(number).is_some_and(|earlier| earlier != number) {
                return Err(bad);
            }
        }
        Ok(Self::Bytes(length.unwrap_or(0)))
    }

    /// Whether there is no body.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::Bytes(0)
    }
}

/// Reads a body of at most `bytes_max` bytes, the first of which may be in `buffer`; leaves in it what lies behind.
///
/// # Errors
/// It is too long, is cut into chunks in a wrong way, or does not arrive whole in time.
#[inline(never)]
pub fn read(
    socket: &Tcp,
    buffer: &mut Vec<u8>,
    length: BodyLength,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Vec<u8>, HeadError> {
    let deadline = Instant::now() + timeout;
    read_from(buffer, length, bytes_max, &mut |buffer, most| match fill(socket, buffer, deadline, most) {
        Ok(true) => Ok(()),
        Ok(false) | Err(io::ErrorKind::ConnectionReset) => Err(HeadError::Gone),
        Err(_) => Err(TOO_LATE),
    })
}

/// The same, from wherever `more` takes bytes.
///
/// # Errors
/// As [`read`], and those of `more`.
pub fn read_from(
    buffer: &mut Vec<u8>,
    length: BodyLength,
    bytes_max: usize,
    more: &mut More<'_>,
) -> Result<Vec<u8>, HeadError> {
    let mut source = Source { buffer, more };
    match length {
        BodyLength::Bytes(length) if length > bytes_max => Err(TOO_LARGE),
        BodyLength::Bytes(length) => source.take(length),
        BodyLength::Chunked => chunked(&mut source, bytes_max),
    }
}

const TOO_LARGE: HeadError = HeadError::Status(413, "The body is too large");
const BAD_CHUNK: HeadError = HeadError::Status(400, "Bad chunk");

fn chunked(source: &mut Source<'_>, bytes_max: usize) -> Result<Vec<u8>, HeadError> {
    let mut body = Vec::new();
    // Chunks of a byte each would make a body of the greatest length many times as long on its way.
    let mut rest_max = 2 * bytes_max + HEAD_BYTES_MAX;
    loop {
        let line = source.line(CHUNK_LINE_MAX, BAD_CHUNK)?;
        let (_, size) = match httparse::parse_chunk_size(&line) {
            // A digit stands first: nothing, or blanks, would be zero.
            Ok(httparse::Status::Complete(parsed)) if line[0].is_ascii_hexdigit() => parsed,
            _ => return Err(BAD_CHUNK),
        };
        let size = usize::try_from(size).ok().filter(|size| *size <= bytes_max - body.len()).ok_or(TOO_LARGE)?;
        rest_max = rest_max.checked_sub(size + line.len()).ok_or(TOO_LARGE)?;
        if size == 0 {
            break;
        }
        body.append(&mut source.take(size)?);
        if source.take(2)? != b"\r\n" {
            return Err(BAD_CHUNK);
        }
    }
    trailers(source)?;
    Ok(body)
}

/// Reads the fields behind the last chunk, and the empty line that ends them.
fn trailers(source: &mut Source<'_>) -> Result<(), HeadError> {
    const TOO_LARGE: HeadError = HeadError::Status(431, "The fields behind the body are too large");
    let mut fields = Vec::new();
    loop {
        let line = source.line(HEAD_BYTES_MAX - fields.len(), TOO_LARGE)?;
        fields.extend_from_slice(&line);
        if line == b"\r\n" {
            break;
        }
    }
    match httparse::parse_headers(&fields, &mut [httparse::EMPTY_HEADER; FIELDS_MAX]) {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(TOO_LARGE),
        _ => Err(HeadError::Status(400, "Bad fields behind the body")),
    }
}

/// The bytes that a client sends.
struct Source<'a> {
    /// What was read and not yet taken.
    buffer: &'a mut Vec<u8>,
    /// Reads more.
    more: &'a mut More<'a>,
}

impl Source<'_> {
    /// The next bytes, exactly so many.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, HeadError> {
        while self.buffer.len() < length {
            (self.more)(self.buffer, length - self.buffer.len())?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(self.buffer, rest))
    }

    /// The next line with its end, CR LF; beyond `bytes_max` bytes it is `too_long`.
    fn line(&mut self, bytes_max: usize, too_long: HeadError) -> Result<Vec<u8>, HeadError> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.buffer[seen..].iter().position(|byte| *byte == b'\n') {
                let line = self.take(seen + at + 1)?;
                return match line.len() {
                    length if length > bytes_max => Err(too_long),
                    _ if line.ends_with(b"\r\n") => Ok(line),
                    _ => Err(HeadError::Status(400, "Lines end with CR LF")),
                };
            }
            seen = self.buffer.len();
            if seen >= bytes_max {
                return Err(too_long);
            }
            (self.more)(self.buffer, READ_BYTES)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::parse;
    use super::*;

    /// The body in these bytes, which arrive so many at a time; and what is left behind it.
    fn chunked(bytes: &[u8], at_once: usize) -> Result<(String, String), HeadError> {
        let (mut buffer, mut rest) = (Vec::new(), bytes);
        let body = read_from(&mut buffer, BodyLength::Chunked, 20, &mut |buffer, most| {
            let (part, after) = rest.split_at(at_once.min(most).min(rest.len()));
            rest = after;
            buffer.extend_from_slice(part);
            if part.is_empty() { Err(HeadError::Gone) } else { Ok(()) }
        })?;
        buffer.extend_from_slice(rest);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ok((text(body), text(buffer)))
    }

    #[test]
    fn a_body_in_chunks_is_put_together_however_it_arrives() {
        for (bytes, body) in [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5;a=b\r\nhello\r\n006\r\n world\r\n000\r\n\r\n", "hello world"),
            ("A;x=\"y\"\r\n0123456789\r\na\r\n0123456789\r\n0;z\r\nX: y\r\nZ: \r\n\r\n", "01234567890123456789"),
        ] {
            for at_once in [1, 2, 3, 1000] {
                let whole = format!("{bytes}GET ");
                let read = chunked(whole.as_bytes(), at_once);
                assert_eq!(read, Ok((body.to_owned(), "GET ".to_owned())), "{bytes:?} by {at_once}");
            }
        }
    }

    #[test]
    fn chunks_that_two_readers_could_read_differently_are_refused() {
        let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(CHUNK_LINE_MAX));
        let fields = format!("0\r\n{}\r\n", "X: y\r\n".repeat(FIELDS_MAX + 1));
        for (bytes, status) in [
            ("\r\n0\r\n\r\n", 400),
            ("5\nhello\r\n0\r\n\r\n", 400),
            ("5\r\nhello0\r\n\r\n", 400),
            ("5\r\nhello\n0\r\n\r\n", 400),
            ("5\r\nhello\r\nGET / HTTP/1.1\r\n\r\n", 400),
            (" 5\r\nhello\r\n0\r\n\r\n", 400),
            ("+5\r\nhello\r\n0\r\n\r\n", 400),
            ("0x5\r\nhello\r\n0\r\n\r\n", 400),
            ("-1\r\nhello\r\n0\r\n\r\n", 400),
            ("5;a\nb\r\nhello\r\n0\r\n\r\n", 400),
            ("00000000000000005\r\nhello\r\n0\r\n\r\n", 400),
            ("ffffffffffffffff\r\n", 413),
            ("15\r\n", 413),
            ("0\r\nX y\r\n\r\n", 400),
            ("0\r\nX: y\n\r\n", 400),
            (&long, 400),
            (&fields, 431),
        ] {
            let read = chunked(bytes.as_bytes(), 1000);
            assert!(matches!(read, Err(HeadError::Status(found, _)) if found == status), "{bytes:?}: {read:?}");
        }
        assert_eq!(chunked(b"5\r\nhel", 1), Err(HeadError::Gone));
    }

    #[test]
    fn a_body_has_one_length() {
        let length_in = |version: &str, fields: &str| {
            let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
            BodyLength::of(&request)
        };
        let length = |fields: &str| length_in("1.1", fields);
        assert_eq!(length(""), Ok(BodyLength::Bytes(0)));
        assert_eq!(length("Content-Length: 5\r\n"), Ok(BodyLength::Bytes(5)));
        assert_eq!(length("Content-Length: 5\r\nContent-Length: 5\r\n"), Ok(BodyLength::Bytes(5)));
        assert_eq!(length("Transfer-Encoding: Chunked\r\n"), Ok(BodyLength::Chunked));
        for bad in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: \r\n",
            "Content-Length: 5, 5\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
        ] {
            assert!(matches!(length(bad), Err(HeadError::Status(400, _))), "{bad:?}");
        }
        assert!(matches!(length_in("1.0", "Transfer-Encoding: chunked\r\n"), Err(HeadError::Status(400, _))));
        for unknown in ["gzip, chunked", "chunked, chunked", "identity", "chunked;x=y", "xchunked", ""] {
            let length = length(&format!("Transfer-Encoding: {unknown}\r\n"));
            assert!(matches!(length, Err(HeadError::Status(501, _))), "{unknown:?}");
        }
        let two = "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n";
        assert!(matches!(length(two), Err(HeadError::Status(501, _))));
    }
}
