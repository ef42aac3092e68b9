//! The routes of rooms: creating one, publishing, reading the history.
//!
//! Called by the routes on the connection's thread. Publishing asks the room and waits for its
//! answer; reading asks the store, or the room where the store keeps nothing, and delays no room.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad};
use super::query;
use super::response::Response;
use crate::auth::names::taken;
use crate::chat::policy::RoomOptions;
use crate::chat::{About, Body, Code, Event, Identity, Mid, Refusal, RoomName, RoomRequest, Span, UserName};
use crate::engine::rooms::moderation::NewRoom;
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct RoomBody {
    room: String,
    private: Option<bool>,
    members: Option<Vec<String>>,
    durable: Option<bool>,
}

/// Creates a room: `POST /api/v1/rooms`. Waits for the store.
///
/// # Errors
/// Why it is not created.
pub fn create(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let wanted: RoomBody = request.json()?;
    let room = RoomName::parse(&wanted.room).map_err(|error| bad(format!("room {error}")))?;
    request.allows(&room)?;
    context.engine.address_limits.create_room(request.address, context.engine.clock.now().since_start)?;
    let members = wanted.members.iter().flatten().map(|name| UserName::parse(name));
    let members = members.collect::<Result<_, _>>().map_err(|error| bad(format!("members {error}")))?;
    let options = RoomOptions { private: wanted.private.unwrap_or(false), members };
    let new = NewRoom { room: room.clone(), durable: wanted.durable.unwrap_or(true), options };
    context.engine.create(&request.identity(context), new)?;
    Ok(Response::event(201, &Event::Created { room, pinned: false }))
}

#[derive(Deserialize)]
struct NewMessage {
    message: String,
    user: Option<String>,
    reply_to: Option<u64>,
    react_to: Option<u64>,
    mid: Option<String>,
}

/// Publishes: `POST /api/v1/rooms/R/messages`. Blocks on the room.
///
/// # Errors
/// Why it is not published.
pub fn publish(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let wanted: NewMessage = request.json()?;
    let name = wanted.user.as_deref().map(UserName::parse).transpose();
    let identity = author(context, request, name.map_err(|error| bad(format!("user {error}")))?)?;
    let key = request.head.value("Idempotency-Key");
    let mid = wanted.mid.as_deref().or(key).map(Mid::parse).transpose()?;
    let about = About::parse(wanted.reply_to, wanted.react_to)?;
    let message = RoomRequest::Publish { body: Body::Text(wanted.message.into()), about, mid, quiet: false };
    message.check(context.settings.limits.message_bytes)?;
    request.rate.take(context.engine.clock.now().since_start).map_err(Refusal::rate_limited)?;
    match context.engine.hub.ask(&room, identity, message)? {
        Event::Refused(refusal) => Err(refusal),
        sent => Ok(Response::event(201, &sent)),
    }
}

/// The author of a message: the user of the token, or a guest with a free name.
fn author(context: &ServerContext, request: &ApiRequest<'_>, name: Option<UserName>) -> Result<Identity, Refusal> {
    match (&request.authenticated, name) {
        (Some(identity), Some(name)) if identity.user != name => {
            Err(Refusal::new(Code::Forbidden, format!("The token is {}'s, not {name}'s", identity.user)))
        }
        (Some(identity), _) => Ok(identity.clone()),
        (None, Some(name)) if context.engine.registered(&name) => Err(taken(&name)),
        (None, name) => Ok(Identity::guest(name.unwrap_or_else(|| context.engine.guest()))),
    }
}

/// The rooms that the client may enter: `GET /api/v1/rooms`.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Response {
    let rooms = context.engine.rooms(&request.identity(context));
    Response::event(200, &Event::Rooms { rooms })
}

/// Reads a part of the history, or searches it for words: `GET /api/v1/rooms/R/messages`.
///
/// # Errors
/// There is no such room, or its history cannot be read now.
pub fn history(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let (span, limit) = (request.span()?, request.limit()?);
    let found = match query::value(request.head.query, "q")? {
        Some(text) => match span {
            Span::Before(before) => context.engine.search(&request.identity(context), &room, &text, before, limit)?,
            Span::After(_) => return Err(bad("a search goes backwards: use before")),
        },
        None => context.engine.history(&request.identity(context), &room, span, limit)?,
    };
    Ok(Response::json(200, json::history_body(&found, span)))
}

/// Which users have received or read a message, and when: `GET /api/v1/rooms/R/messages/SEQ/receipts`, of a
/// room or of a private conversation of the client's.
///
/// # Errors
/// There is no such message, or the history cannot be read now.
pub fn receipts(context: &ServerContext, request: &ApiRequest<'_>, room: &str, seq: &str) -> Result<Response, Refusal> {
    let room = request.room_or_conversation(room)?;
    let seq: u64 = seq.parse().map_err(|_| bad("the number of a message must be a number"))?;
    let marks = context.engine.receipts(&request.identity(context), &room, seq)?;
    Ok(Response::json(200, json::receipts_body(&room, seq, &marks)))
}
