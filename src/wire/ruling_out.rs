//! Printing what is changed in rooms, and by whom: as events in both dialects, as an audit, and as
//! the bodies that tell of a room over HTTP.
//!
//! Used by `json_out` and `text_out`, and by the routes. One function knows the fields of a change, so
//! an event and its entry in the audit cannot differ.

use std::fmt::Write as _;

use super::json_out::presence_fields;
use super::object::Object;
use super::text_out::clean;
use crate::chat::charter::{Amendment, Change, Charter, Entry, Rank, Settings};
use crate::chat::{Presence, RoomName, Time, UserName};

/// The type of the event that tells of a change.
pub(super) fn kind_of(change: &Change) -> &'static str {
    if change.puts_out() { "removed" } else { change.as_str() }
}

/// The fields of the event that tells of a change.
pub(super) fn amended_fields<'a>(object: Object<'a>, by: &UserName, amendment: &Amendment, at: Time) -> Object<'a> {
    let Amendment { change, note } = amendment;
    let reason = change.puts_out().then(|| change.as_str());
    let object = object.maybe("user", change.user().map(UserName::as_str)).field("by", by.as_str());
    change_fields(object.maybe("reason", reason), change).maybe("note", note.as_deref()).shown("at", at)
}

fn change_fields<'a>(object: Object<'a>, change: &Change) -> Object<'a> {
    let object = match change {
        Change::Founded { private, members, .. } => {
            object.field("private", private).field("members", &members.iter().map(UserName::as_str).collect::<Vec<_>>())
        }
        Change::Role { role, .. } => object.field("role", role.as_str()),
        Change::Settings(settings) => settings_fields(object, *settings),
        Change::Deleted { seq, .. } => object.field("seq", seq),
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

fn settings_fields(object: Object<'_>, settings: Settings) -> Object<'_> {
    object.maybe("slow_mode_s", settings.slow_mode_s).maybe("announcement", settings.announcement)
}

fn entry_fields<'a>(object: Object<'a>, entry: &Entry) -> Object<'a> {
    let Entry { number, at, by, amendment: Amendment { change, note } } = entry;
    let object = object.field("number", number).shown("at", at).field("by", by.as_str());
    let object = object.field("what", change.as_str()).maybe("user", change.user().map(UserName::as_str));
    change_fields(object, change).maybe("note", note.as_deref())
}

/// The body of an audit over HTTP: `{room, entries: [{number, at, by, what, …}], next}`, oldest first;
/// `next` is where to go on with `before`, and absent when nothing lies beyond.
#[must_use]
pub fn audit_body(room: &RoomName, entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let next = entries.first().map(|entry| entry.number).filter(|number| *number > 1);
    let object = Object::bare(&mut out).field("room", room.as_str()).list("entries", entries, entry_fields);
    object.maybe("next", next).end();
    out
}

/// The body that tells of one room over HTTP, to one of this rank in it.
#[must_use]
pub fn room_body(room: &RoomName, members: usize, charter: &Charter, rank: Rank) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).field("members", &members);
    let object = object.field("private", &charter.is_private()).maybe("owner", charter.owner().map(UserName::as_str));
    settings_fields(object, charter.settings()).maybe("role", role_of(rank)).end();
    out
}

/// The body of the members of a room over HTTP: who is in it; for those who are on the list themselves,
/// who is on it; and for those who moderate, who is banned or muted.
#[must_use]
pub fn members_body(room: &RoomName, (members, count): (&[Presence], usize), charter: &Charter, rank: Rank) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("room", room.as_str()).list("members", members, presence_fields);
    let mut object = object.field("count", &count);
    if rank >= Rank::Member {
        let people: Vec<_> = charter.people().iter().collect();
        object = object.list("people", &people, |object, (user, role)| {
            object.field("user", user.as_str()).field("role", role.as_str())
        });
    }
    if rank >= Rank::Moderator {
        for (name, sanctions) in [("banned", charter.bans()), ("muted", charter.mutes())] {
            let sanctions: Vec<_> = sanctions.iter().collect();
            object = object.list(name, &sanctions, |object, (user, until)| {
                until_field(object.field("user", user.as_str()), **until)
            });
        }
    }
    object.end();
    out
}

fn role_of(rank: Rank) -> Option<&'static str> {
    match rank {
        Rank::Stranger | Rank::Visitor => None,
        Rank::Member => Some("member"),
        Rank::Moderator => Some("moderator"),
        Rank::Owner => Some("owner"),
        Rank::Admin => Some("admin"),
    }
}

/// The line that tells of a change.
pub(super) fn amended_line(room: &RoomName, by: &UserName, amendment: &Amendment) -> String {
    let Amendment { change, note } = amendment;
    let mut line = match change {
        Change::Founded { .. } => format!("* {by} made {room}"),
        Change::Invited { user } => format!("* {by} invited {user} to {room}"),
        Change::Removed { user } if user == by => format!("* {by} gave up membership of {room}"),
        Change::Removed { user } => format!("* {by} removed {user} from {room}"),
        Change::Kicked { user } => format!("* {by} put {user} out of {room}"),
        Change::Banned { user, .. } => format!("* {by} banned {user} from {room}"),
        Change::Unbanned { user } => format!("* {by} lifted the ban of {user}"),
        Change::Muted { user, .. } => format!("* {by} muted {user}"),
        Change::Unmuted { user } => format!("* {by} let {user} speak again"),
        Change::Role { user, role } => format!("* {by} made {user} {} of {room}", role.as_str()),
        Change::Settings(settings) => format!("* {by} set {}", settings_text(*settings)),
        Change::Ended => format!("* {by} ended {room}"),
        Change::Deleted { user, seq } => format!("* {by} deleted message {seq} of {user}"),
    };
    if let Some(until) = change.until() {
        _ = write!(line, " until {until}"); // A string takes every character.
    }
    if let Some(note) = note {
        _ = write!(line, ": {}", clean(note)); // Likewise.
    }
    line
}

fn settings_text(settings: Settings) -> String {
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
