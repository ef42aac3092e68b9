//! Printing the text dialect: what people read in `nc`, in `websocat` or on a plain page.
//!
//! A message is one line. Further lines of it are indented and control characters replaced, so that
//! no message can pass for another, for the server's word, or for a command to a terminal.

use std::fmt::Write as _;

use crate::chat::policy::{ModerationAction, ModerationChange, RoomSettings};
use crate::chat::{Body, Event, Message, Presence, ResumedRoom, RoomName, RoomSummary, Status, UserName};
use crate::wire::commands;

/// Hands the lines of `event` to `line`, without their ends; none when the dialect has no form for it.
pub fn print(event: &Event, mut line: impl FnMut(&str)) {
    match event {
        Event::Message(message) => line(&message_line(message)),
        Event::History { messages, .. } if messages.is_empty() => line("* No messages"),
        Event::History { messages, .. } => messages.iter().for_each(|message| line(&message_line(message))),
        Event::Entered { user, .. } | Event::Join { user, .. } => line(&format!("{user} joined the room")),
        Event::Edit { user, body: Body::Deleted, .. } => line(&format!("* {user} deleted a message")),
        Event::Edit { user, body, .. } => line(&format!("* {user} edited a message: {}", body_text(body))),
        Event::Leave { user, .. } => line(&format!("{user} left the room")),
        Event::Left { room } => line(&format!("* You left {room}")),
        Event::Members { room, members, count } => line(&members_line(room.as_str(), members, *count)),
        Event::Rooms { rooms } if rooms.is_empty() => line("* No rooms"),
        Event::Rooms { rooms } => {
            let list: Vec<_> = rooms.iter().map(room_text).collect();
            line(&format!("* Rooms: {}", list.join(", ")));
        }
        Event::Moderated { room, by, action, .. } => line(&moderated_line(room, by, action)),
        Event::Created { room, .. } => line(&format!("* The room {room} is made")),
        Event::Resumed { user, rooms, .. } => {
            line(&format!("* You are {user} again"));
            rooms.iter().filter_map(returned_line).for_each(|text| line(&text));
        }
        Event::Session { resume: None, .. } => line("* Sessions are not kept here"),
        Event::Session { resume: Some(token), seq, .. } => {
            line(&format!("* If the connection breaks: /resume {token} {seq}"));
        }
        Event::TokenExpiring { left, .. } => {
            line(&format!("* Your token ends in {} s: /refresh TOKEN", left.as_secs()));
        }
        Event::Time { at } => line(&format!("* The server's time is {at}")),
        Event::Named { user } => line(&format!("* You are now {user}")),
        Event::Help => commands::help().for_each(|text| line(&text)),
        Event::Refused(refusal) => line(&format!("Error: {}", clean(&refusal.message))),
        Event::Presence(presence) => presence_line(presence).iter().for_each(|text| line(text)),
        Event::Lagged { missed, .. } => {
            line(&format!("* {missed} {} missed", if *missed == 1 { "message was" } else { "messages were" }))
        }
        Event::Goodbye { end, .. } => line(&format!("* {}", end.sentence())),
        Event::Welcome(_)
        | Event::Joined { .. }
        | Event::Sent { .. }
        | Event::Audit { .. }
        | Event::Pong
        | Event::Done
        | Event::Typing { .. }
        | Event::Receipt { .. }
        | Event::Signal { .. } => {}
    }
}

fn room_text(room: &RoomSummary) -> String {
    let private = if room.private { ", private" } else { "" };
    format!("{} ({}{private})", room.room, room.members)
}

fn message_line(message: &Message) -> String {
    let private = if message.to.is_some() { "[private] " } else { "" };
    format!("{private}{}: {}", message.user, body_text(&message.body))
}

fn body_text(body: &Body) -> String {
    match body {
        Body::Text(text) => clean(text),
        Body::Cipher(_) => "(encrypted)".to_owned(),
        Body::Deleted => "(deleted)".to_owned(),
    }
}

fn returned_line(resumed: &ResumedRoom) -> Option<String> {
    let ResumedRoom { room, recovery, missed } = resumed;
    match (recovery.reason(), missed) {
        (Some(reason), _) => Some(format!("* In {room}, what was missed is not to be had: {reason}")),
        (None, 0) => None,
        (None, 1) => Some(format!("* In {room}, 1 message was missed")),
        (None, missed) => Some(format!("* In {room}, {missed} messages were missed")),
    }
}

fn members_line(room: &str, members: &[Presence], count: usize) -> String {
    let mut line = format!("* In {room}: ");
    for (i, member) in members.iter().enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        let away = if member.status == Status::Away { " (away)" } else { "" };
        _ = write!(line, "{separator}{}{away}", member.user); // A string takes every character.
    }
    if count > members.len() {
        _ = write!(line, " and {} more", count - members.len()); // Likewise.
    }
    line
}

fn presence_line(presence: &Presence) -> Option<String> {
    let Presence { user, note, .. } = presence;
    match (presence.status, note) {
        (Status::Away, Some(note)) => Some(format!("* {user} is away: {}", clean(note))),
        (Status::Away, None) => Some(format!("* {user} is away")),
        (Status::Online, _) => Some(format!("* {user} is back")),
        // The leave event covers it.
        (Status::Offline, _) => None,
    }
}

/// The line of a change.
fn moderated_line(room: &RoomName, by: &UserName, action: &ModerationAction) -> String {
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

/// The text as one line of a terminal can show it.
fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\n    "),
            '\r' => {}
            '\t' => line.push(c),
            c if c.is_control() => line.push(char::REPLACEMENT_CHARACTER),
            c => line.push(c),
        }
    }
    line
}

/// The line for a client that waits to be served.
#[must_use]
pub fn waiting(ahead: usize) -> String {
    format!("* waiting: {ahead} ahead of you\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Time;
    use std::sync::Arc;

    fn shown(event: &Event) -> Vec<String> {
        let mut lines = Vec::new();
        print(event, |line| lines.push(line.to_owned()));
        lines
    }

    fn message(text: &str, to: Option<&str>) -> Event {
        let (room, user) = (RoomName::parse("r").unwrap(), UserName::parse("Alice").unwrap());
        let message = Message::new(room, user, Body::Text(text.into()), 1, Time(0));
        Event::Message(Arc::new(Message { to: to.map(|to| UserName::parse(to).unwrap()), ..message }))
    }

    #[test]
    fn a_message_is_its_author_and_its_text() {
        assert_eq!(shown(&message("Hello, world!", None)), ["Alice: Hello, world!"]);
        assert_eq!(shown(&message("hi", Some("Bob"))), ["[private] Alice: hi"]);
    }

    #[test]
    fn a_message_cannot_pass_for_another_or_command_a_terminal() {
        assert_eq!(shown(&message("a\r\nBob: b", None)), ["Alice: a\n    Bob: b"]);
        assert_eq!(shown(&message("\u{1b}[2J\u{7}\t.", None)), ["Alice: \u{fffd}[2J\u{fffd}\t."]);
    }
}
