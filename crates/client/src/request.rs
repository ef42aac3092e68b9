//! What is asked of a server without a conversation: claiming a name, signing in with a code, whether a token is still
//! valid, invitations, and what an admin asks.
//!
//! One HTTP request on a connection of its own, on the caller's thread. Each blocks for at most
//! [`Options::connect_timeout`] for each address of the server, and as long again for the response.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Options;
use super::address::Address;
use super::socket::{self, ConnectOptions};
use roomd_protocol::Secret;
use roomd_tls::Dialer;

/// Bytes of a response, at most.
const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Header fields of a response, at most.
const HEADERS_MAX: usize = 64;

/// Why a request brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The server refuses: the code of the protocol, and a sentence. Asking again soon does not help.
    Refused(String, String),
    /// The server was not reached, or does not speak the protocol; a sentence.
    Failed(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_, sentence) | Self::Failed(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for RequestError {}

/// Registers a name at the server at `url` (as in [`super::Client::connect`]) and returns its token. With the
/// `token` of an earlier claim of the name, returns one that is valid for longer. Of the options it uses
/// the trust and the timeouts. Blocks on the server.
///
/// ```
/// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
/// # let url = format!("ws://{}", server.http_address());
/// use roomd_client::{Client, RequestError, Options, claim_name};
///
/// let options = Options::default();
/// match claim_name(&url, "Ann", None, &options) {
///     Ok(token) => {
///         let ann = Client::connect(&url, Options { token: Some(token), ..options })?;
///         assert_eq!(ann.user(), "Ann");
///     }
///     Err(RequestError::Refused(code, sentence)) => println!("{code}: {sentence}"),
///     Err(error) => println!("{error}"),
/// }
/// # Ok::<(), roomd_client::Error>(())
/// ```
///
/// # Errors
/// The name is taken, or names cannot be claimed there, or the server was not reached.
pub fn claim_name(url: &str, name: &str, token: Option<&Secret>, options: &Options) -> Result<Secret, RequestError> {
    let body = json!({"name": name, "label": options.device_label}).to_string();
    let request = ApiRequest { method: "POST", resource: "claims", token, body };
    request.made(url, options)?["token"].as_str().map(Secret::from).ok_or_else(no_answer)
}

/// Signs in a device with a code that another device of the user has asked for (`add_device`), and returns the user's
/// name and the token. Blocks on the server.
///
/// # Errors
/// The code is not valid, or the server was not reached.
pub fn sign_in(url: &str, code: &Secret, options: &Options) -> Result<(String, Secret), RequestError> {
    let body = json!({"code": code.reveal(), "label": options.device_label}).to_string();
    let request = ApiRequest { method: "POST", resource: "devices", token: None, body };
    let response = request.made(url, options)?;
    let token = response["token"].as_str().map(Secret::from).ok_or_else(no_answer)?;
    Ok((response["user"].as_str().ok_or_else(no_answer)?.to_owned(), token))
}

/// Makes an invitation to a room that the token's user moderates, valid for so many seconds and so many users, where
/// these are given. Returns the link that a page opens; its part behind `#invite=` is the code. Blocks on the server.
///
/// # Errors
/// The server refuses it, or was not reached.
pub fn create_invitation(
    url: &str,
    room: &str,
    token: &Secret,
    (for_s, uses): (Option<u64>, Option<u32>),
    options: &Options,
) -> Result<String, RequestError> {
    let body = json!({"for_s": for_s, "uses": uses}).to_string();
    let room = utf8_percent_encode(room, NON_ALPHANUMERIC);
    let request =
        ApiRequest { method: "POST", resource: &format!("rooms/{room}/invitations"), token: Some(token), body };
    let response = request.made(url, options)?;
    let code = response["code"].as_str().ok_or_else(no_answer)?;
    let address = Address::parse(url).map_err(RequestError::Failed)?;
    let (host, target) = address.for_api("");
    let (scheme, default_port) = if address.is_secure() { ("https", ":443") } else { ("http", ":80") };
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    let base = target.strip_suffix("/api/v1/").unwrap_or_default();
    Ok(format!("{scheme}://{host}{base}/chat/{room}#invite={code}"))
}

/// Enters the list of a room by the code of an invitation. Blocks on the server.
///
/// # Errors
/// The code admits nobody, or the server was not reached.
pub fn accept_invitation(
    url: &str,
    room: &str,
    code: &Secret,
    token: &Secret,
    options: &Options,
) -> Result<(), RequestError> {
    let body = json!({"invitation": code.reveal()}).to_string();
    let room = utf8_percent_encode(room, NON_ALPHANUMERIC);
    ApiRequest { method: "POST", resource: &format!("rooms/{room}/members"), token: Some(token), body }
        .made(url, options)
        .map(drop)
}

/// Where an admin asks a server.
#[derive(Clone, Copy, Debug)]
pub enum AdminAccess<'a> {
    /// At the address of its HTTP interface, with an admin's token.
    Token(&'a str, &'a Secret),
    /// At its admin socket on this machine, which has this path.
    Socket(&'a Path),
}

/// Makes a request as an admin: `resource` is what follows `/api/v1/`, with its query; the body of the response, `Null` if it
/// has none. Of the options it uses the trust and the timeouts. Blocks on the server.
///
/// # Errors
/// The server refuses it, or was not reached.
pub fn ask_as_admin(
    access: AdminAccess<'_>,
    (method, resource): (&str, &str),
    body: Option<&Value>,
    options: &Options,
) -> Result<Value, RequestError> {
    let body = body.map(Value::to_string).unwrap_or_default();
    match access {
        AdminAccess::Token(url, token) => ApiRequest { method, resource, token: Some(token), body }.made(url, options),
        AdminAccess::Socket(path) => {
            let request = ApiRequest { method, resource, token: None, body };
            request.send_through(path, &format!("/api/v1/{resource}"), options)?.made()
        }
    }
}

/// The same of the figures, in Prometheus' text format.
///
/// # Errors
/// As there.
pub fn read_figures_as_admin(access: AdminAccess<'_>, options: &Options) -> Result<String, RequestError> {
    let path = match access {
        AdminAccess::Token(url, token) => return read_figures(url, Some(token), options),
        AdminAccess::Socket(path) => path,
    };
    ApiRequest::read("", None).send_through(path, "/metrics", options)?.text()
}

/// The figures of a server in Prometheus' text format: with an admin's token, or without one from the port of `--metrics`. Of
/// the options it uses the trust and the timeouts. Blocks on the server.
///
/// # Errors
/// The server refuses it, or was not reached.
pub fn read_figures(url: &str, token: Option<&Secret>, options: &Options) -> Result<String, RequestError> {
    read_beside_api(url, "metrics", token, options).map_err(RequestError::Failed)?.text()
}

/// Whether the server would serve a further client, and store its messages. Of the options it uses the trust and the timeouts.
/// Blocks on the server.
///
/// # Errors
/// A sentence: why it would not, or that it was not reached.
pub fn check_readiness(url: &str, options: &Options) -> Result<(), String> {
    read_beside_api(url, "readyz", None, options)?.made().map(drop).map_err(|error| error.to_string())
}

/// The rooms that a server lists for the token's user or, without one, for a guest, with the number of users in each. Of the
/// options it uses the trust and the timeouts. Blocks on the server.
///
/// # Errors
/// The server refuses it, or was not reached.
pub fn list_rooms(url: &str, token: Option<&Secret>, options: &Options) -> Result<Vec<(String, u64)>, RequestError> {
    let response = ApiRequest::read("rooms", token).made(url, options)?;
    let rooms = response["rooms"].as_array().ok_or_else(no_answer)?;
    let each = rooms.iter().map(|room| Some((room["room"].as_str()?.to_owned(), room["members"].as_u64()?)));
    each.collect::<Option<_>>().ok_or_else(no_answer)
}

fn no_answer() -> RequestError {
    RequestError::Failed("the server's answer is not understood".to_owned())
}

/// Whether the server at `url` accepts the token. Of the options it uses the trust and the timeouts. Blocks on
/// the server.
///
/// # Errors
/// A sentence: the server was not reached, or does not answer the question.
pub fn is_token_accepted(url: &str, token: &Secret, options: &Options) -> Result<bool, String> {
    match ApiRequest::read("me", Some(token)).send(url, options)?.status {
        200 => Ok(true),
        401 => Ok(false),
        status => Err(format!("the server answered {status}")),
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

impl<'a> ApiRequest<'a> {
    /// One that changes nothing.
    fn read(resource: &'a str, token: Option<&'a Secret>) -> Self {
        Self { method: "GET", resource, token, body: String::new() }
    }

    /// Sends it; the JSON of the response, if it was carried out.
    fn made(&self, url: &str, options: &Options) -> Result<Value, RequestError> {
        self.send(url, options).map_err(RequestError::Failed)?.made()
    }

    /// Sends it on a new connection.
    fn send(&self, url: &str, options: &Options) -> Result<Response, String> {
        let address = Address::parse(url)?;
        let (_, target) = address.for_api(self.resource);
        self.send_to(address, &target, options)
    }

    /// Sends it to this path of a server.
    fn send_to(&self, address: Address, target: &str, options: &Options) -> Result<Response, String> {
        let Options { connect_timeout, write_timeout, .. } = *options;
        let (host, _) = address.for_api("");
        let request = self.head_and_body(&host, target);
        let dialer = if address.is_secure() { Some(Dialer::new(&options.trust)?) } else { None };
        let mut stream = socket::connect(&ConnectOptions { address, dialer, connect_timeout, write_timeout })?;
        let failed = |error: std::io::Error| format!("{host} does not answer: {error}");
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let response = read_to_end(&mut stream, connect_timeout).map_err(failed)?;
        Response::parse(&response).ok_or_else(|| format!("{host} does not answer in HTTP"))
    }

    /// Sends it to this path of a server through a unix socket.
    fn send_through(&self, socket: &Path, target: &str, options: &Options) -> Result<Response, RequestError> {
        let failed = |error: std::io::Error| RequestError::Failed(format!("{}: {error}", socket.display()));
        let mut stream = UnixStream::connect(socket).map_err(failed)?;
        let waits = stream.set_read_timeout(Some(options.connect_timeout));
        waits.and_then(|()| stream.set_write_timeout(Some(options.write_timeout))).map_err(failed)?;
        stream.write_all(self.head_and_body("localhost", target).as_bytes()).map_err(failed)?;
        let response = read_to_end(&mut stream, options.connect_timeout).map_err(failed)?;
        Response::parse(&response).ok_or_else(no_answer)
    }

    /// The request, for this host and path.
    fn head_and_body(&self, host: &str, target: &str) -> String {
        let Self { method, token, body, .. } = self;
        let bearer = token.map_or(String::new(), |token| format!("Authorization: Bearer {}\r\n", token.reveal()));
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        };
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}{length}\r\n{body}")
    }
}

/// What the server answered.
struct Response {
    status: u16,
    body: Vec<u8>,
}

impl Response {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(bytes).ok()? else { return None };
        Some(Self { status: head.code?, body: bytes[length..].to_vec() })
    }

    /// Its JSON, `Null` if it has none, where the request was carried out.
    fn made(&self) -> Result<Value, RequestError> {
        if (200..300).contains(&self.status) { Ok(self.json()) } else { Err(self.refusal()) }
    }

    /// Its text, where the request was carried out.
    fn text(self) -> Result<String, RequestError> {
        if self.status == 200 { String::from_utf8(self.body).map_err(|_| no_answer()) } else { Err(self.refusal()) }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// What a status that is none of success means.
    fn refusal(&self) -> RequestError {
        let (status, response) = (self.status, self.json());
        let text = |field: &str| response["error"][field].as_str().map(str::to_owned);
        let sentence = text("message").unwrap_or_else(|| format!("the server answered {status}"));
        if !(400..500).contains(&status) {
            return RequestError::Failed(sentence);
        }
        RequestError::Refused(text("code").unwrap_or_default(), sentence)
    }
}

/// Reads what stands beside the interface, under this path of the server.
fn read_beside_api(url: &str, path: &str, token: Option<&Secret>, options: &Options) -> Result<Response, String> {
    let address = Address::parse(url)?;
    let (_, api) = address.for_api("");
    let target = format!("{}/{path}", api.strip_suffix("/api/v1/").unwrap_or_default());
    ApiRequest::read("", token).send_to(address, &target, options)
}

/// Reads up to the end of the stream or the greatest size of a response, and gives up after `timeout`.
fn read_to_end(stream: &mut impl Read, timeout: Duration) -> std::io::Result<Vec<u8>> {
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
