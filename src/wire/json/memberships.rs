//! Printing a user's rooms and conversations, and the invitations of a room, in the JSON dialect and as bodies over HTTP.
//!
//! Used by `print`, and by the routes.

use super::object::Object;
use crate::chat::listed_room::{ListedConversation, ListedRoom, Memberships, ReadPosition};
use crate::chat::policy::Invitation;
use crate::chat::{RoomName, UserName};

/// The body of `GET /api/v1/memberships`: `{rooms: […], conversations: […]}`.
#[must_use]
pub fn memberships_body(memberships: &Memberships) -> Vec<u8> {
    let mut out = Vec::new();
    memberships_fields(Object::bare(&mut out), memberships).end();
    out
}

/// The body of the answer to who makes an invitation.
#[must_use]
pub fn invitation_body(room: &RoomName, invitation: &Invitation) -> Vec<u8> {
    let mut out = Vec::new();
    invitation_fields(Object::bare(&mut out).field("room", room.as_str()), invitation).end();
    out
}

/// The body of the invitations of a room: `{room, invitations: […]}`.
#[must_use]
pub fn invitations_body(room: &RoomName, invitations: &[Invitation]) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str());
    object.list("invitations", invitations, invitation_fields).end();
    out
}

/// The body of the answer to who entered the list of a room: `{room, user}`, and the token of a name that was registered
/// for it.
#[must_use]
pub fn admitted_body(room: &RoomName, user: &UserName, token: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).field("user", user.as_str());
    object.maybe("token", token).end();
    out
}

/// The body of `POST /api/v1/codes` for an invitation.
#[must_use]
pub fn described_invitation_body(room: &RoomName, Invitation { by, until, .. }: &Invitation) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("room", room.as_str()).field("by", by.as_str()).shown("until", until).end();
    out
}

pub(super) fn invitation_fields<'a>(object: Object<'a>, invitation: &Invitation) -> Object<'a> {
    let Invitation { number, code, by, at, until, uses, used } = invitation;
    let object = object.field("invitation", number).field("code", code.reveal()).field("by", by.as_str());
    object.field("uses", uses).field("used", used).shown("until", until).shown("at", at)
}

pub(super) fn memberships_fields<'a>(object: Object<'a>, memberships: &Memberships) -> Object<'a> {
    let Memberships { rooms, conversations } = memberships;
    object.list("rooms", rooms, room_fields).list("conversations", conversations, |object, conversation| {
        let ListedConversation { room, user, position } = conversation;
        let object = object.field("room", room.as_str()).field("user", user.as_str());
        position_fields(object, Some(*position))
    })
}

fn room_fields<'a>(object: Object<'a>, listed: &ListedRoom) -> Object<'a> {
    let ListedRoom { room, role, private, invited, position } = listed;
    let object = object.field("room", room.as_str()).maybe("role", role.map(|role| role.as_str()));
    let object = object.maybe("private", private.then_some(true));
    let object = match invited {
        Some(invited) => object.field("invited_by", invited.by.as_str()).shown("invited_at", invited.at),
        None => object,
    };
    position_fields(object, *position)
}

fn position_fields(object: Object<'_>, position: Option<ReadPosition>) -> Object<'_> {
    match position {
        Some(ReadPosition { newest, read }) => object.field("seq", &newest).field("read", &read),
        None => object,
    }
}
