//! Printing what is changed in rooms, and by whom: as events in both dialects, as an audit, and as
//! the bodies that tell of a room over HTTP.
//!
//! Used by `json_out` and `text_out`, and by the routes. One function knows the fields of a change, so
//! an event and its entry in the audit cannot differ.

use std::fmt::Write as _;

use super::json_out::presence_fields;
use super::object::Object;
use super::text_out::clean;
use crate::chat::policy::{AuditEntry, ModerationAction, ModerationChange, Policy, Privilege, RoomSettings};
use crate::chat::{Presence, RoomName, Time, UserName};

/// The type of the event that tells of a change.
pub(super) fn kind_of(change: &ModerationChange) -> &'static str {
    if change.evicts() { "removed" } else { change.as_str() }
}

/// The fields of the event that tells of a change.
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
        ModerationChange::Deleted { seq, .. } => object.field("seq", seq),
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
    object.maybe("slow_mode_s", settings.slow_mode_s).maybe("announcement", settings.announcement)
}

fn entry_fields<'a>(object: Object<'a>, entry: &AuditEntry) -> Object<'a> {
    let AuditEntry { number, at, by, action: ModerationAction { change, note } } = entry;
    let object = object.field("number", number).shown("at", at).field("by", by.as_str());
    let object = object.field("what", change.as_str()).maybe("user", change.user().map(UserName::as_str));
    change_fields(object, change).maybe("note", note.as_deref())
}

/// The body of an audit over HTTP: `{room, entries: [{number, at, by, what, …}], next}`, oldest first;
/// `next` is where to go on with `before`, and absent when nothing lies beyond.
#[must_use]
pub fn audit_body(room: &RoomName, entries: &[AuditEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    let next = entries.first().map(|entry| entry.number).filter(|number| *number > 1);
    let object = Object::bare(&mut out).field("room", room.as_str()).list("entries", entries, entry_fields);
    object.maybe("next", next).end();
    out
}

/// The body that tells of one room over HTTP, to one of this rank in it.
#[must_use]
pub fn room_body(room: &RoomName, members: usize, policy: &Policy, privilege: Privilege) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).field("members", &members);
    let object = object.field("private", &policy.is_private()).maybe("owner", policy.owner().map(UserName::as_str));
    settings_fields(object, policy.settings()).maybe("role", role_of(privilege)).end();
    out
}

/// The body of the members of a room over HTTP: who is in it; for those who are on the list themselves,
/// who is on it; and for those who moderate, who is banned or muted.
#[must_use]
pub fn members_body(
    room: &RoomName,
    (members, count): (&[Presence], usize),
    policy: &Policy,
    privilege: Privilege,
) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).list("members", members, presence_fields);
    let mut object = object.field("count", &count);
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

fn role_of(privilege: Privilege) -> Option<&'static str> {
    match privilege {
        Privilege::Outsider | Privilege::RemoteAddress => None,
        Privilege::Member => Some("member"),
        Privilege::Moderator => Some("moderator"),
        Privilege::Owner => Some("owner"),
        Privilege::Admin => Some("admin"),
    }
}

/// The line that tells of a change.
pub(super) fn moderated_line(room: &RoomName, by: &UserName, action: &ModerationAction) -> String {
    let ModerationAction { change, note } = action;
    let mut line = match change {
        ModerationChange::Created { .. } => format!("* {by} made {room}"),
        ModerationChange::Invited { user } => format!("* {by} invited {user} to {room}"),
        ModerationChange::Removed { user } if user == by => format!("* {by} gave up membership of {room}"),
        ModerationChange::Removed { user } => format!("* {by} removed {user} from {room}"),
        ModerationChange::Kicked { user } => format!("* {by} put {user} out of {room}"),
        ModerationChange::Banned { user, .. } => format!("* {by} banned {user} from {room}"),
        ModerationChange::Unbanned { user } => format!("* {by} lifted the ban of {user}"),
        ModerationChange::Muted { user, .. } => format!("* {by} muted {user}"),
        ModerationChange::Unmuted { user } => format!("* {by} let {user} speak again"),
        ModerationChange::Role { user, role } => format!("* {by} made {user} {} of {room}", role.as_str()),
        ModerationChange::Settings(settings) => format!("* {by} set {}", settings_text(*settings)),
        ModerationChange::Ended => format!("* {by} ended {room}"),
        ModerationChange::Deleted { user, seq } => format!("* {by} deleted message {seq} of {user}"),
    };
    if let Some(until) = change.until() {
        _ = write!(line, " until {until}"); // A string takes every character.
    }
    if let Some(note) = note {
        _ = write!(line, ": {}", clean(note)); // Likewise.
    }
    line
}

fn settings_text(settings: RoomSettings) -> String {
    let slow_mode = settings.slow_mode_s.map(|seconds| match seconds {
        0 => "slow mode off".to_owned(),
        seconds => format!("slow mode to one message in {seconds} s"),
    });
    let announcement = settings.announcement.map(|on| match on {
        true => "the room to announcements: only moderators speak".to_owned(),
        false => "the room to conversation: everybody speaks".to_owned(),
    });
    slow_mode.into_iter().chain(announcement).collect::<Vec<_>>().join(", and ")
}
