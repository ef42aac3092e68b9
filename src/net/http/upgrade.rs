//! From a request to a WebSocket: the handshake, and the client, room and encoding that its target names.
//!
//! Everything is checked before the 101 (RFC 6455 §4.2), the origin included; the response is RFC 6455
//! §4.2.2, with the key that tungstenite computes. On the connection's thread.

use std::sync::Arc;

use tungstenite::handshake::derive_accept_key;

use super::head::RequestHead;
use super::origin::Origin;
use super::response::{Response, last_refusal};
use super::{bearer, query};
use crate::chat::{Code, Refusal, RoomName, UserName, Visibility};
use crate::engine::clients::connection::ConnectionOptions;
use crate::engine::guards::address::ClientAddress;
use crate::net::context::ServerContext;
use crate::net::conversation::{ConversationStart, FirstRoom, Link};
use crate::net::tcp::Tcp;
use crate::net::{echo, websocket};
use crate::wire::Encoding;
use roomd_protocol::data;

/// The encodings of WebSockets: by sub-protocol, or by the parameter `format`.
const ENCODINGS: [WebSocketEncoding; 3] = [
    WebSocketEncoding { protocol: "roomd.v1.json", format: "json", encoding: Encoding::Json },
    WebSocketEncoding { protocol: "roomd.v1.text", format: "text", encoding: Encoding::TextFrames },
    WebSocketEncoding { protocol: data::BINARY_PROTOCOL, format: "binary", encoding: Encoding::BinaryJson },
];

struct WebSocketEncoding {
    protocol: &'static str,
    format: &'static str,
    encoding: Encoding,
}

/// A WebSocket that is granted.
pub struct Upgrade {
    /// The response to the handshake.
    head: String,
    purpose: Purpose,
}

/// What a WebSocket is for.
enum Purpose {
    Chat(ConversationStart),
    /// The conformance route.
    Echo,
}

/// Whether this is a path of WebSockets.
#[must_use]
pub fn is_path(context: &ServerContext, path: &str) -> bool {
    path == "/ws" || is_echo(context, path)
}

fn is_echo(context: &ServerContext, path: &str) -> bool {
    path == "/echo" && context.settings.load().echo_route
}

/// Grants a WebSocket to a request at one of their paths.
///
/// # Errors
/// The response to a request that is refused.
#[inline(never)]
pub fn grant(
    context: &ServerContext,
    request: &RequestHead<'_>,
    origin: Origin<'_>,
    address: ClientAddress,
) -> Result<Upgrade, Response> {
    let echo = is_echo(context, request.path);
    let key = handshake(request, origin)?;
    let protocol = if echo { None } else { protocol(request) };
    let purpose = if echo { Purpose::Echo } else { Purpose::Chat(start(context, request, protocol, address)?) };
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    );
    if let Some(WebSocketEncoding { protocol, .. }) = protocol {
        head.push_str(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"));
    }
    head.push_str("\r\n");
    Ok(Upgrade { head, purpose })
}

impl Upgrade {
    /// Serves the WebSocket to its end. `tail` is what the client sent behind its head.
    pub fn serve(self, context: &Arc<ServerContext>, socket: &Arc<Tcp>, tail: Vec<u8>) {
        let settings = context.settings.load();
        let link = Link {
            context,
            socket,
            limits: &settings.limits,
            read_timeout: Some(settings.limits.pong_timeout),
            greeting: self.head.into_bytes(),
            refusal: last_refusal,
        };
        match self.purpose {
            Purpose::Chat(start) => websocket::serve(link, start, tail),
            Purpose::Echo => echo::serve(link, tail),
        }
    }
}

/// Checks the handshake, RFC 6455 §4.2.1, and returns its key.
fn handshake<'a>(request: &RequestHead<'a>, origin: Origin<'_>) -> Result<&'a str, Response> {
    if !request.lists("Upgrade", "websocket") || !request.lists("Connection", "upgrade") {
        let response = Response::error(426, "This address is for WebSockets");
        let response = response.with("Upgrade", "websocket").with("Connection", "Upgrade");
        return Err(response.with("Sec-WebSocket-Version", "13"));
    }
    if !request.http11 {
        return Err(Response::error(400, "A WebSocket begins with HTTP/1.1"));
    }
    if request.value("Sec-WebSocket-Version") != Some("13") {
        let response = Response::error(426, "Version 13 of WebSocket is spoken here");
        return Err(response.with("Sec-WebSocket-Version", "13"));
    }
    // Sixteen bytes in base64.
    let key = request.value("Sec-WebSocket-Key").filter(|key| key.len() == 24 && key.ends_with("=="));
    let key = key.ok_or_else(|| Response::error(400, "Bad Sec-WebSocket-Key"))?;
    if origin == Origin::Foreign {
        return Err(Response::error(403, "This origin may not connect"));
    }
    Ok(key)
}

/// How the conversation begins that the target of a request describes.
fn start(
    context: &ServerContext,
    request: &RequestHead<'_>,
    protocol: Option<&WebSocketEncoding>,
    address: ClientAddress,
) -> Result<ConversationStart, Response> {
    let value = |name: &str| query::value(request.query, name).map_err(|refusal| Response::refusal(&refusal));
    let bad = |message: String| Response::refusal(&Refusal::new(Code::BadRequest, message));
    let (room, user) = (value("room")?, value("user")?);
    let encoding = match (protocol, value("format")?.as_deref()) {
        (Some(protocol), _) => protocol.encoding,
        (None, Some(name)) => {
            let found = ENCODINGS.iter().find(|one| one.format == name);
            found.ok_or_else(|| bad("format must be json, text or binary".to_owned()))?.encoding
        }
        (None, None) if room.is_none() && user.is_none() => Encoding::Json,
        (None, None) => Encoding::TextFrames,
    };
    let is_known = bearer::is_shown(request).map_err(|refusal| Response::refusal(&refusal))?;
    // A client of a single room has to name it, and, unless it has a token, its user.
    let may_join_later = !encoding.capabilities().single_room;
    let complete = match (&room, &user) {
        (Some(room), Some(user)) => !room.is_empty() && !user.is_empty(),
        (None, Some(user)) => may_join_later && !user.is_empty(),
        (None, None) => may_join_later,
        (Some(room), None) => is_known && !room.is_empty(),
    };
    if !complete {
        return Err(bad("Missing room or user parameter".to_owned()));
    }
    let room = room.map(|room| RoomName::parse(&room)).transpose().map_err(|error| bad(format!("room {error}")))?;
    let user = user.map(|user| UserName::parse(&user)).transpose().map_err(|error| bad(format!("user {error}")))?;
    let identity = bearer::client(context, request, user, room.as_ref(), address.counted);
    let identity = identity.map_err(|refusal| Response::refusal(&refusal))?;
    let join_history = query::join_history(request.query).map_err(|refusal| Response::refusal(&refusal))?;
    let echo = query::flag(request.query, "echo").map_err(|refusal| Response::refusal(&refusal))?.unwrap_or(true);
    let options = ConnectionOptions { encoding, echo, visibility: Visibility::Announced, join_history, address };
    Ok(ConversationStart { options, identity, room: room.map(FirstRoom::Now) })
}

/// The first of the client's sub-protocols that the server knows.
fn protocol(request: &RequestHead<'_>) -> Option<&'static WebSocketEncoding> {
    request.list("Sec-WebSocket-Protocol").find_map(|name| ENCODINGS.iter().find(|one| one.protocol == name))
}
