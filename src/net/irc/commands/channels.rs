//! JOIN, PART, NAMES, TOPIC, LIST, KICK, INVITE: a room is a channel.
//!
//! What a client may not know of does not exist: a private room has the answers of a channel that is not there, but for
//! JOIN, which says that one has to be invited. On the reader's thread; blocks on the room.

use std::sync::Arc;

use super::marks::tell_mark_of_joined;
use super::{no_target, targets, tell_beyond};
use crate::chat::policy::{
    Description, ModerationRequest, Policy, Role, RoomOptions, SUBJECT_BYTES_MAX, SubjectAuthor,
};
use crate::chat::{
    Command, Cost, End, Event, JoinOptions, Note, Presence, Refusal, RoomName, RoomRequest, RoomSummary, UserName,
};
use crate::engine::rooms::moderation::NewRoom;
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::conversation::Conversation;
use crate::net::irc::welcome::TARGETS_MAX;
use crate::wire::irc::{self, LINE_BYTES, Line, clean};

/// Channels of one JOIN or PART, at most; each is paid for.
const CHANNELS_MAX: usize = 64;

pub fn join(this: &mut Conversation, line: &Line) -> Option<End> {
    if line.params[0] == "0" {
        let rooms: Vec<_> = this.connection.rooms().map(irc::channel).collect();
        return rooms.iter().find_map(|channel| this.paid("JOIN", Cost::Other, |this| part_one(this, channel, None)));
    }
    let (names, beyond) = targets(&line.params[0], CHANNELS_MAX);
    if names.is_empty() {
        return no_target(this, line);
    }
    let end = names.into_iter().find_map(|name| this.paid("JOIN", Cost::Other, |this| join_one(this, name)));
    tell_beyond(this, line, beyond, CHANNELS_MAX);
    end
}

fn join_one(this: &mut Conversation, name: &str) -> Option<End> {
    let Ok(room) = this.room(name) else {
        this.client.numeric("403", &clean(name), "No such channel");
        return None;
    };
    if this.connection.is_in(&room) {
        return None;
    }
    let channel = irc::channel(&room);
    let policy = this.engine().policies.policy(&room);
    let user = this.who().user.clone();
    if policy.is_some_and(|policy| policy.is_banned(&user, this.engine().clock.now().at)) {
        this.client.numeric("474", &channel, "You are banned from this room");
        return None;
    }
    if !this.who().is_guest() && !this.exists(&room) {
        // Who makes a channel rules over it, as IRC has it. Where that cannot be, the channel is opened all the same.
        let plan = NewRoom { room: room.clone(), durable: true, options: RoomOptions::default() };
        _ = this.engine().create_from(this.connection.address(), this.who(), plan);
    }
    this.client.open_batch();
    let mut context = this.client.context("JOIN", &channel);
    context.tag = this.client.tag_of_request(false);
    context.echo = if this.who().is_guest() { "*".to_owned() } else { this.client.nick.clone() };
    let options = JoinOptions { history: Some(0), ..JoinOptions::default() };
    let end = this.request(Command::Join { room: room.clone(), options }, &context);
    if this.connection.is_in(&room) {
        tell_topic(this, &room, false);
        tell_mark_of_joined(this, &room);
        tell_names(this, &room);
    }
    end
}

pub fn part(this: &mut Conversation, line: &Line) -> Option<End> {
    let (names, beyond) = targets(&line.params[0], CHANNELS_MAX);
    if names.is_empty() {
        return no_target(this, line);
    }
    let note = line.param(1).and_then(note);
    if names.len() > 1 {
        this.client.open_batch();
    }
    let part =
        |this: &mut Conversation, name| this.paid("PART", Cost::Other, |this| part_one(this, name, note.as_ref()));
    let end = names.into_iter().find_map(|name| part(this, name));
    tell_beyond(this, line, beyond, CHANNELS_MAX);
    end
}

fn part_one(this: &mut Conversation, name: &str, note: Option<&Note>) -> Option<End> {
    let room = joined(this, name)?;
    let mut context = this.client.context("PART", &irc::channel(&room));
    context.tag = this.client.tag_of_request(true);
    context.echo = note.map(|note| note.to_string()).unwrap_or_default();
    this.request(Command::Leave { room: Some(room), note: note.cloned() }, &context)
}

/// The room of a channel that the client is in; otherwise it is told why not.
fn joined(this: &mut Conversation, name: &str) -> Option<RoomName> {
    let room = existing(this, name)?;
    if this.connection.is_in(&room) {
        return Some(room);
    }
    this.client.numeric("442", &irc::channel(&room), "You're not on that channel");
    None
}

/// The room of a channel that exists; otherwise the client is told that it does not.
pub fn existing(this: &mut Conversation, name: &str) -> Option<RoomName> {
    match this.room(name) {
        Ok(room) if this.exists(&room) => Some(room),
        _ => {
            this.client.numeric("403", &clean(name), "No such channel");
            None
        }
    }
}

pub fn topic(this: &mut Conversation, line: &Line) -> Option<End> {
    let room = joined(this, &line.params[0])?;
    let Some(text) = line.params.get(1) else {
        tell_topic(this, &room, true);
        return None;
    };
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match Description::parse(Some(irc::cut(&text, SUBJECT_BYTES_MAX)), None) {
        Ok(description) => {
            moderate(this, ("TOPIC", &room), ModerationRequest::Describe(description), None);
        }
        Err(refusal) => this.client.refused(&refusal, "TOPIC", &irc::channel(&room)),
    }
    None
}

/// Tells the topic; that there is none, if it was `asked` for.
fn tell_topic(this: &mut Conversation, room: &RoomName, asked: bool) {
    let policy = this.engine().policies.policy(room).unwrap_or_default();
    let channel = irc::channel(room);
    match &policy.subject().description.subject {
        Some(subject) => {
            this.client.numeric("332", &channel, &**subject);
            if let Some(SubjectAuthor { by, at }) = policy.subject_author() {
                let set = format!("{channel} {} {}", irc::nick(by), at.0 / 1_000);
                this.client.numeric("333", &set, None);
            }
        }
        None if asked => this.client.numeric("331", &channel, "No topic is set"),
        None => {}
    }
}

pub fn names(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(names) = line.param(0) else {
        let rooms: Vec<_> = this.connection.rooms().cloned().collect();
        rooms.iter().for_each(|room| tell_members(this, room));
        this.client.numeric("366", "*", "End of /NAMES list");
        return None;
    };
    let mut listed = Vec::new();
    let (names, beyond) = targets(names, TARGETS_MAX);
    for name in names {
        match this.room(name) {
            Ok(room) if this.exists(&room) => {
                tell_members(this, &room);
                listed.push(irc::channel(&room));
            }
            _ => listed.push(clean(name)),
        }
    }
    // One end for all of them, as modern.ircdocs.horse has it.
    let listed = if listed.is_empty() { "*".to_owned() } else { listed.join(",") };
    this.client.numeric("366", &listed, "End of /NAMES list");
    tell_beyond(this, line, beyond, TARGETS_MAX);
    None
}

fn tell_names(this: &mut Conversation, room: &RoomName) {
    tell_members(this, room);
    this.client.numeric("366", &irc::channel(room), "End of /NAMES list");
}

fn tell_members(this: &mut Conversation, room: &RoomName) {
    let channel = irc::channel(room);
    let users = members(this, room);
    let symbol = if users.policy.is_private() { '@' } else { '=' };
    let room_left = LINE_BYTES.saturating_sub(this.client.server.len() + this.client.nick.len() + channel.len() + 16);
    let whole = this.client.capabilities.has(CapabilitySet::USERHOST_IN_NAMES);
    let mut line = String::new();
    for Presence { user, .. } in &users.members {
        let name = if whole { irc::source(user, &this.engine().authors) } else { irc::nick(user).into_owned() };
        let prefix = users.prefix(this, user);
        if line.len() + name.len() + 2 > room_left {
            this.client.numeric("353", &format!("{symbol} {channel}"), line.trim_end());
            line.clear();
        }
        line.extend([prefix, &name, " "]);
    }
    if !line.is_empty() {
        this.client.numeric("353", &format!("{symbol} {channel}"), line.trim_end());
    }
}

/// The members of a room, as far as the client may know them, and what they are there.
#[derive(Default)]
pub struct ChannelUsers {
    /// The policy of the room.
    pub policy: Arc<Policy>,
    /// Who is in it; at most a thousand.
    pub members: Vec<Presence>,
    appointed: Vec<(UserName, Role)>,
}

impl ChannelUsers {
    /// The role of a user, on the list or as an operator has given it.
    pub fn role(&self, user: &UserName) -> Option<Role> {
        self.policy.people().get(user).copied().max(self.appointed(user))
    }

    /// The role that operators of the room have given a user.
    pub fn appointed(&self, user: &UserName) -> Option<Role> {
        self.appointed.iter().find(|(one, _)| one == user).map(|(_, role)| *role)
    }

    /// What stands before a nick: the role of its user. Each role may do what those after it may.
    pub fn prefix(&self, this: &Conversation, user: &UserName) -> &'static str {
        let all = match self.role(user) {
            Some(Role::Owner) => "~@+",
            Some(Role::Moderator) => "@+",
            Some(Role::Voice) => "+",
            Some(Role::Member) | None => "",
        };
        let shown = if this.client.capabilities.has(CapabilitySet::MULTI_PREFIX) { all.len() } else { 1 };
        all.get(..shown).unwrap_or_default()
    }
}

/// The members of a room. Blocks on the room.
pub fn members(this: &Conversation, room: &RoomName) -> ChannelUsers {
    let (engine, who) = (this.engine(), this.who());
    let Ok(info) = engine.room_info(who, room) else { return Default::default() };
    channel_users(info.policy.clone(), engine.members(who, &info).ok())
}

/// One user as a member of a room; no members if they are in it not. Blocks on the room.
pub fn member(this: &Conversation, room: &RoomName, user: &UserName) -> ChannelUsers {
    let policy = this.engine().policies.policy(room).unwrap_or_default();
    channel_users(policy, this.engine().hub.ask(room, this.who().clone(), RoomRequest::Member(user.clone())).ok())
}

fn channel_users(policy: Arc<Policy>, answer: Option<Event>) -> ChannelUsers {
    match answer {
        Some(Event::Members { members, appointed, .. }) => ChannelUsers { policy, members, appointed },
        _ => ChannelUsers { policy, ..ChannelUsers::default() },
    }
}

pub fn list(this: &mut Conversation, line: &Line) -> Option<End> {
    let wanted: Vec<_> = line.param(0).unwrap_or_default().split(',').filter(|word| !word.is_empty()).collect();
    let rooms = this.engine().rooms(this.who());
    this.client.numeric("321", "Channel", "Users  Name");
    for summary in rooms.iter().filter(|summary| wanted.iter().all(|word| matches(summary, word, &wanted))) {
        let policy = this.engine().policies.policy(&summary.room);
        let subject = policy.as_ref().and_then(|policy| policy.subject().description.subject.as_deref());
        let middle = format!("{} {}", irc::channel(&summary.room), summary.members);
        this.client.numeric("322", &middle, subject.unwrap_or_default());
    }
    this.client.numeric("323", "", "End of /LIST");
    None
}

/// Whether a room is wanted: `>3` and `<3` are about its members, and of names and masks one has to fit, or with `!`
/// not to fit.
fn matches(summary: &RoomSummary, word: &str, wanted: &[&str]) -> bool {
    let number = |text: &str| text.parse::<usize>().ok();
    match (word.strip_prefix('>').and_then(number), word.strip_prefix('<').and_then(number)) {
        (Some(more), _) => summary.members > more,
        (_, Some(fewer)) => summary.members < fewer,
        _ => {
            let channel = irc::channel(&summary.room).to_lowercase();
            let names = wanted.iter().filter(|word| !word.starts_with(['<', '>']));
            names.into_iter().any(|mask| match mask.strip_prefix('!') {
                Some(unwanted) => !fits(&unwanted.to_lowercase(), &channel),
                None => fits(&mask.to_lowercase(), &channel),
            })
        }
    }
}

/// Whether a mask, in which `*` is any text and `?` any character, fits a text. Takes at most as many steps as the
/// product of their lengths.
pub fn fits(mask: &str, text: &str) -> bool {
    let (mask, text): (Vec<_>, Vec<_>) = (mask.chars().collect(), text.chars().collect());
    let (mut m, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if m < mask.len() && mask[m] == '*' {
            star = Some((m, t));
            m += 1;
        } else if m < mask.len() && (mask[m] == '?' || mask[m] == text[t]) {
            (m, t) = (m + 1, t + 1);
        } else if let Some((at, from)) = star {
            (m, t, star) = (at + 1, from + 1, Some((at, from + 1)));
        } else {
            return false;
        }
    }
    mask[m..].iter().all(|c| *c == '*')
}

pub fn kick(this: &mut Conversation, line: &Line) -> Option<End> {
    let ((channels, _), (nicks, beyond)) =
        (targets(&line.params[0], CHANNELS_MAX), targets(&line.params[1], TARGETS_MAX));
    if channels.is_empty() || nicks.is_empty() {
        return no_target(this, line);
    }
    let note = line.param(2).and_then(note);
    // One channel for all nicks, or one for each (RFC 2812 §3.2.8).
    if channels.len() != 1 && channels.len() != nicks.len() {
        return this.paid("KICK", Cost::Other, |this| {
            this.client.numeric("461", "KICK", "It needs one channel, or one for each nick");
            None
        });
    }
    let end = nicks
        .into_iter()
        .zip(channels.into_iter().cycle())
        .find_map(|(nick, channel)| this.paid("KICK", Cost::Other, |this| kick_one(this, channel, nick, note.clone())));
    tell_beyond(this, line, beyond, TARGETS_MAX);
    end
}

fn kick_one(this: &mut Conversation, channel: &str, nick: &str, note: Option<Note>) -> Option<End> {
    let room = joined(this, channel)?;
    let channel = irc::channel(&room);
    match this.user(nick) {
        Ok(user) if is_member(this, &room, &user) => {
            moderate(this, ("KICK", &room), ModerationRequest::Kick { user }, note);
        }
        Ok(user) if this.is_online(&user) => {
            let middle = format!("{} {channel}", irc::nick(&user));
            this.client.numeric("441", &middle, "They aren't on that channel");
        }
        _ => this.client.numeric("401", &clean(nick), "No such nick/channel"),
    }
    None
}

/// A note of a text, cut to the size of one; `None` for one that shows nothing.
pub fn note(text: &str) -> Option<Note> {
    Note::parse(irc::cut(text, Note::BYTES_MAX)).ok()
}

pub fn is_member(this: &Conversation, room: &RoomName, user: &UserName) -> bool {
    !member(this, room, user).members.is_empty()
}

/// Moderates a room; whether that was allowed. All members are told, and the client if it was not.
pub fn moderate(
    this: &mut Conversation,
    (command, room): (&str, &RoomName),
    request: ModerationRequest,
    note: Option<Note>,
) -> bool {
    let moderated = try_moderate(this, room, request, note);
    moderated.map_err(|refusal| this.client.refused(&refusal, command, &irc::channel(room))).is_ok()
}

/// The same, where the client is told of a refusal by the caller.
pub fn try_moderate(
    this: &mut Conversation,
    room: &RoomName,
    request: ModerationRequest,
    note: Option<Note>,
) -> Result<(), Refusal> {
    this.send(false);
    let number = Some(this.connection.as_others_see().number);
    let moderated = this.engine().moderate_from(number, this.who(), room, request, note);
    this.unsettle(room);
    moderated.map(|_| ())
}

pub fn invite(this: &mut Conversation, line: &Line) -> Option<End> {
    let (Some(nick), Some(channel)) = (line.param(0), line.param(1)) else {
        this.client.numeric("461", "INVITE", "Not enough parameters");
        return None;
    };
    let room = joined(this, channel)?;
    let user = match this.user(nick) {
        Ok(user) if this.is_online(&user) || this.engine().registered(&user) => user,
        _ => {
            this.client.numeric("401", &clean(nick), "No such nick/channel");
            return None;
        }
    };
    let middle = format!("{} {}", irc::nick(&user), irc::channel(&room));
    if is_member(this, &room, &user) {
        this.client.numeric("443", &middle, "is already on channel");
        return None;
    }
    let is_private = this.engine().policies.policy(&room).is_some_and(|policy| policy.is_private());
    let invited = if is_private {
        moderate(this, ("INVITE", &room), ModerationRequest::Invite { user }, None)
    } else {
        // Anybody may come in: the invitation says so, and changes nothing.
        this.engine().announce_invitation(&room, this.who().user.clone(), user);
        true
    };
    if invited {
        this.client.numeric("341", &middle, None);
    }
    None
}
