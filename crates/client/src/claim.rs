//! Claims a name on a server, and checks whether a token is still valid there.
//!
//! One HTTP request on a connection of its own, on the caller's thread. Each blocks for at most
//! [`Options::connect_timeout`] for each address of the server, and as long again for the response.

use std::fmt;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Options;
use super::address::Address;
use super::socket::{self, ConnectOptions, SocketStream};
use roomd_protocol::Secret;
use roomd_tls::Dialer;

/// Bytes of a response, at most.
const RESPONSE_BYTES_MAX: usize = 64 * 1024;
/// Header fields of a response, at most.
const HEADERS_MAX: usize = 64;

/// Why a claim brought no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// The server refuses: the code of the protocol, and a sentence. Asking again soon does not help.
    Refused(String, String),
    /// The server was not reached, or does not speak the protocol; a sentence.
    Failed(String),
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_, sentence) | Self::Failed(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for ClaimError {}

/// Registers a name at the server at `url` (as in [`super::Client::connect`]) and returns its token. With the
/// `token` of an earlier claim of the name, returns one that is valid for longer. Of the options it uses
/// the trust and the timeouts. Blocks on the server.
///
/// # Errors
/// The name is taken, or names cannot be claimed there, or the server was not reached.
pub fn claim_name(url: &str, name: &str, token: Option<&Secret>, options: &Options) -> Result<Secret, ClaimError> {
    let body = json!({"name": name}).to_string();
    let request = ApiRequest { method: "POST", resource: "claims", token, body };
    let (status, response) = request.send(url, options).map_err(ClaimError::Failed)?;
    match (status, response["token"].as_str()) {
        (201, Some(token)) => Ok(token.into()),
        (200..500, _) => {
            let text = |field: &str| response["error"][field].as_str().map(str::to_owned);
            let sentence = text("message").unwrap_or_else(|| format!("the server answered {status}"));
            Err(ClaimError::Refused(text("code").unwrap_or_default(), sentence))
        }
        _ => Err(ClaimError::Failed(format!("the server answered {status}"))),
    }
}

/// Whether the server at `url` accepts the token. Of the options it uses the trust and the timeouts. Blocks on
/// the server.
///
/// # Errors
/// A sentence: the server was not reached, or does not answer the question.
pub fn is_token_accepted(url: &str, token: &Secret, options: &Options) -> Result<bool, String> {
    let request = ApiRequest { method: "GET", resource: "me", token: Some(token), body: String::new() };
    match request.send(url, options)? {
        (200, _) => Ok(true),
        (401, _) => Ok(false),
        (status, _) => Err(format!("the server answered {status}")),
    }
}

/// A request to the server's HTTP interface.
struct ApiRequest<'a> {
    method: &'a str,
    /// What follows `/api/v1/`.
    resource: &'a str,
    token: Option<&'a Secret>,
    /// JSON; may be empty.
    body: String,
}

impl ApiRequest<'_> {
    /// Sends it on a new connection; the status and the JSON of the response, `Null` if it has none.
    fn send(&self, url: &str, options: &Options) -> Result<(u16, Value), String> {
        let Options { connect_timeout, write_timeout, .. } = *options;
        let Self { method, resource, token, body } = self;
        let address = Address::parse(url)?;
        let (host, target) = address.for_api(resource);
        let bearer = token.map_or(String::new(), |token| format!("Authorization: Bearer {}\r\n", token.reveal()));
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        };
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}{length}\r\n{body}");
        let dialer = if address.is_secure() { Some(Dialer::new(&options.trust)?) } else { None };
        let mut stream = socket::connect(&ConnectOptions { address, dialer, connect_timeout, write_timeout })?;
        let failed = |error: std::io::Error| format!("{host} does not answer: {error}");
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let response = read_to_end(&mut stream, connect_timeout).map_err(failed)?;
        parse_response(&response).ok_or_else(|| format!("{host} does not answer in HTTP"))
    }
}

/// Reads up to the end of the stream or the greatest size of a response, and gives up after `timeout`.
fn read_to_end(stream: &mut SocketStream, timeout: Duration) -> std::io::Result<Vec<u8>> {
    let begun = Instant::now();
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    while bytes.len() < RESPONSE_BYTES_MAX {
        match stream.read(&mut chunk)? {
            0 => break,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
        if begun.elapsed() > timeout {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
    }
    Ok(bytes)
}

fn parse_response(bytes: &[u8]) -> Option<(u16, Value)> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes).ok()? else { return None };
    let status = head.code?;
    Some((status, serde_json::from_slice(&bytes[length..]).unwrap_or(Value::Null)))
}
