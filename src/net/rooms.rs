//! The addresses of rooms: making one, publishing, reading what was said.
//!
//! Called by the routes on the connection's thread. Publishing asks the room and waits for its
//! answer; reading asks the store, or the room where the store keeps nothing, and never delays it.

use serde::Deserialize;

use super::incoming::ServerContext;
use super::query;
use super::response::Response;
use super::routes::{ApiRequest, any_room_of, bad, body, event, room_of};
use crate::auth::names::taken;
use crate::chat::policy::RoomOptions;
use crate::chat::{About, Body, Code, Event, Identity, Mid, Refusal, RoomName, RoomRequest, Span, UserName};
use crate::engine::rooms::moderation::NewRoom;
use crate::wire::json;

#[derive(Deserialize)]
struct RoomBody {
    room: String,
    private: Option<bool>,
    members: Option<Vec<String>>,
    durable: Option<bool>,
}

/// Makes a room: `POST /api/v1/rooms`.
///
/// # Errors
/// Why it is not made.
pub fn create(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let wanted: RoomBody = body(request)?;
    let room = RoomName::parse(&wanted.room).map_err(|error| bad(format!("room {error}")))?;
    request.allows(&room)?;
    context.engine.address_limits.create_room(request.address, context.engine.clock.now().since_start)?;
    let members = wanted.members.iter().flatten().map(|name| UserName::parse(name));
    let members = members.collect::<Result<_, _>>().map_err(|error| bad(format!("members {error}")))?;
    let options = RoomOptions { private: wanted.private.unwrap_or(false), members };
    let plan = NewRoom { room: room.clone(), durable: wanted.durable.unwrap_or(true), options };
    context.engine.create(&request.identity(context), plan)?;
    Ok(event(201, &Event::Created { room, pinned: false }))
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
    let room = room_of(room)?;
    let wanted: NewMessage = body(request)?;
    request.allows(&room)?;
    let name = wanted.user.as_deref().map(UserName::parse).transpose();
    let who = author(context, request, name.map_err(|error| bad(format!("user {error}")))?)?;
    let key = request.head.value("Idempotency-Key");
    let mid = wanted.mid.as_deref().or(key).map(Mid::parse).transpose()?;
    let about = About::parse(wanted.reply_to, wanted.react_to)?;
    let message = RoomRequest::Publish { body: Body::Text(wanted.message.into()), about, mid, quiet: false };
    message.check(context.settings.limits.message_bytes)?;
    request.rate.take(context.engine.clock.now().since_start).map_err(Refusal::rate_limited)?;
    match context.engine.hub.ask(&room, who, message)? {
        Event::Refused(refusal) => Err(refusal),
        sent => Ok(event(201, &sent)),
    }
}

/// In whose name: that of the token, or a guest's of a free name.
fn author(context: &ServerContext, request: &ApiRequest<'_>, name: Option<UserName>) -> Result<Identity, Refusal> {
    match (&request.who, name) {
        (Some(who), Some(name)) if who.user != name => {
            Err(Refusal::new(Code::Forbidden, format!("The token is {}'s, not {name}'s", who.user)))
        }
        (Some(who), _) => Ok(who.clone()),
        (None, Some(name)) if context.engine.registered(&name) => Err(taken(&name)),
        (None, name) => Ok(Identity::guest(name.unwrap_or_else(|| context.engine.guest()))),
    }
}

/// The rooms that the visitor may enter: `GET /api/v1/rooms`.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Response {
    let rooms = context.engine.rooms(&request.identity(context));
    event(200, &Event::Rooms { rooms })
}

/// Reads a part of the history, or looks for words in it: `GET /api/v1/rooms/R/messages`.
///
/// # Errors
/// There is no such room, or its history cannot be read now.
pub fn history(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    request.allows(&room)?;
    let number = |name: &str| query::number(request.head.query, name);
    let (before, after, limit) = (number("before")?, number("after")?, number("limit")?);
    let span = Span::parse(before, after)?;
    let limit = Span::limit(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)));
    let found = match query::value(request.head.query, "q")? {
        Some(text) => match span {
            Span::Before(before) => context.engine.search(&request.identity(context), &room, &text, before, limit)?,
            Span::After(_) => return Err(bad("a search goes backwards: use before")),
        },
        None => context.engine.history(&request.identity(context), &room, span, limit)?,
    };
    Ok(Response::json(200, json::history_body(&found, span)))
}

/// Who has got a message, and when: `GET /api/v1/rooms/R/messages/SEQ/receipts`. A room, or a private
/// conversation of the asker's.
///
/// # Errors
/// There is no such message, or the history cannot be read now.
pub fn receipts(context: &ServerContext, request: &ApiRequest<'_>, room: &str, seq: &str) -> Result<Response, Refusal> {
    let room = any_room_of(room)?;
    request.allows(&room)?;
    let seq: u64 = seq.parse().map_err(|_| bad("the number of a message must be a number"))?;
    let marks = context.engine.receipts(&request.identity(context), &room, seq)?;
    Ok(Response::json(200, json::receipts_body(&room, seq, &marks)))
}
