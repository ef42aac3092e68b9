//! Searching: one room, or all rooms that the client may read.
//!
//! Called by the routes on the connection's thread, which waits for the store. A search counts as ten questions: as much
//! as a message.

use super::api_request::{ApiRequest, bad};
use super::query;
use super::response::Response;
use crate::chat::rate::OTHERS_A_MESSAGE;
use crate::chat::{Event, Refusal, RoomName, Span};
use crate::net::context::ServerContext;
use crate::wire::json;

/// The newest messages of a room that hold the words of `text`.
///
/// # Errors
/// There is no such room, or its history cannot be read now.
pub fn search_room(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &RoomName,
    text: &str,
    span: Span,
    limit: usize,
) -> Result<Event, Refusal> {
    let Span::Before(before) = span else { return Err(bad("a search goes backwards: use before")) };
    count(context, request)?;
    context.engine.search(&request.identity(context), room, text, before, limit)
}

/// The newest messages of all rooms that the client may read: `GET /api/v1/search`.
///
/// # Errors
/// The history cannot be read now.
pub fn search_rooms(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    let text = query::value(request.head.query, "q")?.ok_or_else(|| bad("q, the words to search for, is missing"))?;
    let before = query::value(request.head.query, "before")?.map(|text| text.parse()).transpose()?;
    let limit = request.limit()?;
    count(context, request)?;
    let found = context.engine.search_rooms(&request.identity(context), &text, before, limit)?;
    Ok(Response::json(200, json::found_body(&found.messages, found.next, found.complete)))
}

/// Counts a search, which was counted as one question already.
fn count(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<(), Refusal> {
    request.count_question(context, OTHERS_A_MESSAGE - 1)
}
