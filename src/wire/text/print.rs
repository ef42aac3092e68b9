//! Printing the text dialect: what people read in `nc`, in `websocat` or on a plain page.
//!
//! A message is one line. Further lines of it are indented and control characters replaced, so that
//! no message can pass for another, for the server's word, or for a command to a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::chat::admin::Announcement;
use crate::chat::device::{Device, ListedDevice};
use crate::chat::listed_room::{ListedConversation, ListedRoom, Memberships, ReadPosition};
use crate::chat::policy::{
    Description, Invitation, ModerationAction, ModerationChange, Role, RoomSettings, RoomSubject,
};
use crate::chat::receipt_counts::Counts;
use crate::chat::{
    Body, DisplayName, Event, GroupName, LeaveReason, Message, Note, Presence, Refusal, ResumedRoom, RoomName,
    RoomSummary, Status, UserName,
};
use crate::wire::commands;
use crate::wire::text::may_have_controls;
use roomd_protocol::{data, receipt_sentences};

/// Hands the lines of `event` to `line`, without their ends; none when the dialect has no form for it.
pub fn print(event: &Event, mut line: impl FnMut(&str)) {
    match event {
        Event::Message(message) => line(&message_line(message)),
        Event::Assigned { message, group, redelivered, missed } => {
            (*missed > 0).then(|| lagged_line(*missed, 0)).iter().for_each(|text| line(text));
            line(&assigned_line(group, message, *redelivered));
        }
        Event::History { messages, .. } if messages.is_empty() => line("* No messages"),
        Event::History { messages, .. } => messages.iter().for_each(|message| line(&message_line(message))),
        Event::Entered { user, .. } | Event::Join { user, .. } => line(&format!("{user} joined the room")),
        Event::Edit { user, body, .. } => line(&edit_line(user, body)),
        Event::Leave { user, reason, .. } => line(&leave_line(user, reason)),
        Event::Left { room } => line(&format!("* You left {room}")),
        Event::Subscribed { pattern } => line(&format!("* You hear every room that matches {pattern}")),
        Event::Unsubscribed { pattern } => line(&format!("* You hear the rooms that match {pattern} no longer")),
        Event::Members { room, members, count, .. } => line(&members_line(room.as_str(), members, *count)),
        Event::About { subject, .. } => subject_lines(subject).iter().for_each(|text| line(text)),
        Event::Rooms { rooms } => line(&rooms_line(rooms)),
        Event::Moderated { room, by, action, .. } | Event::InvitedTo { room, by, action, .. } => {
            line(&moderated_line(room, by, action))
        }
        Event::Created { room, .. } => line(&format!("* The room {room} is made")),
        Event::Resumed { user, rooms, .. } => {
            line(&format!("* You are {user} again"));
            rooms.iter().filter_map(returned_line).for_each(|text| line(&text));
        }
        Event::Session { .. }
        | Event::TokenExpiring { .. }
        | Event::Draining { .. }
        | Event::Announced(_)
        | Event::DisplayNames { .. }
        | Event::DisplayName { .. }
        | Event::Devices { .. }
        | Event::DeviceCode { .. }
        | Event::Memberships(_)
        | Event::Invitation { .. }
        | Event::Invitations { .. }
        | Event::EndAsked { .. }
        | Event::Greeting { .. }
        | Event::ReceiptsAsked { .. }
        | Event::Reached { .. }
        | Event::ReceiptCounts { .. } => print_own(event, line),
        Event::Time { at } => line(&format!("* The server's time is {at}")),
        Event::Named { user } => line(&format!("* You are now {user}")),
        Event::Help => commands::help().for_each(|text| line(&text)),
        Event::Refused(refusal) => line(&refused_line(refusal)),
        Event::Presence(presence) => presence_line(presence).iter().for_each(|text| line(text)),
        Event::Lagged { missed, conflated, .. } => line(&lagged_line(*missed, *conflated)),
        Event::Goodbye { end, .. } => line(&format!("* {}", end.sentence())),
        Event::Welcome(_)
        | Event::Joined { .. }
        | Event::Sent { .. }
        | Event::Audit { .. }
        | Event::Found { .. }
        | Event::Bookmarks { .. }
        | Event::Bookmarked(_)
        | Event::Unbookmarked { .. }
        | Event::Pong
        | Event::Done
        | Event::Typing { .. }
        | Event::Receipt { .. }
        | Event::ReadTo { .. }
        | Event::Watched { .. }
        | Event::Signal { .. } => {}
    }
}

/// The same for a client that is not in the room and hears it by a pattern: what is said begins with the room's name.
pub fn print_of_pattern(event: &Event, mut line: impl FnMut(&str)) {
    let room = match event {
        Event::Message(message) => &message.room,
        Event::Edit { room, .. }
        | Event::Join { room, .. }
        | Event::Leave { room, .. }
        | Event::Lagged { room, .. } => room,
        _ => return print(event, line),
    };
    print(event, |text| line(&format!("[{room}] {text}")));
}

fn refused_line(refusal: &Refusal) -> String {
    let excerpt = refusal.unsent.as_ref().and_then(|unsent| unsent.excerpt.as_deref());
    let excerpt = excerpt.map(|excerpt| format!("; not sent: {}", clean(excerpt)));
    format!("Error: {}{}", clean(&refusal.message), excerpt.unwrap_or_default())
}

fn rooms_line(rooms: &[RoomSummary]) -> String {
    let list: Vec<_> = rooms.iter().map(room_text).collect();
    if list.is_empty() { "* No rooms".to_owned() } else { format!("* Rooms: {}", list.join(", ")) }
}

fn edit_line(user: &UserName, body: &Body) -> String {
    match body {
        Body::Deleted(note) => format!("* {user} deleted a message{}", reason_of(note.as_ref())),
        Body::Text(_) | Body::Cipher(_) | Body::Data(_) => format!("* {user} edited a message: {}", body_text(body)),
    }
}

/// What is said behind an event that somebody has given a reason for.
fn reason_of(note: Option<&Note>) -> String {
    note.map(|note| format!(": {}", clean(note))).unwrap_or_default()
}

fn leave_line(user: &UserName, reason: &LeaveReason) -> String {
    let note = reason_of(reason.note());
    format!("{user} left the room{note}")
}

/// The same, of what is a user's own, of display names, invitations and receipts, and of what a person is told or asked.
fn print_own(event: &Event, mut line: impl FnMut(&str)) {
    match event {
        Event::Session { resume: None, .. } => line("* Sessions are not kept here"),
        Event::Session { resume: Some(token), seq, .. } => {
            line(&format!("* If the connection breaks: /resume {token} {seq}"));
        }
        Event::TokenExpiring { left, .. } => {
            line(&format!("* Your token ends in {} s: /refresh TOKEN", left.as_secs()));
        }
        Event::Announced(Announcement { text, by, .. }) => line(&format!("* {by} announces to all: {text}")),
        Event::Draining { left } => {
            line(&format!("* The server is about to shut down, in {} s", left.as_millis().div_ceil(1_000)));
        }
        Event::DisplayNames { names } if names.is_empty() => line("* There is no display name"),
        Event::DisplayNames { names } => {
            names.iter().for_each(|(user, name)| line(&display_name_line(user, Some(name))));
        }
        Event::DisplayName { user, name } => line(&display_name_line(user, name.as_ref())),
        Event::Devices { devices } if devices.is_empty() => line("* No devices: your token was not issued for a claim"),
        Event::Devices { devices } => devices.iter().for_each(|device| line(&device_line(device))),
        Event::DeviceCode { code, expires } => {
            line(&format!("* This code signs in another device, once, until {expires}: {}", code.reveal()));
        }
        Event::Memberships(memberships) => membership_lines(memberships).iter().for_each(|text| line(text)),
        Event::Invitation { room, invitation } => line(&invitation_line(room, invitation)),
        Event::Invitations { room, invitations } if invitations.is_empty() => {
            line(&format!("* No invitations to {room}"))
        }
        Event::Invitations { room, invitations } => {
            invitations.iter().for_each(|invitation| line(&invitation_line(room, invitation)));
        }
        Event::EndAsked { room } => line(&format!(
            "* This ends {room} for everybody and deletes its messages: /end {room} again within a minute does it"
        )),
        Event::Greeting { room, user } => {
            line(&format!(
                "* You are {user}, and enter the room {room} with your first line; /help lists the commands"
            ));
        }
        Event::ReceiptsAsked { on } => line(&format!("* {}", receipt_sentences::asked(*on))),
        Event::Reached { receipt, users, messages, private, .. } => {
            let sentence = receipt_sentences::reached(users, receipt.as_str(), *messages, *private);
            line(&format!("* {sentence}"));
        }
        Event::ReceiptCounts { counts: Counts { written, received, read }, .. } => {
            line(&format!("* {}", receipt_sentences::counted([written, received, read])));
        }
        _ => {}
    }
}

fn display_name_line(user: &UserName, name: Option<&DisplayName>) -> String {
    match name {
        Some(name) => format!("* {user} wants to be called {name}"),
        None => format!("* {user} has no display name any more"),
    }
}

fn subject_lines(subject: &RoomSubject) -> Vec<String> {
    let Description { subject: topic, description } = &subject.description;
    let mut lines = vec![match topic {
        Some(topic) => format!("* Topic: {}", clean(topic)),
        None => "* This room has no topic".to_owned(),
    }];
    lines.extend(description.as_deref().map(|description| format!("* {}", clean(description))));
    if !subject.pinned.is_empty() {
        let pinned: Vec<_> = subject.pinned.iter().map(u64::to_string).collect();
        lines.push(format!("* Pinned messages: {}", pinned.join(", ")));
    }
    lines
}

fn device_line(listed: &ListedDevice) -> String {
    let ListedDevice { device: Device { id, label, created, seen }, connections, current } = listed;
    let label = label.as_deref().unwrap_or("a device");
    let seen = match (current, connections, seen) {
        (true, ..) => "this one".to_owned(),
        (_, 0, Some(seen)) => format!("last seen {seen}"),
        (_, 0, None) => "never seen".to_owned(),
        _ => "connected".to_owned(),
    };
    format!("* {id}: {}, since {created}, {seen}", clean(label))
}

fn invitation_line(room: &RoomName, invitation: &Invitation) -> String {
    let Invitation { number, code, by, until, uses, used, .. } = invitation;
    format!("* Invitation {number} of {by}, used {used} of {uses} times, until {until}: /join {room} {}", code.reveal())
}

/// What is unread, and where the user is invited.
fn membership_lines(memberships: &Memberships) -> Vec<String> {
    let Memberships { rooms, conversations } = memberships;
    let unread = |position: ReadPosition| position.newest.saturating_sub(position.read);
    let counted = |name: &str, count: u64| (count > 0).then(|| format!("* {name}: {count} unread"));
    let of_room = |listed: &ListedRoom| match &listed.invited {
        Some(invited) => Some(format!("* {} invited you to {1}: /join {1}", invited.by, listed.room)),
        None => counted(listed.room.as_str(), unread(listed.position?)),
    };
    let of_user = |listed: &ListedConversation| counted(listed.user.as_str(), unread(listed.position));
    let mut lines: Vec<_> = rooms.iter().filter_map(of_room).chain(conversations.iter().filter_map(of_user)).collect();
    if lines.is_empty() {
        lines.push("* Nothing is unread".to_owned());
    }
    lines
}

fn room_text(room: &RoomSummary) -> String {
    let private = if room.private { ", private" } else { "" };
    format!("{} ({}{private})", room.room, room.members)
}

fn message_line(message: &Message) -> String {
    let private = if message.to.is_some() { "[private] " } else { "" };
    [private, message.user.as_str(), ": ", &body_text(&message.body)].concat()
}

fn assigned_line(group: &GroupName, message: &Message, redelivered: bool) -> String {
    let again = if redelivered { ", again" } else { "" };
    format!("[{} {}{again}] {}", group.as_str(), message.seq, message_line(message))
}

fn body_text(body: &Body) -> Cow<'_, str> {
    match body {
        Body::Text(text) => clean(text),
        Body::Cipher(_) => "(encrypted)".into(),
        Body::Data(bytes) => data::summary(bytes.len()).into(),
        Body::Deleted(note) => format!("(deleted{})", reason_of(note.as_ref())).into(),
    }
}

fn returned_line(resumed: &ResumedRoom) -> Option<String> {
    let ResumedRoom { room, recovery, missed, .. } = resumed;
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

fn lagged_line(missed: u64, conflated: u64) -> String {
    let what = if missed == 1 { "message was" } else { "messages were" };
    let replaced = if conflated > 0 { format!(", of which {conflated} had newer values") } else { String::new() };
    format!("* {missed} {what} missed{replaced}")
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
        ModerationChange::Role { user, role: Role::Voice, .. } => format!("* {by} gave {user} a voice in {room}"),
        ModerationChange::Role { user, role, .. } => format!("* {by} made {user} {} of {room}", role.as_str()),
        ModerationChange::Settings(settings) => format!("* {by} set {}", settings_text(*settings)),
        ModerationChange::Described(change) => {
            let text = |what: &str, text: &str| match text {
                "" => format!("removed the {what}"),
                text => format!("set the {what} to: {}", clean(text)),
            };
            let subject = change.subject.as_deref().map(|subject| text("topic", subject));
            let description = change.description.as_deref().map(|description| text("description", description));
            let all: Vec<_> = subject.into_iter().chain(description).collect();
            format!("* {by} {}", all.join(", and "))
        }
        ModerationChange::Pinned { seq } => format!("* {by} pinned message {seq}"),
        ModerationChange::Unpinned { seq } => format!("* {by} unpinned message {seq}"),
        ModerationChange::InvitationCreated { number, uses, .. } => {
            format!("* {by} made invitation {number} to {room}, for {uses} users,")
        }
        ModerationChange::InvitationRevoked { number } => format!("* {by} revoked invitation {number} to {room}"),
        ModerationChange::Admitted { user, invitation } => format!("* {user} was admitted by invitation {invitation}"),
        ModerationChange::Accepted { user } => format!("* {user} entered {room}"),
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
        true => "the room to announcements: only moderators and users with a voice speak".to_owned(),
        false => "the room to conversation: everybody speaks".to_owned(),
    });
    let members_max = settings.members_max.map(|most| match most {
        0 => "no limit to the users in the room".to_owned(),
        most => format!("the room to at most {most} users"),
    });
    let open_subject = settings.open_subject.map(|on| match on {
        true => "the topic free for everybody to set".to_owned(),
        false => "the topic for moderators to set".to_owned(),
    });
    [slow_mode, announcement, members_max, open_subject].into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

/// The text as one line of a terminal can show it.
fn clean(text: &str) -> Cow<'_, str> {
    if !may_have_controls(text) {
        return text.into();
    }
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
    line.into()
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
