//! The routes of invitations, and of a user's memberships.
//!
//! Called by the routes on the connection's thread; they block on the room and on the store.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad, room_of};
use super::response::Response;
use super::{bearer, devices};
use crate::chat::device::DeviceLabel;
use crate::chat::policy::{InvitationOptions, ModerationRequest};
use crate::chat::{Code, Note, Refusal, RoomName, Secret, UserName};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Default, Deserialize)]
struct NewInvitation {
    #[serde(default, deserialize_with = "json::whole::optional")]
    for_s: Option<u64>,
    #[serde(default, deserialize_with = "json::whole::optional")]
    uses: Option<u32>,
    note: Option<String>,
}

#[derive(Deserialize)]
struct NewMember {
    invitation: String,
    name: Option<String>,
    label: Option<String>,
}

/// The invitations to a room, for its moderators: `GET /api/v1/rooms/R/invitations`.
///
/// # Errors
/// There is no such room, or its invitations are not for the client.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let invitations = context.engine.invitations(&request.identity(context), &room)?;
    Ok(Response::json(200, json::invitations_body(&room, &invitations)))
}

/// Makes an invitation: `POST /api/v1/rooms/R/invitations`. Blocks on the room.
///
/// # Errors
/// Why none is made.
pub fn create(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let wanted = if request.body.is_empty() { NewInvitation::default() } else { request.json()? };
    let options = InvitationOptions::parse(wanted.for_s, wanted.uses)?;
    let note = wanted.note.as_deref().filter(|note| !note.is_empty()).map(Note::parse).transpose()?;
    let room = request.room(room)?;
    request.count_message(context)?;
    let invitation = context.engine.create_invitation(&request.identity(context), &room, options, note)?;
    Ok(Response::json(201, json::invitation_body(&room, &invitation)))
}

/// Revokes an invitation: `DELETE /api/v1/rooms/R/invitations/N`. Blocks on the room.
///
/// # Errors
/// There is none of this number, or the client may not revoke it.
pub fn revoke(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    number: &str,
) -> Result<Response, Refusal> {
    let number = number.parse().map_err(|_| bad("The number of the invitation is not a number"))?;
    let room = request.room(room)?;
    request.count_message(context)?;
    let change = ModerationRequest::RevokeInvitation { number };
    context.engine.moderate(&request.identity(context), &room, change, None)?;
    Ok(Response::empty(204))
}

/// Puts the user whom the token names on the list of a room, or, without a token, a name that is registered for it:
/// `POST /api/v1/rooms/R/members`. Blocks on the room and on the store.
///
/// # Errors
/// `unauthorized` for a code that admits nobody, or without a token and a name; otherwise as for a claim and a join.
pub fn enter(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = room_of(room)?;
    let wanted: NewMember = request.json()?;
    let code = Secret::from(wanted.invitation.as_str());
    let (engine, from) = (&context.engine, request.address.counted);
    request.count_message(context)?;
    if let Some(who) = bearer::shown(context, request.head, bearer::token(request.head)?, from)? {
        engine.admit(&who, &room, &code, from)?;
        return Ok(Response::json(200, json::admitted_body(&room, &who.user, None)));
    }
    let name = wanted.name.as_deref().map(UserName::parse).transpose();
    let name = name.map_err(|error| bad(format!("name {error}")))?.ok_or_else(|| {
        Refusal::new(Code::Unauthorized, "An invitation admits a registered user: show a token, or send a name")
    })?;
    let label = devices::label(wanted.label.as_deref())?;
    // An invitation that is not valid registers no name.
    engine.check_invitation(&room, &code, from)?;
    enter_as(context, request, (&room, &code), (&name, label))
}

fn enter_as(
    context: &ServerContext,
    request: &ApiRequest<'_>,
    (room, code): (&RoomName, &Secret),
    (name, label): (&UserName, Option<DeviceLabel>),
) -> Result<Response, Refusal> {
    let (engine, from) = (&context.engine, request.address.counted);
    engine.address_limits.claim(from, engine.clock.now().since_start)?;
    let claimed = engine.claim(name, label)?;
    if let Err(refusal) = engine.admit(&claimed.identity, room, code, from) {
        // Somebody else used it up meanwhile: nobody has the token, and the name is free again.
        if let Err(error) = engine.release_name(name, None) {
            log::warn!(user = name.as_str(), error:%; "a name that was not admitted is not given up");
        }
        return Err(refusal);
    }
    Ok(Response::json(201, json::admitted_body(room, &claimed.identity.user, Some(&claimed.token))))
}

/// The rooms and conversations of the user whom the token names: `GET /api/v1/memberships`.
///
/// # Errors
/// `unauthorized` without a token, `unavailable`.
pub fn memberships(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    request.authenticate(context)?;
    request.count_question(context, 1)?;
    let memberships = context.engine.memberships(&request.identity(context))?;
    Ok(Response::json(200, json::memberships_body(&memberships)))
}
