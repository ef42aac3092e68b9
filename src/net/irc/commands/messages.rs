//! PRIVMSG, NOTICE, TAGMSG, AWAY.
//!
//! A message goes to the room and is not waited for: its refusal comes with the room's other lines, and the next answer
//! of the door comes behind it.

use crate::chat::{About, Body, Command, Cost, End, Mid, Publication, RoomName, RoomRequest, Status, UserName};
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::commands::channels::note;
use crate::net::irc::conversation::Conversation;
use crate::net::irc::welcome::TARGETS_MAX;
use crate::wire::irc::{self, Line, clean, seq_of_message_id};

pub fn privmsg(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(targets) = line.param(0) else { return no_recipient(this, "PRIVMSG") };
    let Some(text) = line.param(1) else {
        return this.paid("PRIVMSG", Cost::Other, |this| {
            this.client.numeric("412", "", "No text to send");
            None
        });
    };
    say(this, line, targets, text)
}

/// As PRIVMSG, but nobody answers to it, the server either (RFC 2812 §3.3.2).
pub fn notice(this: &mut Conversation, line: &Line) -> Option<End> {
    match (line.param(0), line.param(1)) {
        (Some(targets), Some(text)) => say(this, line, targets, text),
        _ => this.paid("NOTICE", Cost::Other, |_| None),
    }
}

fn no_recipient(this: &mut Conversation, command: &str) -> Option<End> {
    this.paid(command, Cost::Other, |this| {
        if command != "NOTICE" {
            this.client.numeric("411", "", &*format!("No recipient given ({command})"));
        }
        None
    })
}

fn say(this: &mut Conversation, line: &Line, targets: &str, text: &str) -> Option<End> {
    let command = line.command.as_str();
    if targets.contains(',') {
        this.client.open_batch();
    }
    let (targets, beyond) = super::targets(targets, TARGETS_MAX);
    if targets.is_empty() {
        return no_recipient(this, command);
    }
    for target in targets {
        let ended = this.paid(command, Cost::Message, |this| say_to(this, line, target, text));
        if ended.is_some() {
            return ended;
        }
    }
    if command != "NOTICE" {
        super::tell_beyond(this, line, beyond, TARGETS_MAX);
    }
    None
}

/// A message to one target.
fn say_to(this: &mut Conversation, line: &Line, target: &str, text: &str) -> Option<End> {
    let command = line.command.as_str();
    let Some(body) = body(text) else {
        if command == "PRIVMSG" {
            this.client.fail(command, "CTCP_NOT_RELAYED", &clean(target), "Of CTCP, this server relays ACTION alone");
        }
        return None;
    };
    let (room, name) = place(this, command, target)?;
    if is_too_long(this, &format!("{command} {name}"), text) {
        return None;
    }
    if let MessagePlace::User(to, _) = &room {
        tell_away(this, to, command);
    }
    let mid = (command == "NOTICE").then(|| Mid::stored(&this.notice_id()));
    let about = reply_to(this, line, room.room()).map(About::Reply);
    let mut context = this.client.context(command, &name);
    if !matches!(room, MessagePlace::Oneself) {
        context.tag = this.client.tag_of_request(true);
    }
    if this.client.capabilities.has(CapabilitySet::ECHO) {
        context.echo = format!("{command} {name} :{text}");
    }
    let quiet = context.echo.is_empty() && context.tag.is_empty();
    let publication = Publication { about, mid, ..Publication::text(&body) };
    let request = RoomRequest::Publish { publication, quiet };
    match room {
        MessagePlace::Room(room) => {
            let end = this.request(Command::ToRoom { room: Some(room.clone()), request }, &context);
            this.unsettle(&room);
            end
        }
        MessagePlace::User(to, room) => {
            let end = this.request(Command::Private { to, request }, &context);
            this.unsettle(&room);
            end
        }
        MessagePlace::Oneself => {
            let head = format!("{command} {name}");
            if this.client.capabilities.has(CapabilitySet::ECHO) {
                // The echo has the label, and the message itself has none.
                this.own_line(&head, text);
                this.send(true);
            }
            this.own_line(&head, text);
            None
        }
    }
}

/// Whether a message would be too long for a line to others, who see it behind its source; the client is told. What is
/// said on IRC is one line with one id.
fn is_too_long(this: &mut Conversation, head: &str, text: &str) -> bool {
    let source = irc::source(&this.who().user, &this.engine().authors);
    let space = irc::text_bytes(&source, head);
    let is_too_long = text.len() > space;
    if is_too_long {
        this.client.numeric("417", "", &*format!("This message has {} bytes, and {space} fit a line", text.len()));
    }
    is_too_long
}

/// What a message says, as the other doors show it: an ACTION begins with `/me `. `None`: another CTCP.
fn body(text: &str) -> Option<String> {
    let Some(ctcp) = text.strip_prefix('\u{1}') else { return Some(text.to_owned()) };
    let ctcp = ctcp.strip_suffix('\u{1}').unwrap_or(ctcp);
    Some(format!("/me {}", ctcp.strip_prefix("ACTION ")?))
}

/// Where a message goes.
pub enum MessagePlace {
    /// A room that the client is in.
    Room(RoomName),
    /// Another user, and the room of the conversation.
    User(UserName, RoomName),
    /// The client itself.
    Oneself,
}

impl MessagePlace {
    /// The room of the place.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Room(room) | Self::User(_, room) => Some(room),
            Self::Oneself => None,
        }
    }
}

/// The place that a target names, and its name there; otherwise the client is told why there is none, unless it sends
/// a NOTICE.
pub fn place(this: &mut Conversation, command: &str, target: &str) -> Option<(MessagePlace, String)> {
    if irc::is_channel(target) {
        return match this.room(target) {
            Ok(room) if this.connection.is_in(&room) => {
                let name = irc::channel(&room);
                Some((MessagePlace::Room(room), name))
            }
            Ok(room) if this.exists(&room) => {
                refuse(this, command, target, "404", "Cannot send to channel: join it first")
            }
            _ => refuse(this, command, target, "403", "No such channel"),
        };
    }
    match this.user(target) {
        Ok(user) if user == this.who().user => Some((MessagePlace::Oneself, this.client.nick.clone())),
        Ok(user) => {
            let (name, room) = (irc::nick(&user).into_owned(), RoomName::private(&this.who().user, &user));
            Some((MessagePlace::User(user, room), name))
        }
        Err(_) => refuse(this, command, target, "401", "No such nick/channel"),
    }
}

fn refuse<T>(this: &mut Conversation, command: &str, target: &str, number: &str, why: &str) -> Option<T> {
    if command != "NOTICE" {
        this.client.numeric(number, &clean(target), why);
    }
    None
}

/// The message that a line replies to.
fn reply_to(this: &Conversation, line: &Line, room: Option<&RoomName>) -> Option<u64> {
    if !this.client.capabilities.has(CapabilitySet::TAGS) {
        return None;
    }
    let id = line.tag("+draft/reply").or_else(|| line.tag("+reply"))?;
    let room = room?;
    seq_of_message_id(id, room, &this.connection.epoch(room).ok()?)
}

/// Tells that who is written to is away.
fn tell_away(this: &mut Conversation, to: &UserName, command: &str) {
    let connections = this.engine().directory.reachable(to);
    let away: Vec<_> = connections.iter().map(|connection| connection.availability()).collect();
    if command == "PRIVMSG" && !away.is_empty() && away.iter().all(|said| said.status == Status::Away) {
        let note = away.iter().find_map(|said| said.note.as_deref()).unwrap_or("Away").to_owned();
        this.client.numeric("301", &irc::nick(to), &*note);
    }
}

/// Typing notices and reactions; other tags are not relayed, as CLIENTTAGDENY says.
pub fn tagmsg(this: &mut Conversation, line: &Line) -> Option<End> {
    let cost = if line.tag("+draft/react").is_some() { Cost::Message } else { Cost::Other };
    this.paid("TAGMSG", cost, |this| {
        if !this.client.capabilities.has(CapabilitySet::TAGS) {
            this.client.numeric("421", "TAGMSG", "Ask for the capability message-tags first");
            return None;
        }
        let (place, name) = place(this, "TAGMSG", &line.params[0])?;
        let echoes = this.client.capabilities.has(CapabilitySet::ECHO);
        let Some(room) = place.room().cloned() else {
            for _ in 0..1 + usize::from(echoes) {
                echo_tags(this, line, &name);
                // As of a message to oneself: the echo has the label.
                this.send(true);
            }
            return None;
        };
        let about = reply_to(this, line, Some(&room));
        let mut context = this.client.context("TAGMSG", &name);
        let request = match (line.tag("+draft/react"), about, line.tag("+typing")) {
            (Some(reaction), Some(seq), _) => {
                let about = Some(About::Reaction(seq));
                if echoes {
                    context.tag = this.client.tag_of_request(true);
                    context.echo = format!("@{} TAGMSG {name}", relayed_tags(line));
                }
                let publication = Publication { about, ..Publication::text(reaction) };
                RoomRequest::Publish { publication, quiet: !echoes }
            }
            (_, _, Some(state)) => {
                if echoes {
                    echo_tags(this, line, &name);
                }
                RoomRequest::Typing(state == "active")
            }
            _ => return None,
        };
        let command = match place {
            MessagePlace::User(to, _) if request.publishes() => Command::Private { to, request },
            _ => Command::ToRoom { room: Some(room.clone()), request },
        };
        let end = this.request(command, &context);
        this.unsettle(&room);
        end
    })
}

/// Gives a client its own TAGMSG back.
fn echo_tags(this: &mut Conversation, line: &Line, name: &str) {
    this.client.tag = relayed_tags(line);
    this.own_line(&format!("TAGMSG {name}"), None);
    this.client.tag.clear();
}

/// The tags of a client that are relayed, escaped.
fn relayed_tags(line: &Line) -> String {
    let mut tags = String::new();
    for name in ["+draft/react", "+draft/reply", "+typing"] {
        if let Some(value) = line.tag(name) {
            irc::push_tag(&mut tags, name, value);
        }
    }
    tags
}

/// Deletes a message (IRCv3 draft/message-redaction): one's own, or, for moderators, anybody's; with a reason, if there is one.
pub fn redact(this: &mut Conversation, line: &Line) -> Option<End> {
    this.paid("REDACT", Cost::Message, |this| {
        // As for a NOTICE, `place` says nothing.
        let Some((place, name)) = place(this, "NOTICE", &line.params[0]) else {
            let about = clean(&line.params[0]);
            this.client.fail("REDACT", "INVALID_TARGET", &about, "You are not in such a channel or conversation");
            return None;
        };
        let Some(room) = place.room().cloned() else {
            let why = "What one says to oneself is kept nowhere";
            this.client.fail("REDACT", "INVALID_TARGET", &name, why);
            return None;
        };
        let epoch = this.connection.epoch(&room).unwrap_or_default();
        let Some(seq) = seq_of_message_id(&line.params[1], &room, &epoch) else {
            let about = format!("{name} {}", clean(&line.params[1]));
            this.client.fail("REDACT", "UNKNOWN_MSGID", &about, "There is no such message here");
            return None;
        };
        let mut context = this.client.context("REDACT", &format!("{name} {}", line.params[1]));
        context.tag = this.client.tag_of_request(true);
        let request = RoomRequest::Edit { seq, body: Body::Deleted(line.param(2).and_then(note)) };
        let end = this.request(Command::ToRoom { room: Some(room.clone()), request }, &context);
        this.unsettle(&room);
        end
    })
}

pub fn away(this: &mut Conversation, line: &Line) -> Option<End> {
    let note = line.param(0).and_then(note);
    let status = if line.param(0).is_some() { Status::Away } else { Status::Online };
    let context = this.client.context("AWAY", "");
    let end = this.request(Command::Presence { status, note }, &context);
    let rooms: Vec<_> = this.connection.rooms().cloned().collect();
    rooms.iter().for_each(|room| this.unsettle(room));
    match status {
        Status::Away => this.client.numeric("306", "", "You have been marked as being away"),
        _ => this.client.numeric("305", "", "You are no longer marked as being away"),
    }
    end
}
