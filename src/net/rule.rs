//! The addresses of one room's own affairs: what it is, who is on its list, what was decided, its end.
//!
//! Called by the routes on the connection's thread; blocks on the room. What one may see and do is the
//! engine's to say; here are only addresses and bodies.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::callers::House;
use super::query;
use super::response::Response;
use super::routes::{Visit, bad, body, room_of};
use crate::chat::charter::{Motion, Role};
use crate::chat::command::NOTE_BYTES_MAX;
use crate::chat::{Event, Refusal, UserName};
use crate::wire::ruling_out;
use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX};

/// What a room is: `GET /api/v1/rooms/R`.
///
/// # Errors
/// There is no such room.
pub fn room(house: &House, visit: &Visit<'_>, room: &str) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    visit.allows(&room)?;
    let sight = house.engine.look(&visit.identity(house), &room)?;
    let body = ruling_out::room_body(&sight.room, sight.members, &sight.charter, sight.rank);
    Ok(Response::json(200, body))
}

/// Ends a room: `DELETE /api/v1/rooms/R`. Blocks on the room.
///
/// # Errors
/// Why it goes on.
pub fn end(house: &House, visit: &mut Visit<'_>, room: &str) -> Result<Response, Refusal> {
    govern(house, visit, room, Motion::End, None)
}

/// Who is in a room, and on its list: `GET /api/v1/rooms/R/members`. Blocks on the room.
///
/// # Errors
/// There is no such room.
pub fn members(house: &House, visit: &Visit<'_>, room: &str) -> Result<Response, Refusal> {
    let (who, room) = (visit.identity(house), room_of(room)?);
    visit.allows(&room)?;
    let sight = house.engine.look(&who, &room)?;
    let (members, count) = match house.engine.members(&who, &sight)? {
        Event::Members { members, count, .. } => (members, count),
        _ => (Vec::new(), 0),
    };
    let body = ruling_out::members_body(&sight.room, (&members, count), &sight.charter, sight.rank);
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
pub fn invite(house: &House, visit: &mut Visit<'_>, room: &str, user: &str) -> Result<Response, Refusal> {
    let user = user_of(user)?;
    let listing = if visit.body.is_empty() { Listing::default() } else { body(visit)? };
    let role =
        listing.role.map(|text| Role::parse(&text).ok_or_else(|| bad("role must be member, moderator or owner")));
    let motion = match role.transpose()? {
        Some(role) => Motion::Role { user, role },
        None => Motion::Invite { user },
    };
    govern(house, visit, room, motion, listing.note)
}

/// Takes a user off the list, and out of the room: `DELETE /api/v1/rooms/R/members/U`. Blocks on the
/// room.
///
/// # Errors
/// Why they stay.
pub fn remove(house: &House, visit: &mut Visit<'_>, room: &str, user: &str) -> Result<Response, Refusal> {
    govern(house, visit, room, Motion::Remove { user: user_of(user)? }, None)
}

/// What was decided in a room: `GET /api/v1/rooms/R/audit`.
///
/// # Errors
/// There is no such room, or it is not for the visitor to know.
pub fn audit(house: &House, visit: &Visit<'_>, room: &str) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    visit.allows(&room)?;
    let before = query::number(visit.request.query, "before")?.unwrap_or(u64::MAX);
    let limit = query::number(visit.request.query, "limit")?.unwrap_or(HISTORY_LIMIT_DEFAULT as u64);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, HISTORY_LIMIT_MAX);
    let entries = house.engine.audit(&visit.identity(house), &room, before, limit)?;
    Ok(Response::json(200, ruling_out::audit_body(&room, &entries)))
}

fn govern(
    house: &House,
    visit: &mut Visit<'_>,
    room: &str,
    motion: Motion,
    note: Option<String>,
) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    visit.allows(&room)?;
    if note.as_ref().is_some_and(|note| note.len() > NOTE_BYTES_MAX) {
        return Err(bad(format!("A note may have {NOTE_BYTES_MAX} bytes")));
    }
    visit.rate.take(house.engine.clock.now().since_start).map_err(Refusal::rate_limited)?;
    house.engine.govern(&visit.identity(house), &room, motion, note.map(Into::into))?;
    Ok(Response::empty(204))
}

fn user_of(encoded: &str) -> Result<UserName, Refusal> {
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_| bad("The user's name is not UTF-8"))?;
    UserName::parse(&name).map_err(|error| bad(format!("The user's name {error}")))
}
