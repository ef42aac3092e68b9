//! Printing moderation in the JSON dialect: changes as events, as entries of an audit log, and the bodies
//! that describe a room over HTTP.
//!
//! Used by `print`, and by the routes. One function knows the fields of a change, so an event and its entry
//! in the audit log cannot differ.

use super::object::Object;
use super::print::presence_fields;
use crate::chat::policy::{
    AuditEntry, Description, ModerationAction, ModerationChange, Policy, Privilege, Role, RoomSettings, RoomSubject,
};
use crate::chat::{Presence, RoomName, Time, UserName};

/// The type of a change's event.
pub(super) fn kind_of(change: &ModerationChange) -> &'static str {
    if change.evicts() { "removed" } else { change.as_str() }
}

/// The fields of a change's event.
pub(super) fn moderated_fields<'a>(
    object: Object<'a>,
    by: &UserName,
    action: &ModerationAction,
    at: Time,
) -> Object<'a> {
    let ModerationAction { change, note } = action;
    let reason = change.evicts().then(|| change.as_str());
    let object = object.maybe("user", change.user().map(UserName::as_str)).field("by", by.as_str());
    change_fields(object.maybe("reason", reason), change).maybe("note", note.as_deref()).shown("at", at)
}

fn change_fields<'a>(object: Object<'a>, change: &ModerationChange) -> Object<'a> {
    let object = match change {
        ModerationChange::Created { private, members, .. } => {
            object.field("private", private).field("members", &members.iter().map(UserName::as_str).collect::<Vec<_>>())
        }
        ModerationChange::Role { role, .. } => object.field("role", role.as_str()),
        ModerationChange::Settings(settings) => settings_fields(object, *settings),
        ModerationChange::Described(description) => description_fields(object, description),
        ModerationChange::Pinned { seq } | ModerationChange::Unpinned { seq } => object.field("seq", seq),
        ModerationChange::Deleted { seq, .. } => object.field("seq", seq),
        ModerationChange::InvitationCreated { number, uses, .. } => {
            object.field("invitation", number).field("uses", uses)
        }
        ModerationChange::InvitationRevoked { number } => object.field("invitation", number),
        ModerationChange::Admitted { invitation, .. } => object.field("invitation", invitation),
        _ => object,
    };
    until_field(object, change.until())
}

fn until_field(object: Object<'_>, until: Option<Time>) -> Object<'_> {
    match until {
        Some(until) => object.shown("until", until),
        None => object,
    }
}

fn settings_fields(object: Object<'_>, settings: RoomSettings) -> Object<'_> {
    let object = object.maybe("slow_mode_s", settings.slow_mode_s).maybe("announcement", settings.announcement);
    object.maybe("members_max", settings.members_max).maybe("open_subject", settings.open_subject)
}

fn description_fields<'a>(object: Object<'a>, description: &Description) -> Object<'a> {
    let Description { subject, description } = description;
    object.maybe("subject", subject.as_deref()).maybe("description", description.as_deref())
}

/// The fields that say what a room is about.
pub(super) fn subject_fields<'a>(object: Object<'a>, subject: &RoomSubject) -> Object<'a> {
    description_fields(object, &subject.description).field("pinned", &subject.pinned)
}

fn entry_fields<'a>(object: Object<'a>, entry: &AuditEntry) -> Object<'a> {
    let AuditEntry { number, at, by, action: ModerationAction { change, note } } = entry;
    let object = object.field("number", number).shown("at", at).field("by", by.as_str());
    let object = object.field("what", change.as_str()).maybe("user", change.user().map(UserName::as_str));
    change_fields(object, change).maybe("note", note.as_deref())
}

/// The body of an audit log over HTTP: `{room, entries: [{number, at, by, what, …}], next}`, oldest first;
/// `next` is where to go on with `before`, and absent when nothing lies beyond.
#[must_use]
pub fn audit_body(room: &RoomName, entries: &[AuditEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let next = entries.first().map(|entry| entry.number).filter(|number| *number > 1);
    let object = Object::bare(&mut out).field("room", room.as_str()).list("entries", entries, entry_fields);
    object.maybe("next", next).end();
    out
}

/// The body of one room over HTTP, for a user with this privilege.
#[must_use]
pub fn room_body(room: &RoomName, members: usize, policy: &Policy, privilege: Privilege) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).field("members", &members);
    let object = object.field("private", &policy.is_private()).maybe("owner", policy.owner().map(UserName::as_str));
    let object = subject_fields(settings_fields(object, policy.settings()), policy.subject());
    object.maybe("role", role_of(privilege)).end();
    out
}

/// The body of the members of a room over HTTP; for users on the member list, with that list; for
/// moderators, with bans and mutes.
#[must_use]
pub fn members_body(
    room: &RoomName,
    (members, count, appointed): (&[Presence], usize, &[(UserName, Role)]),
    policy: &Policy,
    privilege: Privilege,
) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).list("members", members, presence_fields);
    let mut object = appointed_fields(object.field("count", &count), appointed);
    if privilege >= Privilege::Member {
        let people: Vec<_> = policy.people().iter().collect();
        object = object.list("people", &people, |object, (user, role)| {
            object.field("user", user.as_str()).field("role", role.as_str())
        });
    }
    if privilege >= Privilege::Moderator {
        for (name, sanctions) in [("banned", policy.bans()), ("muted", policy.mutes())] {
            let sanctions: Vec<_> = sanctions.iter().collect();
            object = object.list(name, &sanctions, |object, (user, until)| {
                until_field(object.field("user", user.as_str()), **until)
            });
        }
    }
    object.end();
    out
}

/// The operators of a room, and to whom they have given a voice, if there are any.
pub(super) fn appointed_fields<'a>(mut object: Object<'a>, appointed: &[(UserName, Role)]) -> Object<'a> {
    for (field, role) in [("operators", Role::Moderator), ("voices", Role::Voice)] {
        let of_role = appointed.iter().filter(|(_, theirs)| *theirs == role);
        let names: Vec<_> = of_role.map(|(user, _)| user.as_str()).collect();
        object = object.maybe(field, (!names.is_empty()).then_some(names));
    }
    object
}

fn role_of(privilege: Privilege) -> Option<&'static str> {
    match privilege {
        Privilege::Outsider | Privilege::NonMember => None,
        Privilege::Member => Some("member"),
        Privilege::Voice => Some("voice"),
        Privilege::Moderator => Some("moderator"),
        Privilege::Owner => Some("owner"),
        Privilege::Admin => Some("admin"),
    }
}
