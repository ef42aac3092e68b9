//! Claiming a name on a server, and asking whether a token is still good there.
//!
//! One request over HTTP, on a connection of its own, on the caller's thread; it blocks for at most the
//! timeouts of the options, each time that it waits.

use std::fmt;
use std::io::{Read, Write};

use serde_json::{Value, json};

use super::Options;
use super::address::Address;
use super::connection::{self, Plan};
use roomd_protocol::Secret;
use roomd_tls::Dialer;

/// Bytes of an answer, at most.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimError {
    /// The server does not give one: the code of the protocol, and a sentence. Asking again will not help
    /// soon.
    Refused(String, String),
    /// The server was not reached, or is none.
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

/// Registers the name to this client on the server at `url`; with the `token` of an earlier claim of the
/// name, gives one that is good for longer. Blocks on the server.
///
/// # Errors
/// The name is taken, or names cannot be claimed there, or the server was not reached.
pub fn claim(url: &str, name: &str, token: Option<&Secret>, options: &Options) -> Result<Secret, ClaimError> {
    let body = json!({"name": name}).to_string();
    let (status, said) = ask(url, ("POST", "claims"), token, &body, options).map_err(ClaimError::Failed)?;
    match (status, said["token"].as_str()) {
        (201, Some(token)) => Ok(token.into()),
        (200..500, _) => {
            let text = |field: &str| said["error"][field].as_str().map(str::to_owned);
            let sentence = text("message").unwrap_or_else(|| format!("the server answered {status}"));
            Err(ClaimError::Refused(text("code").unwrap_or_default(), sentence))
        }
        _ => Err(ClaimError::Failed(format!("the server answered {status}"))),
    }
}

/// Whether the server at `url` accepts the token. Blocks on the server.
///
/// # Errors
/// It was not reached, or gives no answer to that.
pub fn is_accepted(url: &str, token: &Secret, options: &Options) -> Result<bool, String> {
    match ask(url, ("GET", "me"), Some(token), "", options)? {
        (200, _) => Ok(true),
        (401, _) => Ok(false),
        (status, _) => Err(format!("the server answered {status}")),
    }
}

fn ask(
    url: &str,
    (method, what): (&str, &str),
    token: Option<&Secret>,
    body: &str,
    options: &Options,
) -> Result<(u16, Value), String> {
    let Options { connect_timeout, write_timeout, .. } = *options;
    let address = Address::parse(url)?;
    let (host, target) = address.for_api(what);
    let bearer = token.map_or(String::new(), |token| format!("Authorization: Bearer {}\r\n", token.reveal()));
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}{length}\r\n{body}");
    let dialer = if address.is_secure() { Some(Dialer::new(&options.trust)?) } else { None };
    let plan = Plan { address, dialer, user: None, token: None, connect_timeout, write_timeout };
    let mut half = connection::dial(&plan)?;
    let failed = |error: std::io::Error| format!("{host} does not answer: {error}");
    half.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    half.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(failed)?;
    parse(&answer).ok_or_else(|| format!("{host} answers with what is no HTTP"))
}

fn parse(answer: &[u8]) -> Option<(u16, Value)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(answer).ok()? else { return None };
    let status = head.code?;
    Some((status, serde_json::from_slice(&answer[length..]).unwrap_or(Value::Null)))
}
