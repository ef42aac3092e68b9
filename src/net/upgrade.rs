//! From a request to a WebSocket: who comes, where to, and in which dialect.
//!
//! Everything is checked before the 101 (RFC 6455 §4.2), the origin included; the answer to the
//! handshake itself is tungstenite's.

use std::sync::Arc;

use tungstenite::handshake::server::{create_response, write_response};
use tungstenite::http::{HeaderMap, HeaderValue, Method, Request, header};

use super::callers::House;
use super::response::Response;
use super::routes::foreign_origin;
use super::tcp::Tcp;
use super::{echo, websocket};
use crate::chat::command::{JOIN_HISTORY_DEFAULT, JOIN_HISTORY_MAX, JoinWish};
use crate::chat::{Code, Refusal, RoomName, UserName};
use crate::engine::connection::Door;
use crate::wire::Encoding;

/// A WebSocket that was asked for and is granted.
#[derive(Debug)]
pub enum Upgrade {
    /// A conversation.
    Chat(Chat),
    /// The conformance route.
    Echo,
}

/// What the address of a conversation says.
#[derive(Debug)]
pub struct Chat {
    /// The dialect, and how.
    pub door: Door,
    /// The name that is asked for; `None` for a guest's.
    pub user: Option<UserName>,
    /// The room to enter at once.
    pub room: Option<(RoomName, JoinWish)>,
    protocol: Option<&'static str>,
}

/// Looks whether the request is for a WebSocket's address. `None`: it is not. `Err`: it is, and
/// cannot be granted.
pub fn wanted(house: &House, request: &Request<()>) -> Option<Result<Upgrade, Response>> {
    let echo = match request.uri().path() {
        "/ws" => false,
        "/echo" if house.settings.echo_route => true,
        _ => return None,
    };
    if request.method() != Method::GET {
        // The table of routes has the answer to other methods.
        return (request.method() != Method::OPTIONS)
            .then(|| Err(Response::error(405, "This method is not for this address").with("Allow", "GET, OPTIONS")));
    }
    Some(
        handshake(house, request)
            .and_then(|()| if echo { Ok(Upgrade::Echo) } else { chat(request).map(Upgrade::Chat) }),
    )
}

impl Upgrade {
    /// Serves the WebSocket to its end. `tail` is what the client sent behind its head.
    pub fn serve(self, house: &Arc<House>, socket: &Arc<Tcp>, request: &Request<()>, tail: Vec<u8>) {
        let protocol = match &self {
            Self::Chat(chat) => chat.protocol,
            Self::Echo => None,
        };
        let Ok(mut response) = create_response(request) else {
            return; // `handshake` has looked at everything that this looks at.
        };
        if let Some(protocol) = protocol {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        let mut head = Vec::new();
        write_response(&mut head, &response).expect("a vector takes every byte");
        match self {
            Self::Chat(chat) => websocket::serve(house, socket, chat, &head, tail),
            Self::Echo => echo::serve(house, socket, &head, tail),
        }
    }
}

/// RFC 6455 §4.2.1.
fn handshake(house: &House, request: &Request<()>) -> Result<(), Response> {
    let headers = request.headers();
    if !names(headers, header::UPGRADE, "websocket") || !names(headers, header::CONNECTION, "upgrade") {
        let response = Response::error(426, "This address is for WebSockets");
        return Err(response
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Version", "13"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        return Err(Response::error(426, "Version 13 of WebSocket is spoken here").with("Sec-WebSocket-Version", "13"));
    }
    // Sixteen bytes in base64.
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    if !key.is_some_and(|key| key.len() == 24 && key.ends_with(b"==")) {
        return Err(Response::error(400, "Bad Sec-WebSocket-Key"));
    }
    if foreign_origin(house, request) {
        return Err(Response::error(403, "This origin may not connect"));
    }
    Ok(())
}

fn chat(request: &Request<()>) -> Result<Chat, Response> {
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let bad = |message: String| Response::refusal(400, &Refusal::new(Code::BadRequest, message));
    let protocol = protocol(request.headers());
    let (room, user) = (value("room"), value("user"));
    let json = match (protocol, value("format").as_deref()) {
        (Some(protocol), _) => protocol == "roomd.v1.json",
        (None, Some("json")) => true,
        (None, Some("text")) => false,
        (None, Some(_)) => return Err(bad("format must be json or text".to_owned())),
        (None, None) => room.is_none() && user.is_none(),
    };
    // Only the JSON dialect can do without a room, and only without a room can it do without a name.
    let complete = match (&room, &user) {
        (Some(room), Some(user)) => !room.is_empty() && !user.is_empty(),
        (None, Some(user)) => json && !user.is_empty(),
        (None, None) => json,
        (Some(_), None) => false,
    };
    if !complete {
        return Err(bad("Missing room or user parameter".to_owned()));
    }
    let room = room.map(|room| RoomName::parse(&room)).transpose().map_err(|error| bad(format!("room {error}")))?;
    let user = user.map(|user| UserName::parse(&user)).transpose().map_err(|error| bad(format!("user {error}")))?;
    let history = match value("history").map(|text| text.parse::<usize>()) {
        None => JOIN_HISTORY_DEFAULT,
        Some(Ok(count)) => count.min(JOIN_HISTORY_MAX),
        Some(Err(_)) => return Err(bad("history must be a number of messages".to_owned())),
    };
    let echo = match value("echo").as_deref() {
        None | Some("true" | "1") => true,
        Some("false" | "0") => false,
        Some(_) => return Err(bad("echo must be true or false".to_owned())),
    };
    let encoding = if json { Encoding::Json } else { Encoding::TextFrames };
    let door = Door { encoding, echo, join_history: history };
    Ok(Chat { door, user, room: room.map(|room| (room, JoinWish::default())), protocol })
}

/// The first of the client's sub-protocols that is spoken here.
fn protocol(headers: &HeaderMap) -> Option<&'static str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|text| text.split(',')).find_map(|name| match name.trim() {
        "roomd.v1.json" => Some("roomd.v1.json"),
        "roomd.v1.text" => Some("roomd.v1.text"),
        _ => None,
    })
}

/// Whether a header field that is a list has this token.
fn names(headers: &HeaderMap, field: header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(field);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}
