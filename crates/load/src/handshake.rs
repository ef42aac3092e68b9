//! The client's side of the WebSocket handshake, RFC 6455 §4.1.
//!
//! The request is a fixed text but for the path and the key; the response is parsed by httparse, and its key compared
//! with the one that tungstenite derives. Called once for each connection, on the generator's thread.

use std::io;

use tungstenite::handshake::derive_accept_key;

/// Header fields of a response, at most: roomd sends four.
const FIELDS_MAX: usize = 32;

/// The request for `path`.
#[must_use]
pub fn request(host: &str, path: &str, key: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// The server's response to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// It has not arrived completely.
    Partial,
    /// The connection is upgraded: frames follow after so many bytes.
    Upgraded(usize),
    /// It has a status other than 101.
    Status(u16),
}

/// Parses the response to the request with this key.
///
/// # Errors
/// `InvalidData` if it is no response to it.
pub fn parse_response(bytes: &[u8], key: &str) -> io::Result<Response> {
    let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(bytes).map_err(|error| invalid(&format!("no HTTP answer: {error}")))?;
    let httparse::Status::Complete(size) = parsed else { return Ok(Response::Partial) };
    match response.code {
        Some(101) => {}
        status => return Ok(Response::Status(status.unwrap_or(0))),
    }
    let accept = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("Sec-WebSocket-Accept"));
    if accept.is_none_or(|field| field.value != derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(invalid("the answer is to another handshake"));
    }
    Ok(Response::Upgraded(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 §1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPTED: &str =
        "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn an_answer_counts_when_it_is_whole_and_ours() {
        let bytes = ACCEPTED.as_bytes();
        assert_eq!(parse_response(bytes, KEY).unwrap(), Response::Upgraded(bytes.len()));
        assert_eq!(parse_response(&bytes[..bytes.len() - 1], KEY).unwrap(), Response::Partial);
        assert_eq!(parse_response(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", KEY).unwrap(), Response::Status(503));
        assert!(parse_response(bytes, "AAAAAAAAAAAAAAAAAAAAAA==").is_err());
        assert!(parse_response(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", KEY).is_err());
    }
}
