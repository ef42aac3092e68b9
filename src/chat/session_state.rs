//! A session as a value: what one connection may do next, and what follows from what it says.
//!
//! Owned and used by the connection's reader. `handle` turns a request into acts, which the engine
//! carries out in order; an act that fails ends the list. The session knows the names of its
//! rooms, the engine holds the handles.

use std::sync::Arc;
use std::time::Duration;

use super::capabilities::Capabilities;
use super::command::{Command, Cost, Request, Seen};
use super::end::End;
use super::event::Event;
use super::id::Id;
use super::identity::Identity;
use super::join_options::JoinOptions;
use super::limits::{Limits, Slow};
use super::note::Note;
use super::policy::{ModerationRequest, RoomOptions};
use super::presence::Status;
use super::refusal::{Code, Refusal};
use super::room_request::RoomRequest;
use super::signal::Signal;
use super::span::Span;
use super::time::Moment;
use super::token_bucket::Bucket;
use roomd_protocol::{RoomName, Secret, UserName};

/// What a session wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell the client.
    Reply(Option<Id>, Event),
    /// Enter a room.
    Join(Join),
    /// Leave a room; tell the client.
    Leave { room: RoomName, id: Option<Id> },
    /// Say something in a room that it is in.
    Tell { room: RoomName, request: RoomRequest, id: Option<Id> },
    /// Read a part of the history of a room that it is in.
    History { room: RoomName, span: Span, limit: usize, id: Option<Id> },
    /// Say something to one user.
    Private { to: UserName, request: RoomRequest, id: Option<Id> },
    /// Forward call signalling.
    Signal { kind: Signal, to: UserName, payload: Arc<str>, id: Option<Id> },
    /// List the rooms.
    Rooms { id: Option<Id> },
    /// Make a room that stays.
    Create { room: RoomName, durable: bool, options: RoomOptions, id: Option<Id> },
    /// Change something in a room.
    Moderate { room: RoomName, request: ModerationRequest, note: Option<Note>, id: Option<Id> },
    /// Take an interrupted session up again, in place of this one.
    Resume { token: Box<str>, seen: Seen, id: Option<Id> },
    /// Tell how this session could be taken up again, as seen from this room.
    Session { room: RoomName, id: Option<Id> },
    /// From now on the connection is this guest's, if the name is free.
    Rename { user: UserName },
    /// From now on the connection is that of whom the token names, who is told so.
    Identify { token: Secret, id: Option<Id> },
    /// Another token of the same user is to count from now on.
    Refresh { token: Secret, id: Option<Id> },
    /// The session is over.
    End(End),
}

/// A join that a session wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The room.
    pub room: RoomName,
    /// What it wants to see at once.
    pub options: JoinOptions,
    /// Whether it is answered and others hear of it.
    pub announced: bool,
    /// What the room does with slow members, if this join opens it; `None` is the server's setting.
    pub slow: Option<Slow>,
    /// Whether the room keeps its history, likewise.
    pub durable: bool,
    /// The mark of the command.
    pub id: Option<Id>,
}

/// One connection's state.
#[derive(Debug)]
pub struct SessionState {
    identity: Identity,
    capabilities: Capabilities,
    /// The rooms it is in, in the order in which it came: few, so they are looked through.
    rooms: Vec<RoomName>,
    /// The room that a text client speaks in.
    current: Option<RoomName>,
    /// Whether it has sent a message: its name is settled.
    spoken: bool,
    /// Of one who has yet to say who it is: where it wants to go then. Until then it may do nothing.
    awaiting_auth: Option<Box<Option<(RoomName, JoinOptions)>>>,
    status: Status,
    /// Messages of a join when the client names no number.
    join_history: usize,
    messages: Bucket,
    /// Everything else that costs others something; ten times as much is allowed.
    others: Bucket,
    offences: u32,
    limits: Arc<Limits>,
}

impl SessionState {
    /// A session of `identity`, in no room. `join_history`: see [`super::command::JOIN_HISTORY_DEFAULT`].
    #[must_use]
    pub fn new(identity: Identity, capabilities: Capabilities, join_history: usize, limits: Arc<Limits>) -> Self {
        Self {
            identity,
            capabilities,
            rooms: Vec::new(),
            current: None,
            spoken: false,
            awaiting_auth: None,
            status: Status::Online,
            join_history,
            messages: Bucket::new(limits.rate_burst, limits.rate_per_s),
            others: Bucket::new(limits.rate_burst.saturating_mul(10), limits.rate_per_s.saturating_mul(10)),
            offences: 0,
            limits,
        }
    }

    /// From now on it may do nothing, until it has said who it is.
    pub fn require_auth(&mut self) {
        self.awaiting_auth = Some(Box::default());
    }

    /// Whether it has yet to say who it is.
    #[must_use]
    pub fn needs_auth(&self) -> bool {
        self.awaiting_auth.is_some()
    }

    /// The engine has found out who it is.
    pub fn identified(&mut self, identity: Identity) {
        (self.identity, self.awaiting_auth) = (identity, None);
    }

    /// Whose connection it is.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.identity.user
    }

    /// Who that is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the user's status is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// It goes on through another connection.
    pub fn resume(&mut self, capabilities: Capabilities, join_history: usize) {
        (self.capabilities, self.join_history) = (capabilities, join_history);
    }

    /// The room that a text client speaks in.
    #[must_use]
    pub fn current(&self) -> Option<&RoomName> {
        self.current.as_ref()
    }

    /// The engine has entered a room for it.
    pub fn entered(&mut self, room: &RoomName) {
        self.rooms.push(room.clone());
        self.current = Some(room.clone());
    }

    /// The engine has left a room for it, or the room is no more.
    pub fn left(&mut self, room: &RoomName) {
        self.rooms.retain(|other| other != room);
        if self.current.as_ref() == Some(room) {
            self.current = None;
        }
    }

    /// The join that a client asks for by its address.
    pub fn begin(&mut self, room: RoomName, options: JoinOptions, acts: &mut Vec<Action>) {
        match &mut self.awaiting_auth {
            Some(aim) => **aim = Some((room, options)),
            None => self.join(room, options, None, acts),
        }
    }

    /// Takes a request; appends what follows from it to `acts`.
    pub fn handle(&mut self, request: Request, now: Moment, acts: &mut Vec<Action>) {
        self.forgive(now);
        let Request { id, command, cost, before_auth } = request;
        if let Err(wait) = self.pay(cost, now) {
            return self.offend(id, wait, acts);
        }
        let done = self.check_auth(before_auth).and_then(|()| self.execute(command, id.clone(), now, acts));
        if let Err(refusal) = done {
            acts.push(Action::Reply(id, Event::Refused(refusal)));
        }
    }

    /// Takes what could not be understood; it costs as much as a command.
    pub fn reject(&mut self, id: Option<Id>, refusal: Refusal, now: Moment, acts: &mut Vec<Action>) {
        self.forgive(now);
        match self.others.take(now.since_start) {
            Ok(()) => acts.push(Action::Reply(id, Event::Refused(refusal))),
            Err(wait) => self.offend(id, wait, acts),
        }
    }

    /// A pause that fills both buckets ends a row of offences. One alone may be full in the middle of
    /// a flood through the other.
    fn forgive(&mut self, now: Moment) {
        if self.messages.is_full(now.since_start) && self.others.is_full(now.since_start) {
            self.offences = 0;
        }
    }

    fn offend(&mut self, id: Option<Id>, wait: Duration, acts: &mut Vec<Action>) {
        acts.push(Action::Reply(id, Event::Refused(Refusal::rate_limited(wait))));
        acts.extend(self.offended().map(Action::End));
    }

    /// Counts a refusal for rate, also one that the engine made; the last of a row ends the session.
    pub fn offended(&mut self) -> Option<End> {
        self.offences += 1;
        (self.offences >= self.limits.rate_offences_max).then_some(End::TooFast)
    }

    fn execute(
        &mut self,
        command: Command,
        id: Option<Id>,
        now: Moment,
        acts: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        match command {
            Command::Join { room, options } => self.join(room, options, id, acts),
            Command::Leave { room } => acts.push(Action::Leave { room: self.room_or_current(room)?, id }),
            Command::ToRoom { room, request } => {
                request.check(self.limits.message_bytes)?;
                let room = self.room_or_conversation(room)?;
                self.spoken |= request.publishes();
                acts.push(Action::Tell { room, request, id });
            }
            Command::Topic { room, request } => self.publish_to_topic(room, request, id, acts)?,
            Command::Private { to, request } => {
                request.check(self.limits.message_bytes)?;
                if to == self.identity.user {
                    return Err(Refusal::bad_request("A private message needs another user"));
                }
                self.spoken = true;
                acts.push(Action::Private { to, request, id });
            }
            Command::Presence { status, note } => self.present(status, note, acts),
            Command::History { room, span, limit } => {
                let room = self.room_or_conversation(room)?;
                acts.push(Action::History { room, span, limit, id });
            }
            Command::Rooms => acts.push(Action::Rooms { id }),
            Command::Create { room, durable, options } => {
                self.identity.allows(&room)?;
                acts.push(Action::Create { room, durable, options, id });
            }
            Command::Moderate { room, request, note } => {
                let room = room.map_or_else(|| self.room_or_current(None), Ok)?;
                self.identity.allows(&room)?;
                acts.push(Action::Moderate { room, request, note, id });
            }
            Command::Signal { kind, to, payload } => {
                if payload.len() > self.limits.message_bytes {
                    return Err(Refusal::message_too_large(self.limits.message_bytes));
                }
                acts.push(Action::Signal { kind, to, payload, id });
            }
            Command::Nick { name } => self.rename(name, acts)?,
            Command::Auth { token } => self.identify(token, id, acts)?,
            Command::Refresh { token } => acts.push(Action::Refresh { token, id }),
            Command::Resume { token, seen } => acts.push(Action::Resume { token, seen, id }),
            Command::Session => acts.push(Action::Session { room: self.room_or_current(None)?, id }),
            Command::Query(query) => acts.push(Action::Reply(id, query.answer(now))),
            Command::Quit => acts.push(Action::End(End::Left)),
        }
        Ok(())
    }

    /// The bare form: joins the topic first, if need be.
    fn publish_to_topic(
        &mut self,
        room: RoomName,
        request: RoomRequest,
        id: Option<Id>,
        acts: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        request.check(self.limits.message_bytes)?;
        if !self.rooms.contains(&room) {
            self.subscribe(&room, id.clone(), acts)?;
        }
        self.spoken = true;
        acts.push(Action::Tell { room, request, id });
        Ok(())
    }

    fn present(&mut self, status: Status, note: Option<Note>, acts: &mut Vec<Action>) {
        self.status = status;
        let request = RoomRequest::Presence { status, note };
        acts.extend(self.rooms.iter().map(|room| Action::Tell {
            room: room.clone(),
            request: request.clone(),
            id: None,
        }));
    }

    fn join(&mut self, room: RoomName, mut options: JoinOptions, id: Option<Id>, acts: &mut Vec<Action>) {
        if self.rooms.contains(&room) {
            let refusal = Refusal::new(Code::BadRequest, format!("Already in {room}"));
            acts.push(Action::Reply(id, Event::Refused(refusal)));
            return;
        }
        // A client of a single room changes rooms.
        let place = usize::from(self.capabilities.single_room && self.current.is_some());
        if let Err(refusal) = self.identity.allows(&room).and_then(|()| self.room_for_one_more(place)) {
            acts.push(Action::Reply(id, Event::Refused(refusal)));
            return;
        }
        options.history.get_or_insert(self.join_history);
        let slow = options.topic.then_some(Slow::Drop);
        let old = self.current.clone().filter(|_| self.capabilities.single_room);
        acts.push(Action::Join(Join { room, options, announced: true, slow, durable: true, id }));
        acts.extend(old.map(|room| Action::Leave { room, id: None }));
    }

    fn subscribe(&self, room: &RoomName, id: Option<Id>, acts: &mut Vec<Action>) -> Result<(), Refusal> {
        self.identity.allows(room)?;
        self.room_for_one_more(0)?;
        let options = JoinOptions { history: Some(0), topic: true, ..JoinOptions::default() };
        let join = Join {
            room: room.clone(),
            options,
            announced: false,
            slow: Some(Slow::Drop),
            durable: !self.limits.ephemeral_topics,
            id,
        };
        acts.push(Action::Join(join));
        Ok(())
    }

    fn rename(&mut self, name: UserName, acts: &mut Vec<Action>) -> Result<(), Refusal> {
        if !self.identity.is_guest() {
            return Err(Refusal::new(Code::Forbidden, "A token names you, and no other name can be taken"));
        }
        if self.spoken {
            return Err(Refusal::new(Code::Forbidden, "A name can be taken before the first message only"));
        }
        acts.push(Action::Rename { user: name.clone() });
        self.leave_current(acts);
        acts.push(Action::Reply(None, Event::Named { user: name }));
        self.come_back(acts);
        Ok(())
    }

    fn identify(&mut self, token: Secret, id: Option<Id>, acts: &mut Vec<Action>) -> Result<(), Refusal> {
        let settled = self.spoken || (!self.capabilities.single_room && !self.rooms.is_empty());
        if settled || !self.identity.is_guest() {
            return Err(Refusal::new(Code::Forbidden, "Who you are is said before the first room and message, once"));
        }
        acts.push(Action::Identify { token, id });
        self.leave_current(acts);
        self.come_back(acts);
        if let Some((room, options)) = self.awaiting_auth.as_mut().and_then(|aim| aim.take()) {
            self.join(room, options, None, acts);
        }
        Ok(())
    }

    fn leave_current(&self, acts: &mut Vec<Action>) {
        acts.extend(self.current.clone().map(|room| Action::Leave { room, id: None }));
    }

    /// Enters the current room anew, which was left.
    fn come_back(&self, acts: &mut Vec<Action>) {
        let options = JoinOptions { history: Some(0), ..JoinOptions::default() };
        acts.extend(
            self.current
                .clone()
                .map(|room| Action::Join(Join { room, options, announced: true, slow: None, durable: true, id: None })),
        );
    }

    /// Refuses what has to wait until the client has authenticated.
    fn check_auth(&self, before_auth: bool) -> Result<(), Refusal> {
        if self.needs_auth() && !before_auth {
            return Err(Refusal::new(Code::Unauthorized, "Say first who you are: show a token"));
        }
        Ok(())
    }

    /// The room that is named, or the current one, if the session is in it.
    fn room_or_current(&self, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        match room {
            Some(room) if self.rooms.contains(&room) => Ok(room),
            Some(room) => Err(Refusal::not_member(&room)),
            None => self.current.clone().ok_or_else(|| Refusal::new(Code::NotMember, "Join a room first: /join ROOM")),
        }
    }

    /// The same, or one of its user's private conversations.
    fn room_or_conversation(&self, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        let ours = |(one, other): (UserName, UserName)| [&one, &other].contains(&self.user());
        match room {
            Some(room) if room.conversation().is_some_and(ours) => Ok(room),
            room => self.room_or_current(room),
        }
    }

    fn room_for_one_more(&self, freed: usize) -> Result<(), Refusal> {
        let max = self.limits.rooms_per_connection;
        if self.rooms.len() - freed < max {
            return Ok(());
        }
        Err(Refusal::new(Code::TooManyRooms, format!("A connection may be in {max} rooms")))
    }

    /// Takes a token from the bucket, or says how long until there is one.
    fn pay(&mut self, cost: Cost, now: Moment) -> Result<(), Duration> {
        match cost {
            Cost::Message => self.messages.take(now.since_start),
            Cost::Other => self.others.take(now.since_start),
            Cost::Free => Ok(()),
        }
    }
}
