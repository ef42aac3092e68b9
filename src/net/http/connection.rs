//! One connection at the HTTP port, on a thread of the pool.
//!
//! It is served request by request until the last, or until one becomes a WebSocket or a stream of events. A head and a
//! body have one deadline each, so that no client holds a thread by being slow.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api_request::ApiRequest;
use super::body::{self, BodyLength};
use super::events::{self, EventStream};
use super::head::{self, HeadError, RequestHead};
use super::origin::Origin;
use super::response::{Persistence, Response};
use super::routes::{self, Place};
use super::upgrade::{self, Upgrade};
use crate::chat::Allowance;
use crate::engine::clients::outbox::Transport;
use crate::engine::guards::address::ClientAddress;
use crate::net::context::ServerContext;
use crate::net::remote_address::RemoteAddress;
use crate::net::tcp::Tcp;

/// Requests that one connection may make; after the last it is closed.
const REQUESTS_MAX: usize = 100;
/// How long a client may take to read the last response before its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a connection to its end, whose first head is due at the deadline. The body of a job of the pool.
pub fn serve(context: &Arc<ServerContext>, socket: &Arc<Tcp>, remote: RemoteAddress, deadline: Instant) {
    if let Some((conversation, tail)) = requests(context, socket, &remote, deadline) {
        conversation.serve(context, socket, tail);
    }
    // It counts among the connections of its address until it has ended.
    drop(remote);
}

/// The connection that a request came through.
struct RequestSource<'a> {
    context: &'a Arc<ServerContext>,
    socket: &'a Arc<Tcp>,
    remote: &'a RemoteAddress,
}

/// What follows a request.
enum Next {
    /// A response, and perhaps a further request.
    Answer { response: Response, persistence: Persistence, head_only: bool },
    /// A conversation.
    Converse(Box<LastRequest>),
    /// The client is gone.
    Gone,
}

/// A request that has become a conversation, in which its connection ends.
struct LastRequest {
    purpose: Purpose,
    /// The client, where that is not the one whose socket it is: it counts among the connections of its address for as
    /// long as the conversation lasts.
    client: Option<RemoteAddress>,
}

impl LastRequest {
    /// Serves the conversation to its end, of whose requests the client has sent `tail` already. In a frame of its own, which
    /// is not there while requests are answered.
    #[inline(never)]
    #[expect(clippy::boxed_local, reason = "unboxed by the caller it would lie on the stack below the requests")]
    fn serve(self: Box<Self>, context: &Arc<ServerContext>, socket: &Arc<Tcp>, tail: Vec<u8>) {
        // Nothing of the request is left in memory by now: a conversation may live for weeks.
        let Self { purpose, client } = *self;
        match purpose {
            Purpose::WebSocket(upgrade) => upgrade.serve(context, socket, tail),
            Purpose::Events(stream) => stream.serve(context, socket, &tail),
        }
        drop(client);
    }
}

/// What a conversation is.
enum Purpose {
    WebSocket(Upgrade),
    Events(EventStream),
}

impl Purpose {
    /// The status of the response with which it begins.
    fn status(&self) -> u16 {
        match self {
            Self::WebSocket(_) => 101,
            Self::Events(_) => 200,
        }
    }
}

/// Answers requests, in a frame of its own that is gone when a conversation begins: the stack that a thread has
/// touched once stays resident as long as the connection. What only other requests need is not inlined into it. `Some`:
/// the last request became a conversation, whose client has sent these bytes already.
#[inline(never)]
fn requests(
    context: &Arc<ServerContext>,
    socket: &Arc<Tcp>,
    remote: &RemoteAddress,
    mut deadline: Instant,
) -> Option<(Box<LastRequest>, Vec<u8>)> {
    let settings = context.settings.load();
    let limits = &settings.limits;
    let mut state = ConnectionState { allowance: Allowance::full(limits.rate_of(None)), has_logged_origin: false };
    let mut buffer = Vec::new();
    for turn in 1..=REQUESTS_MAX {
        let next = head::read(socket, &mut buffer, deadline)
            .and_then(|length| next(&RequestSource { context, socket, remote }, length, &mut buffer, &mut state));
        match next.unwrap_or_else(|error| Next::error(error, false)) {
            Next::Gone => return None,
            Next::Converse(conversation) => {
                buffer.shrink_to_fit();
                return Some((conversation, buffer));
            }
            Next::Answer { response, persistence, head_only } => {
                let is_last = turn == REQUESTS_MAX || context.engine.is_ending();
                let persistence = if is_last { Persistence::Close } else { persistence };
                let response = response.secured(socket);
                context.engine.metrics.responded(response.status());
                socket.write_all(&response.bytes(persistence, head_only)).ok()?;
                if persistence == Persistence::Close {
                    break;
                }
                deadline = Instant::now() + context.settings.load().limits.head_timeout;
            }
        }
    }
    socket.shutdown(Shutdown::Write);
    socket.drain(FAREWELL);
    None
}

impl Next {
    /// The response to a request that is wrong as HTTP. Nothing more is read: what follows cannot be told from a body.
    fn error(error: HeadError, head_only: bool) -> Self {
        match error {
            HeadError::Gone => Self::Gone,
            HeadError::Status(status, message) => {
                let response = Response::error(status, message);
                Self::Answer { response, persistence: Persistence::Close, head_only }
            }
        }
    }
}

/// Answers the request whose head is the first `head` bytes of `buffer`; leaves in it what lies behind.
fn next(
    here: &RequestSource<'_>,
    head: usize,
    buffer: &mut Vec<u8>,
    state: &mut ConnectionState,
) -> Result<Next, HeadError> {
    let mut rest = buffer.split_off(head);
    let mut fields = head::fields();
    let (mut request, _) = head::parse(buffer, &mut fields)?.expect("the head was read whole");
    request.proxy_user = here.remote.proxy_user(here.context, &request);
    let begun = here.context.settings.load().log_requests.then(Instant::now);
    let next = answer(here, &request, &mut rest, state);
    // RFC 9110 §9.3.2: whatever the response to a HEAD is, it has no body.
    let next = next.unwrap_or_else(|error| Next::error(error, request.method == "HEAD"));
    if let Some(begun) = begun {
        log_request(here, &request, &next, begun);
    }
    *buffer = rest;
    Ok(next)
}

/// Logs a request in one line. The path is a client's text, so it is escaped and not long; what is behind `?` and the token of a
/// hook are left out.
#[inline(never)]
fn log_request(here: &RequestSource<'_>, request: &RequestHead<'_>, next: &Next, begun: Instant) {
    let status = match next {
        Next::Answer { response, .. } => response.status(),
        Next::Converse(conversation) => conversation.purpose.status(),
        Next::Gone => return,
    };
    let path = request.path.find("/hooks/").map_or(request.path, |at| &request.path[..at + "/hooks".len()]);
    let path: String = path.chars().take(200).collect();
    let method: String = request.method.chars().take(20).collect();
    let address = here.remote.client_of(here.context, request);
    log::info!(target: "roomd::request", method:%, path:% = path.escape_debug(), status, took:? = begun.elapsed(), address:%; "request");
}

fn answer(
    here: &RequestSource<'_>,
    request: &RequestHead<'_>,
    rest: &mut Vec<u8>,
    state: &mut ConnectionState,
) -> Result<Next, HeadError> {
    let RequestSource { context, socket, remote } = *here;
    let (persistence, head_only) = (persistence(request), request.method == "HEAD");
    let settings = context.settings.load();
    let limits = &settings.limits;
    let length = BodyLength::of(request)?;
    if matches!(length, BodyLength::Bytes(length) if length > limits.frame_bytes()) {
        return Err(HeadError::Status(413, "The body is too large"));
    }
    // A body that is not read would be taken for the next request.
    let persistence_unread = if length.is_zero() { persistence } else { Persistence::Close };
    let is_secure = socket.is_sealed() || remote.is_tls_at_proxy(context, request);
    let hosts = remote.hosts(context, request);
    let origin = Origin::of(context, request, &hosts, is_secure);
    let client = match remote.forwarded_client(context, request) {
        Ok(client) => client,
        Err(refusal) => {
            let response = origin.share(Response::refusal(&refusal));
            return Ok(Next::Answer { response, persistence: persistence_unread, head_only });
        }
    };
    let address = client.as_ref().unwrap_or(remote).address(context);
    // A connection may be older than the ban.
    if let Err(refusal) = context.engine.refuse_banned(None, address) {
        let response = origin.share(Response::refusal(&refusal));
        return Ok(Next::Answer { response, persistence: Persistence::Close, head_only });
    }
    let base_path = remote.base_path(context, request);
    let request = &match routes::place(context, request, &base_path) {
        Place::Here(request) => request,
        Place::Moved(response) => return Ok(Next::Answer { response, persistence: persistence_unread, head_only }),
    };
    if let Some(purpose) = converse(here, request, origin, (address, !length.is_zero())) {
        return Ok(match purpose {
            Ok(purpose) => Next::Converse(Box::new(LastRequest { purpose, client })),
            Err(response) => {
                state.log_origin(request, origin, &response);
                Next::Answer { response, persistence: persistence_unread, head_only }
            }
        });
    }
    expect(socket, request, length, rest.len())?;
    let body = body::read(socket, rest, length, limits.frame_bytes(), limits.head_timeout)?;
    let mut api = ApiRequest {
        head: request,
        body,
        allowance: &mut state.allowance,
        origin,
        address,
        base_path: &base_path,
        host: hosts.last().copied().unwrap_or_default(),
        is_secure,
        operator: None,
        authenticated: None,
    };
    let response = origin.share(routes::answer(context, &mut api));
    state.log_origin(request, origin, &response);
    Ok(Next::Answer { response, persistence, head_only })
}

/// The conversation that a request is for, or the response to one that is refused; `None`: it is for none. Blocks on the
/// rooms of a stream.
fn converse(
    here: &RequestSource<'_>,
    request: &RequestHead<'_>,
    origin: Origin<'_>,
    (address, has_body): (ClientAddress, bool),
) -> Option<Result<Purpose, Response>> {
    let RequestSource { context, socket, .. } = *here;
    // The table of routes answers other methods.
    let is_one = upgrade::is_path(context, request.path) || events::room_in_path(request.path).is_some();
    if !is_one || request.method != "GET" {
        return None;
    }
    if let Some(refusal) = context.engine.refuses_newcomers() {
        return Some(Err(Response::refusal(&refusal)));
    }
    let body = || Err(Response::error(400, "The request for a conversation has no body"));
    Some(match events::room_in_path(request.path) {
        Some(_) if has_body => body(),
        Some(room) => events::grant(context, socket, request, (origin, address), room).map(Purpose::Events),
        None => match upgrade::grant(context, request, origin, address) {
            Ok(_) if has_body => body(),
            granted => granted.map(Purpose::WebSocket),
        },
    })
}

/// What follows the response, as far as the client decides it: RFC 9112 §9.3.
fn persistence(request: &RequestHead<'_>) -> Persistence {
    match request.http11 {
        _ if request.lists("Connection", "close") => Persistence::Close,
        true => Persistence::Persist,
        false if request.lists("Connection", "keep-alive") => Persistence::KeepAlive,
        false => Persistence::Close,
    }
}

/// What one connection's requests share.
struct ConnectionState {
    /// What the connection may still send.
    allowance: Allowance,
    /// Whether the log says already that its page is one of another origin.
    has_logged_origin: bool,
}

impl ConnectionState {
    /// Logs that the origin is why a request is refused, once a connection: its user is told nothing by the browser,
    /// and the operator may want to put it on the list.
    fn log_origin(&mut self, request: &RequestHead<'_>, origin: Origin<'_>, response: &Response) {
        if origin == Origin::Foreign
            && response.status() == 403
            && !std::mem::replace(&mut self.has_logged_origin, true)
        {
            let told = request.value("Origin").unwrap_or_default();
            // It is a client's text: escaped, and not long.
            let told: String = told.chars().take(200).collect();
            log::info!(origin:? = told, host:? = request.host; "refused a page of another origin: see --origin");
        }
    }
}

/// Does what the field `Expect` asks for, of which `arrived` bytes are there (RFC 9110 §10.1.1).
fn expect(socket: &Tcp, request: &RequestHead<'_>, length: BodyLength, arrived: usize) -> Result<(), HeadError> {
    // A client of HTTP/1.0 does not wait.
    let Some(expected) = request.value("Expect").filter(|_| request.http11) else { return Ok(()) };
    if !expected.eq_ignore_ascii_case("100-continue") {
        return Err(HeadError::Status(417, "Only 100-continue can be expected"));
    }
    let is_waiting = match length {
        BodyLength::Bytes(length) => arrived < length,
        BodyLength::Chunked => arrived == 0,
    };
    if is_waiting {
        socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| HeadError::Gone)?;
    }
    Ok(())
}
