//! From a request to a WebSocket: who comes, where to, and in which dialect.
//!
//! Everything is checked before the 101 (RFC 6455 §4.2), the origin included; the answer to the
//! handshake is RFC 6455 §4.2.2, with tungstenite's reckoning of the key.

use std::sync::Arc;

use tungstenite::handshake::derive_accept_key;

use super::head::RequestHead;
use super::incoming::ServerContext;
use super::origin::Origin;
use super::remote_address::RemoteAddress;
use super::response::Response;
use super::routes::refused;
use super::tcp::Tcp;
use super::{bearer, echo, query, websocket};
use crate::chat::{Code, Identity, JoinOptions, Refusal, RoomName, UserName};
use crate::engine::clients::connection::ConnectionOptions;
use crate::engine::guards::address::Address;
use crate::wire::Encoding;
use roomd_protocol::{JOIN_HISTORY_DEFAULT, JOIN_HISTORY_MAX};

/// A WebSocket that is granted.
pub struct Granted {
    /// The answer to the handshake.
    head: String,
    purpose: Purpose,
    /// For whom, where that is not the one whose connection it is.
    behind: Option<RemoteAddress>,
}

/// What a WebSocket is for.
enum Purpose {
    Chat(Chat),
    /// The conformance route.
    Echo,
}

/// What the address of a conversation says.
#[derive(Debug)]
pub struct Chat {
    /// The dialect, and how.
    pub door: ConnectionOptions,
    /// Who comes; `None` for one who has yet to say so.
    pub who: Option<Identity>,
    /// The room to enter at once.
    pub room: Option<(RoomName, JoinOptions)>,
}

/// Looks whether the request is for a WebSocket's address. `None`: it is not. `Err`: it is, and
/// cannot be granted.
pub fn wanted(
    context: &ServerContext,
    request: &RequestHead<'_>,
    origin: Origin<'_>,
    address: Option<Address>,
) -> Option<Result<Granted, Response>> {
    let echo = match request.path {
        "/ws" => false,
        "/echo" if context.settings.echo_route => true,
        _ => return None,
    };
    // The table of routes has the answer to other methods.
    (request.method == "GET").then(|| claims(context, request, origin, address, echo))
}

fn claims(
    context: &ServerContext,
    request: &RequestHead<'_>,
    origin: Origin<'_>,
    address: Option<Address>,
    echo: bool,
) -> Result<Granted, Response> {
    let key = handshake(request, origin)?;
    let protocol = if echo { None } else { protocol(request) };
    let purpose = if echo { Purpose::Echo } else { Purpose::Chat(chat(context, request, protocol, address)?) };
    let mut head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key.as_bytes())
    );
    if let Some(protocol) = protocol {
        head.push_str(&format!("Sec-WebSocket-Protocol: {protocol}\r\n"));
    }
    head.push_str("\r\n");
    Ok(Granted { head, purpose, behind: None })
}

impl Granted {
    /// It is for this visitor, whose connection it counts as for as long as it lasts.
    #[must_use]
    pub fn with(self, behind: Option<RemoteAddress>) -> Self {
        Self { behind, ..self }
    }

    /// Serves the WebSocket to its end. `tail` is what the client sent behind its head.
    pub fn serve(self, context: &Arc<ServerContext>, socket: &Arc<Tcp>, tail: Vec<u8>) {
        match self.purpose {
            Purpose::Chat(chat) => websocket::serve(context, socket, chat, self.head, tail),
            Purpose::Echo => echo::serve(context, socket, self.head, tail),
        }
        drop(self.behind);
    }
}

/// Whether the handshake is right, RFC 6455 §4.2.1; its key.
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

fn chat(
    context: &ServerContext,
    request: &RequestHead<'_>,
    protocol: Option<&str>,
    address: Option<Address>,
) -> Result<Chat, Response> {
    let value = |name: &str| query::value(request.query, name).map_err(|refusal| Response::refusal(400, &refusal));
    let bad = |message: String| Response::refusal(400, &Refusal::new(Code::BadRequest, message));
    let (room, user) = (value("room")?, value("user")?);
    let json = match (protocol, value("format")?.as_deref()) {
        (Some(protocol), _) => protocol == "roomd.v1.json",
        (None, Some("json")) => true,
        (None, Some("text")) => false,
        (None, Some(_)) => return Err(bad("format must be json or text".to_owned())),
        (None, None) => room.is_none() && user.is_none(),
    };
    let token = bearer::shown(request).map_err(|refusal| refused(&refusal))?;
    // Only the JSON dialect can do without a room, and only without a room, or with a token, without a name.
    let complete = match (&room, &user) {
        (Some(room), Some(user)) => !room.is_empty() && !user.is_empty(),
        (None, Some(user)) => json && !user.is_empty(),
        (None, None) => json,
        (Some(room), None) => token.is_some() && !room.is_empty(),
    };
    if !complete {
        return Err(bad("Missing room or user parameter".to_owned()));
    }
    let room = room.map(|room| RoomName::parse(&room)).transpose().map_err(|error| bad(format!("room {error}")))?;
    let user = user.map(|user| UserName::parse(&user)).transpose().map_err(|error| bad(format!("user {error}")))?;
    let who = bearer::entrant(context, token, user, room.as_ref(), address).map_err(|refusal| refused(&refusal))?;
    let history = match value("history")?.map(|text| text.parse::<usize>()) {
        None => JOIN_HISTORY_DEFAULT,
        Some(Ok(count)) => count.min(JOIN_HISTORY_MAX),
        Some(Err(_)) => return Err(bad("history must be a number of messages".to_owned())),
    };
    let echo = match value("echo")?.as_deref() {
        None | Some("true" | "1") => true,
        Some("false" | "0") => false,
        Some(_) => return Err(bad("echo must be true or false".to_owned())),
    };
    let encoding = if json { Encoding::Json } else { Encoding::TextFrames };
    let door = ConnectionOptions { encoding, echo, join_history: history, address };
    Ok(Chat { door, who, room: room.map(|room| (room, JoinOptions::default())) })
}

/// The first of the client's sub-protocols that is spoken here.
fn protocol(request: &RequestHead<'_>) -> Option<&'static str> {
    request.list("Sec-WebSocket-Protocol").find_map(|name| match name {
        "roomd.v1.json" => Some("roomd.v1.json"),
        "roomd.v1.text" => Some("roomd.v1.text"),
        _ => None,
    })
}
