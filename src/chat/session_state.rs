//! A session as a value: what one connection may do next, and what follows from its requests.
//!
//! Owned and used by the connection's reader. `handle` turns a request into actions, which the engine
//! carries out in order; an act that fails ends the list. What the engine needs for a room, such as its
//! handle, is kept with the room's name and never looked at here.

use std::sync::Arc;
use std::time::Duration;

use super::capabilities::Capabilities;
use super::command::{Command, Cost, Request, Seen};
use super::end::End;
use super::event::Event;
use super::id::Id;
use super::identity::Identity;
use super::join_options::JoinOptions;
use super::joined_rooms::JoinedRooms;
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

/// Something that the engine has to do for a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send an event to the client.
    Reply(Option<Id>, Event),
    /// Join a room.
    Join(Join),
    /// Leave a room, and tell the client.
    Leave { room: RoomName, id: Option<Id> },
    /// Pass a request to a room.
    Tell { room: RoomName, request: RoomRequest, id: Option<Id> },
    /// Read a part of the history of a room that it is in.
    History { room: RoomName, span: Span, limit: usize, id: Option<Id> },
    /// Publish to the conversation with one user.
    Private { to: UserName, request: RoomRequest, id: Option<Id> },
    /// Forward call signalling.
    Signal { kind: Signal, to: UserName, payload: Arc<str>, id: Option<Id> },
    /// List the rooms.
    Rooms { id: Option<Id> },
    /// Create a room that stays.
    Create { room: RoomName, durable: bool, options: RoomOptions, id: Option<Id> },
    /// Moderate a room.
    Moderate { room: RoomName, request: ModerationRequest, note: Option<Note>, id: Option<Id> },
    /// Resume an interrupted session, in place of this one.
    Resume { token: Box<str>, seen: Seen, id: Option<Id> },
    /// Tell how this session can be resumed, with the position in this room.
    Session { room: RoomName, id: Option<Id> },
    /// Rename the guest, if the name is free.
    Rename { user: UserName },
    /// Authenticate the connection by this token, and tell the client.
    Identify { token: Secret, id: Option<Id> },
    /// Replace the token by another of the same user.
    Refresh { token: Secret, id: Option<Id> },
    /// End the session.
    End(End),
}

/// A join that a session asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The room.
    pub room: RoomName,
    /// Its options: which messages it wants first.
    pub options: JoinOptions,
    /// Whether it is answered and others are told.
    pub announced: bool,
    /// What the room does with slow members, if this join opens it; `None` is the server's setting.
    pub slow: Option<Slow>,
    /// Whether the room keeps its history, likewise.
    pub durable: bool,
    /// The request id of the command.
    pub id: Option<Id>,
}

/// One connection's state. `H` is what the engine keeps for each room.
#[derive(Debug)]
pub struct SessionState<H = ()> {
    identity: Identity,
    capabilities: Capabilities,
    rooms: JoinedRooms<H>,
    /// Whether it has published a message: its name is final.
    has_published: bool,
    /// While it has yet to authenticate, which precedes anything else: the join that waits for it.
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

impl<H> SessionState<H> {
    /// A session of `identity`, in no room. `join_history`: see [`roomd_protocol::JOIN_HISTORY_DEFAULT`].
    #[must_use]
    pub fn new(identity: Identity, capabilities: Capabilities, join_history: usize, limits: Arc<Limits>) -> Self {
        Self {
            identity,
            capabilities,
            rooms: JoinedRooms::default(),
            has_published: false,
            awaiting_auth: None,
            status: Status::Online,
            join_history,
            messages: Bucket::new(limits.rate_burst, limits.rate_per_s),
            others: Bucket::new(limits.rate_burst.saturating_mul(10), limits.rate_per_s.saturating_mul(10)),
            offences: 0,
            limits,
        }
    }

    /// Requires authentication before anything else.
    pub fn require_auth(&mut self) {
        self.awaiting_auth = Some(Box::default());
    }

    /// Whether it has yet to authenticate.
    #[must_use]
    pub fn needs_auth(&self) -> bool {
        self.awaiting_auth.is_some()
    }

    /// The engine has identified the user.
    pub fn identified(&mut self, identity: Identity) {
        (self.identity, self.awaiting_auth) = (identity, None);
    }

    /// The user of the connection.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.identity.user
    }

    /// Its user's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The user's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// It is resumed through another connection.
    pub fn resume(&mut self, capabilities: Capabilities, join_history: usize) {
        (self.capabilities, self.join_history) = (capabilities, join_history);
    }

    /// The rooms that it is in.
    #[must_use]
    pub fn rooms(&self) -> &JoinedRooms<H> {
        &self.rooms
    }

    /// The rooms, for the engine, which joins and leaves them.
    pub fn rooms_mut(&mut self) -> &mut JoinedRooms<H> {
        &mut self.rooms
    }

    /// Ends the session; its rooms, to be left.
    #[must_use]
    pub fn into_rooms(self) -> JoinedRooms<H> {
        self.rooms
    }

    /// The join in the address of a client's WebSocket.
    pub fn begin(&mut self, room: RoomName, options: JoinOptions, actions: &mut Vec<Action>) {
        match &mut self.awaiting_auth {
            Some(waiting) => **waiting = Some((room, options)),
            None => self.join(room, options, None, actions),
        }
    }

    /// Takes a request; appends the actions that follow to `actions`.
    pub fn handle(&mut self, request: Request, now: Moment, actions: &mut Vec<Action>) {
        self.forgive(now);
        let Request { id, command, cost, before_auth } = request;
        if let Err(wait) = self.pay(cost, now) {
            return self.offend(id, wait, actions);
        }
        let done = self.check_auth(before_auth).and_then(|()| self.execute(command, id.clone(), now, actions));
        if let Err(refusal) = done {
            actions.push(Action::Reply(id, Event::Refused(refusal)));
        }
    }

    /// Takes a request that could not be parsed; it costs as much as a command.
    pub fn reject(&mut self, id: Option<Id>, refusal: Refusal, now: Moment, actions: &mut Vec<Action>) {
        self.forgive(now);
        match self.others.take(now.since_start) {
            Ok(()) => actions.push(Action::Reply(id, Event::Refused(refusal))),
            Err(wait) => self.offend(id, wait, actions),
        }
    }

    /// A pause that fills both buckets ends a row of offences. One alone may be full in the middle of
    /// a flood through the other.
    fn forgive(&mut self, now: Moment) {
        if self.messages.is_full(now.since_start) && self.others.is_full(now.since_start) {
            self.offences = 0;
        }
    }

    fn offend(&mut self, id: Option<Id>, wait: Duration, actions: &mut Vec<Action>) {
        actions.push(Action::Reply(id, Event::Refused(Refusal::rate_limited(wait))));
        actions.extend(self.offended().map(Action::End));
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
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        match command {
            Command::Join { room, options } => self.join(room, options, id, actions),
            Command::Leave { room } => actions.push(Action::Leave { room: self.room_or_current(room)?, id }),
            Command::ToRoom { room, request } => {
                request.check(self.limits.message_bytes)?;
                let room = self.room_or_conversation(room)?;
                self.has_published |= request.publishes();
                actions.push(Action::Tell { room, request, id });
            }
            Command::Topic { room, request } => self.publish_to_topic(room, request, id, actions)?,
            Command::Private { to, request } => {
                request.check(self.limits.message_bytes)?;
                if to == self.identity.user {
                    return Err(Refusal::bad_request("A private message needs another user"));
                }
                self.has_published = true;
                actions.push(Action::Private { to, request, id });
            }
            Command::Presence { status, note } => self.set_status(status, note, actions),
            Command::History { room, span, limit } => {
                let room = self.room_or_conversation(room)?;
                actions.push(Action::History { room, span, limit, id });
            }
            Command::Rooms => actions.push(Action::Rooms { id }),
            Command::Create { room, durable, options } => {
                self.identity.allows(&room)?;
                actions.push(Action::Create { room, durable, options, id });
            }
            Command::Moderate { room, request, note } => {
                let room = room.map_or_else(|| self.room_or_current(None), Ok)?;
                self.identity.allows(&room)?;
                actions.push(Action::Moderate { room, request, note, id });
            }
            Command::Signal { kind, to, payload } => {
                if payload.len() > self.limits.message_bytes {
                    return Err(Refusal::message_too_large(self.limits.message_bytes));
                }
                actions.push(Action::Signal { kind, to, payload, id });
            }
            Command::Nick { name } => self.rename(name, actions)?,
            Command::Auth { token } => self.identify(token, id, actions)?,
            Command::Refresh { token } => actions.push(Action::Refresh { token, id }),
            Command::Resume { token, seen } => actions.push(Action::Resume { token, seen, id }),
            Command::Session => actions.push(Action::Session { room: self.room_or_current(None)?, id }),
            Command::Query(query) => actions.push(Action::Reply(id, query.answer(now))),
            Command::Quit => actions.push(Action::End(End::Left)),
        }
        Ok(())
    }

    /// The bare form: joins the topic first, if need be.
    fn publish_to_topic(
        &mut self,
        room: RoomName,
        request: RoomRequest,
        id: Option<Id>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        request.check(self.limits.message_bytes)?;
        if !self.rooms.contains(&room) {
            self.subscribe(&room, id.clone(), actions)?;
        }
        self.has_published = true;
        actions.push(Action::Tell { room, request, id });
        Ok(())
    }

    fn set_status(&mut self, status: Status, note: Option<Note>, actions: &mut Vec<Action>) {
        self.status = status;
        let request = RoomRequest::Presence { status, note };
        actions.extend(self.rooms.iter().map(|(room, _)| Action::Tell {
            room: room.clone(),
            request: request.clone(),
            id: None,
        }));
    }

    fn join(&mut self, room: RoomName, mut options: JoinOptions, id: Option<Id>, actions: &mut Vec<Action>) {
        if self.rooms.contains(&room) {
            let refusal = Refusal::new(Code::BadRequest, format!("Already in {room}"));
            actions.push(Action::Reply(id, Event::Refused(refusal)));
            return;
        }
        // A client of a single room changes rooms.
        let place = usize::from(self.capabilities.single_room && self.rooms.current().is_some());
        if let Err(refusal) = self.identity.allows(&room).and_then(|()| self.room_for_one_more(place)) {
            actions.push(Action::Reply(id, Event::Refused(refusal)));
            return;
        }
        options.history.get_or_insert(self.join_history);
        let slow = options.topic.then_some(Slow::Drop);
        let old = self.rooms.current().cloned().filter(|_| self.capabilities.single_room);
        actions.push(Action::Join(Join { room, options, announced: true, slow, durable: true, id }));
        actions.extend(old.map(|room| Action::Leave { room, id: None }));
    }

    fn subscribe(&self, room: &RoomName, id: Option<Id>, actions: &mut Vec<Action>) -> Result<(), Refusal> {
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
        actions.push(Action::Join(join));
        Ok(())
    }

    fn rename(&mut self, name: UserName, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        if !self.identity.is_guest() {
            return Err(Refusal::new(Code::Forbidden, "A token names you, and no other name can be taken"));
        }
        if self.has_published {
            return Err(Refusal::new(Code::Forbidden, "A name can be taken before the first message only"));
        }
        actions.push(Action::Rename { user: name.clone() });
        self.leave_current(actions);
        actions.push(Action::Reply(None, Event::Named { user: name }));
        self.rejoin_current(actions);
        Ok(())
    }

    fn identify(&mut self, token: Secret, id: Option<Id>, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        let settled = self.has_published || (!self.capabilities.single_room && !self.rooms.is_empty());
        if settled || !self.identity.is_guest() {
            return Err(Refusal::new(Code::Forbidden, "Who you are is said before the first room and message, once"));
        }
        actions.push(Action::Identify { token, id });
        self.leave_current(actions);
        self.rejoin_current(actions);
        if let Some((room, options)) = self.awaiting_auth.as_mut().and_then(|join| join.take()) {
            self.join(room, options, None, actions);
        }
        Ok(())
    }

    fn leave_current(&self, actions: &mut Vec<Action>) {
        actions.extend(self.rooms.current().cloned().map(|room| Action::Leave { room, id: None }));
    }

    /// Joins the current room again, which was left.
    fn rejoin_current(&self, actions: &mut Vec<Action>) {
        let options = JoinOptions { history: Some(0), ..JoinOptions::default() };
        actions.extend(
            self.rooms
                .current()
                .cloned()
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
            None => self
                .rooms
                .current()
                .cloned()
                .ok_or_else(|| Refusal::new(Code::NotMember, "Join a room first: /join ROOM")),
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

    /// Takes a token from the bucket, or returns how long to wait for one.
    fn pay(&mut self, cost: Cost, now: Moment) -> Result<(), Duration> {
        match cost {
            Cost::Message => self.messages.take(now.since_start),
            Cost::Other => self.others.take(now.since_start),
            Cost::Free => Ok(()),
        }
    }
}
