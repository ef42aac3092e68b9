//! The fields of a command in the JSON dialect, each parsed when a row of the table asks for it.
//!
//! Unknown fields are ignored. A field that is missing, or is no valid value, refuses the command.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::policy::{ModerationRequest, Role, RoomOptions, RoomSettings, SANCTION_MAX_S, SLOW_MODE_MAX_S};
use crate::chat::{
    About, Body, Command, Id, JoinOptions, Mid, NameError, Note, Position, Receipt, Refusal, RoomName, RoomRequest,
    Secret, Seen, Signal, Span, Status, UserName,
};
use roomd_protocol::JOIN_HISTORY_MAX;

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
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cipher: Option<&'a RawValue>,
    #[serde(borrow)]
    mid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    reply_to: Option<u64>,
    react_to: Option<u64>,
    typing: Option<bool>,
    status: Option<Status>,
    #[serde(borrow)]
    note: Option<Cow<'a, str>>,
    #[serde(borrow)]
    history: Option<&'a RawValue>,
    since: Option<Since>,
    seq: Option<u64>,
    before: Option<u64>,
    after: Option<u64>,
    limit: Option<usize>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    resume: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rooms: Option<BTreeMap<Cow<'a, str>, Since>>,
    private: Option<bool>,
    durable: Option<bool>,
    #[serde(borrow)]
    members: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    for_s: Option<u64>,
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    slow_mode_s: Option<u32>,
    announcement: Option<bool>,
}

#[derive(Deserialize)]
struct Since {
    epoch: Box<str>,
    seq: u64,
}

impl Since {
    fn position(&self) -> Position {
        Position { epoch: self.epoch.as_ref().into(), seq: self.seq }
    }
}

impl Fields<'_> {
    /// Whether it has what the bare form needs.
    pub(super) fn is_topic_message(&self) -> bool {
        self.topic.is_some() && self.message.is_some()
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
        match (&self.message, self.cipher) {
            (Some(_), Some(_)) => Err(Refusal::bad_request("A message is a message or a cipher, not both")),
            (Some(text), None) => Ok(Body::Text(text.as_ref().into())),
            (None, Some(cipher)) if cipher.get().starts_with('{') => Ok(Body::Cipher(cipher.get().into())),
            (None, Some(_)) => Err(Refusal::bad_request("cipher must be an object")),
            (None, None) => Err(missing("message")),
        }
    }

    pub(in crate::wire) fn mid(&self) -> Result<Option<Mid>, Refusal> {
        self.mid.as_deref().map(Mid::parse).transpose()
    }

    pub(in crate::wire) fn about(&self) -> Result<Option<About>, Refusal> {
        About::parse(self.reply_to, self.react_to)
    }

    pub(in crate::wire) fn seq(&self) -> Result<u64, Refusal> {
        self.seq.ok_or_else(|| missing("seq"))
    }

    pub(in crate::wire) fn status(&self) -> Result<Status, Refusal> {
        match self.status {
            Some(Status::Offline) => Err(Refusal::bad_request("status must be online or away")),
            Some(status) => Ok(status),
            None => Err(missing("status")),
        }
    }

    pub(in crate::wire) fn note(&self) -> Result<Option<Note>, Refusal> {
        self.note.as_deref().map(Note::parse).transpose()
    }

    pub(in crate::wire) fn typing(&self) -> Result<bool, Refusal> {
        self.typing.ok_or_else(|| missing("typing"))
    }

    pub(in crate::wire) fn receipt(&self, receipt: Receipt) -> Result<Command, Refusal> {
        let request = RoomRequest::Receipt { receipt, seq: self.seq()? };
        Ok(Command::ToRoom { room: Some(self.any_room()?), request })
    }

    pub(in crate::wire) fn join_options(&self) -> Result<JoinOptions, Refusal> {
        let history = self.history.map(|raw| serde_json::from_str::<usize>(raw.get())).transpose();
        let history = history.map_err(|_| Refusal::bad_request("history must be a number of messages"))?;
        Ok(JoinOptions {
            offline: None,
            history: history.map(|count| count.min(JOIN_HISTORY_MAX)),
            since: self.since.as_ref().map(Since::position),
            topic: self.room.is_none(),
        })
    }

    pub(in crate::wire) fn history(&self) -> Result<(RoomName, Span, usize), Refusal> {
        Ok((self.any_room()?, Span::parse(self.before, self.after)?, Span::limit(self.limit)))
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
        let role = Role::parse(role).ok_or_else(|| Refusal::bad_request("role must be member, moderator or owner"))?;
        Ok(ModerationRequest::Role { user, role })
    }

    pub(in crate::wire) fn settings(&self) -> Result<RoomSettings, Refusal> {
        let settings = RoomSettings { slow_mode_s: self.slow_mode_s, announcement: self.announcement };
        if settings == RoomSettings::default() {
            return Err(missing("slow_mode_s or announcement"));
        }
        if settings.slow_mode_s.is_some_and(|seconds| seconds > SLOW_MODE_MAX_S) {
            return Err(Refusal::bad_request(format!("slow_mode_s is at most {SLOW_MODE_MAX_S}")));
        }
        Ok(settings)
    }

    pub(in crate::wire) fn token(&self) -> Result<Secret, Refusal> {
        self.token.as_deref().map(Secret::from).ok_or_else(|| missing("token"))
    }

    pub(in crate::wire) fn resume(&self) -> Result<Command, Refusal> {
        let token = self.resume.as_deref().ok_or_else(|| missing("resume"))?.into();
        let seen = self.rooms.iter().flatten().map(|(room, since)| {
            let room = RoomName::parse_known(room).map_err(|error| bad_name("room", error))?;
            Ok((room, since.position()))
        });
        Ok(Command::Resume { token, seen: Seen::Rooms(seen.collect::<Result<_, Refusal>>()?) })
    }

    pub(in crate::wire) fn signal(&self, kind: Signal) -> Result<Command, Refusal> {
        let payload = match (self.payload, kind) {
            (Some(payload), _) => payload.get(),
            (None, Signal::Hangup) => "{}",
            (None, _) => return Err(missing("payload")),
        };
        Ok(Command::Signal { kind, to: self.to()?, payload: payload.into() })
    }
}

fn missing(field: &str) -> Refusal {
    Refusal::bad_request(format!("{field} is missing"))
}

fn bad_name(field: &str, error: NameError) -> Refusal {
    Refusal::bad_request(format!("{field} {error}"))
}
