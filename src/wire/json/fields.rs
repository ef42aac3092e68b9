//! The fields of a command in the JSON dialect, each parsed when a row of the table asks for it.
//!
//! Unknown fields are ignored. A field that is missing, or is no valid value, refuses the command.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::only_object::OnlyObject;
use super::relayed;
use super::whole::{self, Whole};
use crate::chat::bookmark::{BookmarkRequest, NotificationLevel};
use crate::chat::command::InvitationRequest;
use crate::chat::device::DeviceId;
use crate::chat::display_names::{ASKED_MAX, DisplayNameRequest};
use crate::chat::policy::{
    Description, InvitationOptions, MEMBERS_MAX, ModerationRequest, Role, RoomOptions, RoomSettings, SANCTION_MAX_S,
    SLOW_MODE_MAX_S,
};
use crate::chat::{
    About, Body, Command, DisplayName, GroupOptions, Id, JoinOptions, Key, Mid, NameError, Note, Pattern, Position,
    Publication, Receipt, Refusal, RoomName, RoomRequest, SearchScope, Secret, Seen, Signal, Span, Status, UserName,
};
use roomd_protocol::{JOIN_HISTORY_MAX, data};

const ONE_BODY: &str = "A message is one of message, cipher and data";

/// What a message says, by the fields that may say it.
///
/// # Errors
/// `bad_request`: none does, several do, or it is no ciphertext or no data.
pub fn message_body(message: Option<&str>, cipher: Option<&RawValue>, data: Option<&str>) -> Result<Body, Refusal> {
    match (message, cipher, data) {
        (Some(text), None, None) => Ok(Body::Text(text.into())),
        (None, Some(cipher), None) if cipher.get().starts_with('{') => {
            Ok(Body::Cipher(relayed::checked("cipher", cipher)?.into()))
        }
        (None, Some(_), None) => Err(Refusal::bad_request("cipher must be an object")),
        (None, None, Some(data)) => parse_data(data),
        (None, None, None) => Err(missing("message")),
        _ => Err(Refusal::bad_request(ONE_BODY)),
    }
}

/// Every field that any command has. Texts are borrowed where they hold no escapes.
#[derive(Deserialize)]
pub(in crate::wire) struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) id: Option<Id>,
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pattern: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cipher: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    /// The data that stands behind the object, in a binary frame.
    #[serde(skip)]
    pub(super) data_apart: Option<&'a [u8]>,
    #[serde(borrow)]
    mid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "whole::optional")]
    reply_to: Option<u64>,
    #[serde(default, deserialize_with = "whole::optional")]
    react_to: Option<u64>,
    #[serde(default, deserialize_with = "whole::optional")]
    if_seq: Option<u64>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "whole::optional")]
    if_key_seq: Option<u64>,
    deleted: Option<bool>,
    store: Option<bool>,
    latest: Option<bool>,
    receipt_counts: Option<bool>,
    #[serde(borrow)]
    group: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "whole::optional")]
    prefetch: Option<u64>,
    #[serde(default, deserialize_with = "whole::optional")]
    visibility_s: Option<u64>,
    typing: Option<bool>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    note: Option<Cow<'a, str>>,
    #[serde(borrow)]
    history: Option<&'a RawValue>,
    since: Option<OnlyObject<Since>>,
    #[serde(default, deserialize_with = "whole::optional")]
    seq: Option<u64>,
    #[serde(default, deserialize_with = "whole::optional")]
    before: Option<u64>,
    #[serde(default, deserialize_with = "whole::optional")]
    after: Option<u64>,
    #[serde(default, deserialize_with = "whole::optional")]
    limit: Option<usize>,
    #[serde(borrow)]
    q: Option<Cow<'a, str>>,
    #[serde(borrow)]
    next: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    resume: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rooms: Option<BTreeMap<Cow<'a, str>, OnlyObject<Since>>>,
    private: Option<bool>,
    durable: Option<bool>,
    #[serde(borrow)]
    members: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "whole::optional")]
    for_s: Option<u64>,
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "whole::optional")]
    slow_mode_s: Option<u32>,
    announcement: Option<bool>,
    #[serde(default, deserialize_with = "whole::optional")]
    members_max: Option<u32>,
    open_subject: Option<bool>,
    #[serde(borrow)]
    notify: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    device: Option<Cow<'a, str>>,
    /// The code of an invitation, in a `join`; or the number of one.
    #[serde(borrow)]
    invitation: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "whole::optional")]
    uses: Option<u32>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    users: Option<Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
struct Since {
    epoch: Box<str>,
    seq: Whole,
}

impl Since {
    fn position(&self) -> Position {
        Position { epoch: self.epoch.as_ref().into(), seq: self.seq.0 }
    }
}

impl Fields<'_> {
    /// Whether it has what the bare form needs.
    pub(super) fn is_topic_message(&self) -> bool {
        self.topic.is_some() && (self.message.is_some() || self.has_data() || self.deleted == Some(true))
    }

    pub(in crate::wire) fn room(&self) -> Result<RoomName, Refusal> {
        let (name, text) = self.room_text()?;
        RoomName::parse(text).map_err(|error| bad_name(name, error))
    }

    /// A room, or a private conversation.
    pub(in crate::wire) fn any_room(&self) -> Result<RoomName, Refusal> {
        let (name, text) = self.room_text()?;
        RoomName::parse_known(text).map_err(|error| bad_name(name, error))
    }

    fn room_text(&self) -> Result<(&'static str, &str), Refusal> {
        match (&self.room, &self.topic) {
            (Some(room), _) => Ok(("room", room)),
            (None, Some(topic)) => Ok(("topic", topic)),
            (None, None) => Err(missing("room")),
        }
    }

    pub(in crate::wire) fn to(&self) -> Result<UserName, Refusal> {
        let to = self.to.as_deref().ok_or_else(|| missing("to"))?;
        UserName::parse(to).map_err(|error| bad_name("to", error))
    }

    pub(in crate::wire) fn body(&self) -> Result<Body, Refusal> {
        match self.data_apart {
            None => message_body(self.message.as_deref(), self.cipher, self.data.as_deref()),
            Some(_) if self.data.is_some() => {
                Err(Refusal::bad_request("The data of a binary frame is behind its head, not in it"))
            }
            Some(bytes) if self.message.is_none() && self.cipher.is_none() => Ok(Body::Data(bytes.into())),
            Some(_) => Err(Refusal::bad_request(ONE_BODY)),
        }
    }

    fn has_data(&self) -> bool {
        self.data.is_some() || self.data_apart.is_some()
    }

    /// A message with all that may be said of it.
    pub(in crate::wire) fn publication(&self) -> Result<Publication, Refusal> {
        let mid = self.mid.as_deref().map(Mid::parse).transpose()?;
        let about = About::parse(self.reply_to, self.react_to)?;
        Ok(Publication { about, mid, ..self.topic_publication()? })
    }

    /// The message of the bare form, without a relation or a `mid`.
    pub(in crate::wire) fn topic_publication(&self) -> Result<Publication, Refusal> {
        let key = self.key.as_deref().map(Key::parse).transpose()?;
        if key.is_none() && (self.if_key_seq.is_some() || self.deleted == Some(true)) {
            return Err(missing("key"));
        }
        // A tombstone.
        let body = match self.deleted {
            Some(true) if self.message.is_some() || self.cipher.is_some() || self.has_data() => {
                return Err(Refusal::bad_request("What removes a key has no message"));
            }
            Some(true) => Body::Deleted(None),
            _ => self.body()?,
        };
        let (if_seq, if_key_seq, store) = (self.if_seq, self.if_key_seq, self.store.unwrap_or(true));
        Ok(Publication { if_seq, key, if_key_seq, store, ..Publication::new(body) })
    }

    pub(in crate::wire) fn seq(&self) -> Result<u64, Refusal> {
        self.seq.ok_or_else(|| missing("seq"))
    }

    pub(in crate::wire) fn status(&self) -> Result<Status, Refusal> {
        match self.status.as_deref() {
            Some("online") => Ok(Status::Online),
            Some("away") => Ok(Status::Away),
            Some(_) => Err(Refusal::bad_request("status must be online or away")),
            None => Err(missing("status")),
        }
    }

    pub(in crate::wire) fn note(&self) -> Result<Option<Note>, Refusal> {
        self.note.as_deref().filter(|note| !note.is_empty()).map(Note::parse).transpose()
    }

    pub(in crate::wire) fn typing(&self) -> Result<bool, Refusal> {
        self.typing.ok_or_else(|| missing("typing"))
    }

    pub(in crate::wire) fn receipt(&self, receipt: Receipt) -> Result<Command, Refusal> {
        let request = RoomRequest::Receipt { receipt, seq: self.seq()? };
        Ok(Command::ToRoom { room: Some(self.any_room()?), request })
    }

    pub(in crate::wire) fn join_options(&self) -> Result<JoinOptions, Refusal> {
        let history = self.history.map(|raw| serde_json::from_str::<Whole>(raw.get())).transpose();
        let history = history.map_err(|_| Refusal::bad_request("history must be a number of messages"))?;
        Ok(JoinOptions {
            offline: None,
            from: None,
            history: history.map(|Whole(count)| usize::try_from(count).unwrap_or(usize::MAX).min(JOIN_HISTORY_MAX)),
            invitation: self.invitation_code()?,
            since: self.since.as_ref().map(|OnlyObject(since)| since.position()),
            latest: self.latest.unwrap_or(false),
            group: self.group_options()?,
            receipts: self.receipt_counts.unwrap_or(false),
            topic: self.room.is_none(),
            renamed_from: None,
        })
    }

    /// Whether it is about a pattern of topics, and not about one of them.
    pub(super) fn has_pattern(&self) -> bool {
        self.pattern.is_some()
    }

    /// The pattern of a subscription, which is given what is published from now on.
    pub(in crate::wire) fn subscribed_pattern(&self) -> Result<Pattern, Refusal> {
        let has_options = self.history.is_some()
            || self.since.is_some()
            || self.latest.is_some()
            || self.group.is_some()
            || self.prefetch.is_some()
            || self.visibility_s.is_some()
            || self.invitation.is_some()
            || self.receipt_counts.is_some();
        if has_options {
            return Err(Refusal::bad_request(
                "A pattern is given what is published from now on: no history, since, latest, group, invitation",
            ));
        }
        self.pattern()
    }

    /// A pattern, in place of a topic.
    pub(in crate::wire) fn pattern(&self) -> Result<Pattern, Refusal> {
        if self.room.is_some() || self.topic.is_some() {
            return Err(Refusal::bad_request("Either a topic or a pattern"));
        }
        Pattern::parse(self.pattern.as_deref().ok_or_else(|| missing("pattern"))?)
    }

    /// The group, of which a member is given what is published from now on.
    fn group_options(&self) -> Result<Option<Box<GroupOptions>>, Refusal> {
        let Some(name) = self.group.as_deref() else {
            let group = self.prefetch.or(self.visibility_s).map(|_| Err(missing("group")));
            return group.unwrap_or(Ok(None));
        };
        if self.history.is_some() || self.since.is_some() || self.latest == Some(true) {
            return Err(Refusal::bad_request(
                "A member of a group is given no earlier messages: no history, since, latest",
            ));
        }
        GroupOptions::parse(name, self.prefetch, self.visibility_s).map(|options| Some(Box::new(options)))
    }

    pub(in crate::wire) fn history(&self) -> Result<(RoomName, Span, usize), Refusal> {
        Ok((
            self.any_room()?,
            Span::parse(self.before, self.after, self.latest.unwrap_or(false))?,
            Span::limit(self.limit),
        ))
    }

    /// The words of a search, where it searches, and how many results are wanted. Without a room it is in all of them.
    pub(in crate::wire) fn search(&self) -> Result<(Box<str>, SearchScope, usize), Refusal> {
        let text = self.q.as_deref().ok_or_else(|| Refusal::bad_request("q, the words to search for, is missing"))?;
        let scope = match (&self.room, &self.topic) {
            (None, None) => SearchScope::AllRooms(self.next.as_deref().map(str::parse).transpose()?),
            _ => SearchScope::Room(self.room()?, self.before.unwrap_or(u64::MAX)),
        };
        Ok((text.into(), scope, Span::limit(self.limit)))
    }

    pub(in crate::wire) fn create(&self) -> Result<Command, Refusal> {
        let members = self.members.iter().flatten().map(|user| UserName::parse(user));
        let members = members.collect::<Result<_, _>>().map_err(|error| bad_name("members", error))?;
        let options = RoomOptions { private: self.private.unwrap_or(false), members };
        Ok(Command::Create { room: self.room()?, durable: self.durable.unwrap_or(true), options })
    }

    pub(in crate::wire) fn moderate(&self, request: ModerationRequest) -> Result<Command, Refusal> {
        Ok(Command::Moderate { room: Some(self.room()?), request, note: self.note()? })
    }

    pub(in crate::wire) fn user(&self) -> Result<UserName, Refusal> {
        let user = self.user.as_deref().ok_or_else(|| missing("user"))?;
        UserName::parse(user).map_err(|error| bad_name("user", error))
    }

    pub(in crate::wire) fn lasts(&self) -> Result<Option<Duration>, Refusal> {
        match self.for_s {
            None => Ok(None),
            Some(seconds @ 1..=SANCTION_MAX_S) => Ok(Some(Duration::from_secs(seconds))),
            Some(_) => Err(Refusal::bad_request(format!("for_s is a number of seconds from 1 to {SANCTION_MAX_S}"))),
        }
    }

    pub(in crate::wire) fn role(&self) -> Result<ModerationRequest, Refusal> {
        let user = self.user()?;
        let role = self.role.as_deref().ok_or_else(|| missing("role"))?;
        let role =
            Role::parse(role).ok_or_else(|| Refusal::bad_request("role must be member, voice, moderator or owner"))?;
        Ok(ModerationRequest::Role { user, role })
    }

    pub(in crate::wire) fn settings(&self) -> Result<RoomSettings, Refusal> {
        let Self { slow_mode_s, announcement, members_max, open_subject, .. } = *self;
        let settings = RoomSettings { slow_mode_s, announcement, members_max, open_subject };
        if settings == RoomSettings::default() {
            return Err(missing("slow_mode_s, announcement, members_max or open_subject"));
        }
        if settings.members_max.is_some_and(|most| most > MEMBERS_MAX) {
            return Err(Refusal::bad_request(format!("members_max is at most {MEMBERS_MAX}")));
        }
        if settings.slow_mode_s.is_some_and(|seconds| seconds > SLOW_MODE_MAX_S) {
            return Err(Refusal::bad_request(format!("slow_mode_s is at most {SLOW_MODE_MAX_S}")));
        }
        Ok(settings)
    }

    pub(in crate::wire) fn describe(&self) -> Result<ModerationRequest, Refusal> {
        let description = Description::parse(self.subject.as_deref(), self.description.as_deref())?;
        Ok(ModerationRequest::Describe(description))
    }

    pub(in crate::wire) fn bookmark(&self) -> Result<Command, Refusal> {
        let level = |text: &str| {
            NotificationLevel::parse(text)
                .ok_or_else(|| Refusal::bad_request("notify must be all, mentions or nothing"))
        };
        let notify = self.notify.as_deref().map(level).transpose()?;
        Ok(Command::Bookmarks(BookmarkRequest::Set { room: self.any_room()?, notify }))
    }

    /// An empty `name` removes the display name.
    pub(in crate::wire) fn display_name(&self) -> Result<Command, Refusal> {
        let text = self.name.as_deref().ok_or_else(|| missing("name"))?;
        let parse = |text| DisplayName::parse(text).map_err(|error| bad_name("name", error));
        let name = (!text.is_empty()).then(|| parse(text)).transpose()?;
        Ok(Command::DisplayNames(DisplayNameRequest::Set(name)))
    }

    pub(in crate::wire) fn users(&self) -> Result<Vec<UserName>, Refusal> {
        let users = self.users.as_ref().ok_or_else(|| missing("users"))?;
        if users.len() > ASKED_MAX {
            return Err(Refusal::bad_request(format!("users has at most {ASKED_MAX} names")));
        }
        users.iter().map(|user| UserName::parse(user).map_err(|error| bad_name("users", error))).collect()
    }

    pub(in crate::wire) fn token(&self) -> Result<Secret, Refusal> {
        self.token.as_deref().map(Secret::from).ok_or_else(|| missing("token"))
    }

    fn invitation_code(&self) -> Result<Option<Secret>, Refusal> {
        let code = self.invitation.map(|raw| serde_json::from_str::<Cow<'_, str>>(raw.get())).transpose();
        let code = code.map_err(|_| Refusal::bad_request("invitation must be the code of an invitation"))?;
        Ok(code.as_deref().map(Secret::from))
    }

    pub(in crate::wire) fn invitation_number(&self) -> Result<u64, Refusal> {
        let raw = self.invitation.ok_or_else(|| missing("invitation"))?;
        let number = serde_json::from_str::<Whole>(raw.get());
        number
            .map(|Whole(number)| number)
            .map_err(|_| Refusal::bad_request("invitation must be the number of an invitation"))
    }

    pub(in crate::wire) fn invitation(&self) -> Result<Command, Refusal> {
        let options = InvitationOptions::parse(self.for_s, self.uses)?;
        let request = InvitationRequest::Create { options, note: self.note()? };
        Ok(Command::Invitations { room: Some(self.room()?), request })
    }

    pub(in crate::wire) fn device(&self) -> Result<DeviceId, Refusal> {
        self.device.as_deref().ok_or_else(|| missing("device"))?.parse()
    }

    pub(in crate::wire) fn resume(&self) -> Result<Command, Refusal> {
        let token = self.resume.as_deref().ok_or_else(|| missing("resume"))?.into();
        let seen = self.rooms.iter().flatten().map(|(room, OnlyObject(since))| {
            let room = RoomName::parse_known(room).map_err(|error| bad_name("room", error))?;
            Ok((room, since.position()))
        });
        Ok(Command::Resume { token, seen: Seen::Rooms(seen.collect::<Result<_, Refusal>>()?) })
    }

    pub(in crate::wire) fn signal(&self, kind: Signal) -> Result<Command, Refusal> {
        let payload = match (self.payload, kind) {
            (Some(payload), _) => relayed::checked("payload", payload)?,
            (None, Signal::Hangup) => Cow::Borrowed("{}"),
            (None, _) => return Err(missing("payload")),
        };
        Ok(Command::Signal { kind, to: self.to()?, payload: payload.into() })
    }
}

/// The body in the field `data`.
///
/// # Errors
/// `bad_request`: it is not base64.
pub fn parse_data(text: &str) -> Result<Body, Refusal> {
    let bytes = data::from_base64(text);
    let bytes = bytes.ok_or_else(|| Refusal::bad_request("data must be base64, with padding (RFC 4648, section 4)"))?;
    Ok(Body::Data(bytes.into()))
}

fn missing(field: &str) -> Refusal {
    Refusal::bad_request(format!("{field} is missing"))
}

fn bad_name(field: &str, error: NameError) -> Refusal {
    Refusal::bad_request(format!("{field} {error}"))
}
