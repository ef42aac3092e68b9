//! Printing events for IRC clients.
//!
//! What concerns everybody in a room is printed without knowing who reads it. What answers a request is printed with
//! the request's [`Context`]; an answer without one is for a door that answers by itself, and prints nothing. Where IRC
//! has no form for an event, it is a NOTICE of the server, or nothing where nobody would miss it.

use super::context::Context;
use super::modes::print_modes;
use super::names::{channel, nick, source, user};
use super::refusal;
use super::tags;
use super::traits::Traits;
use super::write::{LineWriter, chunks, text_bytes};
use crate::chat::admin::Announcement;
use crate::chat::policy::{Description, ModerationAction, ModerationChange, Role, RoomSettings};
use crate::chat::{About, Authors, Body, Event, Id, LeaveReason, Message, Presence, RoomName, Status, Time, UserName};
use roomd_protocol::data;

/// What a message begins with that says what its author does: `/me waves`.
const ACTION: &str = "/me ";

/// What lines are printed with, beside the event.
#[derive(Clone, Copy, Debug)]
pub struct PrintOptions<'a> {
    /// What the client has negotiated.
    pub traits: Traits,
    /// The epoch of the room whose event it is.
    pub epoch: &'a str,
    /// What is known of the authors of events.
    pub authors: &'a Authors,
}

/// Hands the lines of `event` to `emit`, without their ends; none when there is no form for it.
pub fn print(event: &Event, id: Option<&Id>, options: PrintOptions<'_>, emit: impl FnMut(&[u8])) {
    let mut printer = Printer::new(options, emit);
    match id.and_then(Context::of_id) {
        Some(context) => printer.answer(event, &context),
        None => printer.news(event),
    }
}

/// Hands the lines of a message to `emit`; `tag` goes before the tags of each: `batch=…`, or nothing.
pub fn message(message: &Message, tag: &str, options: PrintOptions<'_>, emit: impl FnMut(&[u8])) {
    Printer::new(options, emit).message(message, tag);
}

struct Printer<'a, F> {
    out: LineWriter<F>,
    traits: Traits,
    epoch: &'a str,
    authors: &'a Authors,
}

impl<'a, F: FnMut(&[u8])> Printer<'a, F> {
    fn new(PrintOptions { traits, epoch, authors }: PrintOptions<'a>, emit: F) -> Self {
        Self { out: LineWriter::new(emit), traits, epoch, authors }
    }

    /// The answer to a request.
    fn answer(&mut self, event: &Event, context: &Context) {
        let authors = self.authors;
        let own = || user(&context.nick).map_or_else(|_| context.nick.clone(), |user| source(&user, authors));
        let own_tags = |printer: &Self| {
            let mut tags = context.tag.clone();
            tags::join(&mut tags, &user(&context.nick).map(|user| printer.author(&user, NOW)).unwrap_or_default());
            tags
        };
        match event {
            Event::Joined { room, .. } => {
                let head = format!("JOIN {}", channel(room));
                let account = if self.traits.has(Traits::JOINS) { context.echo.as_str() } else { "" };
                let head = if account.is_empty() { head } else { format!("{head} {account}") };
                let tags = own_tags(self);
                self.out.line(&tags, &own(), &head, (!account.is_empty()).then_some(&*context.nick));
            }
            Event::Left { room } => {
                let note = (!context.echo.is_empty()).then_some(&*context.echo);
                let tags = own_tags(self);
                self.out.line(&tags, &own(), &format!("PART {}", channel(room)), note);
            }
            Event::Sent { room, epoch, seq, ephemeral, at, .. } if !context.echo.is_empty() => {
                let mut all = own_tags(self);
                tags::join(&mut all, &tags::time(*at, self.traits));
                if self.traits.has(Traits::TAGS) && ephemeral.is_none() {
                    tags::push(&mut all, "msgid", &tags::message_id(room, epoch, *seq));
                }
                let tagged = context.echo.strip_prefix('@').and_then(|tagged| tagged.split_once(' '));
                let (own_tags, line) = tagged.unwrap_or(("", &context.echo));
                tags::join(&mut all, own_tags);
                let (head, text) = line.split_once(" :").map_or((line, None), |(head, text)| (head, Some(text)));
                self.out.line(&all, &own(), head, text);
            }
            Event::Sent { .. } | Event::Done if !context.tag.is_empty() => {
                self.out.line(&context.tag, self.authors.irc_name(), "ACK", None);
            }
            Event::Watched { user, is_online } => {
                let (number, who) =
                    if *is_online { ("730", self.source(user)) } else { ("731", nick(user).into_owned()) };
                self.out.line(&context.tag, self.authors.irc_name(), &format!("{number} {}", context.nick), Some(&who));
            }
            Event::Refused(refused) => refusal::print(refused, context, self.authors.irc_name(), &mut self.out),
            // What else answers is what the others are told too.
            Event::Message(_) | Event::Edit { .. } | Event::Moderated { .. } => self.news(event),
            _ => {}
        }
    }

    /// What everybody in a room is told, or the client without having asked.
    fn news(&mut self, event: &Event) {
        match event {
            Event::Message(said) => self.message(said, ""),
            Event::Edit { room, seq, user, body, at } => self.edit((room, *seq), user, body, *at),
            Event::Join { user, was: Some(was), at, .. } => self.line(*at, was, "NICK", Some(&nick(user))),
            Event::Join { room, user, registered, at, .. } => {
                let head = format!("JOIN {}", channel(room));
                if self.traits.has(Traits::JOINS) {
                    let account = if *registered { nick(user) } else { "*".into() };
                    self.line(*at, user, &format!("{head} {account}"), Some(&nick(user)));
                } else {
                    self.line(*at, user, &head, None);
                }
            }
            Event::Leave { room, user, reason, at } => match reason {
                LeaveReason::Left(note) => {
                    self.line(*at, user, &format!("PART {}", channel(room)), note.as_deref());
                }
                LeaveReason::Disconnected => self.line(*at, user, &format!("PART {}", channel(room)), None),
                LeaveReason::Quit(note) => {
                    let said = note.as_deref().map_or("Connection closed".into(), |note| format!("Quit: {note}"));
                    self.line(*at, user, "QUIT", Some(&said));
                }
                // The join says it, or the moderator's line; and a server that stops says it to each client.
                LeaveReason::Renamed | LeaveReason::Evicted | LeaveReason::Closing => {}
            },
            Event::Moderated { room, by, action, evicted, at } => {
                self.moderated(room, by, action, (*evicted, *at));
            }
            Event::InvitedTo { room, by, action, at } => {
                let invited = action.change.user().map_or("*".into(), nick);
                self.line(*at, by, &format!("INVITE {invited} {}", channel(room)), None);
            }
            Event::Typing { room, user, typing } if self.traits.has(Traits::TAGS) => {
                let state = if *typing { "active" } else { "done" };
                let target = target(room, user);
                let mut tags = self.author(user, NOW);
                tags::push(&mut tags, "+typing", state);
                self.out.line(&tags, &self.source(user), &format!("TAGMSG {target}"), None);
            }
            Event::Presence(presence) => self.presence(presence),
            Event::DisplayName { user, name } if self.traits.has(Traits::NAMES) => {
                let name = name.as_ref().map_or_else(|| nick(user), |name| name.as_str().into());
                self.out.line(&self.author(user, NOW), &self.source(user), "SETNAME", Some(&name));
            }
            Event::ReadTo { room, other, at } if self.traits.has(Traits::READ) => {
                let target = other.as_ref().map_or_else(|| channel(room), |other| nick(other).into_owned());
                self.out.line("", self.authors.irc_name(), &format!("MARKREAD {target} timestamp={at}"), None);
            }
            Event::Lagged { room, missed, .. } => {
                self.notice(&channel(room), &format!("{missed} messages were missed: this client reads too slowly"));
            }
            Event::Refused(refused) => self.notice("*", &refused.to_string()),
            Event::TokenExpiring { left, .. } => {
                let text = format!("Your token ends in {} s: connect anew with another", left.as_secs());
                self.notice("*", &text);
            }
            Event::Announced(Announcement { text, by, .. }) => {
                self.notice("*", &format!("{by} announces to all: {text}"));
            }
            Event::Draining { left } => {
                let text = format!("The server is about to shut down, in {} s", left.as_millis().div_ceil(1_000));
                self.notice("*", &text);
            }
            Event::Goodbye { end, .. } => {
                self.out.line("", self.authors.irc_name(), "ERROR", Some(&format!("Closing link: {}", end.sentence())));
            }
            _ => {}
        }
    }

    fn message(&mut self, said: &Message, tag: &str) {
        let Message { room, user, to, body, about, mid, at, .. } = said;
        let to = to.as_ref().map_or_else(|| channel(room), |to| nick(to).into_owned());
        let is_notice = mid.as_ref().is_some_and(|mid| mid.as_str().starts_with(NOTICE_MID));
        let head = format!("{} {to}", if is_notice { "NOTICE" } else { "PRIVMSG" });
        let mut first = tag.to_owned();
        tags::join(&mut first, &tags::of_message(said, self.epoch, self.traits));
        let mut further = tag.to_owned();
        tags::join(&mut further, &tags::time(*at, self.traits));
        let author = self.author(user, *at);
        tags::join(&mut first, &author);
        tags::join(&mut further, &author);
        let with_tags = self.traits.has(Traits::TAGS);
        match (about, body) {
            (Some(About::Reaction(seq)), Body::Text(text)) if with_tags => {
                tags::push(&mut first, "+draft/react", text);
                tags::push(&mut first, "+draft/reply", &tags::message_id(room, self.epoch, *seq));
                return self.out.line(&first, &self.source(user), &format!("TAGMSG {to}"), None);
            }
            (Some(About::Reaction(_)), Body::Text(text)) => {
                return self.text((&first, &further), user, &head, &format!("{ACTION}reacted with {text}"));
            }
            (Some(About::Reply(seq)), _) if with_tags => {
                tags::push(&mut first, "+draft/reply", &tags::message_id(room, self.epoch, *seq));
            }
            _ => {}
        }
        match body {
            Body::Text(text) => self.text((&first, &further), user, &head, text),
            Body::Cipher(_) => self.out.line(&first, &self.source(user), &head, Some("(encrypted)")),
            Body::Data(bytes) => self.out.line(&first, &self.source(user), &head, Some(&data::summary(bytes.len()))),
            Body::Deleted(_) => self.out.line(&first, &self.source(user), &head, Some("(deleted)")),
        }
    }

    /// A text in as many lines as it takes.
    fn text(&mut self, (first, further): (&str, &str), user: &UserName, head: &str, text: &str) {
        let source = self.source(user);
        let (text, is_action) = text.strip_prefix(ACTION).map_or((text, false), |text| (text, true));
        let overhead = if is_action { "\u{1}ACTION \u{1}".len() } else { 0 };
        let room = text_bytes(&source, head).saturating_sub(overhead).max(1);
        for (number, piece) in chunks(text, room).into_iter().enumerate() {
            let tags = if number == 0 { first } else { further };
            if is_action {
                self.out.line(tags, &source, head, Some(&format!("\u{1}ACTION {piece}\u{1}")));
            } else {
                self.out.line(tags, &source, head, Some(piece));
            }
        }
    }

    fn edit(&mut self, (room, seq): (&RoomName, u64), user: &UserName, body: &Body, at: Time) {
        let target = target(room, user);
        match body {
            Body::Deleted(note) if self.traits.has(Traits::REDACTION) => {
                let head = format!("REDACT {target} {}", tags::message_id(room, self.epoch, seq));
                self.line(at, user, &head, note.as_deref());
            }
            Body::Deleted(note) => {
                let why = note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
                self.notice(&target, &format!("{user} deleted a message{why}"));
            }
            Body::Cipher(_) => self.notice(&target, &format!("{user} edited an encrypted message")),
            Body::Text(text) => self.edited((room, seq), user, text, at),
            Body::Data(bytes) => self.edited((room, seq), user, &data::summary(bytes.len()), at),
        }
    }

    /// The text that a message has from now on.
    fn edited(&mut self, (room, seq): (&RoomName, u64), user: &UserName, text: &str, at: Time) {
        let mut tags = self.tags(at, user);
        let further = tags.clone();
        if self.traits.has(Traits::TAGS) {
            tags::push(&mut tags, "+draft/reply", &tags::message_id(room, self.epoch, seq));
        }
        let head = format!("PRIVMSG {}", target(room, user));
        self.text((&tags, &further), user, &head, &format!("(edited) {text}"));
    }

    fn moderated(&mut self, room: &RoomName, by: &UserName, action: &ModerationAction, (evicted, at): (bool, Time)) {
        let ModerationAction { change, note } = action;
        let channel = channel(room);
        let note = note.as_deref();
        let mask = |change: &str, user: &UserName| format!("MODE {channel} {change}{}!*@*", nick(user));
        match change {
            ModerationChange::Kicked { user } => self.kick((&channel, by, user, at), note),
            ModerationChange::Removed { user } if evicted => self.kick((&channel, by, user, at), note),
            ModerationChange::Banned { user, .. } => {
                self.line(at, by, &mask("+b ", user), None);
                if evicted {
                    self.kick((&channel, by, user, at), Some(note.unwrap_or("Banned")));
                }
            }
            ModerationChange::Unbanned { user } => self.line(at, by, &mask("-b ", user), None),
            ModerationChange::Muted { user, .. } => self.line(at, by, &mask("+b m:", user), None),
            ModerationChange::Unmuted { user } => self.line(at, by, &mask("-b m:", user), None),
            // Who hands a room over is a moderator from then on.
            ModerationChange::Role { user, former_owner: Some(owner), .. } => {
                let [old, new] = [nick(owner), nick(user)];
                self.line(at, by, &format!("MODE {channel} -q+oq {old} {old} {new}"), None);
            }
            ModerationChange::Role { user, role, was, former_owner: None } => {
                let modes = match (role, was) {
                    (Role::Owner, _) => "+q",
                    (Role::Moderator, _) => "+o",
                    (Role::Voice, Some(Role::Moderator)) => "-o+v",
                    (Role::Voice, _) => "+v",
                    (Role::Member, Some(Role::Voice)) => "-v",
                    (Role::Member, Some(Role::Moderator)) => "-o",
                    // On IRC a member is as anybody.
                    (Role::Member, _) => return,
                };
                let nicks = vec![nick(user); modes.matches(char::is_alphabetic).count()].join(" ");
                self.line(at, by, &format!("MODE {channel} {modes} {nicks}"), None);
            }
            ModerationChange::Settings(settings) => self.settings(&channel, by, *settings, at),
            ModerationChange::Described(Description { subject, description }) => {
                if let Some(subject) = subject {
                    self.line(at, by, &format!("TOPIC {channel}"), Some(subject));
                }
                if let Some(description) = description {
                    self.notice(&channel, &format!("{by} described the room: {description}"));
                }
            }
            ModerationChange::Invited { user } if self.traits.has(Traits::INVITES) => {
                self.line(at, by, &format!("INVITE {} {channel}", nick(user)), None);
            }
            ModerationChange::Pinned { .. } => self.notice(&channel, &format!("{by} pinned a message")),
            ModerationChange::Unpinned { .. } => self.notice(&channel, &format!("{by} unpinned a message")),
            ModerationChange::Ended => self.notice(&channel, &format!("{by} ended the room")),
            ModerationChange::InvitationCreated { .. } => self.notice(&channel, &format!("{by} made an invitation")),
            ModerationChange::InvitationRevoked { .. } => self.notice(&channel, &format!("{by} revoked an invitation")),
            ModerationChange::Admitted { user, .. } => {
                self.notice(&channel, &format!("{user} was admitted by an invitation"));
            }
            ModerationChange::Created { .. }
            | ModerationChange::Accepted { .. }
            | ModerationChange::Invited { .. }
            | ModerationChange::Removed { .. }
            // The deletion itself says it.
            | ModerationChange::Deleted { .. } => {}
        }
    }

    fn kick(&mut self, (channel, by, user, at): (&str, &UserName, &UserName, Time), note: Option<&str>) {
        self.line(at, by, &format!("KICK {channel} {}", nick(user)), Some(note.unwrap_or(&nick(by))));
    }

    fn settings(&mut self, channel: &str, by: &UserName, settings: RoomSettings, at: Time) {
        if let Some(changes) = mode_changes(settings) {
            self.line(at, by, &format!("MODE {channel} {changes}"), None);
        }
        match settings.slow_mode_s {
            Some(0) => self.notice(channel, &format!("{by} ended slow mode")),
            Some(seconds) => self.notice(channel, &format!("{by} set slow mode: one message of each in {seconds} s")),
            None => {}
        }
    }

    fn presence(&mut self, presence: &Presence) {
        let Presence { user, status, note, last_seen } = presence;
        if !self.traits.has(Traits::AWAY) {
            return;
        }
        match status {
            Status::Away => self.line(*last_seen, user, "AWAY", Some(note.as_deref().unwrap_or("Away"))),
            Status::Online => self.line(*last_seen, user, "AWAY", None),
            // The leave covers it.
            Status::Offline => {}
        }
    }

    /// A line of a user's.
    fn line(&mut self, at: Time, user: &UserName, head: &str, last: Option<&str>) {
        self.out.line(&self.tags(at, user), &self.source(user), head, last);
    }

    fn source(&self, user: &UserName) -> String {
        source(user, self.authors)
    }

    /// The tags of a user's line.
    fn tags(&self, at: Time, user: &UserName) -> String {
        let mut tags = tags::time(at, self.traits);
        tags::join(&mut tags, &self.author(user, at));
        tags
    }

    /// What tags say of an author, as far as the client takes it: the account that the user had at this time, and that they
    /// are a bot.
    fn author(&self, user: &UserName, at: Time) -> String {
        let has_account = self.traits.has(Traits::ACCOUNTS) && self.authors.has_account(user, at);
        let mut tags = if has_account { tags::account(user) } else { String::new() };
        if self.traits.has(Traits::TAGS) && self.authors.is_bot(user) {
            tags::join(&mut tags, "bot");
        }
        tags
    }

    /// A line of the server's.
    fn notice(&mut self, target: &str, text: &str) {
        self.out.line("", self.authors.irc_name(), &format!("NOTICE {target}"), Some(text));
    }
}

/// The changes of modes that settings are: `-t+ml 20`; `None` where there are none.
fn mode_changes(settings: RoomSettings) -> Option<String> {
    let RoomSettings { announcement, members_max, open_subject, slow_mode_s: _ } = settings;
    let modes = [
        (announcement == Some(false), (false, 'm')),
        (members_max == Some(0), (false, 'l')),
        (open_subject == Some(true), (false, 't')),
        (announcement == Some(true), (true, 'm')),
        (open_subject == Some(false), (true, 't')),
        (members_max.is_some_and(|most| most > 0), (true, 'l')),
    ];
    let mut changes = print_modes(modes.into_iter().filter(|(is_changed, _)| *is_changed).map(|(_, change)| change));
    let parameter = members_max.filter(|most| *most > 0).map(|most| format!(" {most}"));
    changes.push_str(&parameter.unwrap_or_default());
    Some(changes).filter(|changes| !changes.is_empty())
}

/// The time of what happens now.
const NOW: Time = Time(u64::MAX);

/// What the `mid` of a message begins with that is a NOTICE.
pub const NOTICE_MID: &str = "irc-notice:";

/// Where something is shown that a user did in a room: in a private conversation, at the other one.
fn target(room: &RoomName, user: &UserName) -> String {
    match room.conversation() {
        Some((one, other)) => nick(if one == *user { &other } else { &one }).into_owned(),
        None => channel(room),
    }
}
