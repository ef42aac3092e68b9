//! The addresses of one room's own affairs: what it is, who is on its list, what was decided, its end.
//!
//! Called by the routes on the connection's thread; blocks on the room. What one may see and do is the
//! engine's to say; here are only addresses and bodies.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::incoming::ServerContext;
use super::query;
use super::response::Response;
use super::routes::{ApiRequest, bad, body, room_of};
use crate::chat::policy::{ModerationRequest, Role};
use crate::chat::{Event, Note, Refusal, Span, UserName};
use crate::wire::json;

/// What a room is: `GET /api/v1/rooms/R`.
///
/// # Errors
/// There is no such room.
pub fn room(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    request.allows(&room)?;
    let sight = context.engine.look(&request.identity(context), &room)?;
    let body = json::room_body(&sight.room, sight.members, &sight.policy, sight.privilege);
    Ok(Response::json(200, body))
}

/// Ends a room: `DELETE /api/v1/rooms/R`. Blocks on the room.
///
/// # Errors
/// Why it goes on.
pub fn end(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    moderate(context, request, room, ModerationRequest::End, None)
}

/// Who is in a room, and on its list: `GET /api/v1/rooms/R/members`. Blocks on the room.
///
/// # Errors
/// There is no such room.
pub fn members(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let (who, room) = (request.identity(context), room_of(room)?);
    request.allows(&room)?;
    let sight = context.engine.look(&who, &room)?;
    let (members, count) = match context.engine.members(&who, &sight)? {
        Event::Members { members, count, .. } => (members, count),
        _ => (Vec::new(), 0),
    };
    let body = json::members_body(&sight.room, (&members, count), &sight.policy, sight.privilege);
    Ok(Response::json(200, body))
}

#[derive(Default, Deserialize)]
struct Listing {
    role: Option<String>,
    note: Option<String>,
}

/// Puts a user on the list, or gives them a role: `PUT /api/v1/rooms/R/members/U`. Blocks on the room.
///
/// # Errors
/// Why the list stays as it is.
pub fn invite(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    user: &str,
) -> Result<Response, Refusal> {
    let user = user_of(user)?;
    let listing = if request.body.is_empty() { Listing::default() } else { body(request)? };
    let role =
        listing.role.map(|text| Role::parse(&text).ok_or_else(|| bad("role must be member, moderator or owner")));
    let change = match role.transpose()? {
        Some(role) => ModerationRequest::Role { user, role },
        None => ModerationRequest::Invite { user },
    };
    moderate(context, request, room, change, listing.note)
}

/// Takes a user off the list, and out of the room: `DELETE /api/v1/rooms/R/members/U`. Blocks on the
/// room.
///
/// # Errors
/// Why they stay.
pub fn remove(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    user: &str,
) -> Result<Response, Refusal> {
    moderate(context, request, room, ModerationRequest::Remove { user: user_of(user)? }, None)
}

/// What was decided in a room: `GET /api/v1/rooms/R/audit`.
///
/// # Errors
/// There is no such room, or it is not for the visitor to know.
pub fn audit(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    request.allows(&room)?;
    let before = query::number(request.head.query, "before")?.unwrap_or(u64::MAX);
    let limit = query::number(request.head.query, "limit")?;
    let limit = Span::limit(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)));
    let entries = context.engine.audit(&request.identity(context), &room, before, limit)?;
    Ok(Response::json(200, json::audit_body(&room, &entries)))
}

fn moderate(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    change: ModerationRequest,
    note: Option<String>,
) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    request.allows(&room)?;
    let note = note.as_deref().map(Note::parse).transpose()?;
    request.rate.take(context.engine.clock.now().since_start).map_err(Refusal::rate_limited)?;
    context.engine.moderate(&request.identity(context), &room, change, note)?;
    Ok(Response::empty(204))
}

fn user_of(encoded: &str) -> Result<UserName, Refusal> {
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_| bad("The user's name is not UTF-8"))?;
    UserName::parse(&name).map_err(|error| bad(format!("The user's name {error}")))
}
