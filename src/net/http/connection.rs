//! One connection at the HTTP port, on a thread of the pool.
//!
//! It is served request by request until the last, or until one becomes a WebSocket. A head and a
//! body have one deadline each, so that no client holds a thread by being slow.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use httparse::EMPTY_HEADER;

use super::api_request::ApiRequest;
use super::head::{self, FIELDS_MAX, HeadError, RequestHead};
use super::origin::Origin;
use super::response::Response;
use super::routes;
use super::upgrade::{self, Upgrade};
use crate::chat::token_bucket::Bucket;
use crate::engine::clients::outbox::Transport;
use crate::net::context::ServerContext;
use crate::net::remote_address::RemoteAddress;
use crate::net::tcp::Tcp;

/// Requests that one connection may make; after the last it is closed.
const REQUESTS_MAX: usize = 100;
/// How long a client may take to read the last response before its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Tells browsers to use TLS for the next year. A browser ignores it where it does not trust the certificate.
const HSTS: (&str, &str) = ("Strict-Transport-Security", "max-age=31536000");

/// Serves a connection to its end, whose first head is due at the deadline. The body of a job of the pool.
pub fn serve(context: &Arc<ServerContext>, socket: &Arc<Tcp>, remote: RemoteAddress, deadline: Instant) {
    if let Some((upgrade, tail)) = requests(context, socket, &remote, deadline) {
        // Nothing of the request is left in memory by now: a WebSocket may live for weeks.
        upgrade.serve(context, socket, tail);
    }
    // It counts among the connections of its address until it has ended.
    drop(remote);
}

/// The connection that a request came through.
struct RequestSource<'a> {
    context: &'a Arc<ServerContext>,
    socket: &'a Tcp,
    remote: &'a RemoteAddress,
}

/// What follows a request.
enum Next {
    /// A response, and perhaps a further request.
    Answer { response: Response, close: bool, head_only: bool },
    /// A WebSocket.
    Upgrade(Box<Upgrade>),
    /// The client is gone.
    Gone,
}

/// Answers requests, in a frame of its own that is gone when a WebSocket begins: the stack that a thread has
/// touched once stays resident as long as the connection. `Some`: the last request became a WebSocket, whose
/// client has sent these bytes already.
#[inline(never)]
fn requests(
    context: &Arc<ServerContext>,
    socket: &Tcp,
    remote: &RemoteAddress,
    mut deadline: Instant,
) -> Option<(Box<Upgrade>, Vec<u8>)> {
    let limits = &context.settings.limits;
    let mut rate = Bucket::new(limits.rate_burst, limits.rate_per_s);
    let mut buffer = Vec::new();
    for turn in 1..=REQUESTS_MAX {
        let next = head::read(socket, &mut buffer, deadline)
            .and_then(|length| next(&RequestSource { context, socket, remote }, length, &mut buffer, &mut rate));
        match next.unwrap_or_else(Next::from) {
            Next::Gone => return None,
            Next::Upgrade(upgrade) => {
                buffer.shrink_to_fit();
                return Some((upgrade, buffer));
            }
            Next::Answer { response, close, head_only } => {
                let close = close || turn == REQUESTS_MAX || context.engine.hub.is_closing();
                // RFC 6797 §7.2: only over TLS.
                let response = if socket.is_sealed() { response.with(HSTS.0, HSTS.1) } else { response };
                context.engine.metrics.responded(class(response.status()));
                socket.write_all(&response.bytes(close, head_only)).ok()?;
                if close {
                    break;
                }
                deadline = Instant::now() + limits.head_timeout;
            }
        }
    }
    socket.shutdown(Shutdown::Write);
    socket.drain(FAREWELL);
    None
}

/// The class of a status, as a label of the figures.
fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

impl From<HeadError> for Next {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Gone => Self::Gone,
            // Nothing more is read: what follows cannot be told from a body.
            HeadError::Status(status, message) => {
                Self::Answer { response: Response::error(status, message), close: true, head_only: false }
            }
        }
    }
}

/// Answers the request whose head is the first `head` bytes of `buffer`; leaves in it what lies behind.
fn next(here: &RequestSource<'_>, head: usize, buffer: &mut Vec<u8>, rate: &mut Bucket) -> Result<Next, HeadError> {
    let mut rest = buffer.split_off(head);
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let (request, _) = head::parse(buffer, &mut fields)?.expect("the head was read whole");
    let next = answer(here, &request, &mut rest, rate);
    *buffer = rest;
    next
}

fn answer(
    here: &RequestSource<'_>,
    request: &RequestHead<'_>,
    rest: &mut Vec<u8>,
    rate: &mut Bucket,
) -> Result<Next, HeadError> {
    let RequestSource { context, socket, remote } = *here;
    let close = request.lists("Connection", "close") || (!request.http11 && !request.lists("Connection", "keep-alive"));
    let head_only = request.method == "HEAD";
    let length = head::body_length(request)?;
    if length > context.settings.limits.frame_bytes() {
        return Err(HeadError::Status(413, "The body is too large"));
    }
    let origin = Origin::of(context, request, socket.is_sealed() || remote.is_tls_at_proxy(context, request));
    let client = match remote.forwarded_client(context, request) {
        Ok(client) => client,
        Err(refusal) => {
            let response = origin.share(Response::refusal(&refusal));
            return Ok(Next::Answer { response, close: close || length > 0, head_only });
        }
    };
    let address = client.as_ref().unwrap_or(remote).address(context);
    if let Some(upgrade) = upgrade::upgrade(context, request, origin, address) {
        return Ok(match upgrade {
            Ok(upgrade) => Next::Upgrade(Box::new(upgrade.with_client(client))),
            Err(response) => Next::Answer { response, close: close || length > 0, head_only },
        });
    }
    expect(socket, request, rest.len() < length)?;
    let body = head::read_body(socket, rest, length, context.settings.limits.head_timeout)?;
    let mut request = ApiRequest { head: request, body, rate, origin, address, authenticated: None };
    let response = routes::answer(context, &mut request);
    let response = origin.share(response);
    Ok(Next::Answer { response, close, head_only })
}

/// Does what the field `Expect` asks for (RFC 9110 §10.1.1).
fn expect(socket: &Tcp, request: &RequestHead<'_>, waiting: bool) -> Result<(), HeadError> {
    let Some(expected) = request.value("Expect") else { return Ok(()) };
    if !expected.eq_ignore_ascii_case("100-continue") {
        return Err(HeadError::Status(417, "Only 100-continue can be expected"));
    }
    if waiting {
        socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| HeadError::Gone)?;
    }
    Ok(())
}
