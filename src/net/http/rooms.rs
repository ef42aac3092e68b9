//! The routes of rooms: creating one, listing them, reading the history.
//!
//! Called by the routes on the connection's thread. Reading asks the store, or the room where the store keeps nothing,
//! and delays no room.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad, number_of};
use super::query;
use super::response::Response;
use crate::chat::policy::RoomOptions;
use crate::chat::{Event, Refusal, RoomName, UserName};
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
    let members = wanted.members.iter().flatten().map(|name| UserName::parse(name));
    let members = members.collect::<Result<_, _>>().map_err(|error| bad(format!("members {error}")))?;
    let options = RoomOptions { private: wanted.private.unwrap_or(false), members };
    let new = NewRoom { room: room.clone(), durable: wanted.durable.unwrap_or(true), options };
    context.engine.create_from(request.address.counted, &request.identity(context), new)?;
    Ok(Response::event(201, &Event::Created { room, pinned: false }))
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
pub fn history(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let (span, limit) = (request.span()?, request.limit()?);
    let found = match query::value(request.head.query, "q")? {
        Some(text) => super::search::search_room(context, request, &room, &text, span, limit)?,
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
    let seq = number_of("message", seq)?;
    let marks = context.engine.receipts(&request.identity(context), &room, seq)?;
    Ok(Response::json(200, json::receipts_body(&room, seq, &marks)))
}
