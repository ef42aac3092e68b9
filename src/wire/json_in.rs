//! Parsing the JSON dialect: one object a command.
//!
//! Unknown fields are ignored, an unknown type is an error. What cannot be understood still has its
//! mark, if it had one, so that the error names the command.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Unparsed;
use crate::chat::command::NOTE_BYTES_MAX;
use crate::chat::policy::{ModerationRequest, Role, RoomOptions, RoomSettings, SANCTION_MAX_S, SLOW_MODE_MAX_S};
use crate::chat::{
    About, Body, Code, Command, Id, JoinOptions, Mid, NameError, Position, Receipt, Refusal, Request, RoomName, Secret,
    Seen, Signal, Span, Status, UserName,
};
use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX, JOIN_HISTORY_MAX};

/// Every field that any command has. Texts are borrowed where they hold no escapes.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    id: Option<Id>,
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

#[derive(Deserialize)]
struct OnlyId {
    id: Option<Id>,
}

/// Parses one command.
///
/// # Errors
/// What is wrong with it, with its `id` if that can be read.
pub fn parse(text: &str) -> Result<Request, Unparsed> {
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| {
        // The rest may be wrong and the mark still right: the client then knows which command it was.
        let id = serde_json::from_str::<OnlyId>(text).ok().and_then(|only| only.id).filter(id_fits);
        Unparsed { id, refusal: bad(format!("Not a command: {error}")) }
    })?;
    if !fields.id.as_ref().is_none_or(id_fits) {
        return Err(Unparsed { id: None, refusal: bad(format!("An id may have {} bytes", Id::BYTES_MAX)) });
    }
    let id = fields.id.clone();
    match command(&fields) {
        Ok(command) => Ok(Request { id, command }),
        Err(refusal) => Err(Unparsed { id, refusal }),
    }
}

fn id_fits(id: &Id) -> bool {
    match id {
        Id::Number(_) => true,
        Id::Text(text) => text.len() <= Id::BYTES_MAX,
    }
}

fn command(fields: &Fields<'_>) -> Result<Command, Refusal> {
    let Some(kind) = fields.kind.as_deref() else {
        if fields.topic.is_none() || fields.message.is_none() {
            return Err(bad("A command needs a type, or a topic and a message"));
        }
        return Ok(Command::Topic { room: fields.room()?, body: fields.body()? });
    };
    Ok(match kind {
        "join" | "subscribe" => Command::Join { room: fields.room()?, options: fields.join_options()? },
        "leave" | "unsubscribe" => Command::Leave { room: Some(fields.room()?) },
        "message" | "publish" => Command::Message {
            room: Some(fields.room()?),
            body: fields.body()?,
            about: fields.about()?,
            mid: fields.mid()?,
        },
        "edit" => Command::Edit { room: fields.any_room()?, seq: fields.seq()?, body: fields.body()? },
        "delete" => Command::Edit { room: fields.any_room()?, seq: fields.seq()?, body: Body::Deleted },
        "private" => {
            Command::Private { to: fields.to()?, body: fields.body()?, about: fields.about()?, mid: fields.mid()? }
        }
        "received" => Command::Receipt { room: fields.any_room()?, receipt: Receipt::Received, seq: fields.seq()? },
        "read" => Command::Receipt { room: fields.any_room()?, receipt: Receipt::Read, seq: fields.seq()? },
        "typing" => {
            Command::Typing { room: fields.any_room()?, typing: fields.typing.ok_or_else(|| missing("typing"))? }
        }
        "presence" => Command::Presence { status: fields.status()?, note: fields.note()? },
        "history" => fields.history_command()?,
        "members" => Command::Members { room: Some(fields.room()?) },
        "rooms" => Command::Rooms,
        "create" => fields.create()?,
        "invite" => fields.moderate(ModerationRequest::Invite { user: fields.user()? })?,
        "remove" => fields.moderate(ModerationRequest::Remove { user: fields.user()? })?,
        "kick" => fields.moderate(ModerationRequest::Kick { user: fields.user()? })?,
        "ban" => fields.moderate(ModerationRequest::Ban { user: fields.user()?, lasts: fields.lasts()? })?,
        "unban" => fields.moderate(ModerationRequest::Unban { user: fields.user()? })?,
        "mute" => fields.moderate(ModerationRequest::Mute { user: fields.user()?, lasts: fields.lasts()? })?,
        "unmute" => fields.moderate(ModerationRequest::Unmute { user: fields.user()? })?,
        "role" => fields.moderate(ModerationRequest::Role { user: fields.user()?, role: fields.role()? })?,
        "settings" => fields.moderate(ModerationRequest::Settings(fields.settings()?))?,
        "end" => fields.moderate(ModerationRequest::End)?,
        "offer" => fields.signal(Signal::Offer)?,
        "answer" => fields.signal(Signal::Answer)?,
        "ice-candidate" => fields.signal(Signal::IceCandidate)?,
        "hangup" => fields.signal(Signal::Hangup)?,
        "resume" => fields.resume()?,
        "auth" => Command::Auth { token: fields.token()? },
        "refresh" => Command::Refresh { token: fields.token()? },
        "ping" => Command::Ping,
        _ => return Err(Refusal::new(Code::UnknownType, "There is no command of this type")),
    })
}

impl Fields<'_> {
    fn room(&self) -> Result<RoomName, Refusal> {
        let (name, text) = self.room_text()?;
        RoomName::parse(text).map_err(|error| bad_name(name, error))
    }

    /// A room, or a private conversation.
    fn any_room(&self) -> Result<RoomName, Refusal> {
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

    fn to(&self) -> Result<UserName, Refusal> {
        let to = self.to.as_deref().ok_or_else(|| missing("to"))?;
        UserName::parse(to).map_err(|error| bad_name("to", error))
    }

    fn body(&self) -> Result<Body, Refusal> {
        match (&self.message, self.cipher) {
            (Some(_), Some(_)) => Err(bad("A message is a message or a cipher, not both")),
            (Some(text), None) => Ok(Body::Text(text.as_ref().into())),
            (None, Some(cipher)) if cipher.get().starts_with('{') => Ok(Body::Cipher(cipher.get().into())),
            (None, Some(_)) => Err(bad("cipher must be an object")),
            (None, None) => Err(missing("message")),
        }
    }

    fn mid(&self) -> Result<Option<Mid>, Refusal> {
        let Some(text) = self.mid.as_deref() else { return Ok(None) };
        let mid = Mid::parse(text).ok_or_else(|| bad(format!("A mid has 1 to {} bytes", Mid::BYTES_MAX)))?;
        Ok(Some(mid))
    }

    fn about(&self) -> Result<Option<About>, Refusal> {
        About::read(self.reply_to, self.react_to).map_err(bad)
    }

    fn seq(&self) -> Result<u64, Refusal> {
        self.seq.ok_or_else(|| missing("seq"))
    }

    fn status(&self) -> Result<Status, Refusal> {
        match self.status {
            Some(Status::Offline) => Err(bad("status must be online or away")),
            Some(status) => Ok(status),
            None => Err(missing("status")),
        }
    }

    fn note(&self) -> Result<Option<Arc<str>>, Refusal> {
        match self.note.as_deref() {
            Some(note) if note.len() > NOTE_BYTES_MAX => Err(bad(format!("A note may have {NOTE_BYTES_MAX} bytes"))),
            note => Ok(note.map(Into::into)),
        }
    }

    fn join_options(&self) -> Result<JoinOptions, Refusal> {
        let history = self.history.map(|raw| serde_json::from_str::<usize>(raw.get())).transpose();
        let history = history.map_err(|_| bad("history must be a number of messages"))?;
        Ok(JoinOptions {
            offline: None,
            history: history.map(|count| count.min(JOIN_HISTORY_MAX)),
            since: self.since.as_ref().map(Since::position),
            topic: self.room.is_none(),
        })
    }

    fn history_command(&self) -> Result<Command, Refusal> {
        let span = match (self.before, self.after) {
            (Some(_), Some(_)) => return Err(bad("history goes before or after a number, not both")),
            (None, Some(after)) => Span::After(after),
            (before, None) => Span::Before(before.unwrap_or(u64::MAX)),
        };
        let limit = self.limit.unwrap_or(HISTORY_LIMIT_DEFAULT).clamp(1, HISTORY_LIMIT_MAX);
        Ok(Command::History { room: Some(self.any_room()?), span, limit })
    }

    fn create(&self) -> Result<Command, Refusal> {
        let members = self.members.iter().flatten().map(|user| UserName::parse(user));
        let members = members.collect::<Result<_, _>>().map_err(|error| bad_name("members", error))?;
        let options = RoomOptions { private: self.private.unwrap_or(false), members };
        Ok(Command::Create { room: self.room()?, durable: self.durable.unwrap_or(true), options })
    }

    fn moderate(&self, request: ModerationRequest) -> Result<Command, Refusal> {
        Ok(Command::Moderate { room: Some(self.room()?), request, note: self.note()? })
    }

    fn user(&self) -> Result<UserName, Refusal> {
        let user = self.user.as_deref().ok_or_else(|| missing("user"))?;
        UserName::parse(user).map_err(|error| bad_name("user", error))
    }

    fn lasts(&self) -> Result<Option<Duration>, Refusal> {
        match self.for_s {
            None => Ok(None),
            Some(seconds @ 1..=SANCTION_MAX_S) => Ok(Some(Duration::from_secs(seconds))),
            Some(_) => Err(bad(format!("for_s is a number of seconds from 1 to {SANCTION_MAX_S}"))),
        }
    }

    fn role(&self) -> Result<Role, Refusal> {
        let role = self.role.as_deref().ok_or_else(|| missing("role"))?;
        Role::parse(role).ok_or_else(|| bad("role must be member, moderator or owner"))
    }

    fn settings(&self) -> Result<RoomSettings, Refusal> {
        let settings = RoomSettings { slow_mode_s: self.slow_mode_s, announcement: self.announcement };
        if settings == RoomSettings::default() {
            return Err(missing("slow_mode_s or announcement"));
        }
        if settings.slow_mode_s.is_some_and(|seconds| seconds > SLOW_MODE_MAX_S) {
            return Err(bad(format!("slow_mode_s is at most {SLOW_MODE_MAX_S}")));
        }
        Ok(settings)
    }

    fn token(&self) -> Result<Secret, Refusal> {
        self.token.as_deref().map(Secret::from).ok_or_else(|| missing("token"))
    }

    fn resume(&self) -> Result<Command, Refusal> {
        let token = self.resume.as_deref().ok_or_else(|| missing("resume"))?.into();
        let seen = self.rooms.iter().flatten().map(|(room, since)| {
            let room = RoomName::parse_known(room).map_err(|error| bad_name("room", error))?;
            Ok((room, since.position()))
        });
        Ok(Command::Resume { token, seen: Seen::Rooms(seen.collect::<Result<_, Refusal>>()?) })
    }

    fn signal(&self, kind: Signal) -> Result<Command, Refusal> {
        let payload = match (self.payload, kind) {
            (Some(payload), _) => payload.get(),
            (None, Signal::Hangup) => "{}",
            (None, _) => return Err(missing("payload")),
        };
        Ok(Command::Signal { kind, to: self.to()?, payload: payload.into() })
    }
}

fn bad(message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

fn missing(field: &str) -> Refusal {
    bad(format!("{field} is missing"))
}

fn bad_name(field: &str, error: NameError) -> Refusal {
    bad(format!("{field} {error}"))
}
