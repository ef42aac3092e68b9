//! The routes of one room and its moderation: its settings, its members, its log, its end.
//!
//! Called by the routes on the connection's thread; they block on the room. What a client may see and do
//! is decided in the engine; here are only paths and bodies.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad, user_of};
use super::response::Response;
use crate::chat::policy::{Description, ModerationRequest, Role};
use crate::chat::{Event, Note, Refusal};
use crate::net::context::ServerContext;
use crate::wire::json;

/// The members and settings of a room: `GET /api/v1/rooms/R`.
///
/// # Errors
/// There is no such room.
pub fn room(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let info = context.engine.room_info(&request.identity(context), &room)?;
    let body = json::room_body(&info.room, info.members, &info.policy, info.privilege);
    Ok(Response::json(200, body))
}

/// Ends a room: `DELETE /api/v1/rooms/R`. Blocks on the room.
///
/// # Errors
/// Why it does not end.
pub fn end(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    moderate(context, request, room, ModerationRequest::End, None)
}

/// The users in a room, and on its list: `GET /api/v1/rooms/R/members`. Blocks on the room.
///
/// # Errors
/// There is no such room.
pub fn members(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let (identity, room) = (request.identity(context), request.room(room)?);
    let info = context.engine.room_info(&identity, &room)?;
    let (members, count, appointed) = match context.engine.members(&identity, &info)? {
        Event::Members { members, count, appointed, .. } => (members, count, appointed),
        _ => Default::default(),
    };
    let body = json::members_body(&info.room, (&members, count, &appointed), &info.policy, info.privilege);
    Ok(Response::json(200, body))
}

#[derive(Default, Deserialize)]
struct MemberBody {
    role: Option<String>,
    note: Option<String>,
}

/// Adds a user to the list, or gives them a role: `PUT /api/v1/rooms/R/members/U`. Blocks on the room.
///
/// # Errors
/// Why the list is not changed.
pub fn invite(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    user: &str,
) -> Result<Response, Refusal> {
    let user = user_of(user)?;
    let member = if request.body.is_empty() { MemberBody::default() } else { request.json()? };
    let role =
        member.role.map(|text| Role::parse(&text).ok_or_else(|| bad("role must be member, voice, moderator or owner")));
    let change = match role.transpose()? {
        Some(role) => ModerationRequest::Role { user, role },
        None => ModerationRequest::Invite { user },
    };
    moderate(context, request, room, change, member.note)
}

/// Removes a user from the list and from the room: `DELETE /api/v1/rooms/R/members/U`. Blocks on the room.
///
/// # Errors
/// Why they are not removed.
pub fn remove(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    user: &str,
) -> Result<Response, Refusal> {
    moderate(context, request, room, ModerationRequest::Remove { user: user_of(user)? }, None)
}

#[derive(Deserialize)]
struct DescriptionBody {
    subject: Option<String>,
    description: Option<String>,
    note: Option<String>,
}

/// Says what a room is about: `PUT /api/v1/rooms/R/about`. Blocks on the room.
///
/// # Errors
/// Why it is not changed.
pub fn describe(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let body: DescriptionBody = request.json()?;
    let change = Description::parse(body.subject.as_deref(), body.description.as_deref())?;
    moderate(context, request, room, ModerationRequest::Describe(change), body.note)
}

/// Pins a message, or pins it no longer: `PUT` and `DELETE /api/v1/rooms/R/pins/SEQ`. Blocks on the room.
///
/// # Errors
/// Why it is not changed.
pub fn pin(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str, seq: &str) -> Result<Response, Refusal> {
    let seq = seq.parse().map_err(|_| bad("The number of the message is not a number"))?;
    let pins = request.head.method == "PUT";
    let change = if pins { ModerationRequest::Pin { seq } } else { ModerationRequest::Unpin { seq } };
    moderate(context, request, room, change, None)
}

/// The moderation log of a room: `GET /api/v1/rooms/R/audit`.
///
/// # Errors
/// There is no such room, or its log is not for the client.
pub fn audit(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let before = request.number("before")?.unwrap_or(u64::MAX);
    let entries = context.engine.audit(&request.identity(context), &room, before, request.limit()?)?;
    Ok(Response::json(200, json::audit_body(&room, &entries)))
}

fn moderate(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    change: ModerationRequest,
    note: Option<String>,
) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let note = note.as_deref().filter(|note| !note.is_empty()).map(Note::parse).transpose()?;
    request.count_message(context)?;
    context.engine.moderate(&request.identity(context), &room, change, note)?;
    Ok(Response::empty(204))
}
