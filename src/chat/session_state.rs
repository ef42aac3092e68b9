//! A session as a value: what one connection may do next, and what follows from its requests.
//!
//! Owned and used by the connection's reader. `handle` turns a request into actions, which the engine
//! carries out in order; an action that fails ends the list. What the engine needs for a room, such as its
//! handle, is kept with the room's name and never looked at here.

mod entering;

use std::sync::Arc;
use std::time::Duration;

use super::bookmark::BookmarkRequest;
use super::capabilities::Capabilities;
use super::command::{Command, Cost, InvitationRequest, PatternRequest, Request, Seen};
use super::device::DeviceRequest;
use super::display_names::DisplayNameRequest;
use super::end::End;
use super::event::Event;
use super::group::GroupOptions;
use super::id::Id;
use super::identity::Identity;
use super::join_options::JoinOptions;
use super::joined_rooms::JoinedRooms;
use super::leave_reason::LeaveReason;
use super::limits::{Limits, Slow};
use super::note::Note;
use super::policy::{ModerationRequest, RoomOptions};
use super::presence::Availability;
use super::rate::Allowance;
use super::refusal::{Code, Refusal};
use super::room_request::RoomRequest;
use super::search::SearchScope;
use super::signal::Signal;
use super::span::Span;
use super::time::Moment;
use super::visibility::Visibility;
use roomd_protocol::{RoomName, Secret, UserName};

/// How soon what destroys something has to be repeated.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(60);

/// Something that the engine has to do for a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send an event to the client.
    Reply(Option<Id>, Event),
    /// Join a room.
    Join(Join),
    /// Leave a room, and tell the client.
    Leave { room: RoomName, reason: LeaveReason, id: Option<Id> },
    /// Subscribe to the topics that a pattern matches, or no longer, and tell the client.
    Patterns { request: PatternRequest, id: Option<Id> },
    /// Pass a request to a room.
    Tell { room: RoomName, request: RoomRequest, id: Option<Id> },
    /// Read a part of the history of a room that it is in.
    History { room: RoomName, span: Span, limit: usize, id: Option<Id> },
    /// Publish to the conversation with one user.
    Private { to: UserName, request: RoomRequest, id: Option<Id> },
    /// Tell the private conversations whether the client has asked for receipts.
    AskReceipts(bool),
    /// Tell the private conversations what the client says of its user.
    TellConversations(Availability),
    /// Forward call signalling.
    Signal { kind: Signal, to: UserName, payload: Arc<str>, id: Option<Id> },
    /// Search for messages with these words.
    Search { text: Box<str>, scope: SearchScope, limit: usize, id: Option<Id> },
    /// List the rooms.
    Rooms { id: Option<Id> },
    /// Read or change the user's bookmarks.
    Bookmarks { request: BookmarkRequest, id: Option<Id> },
    /// List, add or end the user's devices.
    Devices { request: DeviceRequest, id: Option<Id> },
    /// Make invitations to a room, or list them.
    Invitations { room: RoomName, request: InvitationRequest, id: Option<Id> },
    /// List the user's rooms and conversations.
    Memberships { id: Option<Id> },
    /// Set the user's display name, or tell those of others.
    DisplayNames { request: DisplayNameRequest, id: Option<Id> },
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
    /// Give the user's registered name up.
    Unclaim { id: Option<Id> },
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
    /// What others see of it.
    pub visibility: Visibility,
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
    /// Whether it has published a message, or subscribed to a pattern: its name is final.
    has_published: bool,
    /// While it has yet to authenticate, which precedes anything else: the join that waits for it.
    awaiting_auth: Option<Box<Option<(RoomName, JoinOptions)>>>,
    /// Until it has said something that makes sense: the room that it enters then.
    first_room: Option<RoomName>,
    /// Of a client of a single room, the group that it asked to be in, and in which room: it is in it again when it has
    /// another name.
    group: Option<Box<(RoomName, GroupOptions)>>,
    /// The room that the client was asked about whether to end it, and until when a repetition confirms it.
    end_asked: Option<Box<(RoomName, Duration)>>,
    availability: Availability,
    /// Whether the client is told who has received and read its messages, in lines.
    receipts: bool,
    /// Messages of a join when the client names no number.
    join_history: usize,
    allowance: Allowance,
    offences: u32,
    limits: Arc<Limits>,
}

impl<H> SessionState<H> {
    /// A session of `identity`, in no room. `join_history`: see [`roomd_protocol::JOIN_HISTORY_DEFAULT`].
    #[must_use]
    pub fn new(identity: Identity, capabilities: Capabilities, join_history: usize, limits: Arc<Limits>) -> Self {
        let allowance = Allowance::full(limits.rate_of(Some(&identity)));
        Self {
            identity,
            capabilities,
            rooms: JoinedRooms::default(),
            has_published: false,
            awaiting_auth: None,
            first_room: None,
            group: None,
            end_asked: None,
            availability: Availability::default(),
            receipts: false,
            join_history,
            allowance,
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

    /// The engine has identified the user, whose rate is in force from now on.
    pub fn identified(&mut self, identity: Identity) {
        self.allowance.set_rate(self.limits.rate_of(Some(&identity)));
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

    /// The limits in force, as its client was told.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// What the client says of its user.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
    }

    /// Whether the client is told who has received and read its messages, in lines.
    #[must_use]
    pub fn asks_receipts(&self) -> bool {
        self.receipts
    }

    /// Whether its name is final: it has published a message, or subscribed to a pattern.
    #[must_use]
    pub fn has_published(&self) -> bool {
        self.has_published
    }

    /// It goes on where a session has been that another server had.
    pub fn take_over(&mut self, availability: Availability, asks_receipts: bool, has_published: bool) {
        self.first_room = None;
        (self.availability, self.receipts) = (availability, asks_receipts);
        self.has_published = has_published;
    }

    /// It is resumed through another connection, whose client was told these limits.
    pub fn resume(&mut self, capabilities: Capabilities, join_history: usize, limits: Arc<Limits>) {
        self.allowance.set_rate(limits.rate_of(Some(&self.identity)));
        (self.capabilities, self.join_history, self.limits) = (capabilities, join_history, limits);
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

    /// The engine has joined a room.
    pub fn joined(&mut self, room: RoomName, handle: H) {
        self.first_room = None;
        self.rooms.insert(room, handle);
    }

    /// Whether the client has said nothing yet that makes sense: nobody was told of it, and there is nothing to keep.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.needs_auth() || self.first_room.is_some()
    }

    /// Ends the session; its rooms, to be left.
    #[must_use]
    pub fn into_rooms(self) -> JoinedRooms<H> {
        self.rooms
    }

    /// Takes a request; appends the actions that follow to `actions`.
    pub fn handle(&mut self, request: Request, now: Moment, actions: &mut Vec<Action>) {
        self.forgive(now);
        let Request { id, command, cost, before_auth } = request;
        if let Err(wait) = self.pay(cost, now) {
            let unsent = command.publication().and_then(|publication| publication.unsent(id.as_ref()));
            return self.offend(id, Refusal::rate_limited(wait).of_message(unsent), actions);
        }
        let done = self.check_auth(before_auth).and_then(|()| {
            if !entering::chooses_room_or_name(&command) {
                self.enter_first_room(actions);
            }
            self.execute(command, id.clone(), now, actions)
        });
        if let Err(refusal) = done {
            actions.push(Action::Reply(id, Event::Refused(refusal)));
        }
    }

    /// Takes a request that could not be parsed; it costs as much as a command.
    pub fn reject(&mut self, id: Option<Id>, refusal: Refusal, now: Moment, actions: &mut Vec<Action>) {
        self.forgive(now);
        match self.pay(Cost::Other, now) {
            Ok(()) => actions.push(Action::Reply(id, Event::Refused(refusal))),
            Err(wait) => self.offend(id, Refusal::rate_limited(wait), actions),
        }
    }

    /// Pays for what the client's door does by itself.
    ///
    /// # Errors
    /// The refusal; and the end of the session, if it was the last of a row.
    pub fn charge(&mut self, cost: Cost, now: Moment) -> Result<(), (Refusal, Option<End>)> {
        self.forgive(now);
        self.pay(cost, now).map_err(|wait| (Refusal::rate_limited(wait), self.offended()))
    }

    /// A pause in which all of the allowance comes back ends a row of offences.
    fn forgive(&mut self, now: Moment) {
        if self.allowance.is_full(now.since_start) {
            self.offences = 0;
        }
    }

    fn offend(&mut self, id: Option<Id>, refusal: Refusal, actions: &mut Vec<Action>) {
        actions.push(Action::Reply(id, Event::Refused(refusal)));
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
            Command::Leave { room, note } => {
                let room = self.room_or_current(room)?;
                actions.push(Action::Leave { room, reason: LeaveReason::Left(note), id });
            }
            Command::Patterns(request) => self.change_patterns(request, id, actions),
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
            Command::Receipts { on } => self.ask_receipts(on, id, actions),
            Command::Presence { status, note } => self.set_availability(Availability { status, note }, actions),
            Command::History { room, span, limit } => {
                let room = self.room_or_conversation(room)?;
                actions.push(Action::History { room, span, limit, id });
            }
            Command::Search { text, scope, limit } => {
                if let SearchScope::Room(room, _) = &scope {
                    self.identity.allows(room)?;
                }
                actions.push(Action::Search { text, scope, limit, id });
            }
            Command::Rooms => actions.push(Action::Rooms { id }),
            Command::Bookmarks(request) => actions.push(Action::Bookmarks { request, id }),
            Command::Devices(request) => actions.push(Action::Devices { request, id }),
            Command::Invitations { room, request } => {
                let room = room.map_or_else(|| self.room_or_current(None), Ok)?;
                self.identity.allows(&room)?;
                actions.push(Action::Invitations { room, request, id });
            }
            Command::Memberships => actions.push(Action::Memberships { id }),
            Command::DisplayNames(request) => actions.push(Action::DisplayNames { request, id }),
            Command::Create { room, durable, options } => {
                self.identity.allows(&room)?;
                actions.push(Action::Create { room, durable, options, id });
            }
            Command::Moderate { room, request, note } => self.moderate(room, request, note, id, now, actions)?,
            Command::Signal { kind, to, payload } => {
                if payload.len() > self.limits.message_bytes {
                    return Err(Refusal::message_too_large(self.limits.message_bytes));
                }
                actions.push(Action::Signal { kind, to, payload, id });
            }
            Command::Nick { name } => self.rename(name, actions)?,
            Command::Auth { token } => self.identify(token, id, actions)?,
            Command::Unclaim { name } => {
                if self.identity.is_guest() || name != self.identity.user {
                    return Err(Refusal::new(Code::Forbidden, "A registered name is given up by its owner"));
                }
                actions.push(Action::Unclaim { id });
            }
            Command::Refresh { token } => actions.push(Action::Refresh { token, id }),
            Command::Resume { token, seen } => actions.push(Action::Resume { token, seen, id }),
            Command::Session => actions.push(Action::Session { room: self.room_or_current(None)?, id }),
            Command::Query(query) => actions.push(Action::Reply(id, query.answer(now))),
            Command::Quit => actions.push(Action::End(End::Left)),
        }
        Ok(())
    }

    /// Moderates a room; before one is ended, a client that asks its user is asked.
    fn moderate(
        &mut self,
        room: Option<RoomName>,
        request: ModerationRequest,
        note: Option<Note>,
        id: Option<Id>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let room = room.map_or_else(|| self.room_or_current(None), Ok)?;
        self.identity.allows(&room)?;
        if request == ModerationRequest::End && self.capabilities.asks && !self.is_end_confirmed(&room, now) {
            actions.push(Action::Reply(id, Event::EndAsked { room }));
        } else {
            actions.push(Action::Moderate { room, request, note, id });
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

    /// Whether the client was asked a moment ago if it wants to end this room; otherwise it is asked from now on.
    fn is_end_confirmed(&mut self, room: &RoomName, now: Moment) -> bool {
        let asked = self.end_asked.take();
        if asked.is_some_and(|asked| asked.0 == *room && now.since_start <= asked.1) {
            return true;
        }
        self.end_asked = Some(Box::new((room.clone(), now.since_start + CONFIRMED_WITHIN)));
        false
    }

    fn set_availability(&mut self, availability: Availability, actions: &mut Vec<Action>) {
        let Availability { status, note } = availability.clone();
        self.availability = availability.clone();
        let request = RoomRequest::Presence { status, note };
        actions.extend(self.rooms.iter().map(|(room, _)| Action::Tell {
            room: room.clone(),
            request: request.clone(),
            id: None,
        }));
        actions.push(Action::TellConversations(availability));
    }

    fn ask_receipts(&mut self, on: bool, id: Option<Id>, actions: &mut Vec<Action>) {
        self.receipts = on;
        let request = RoomRequest::AskReceipts(on);
        let tell = |room: &RoomName| Action::Tell { room: room.clone(), request: request.clone(), id: None };
        actions.extend(self.rooms.iter().map(|(room, _)| tell(room)));
        actions.extend([Action::AskReceipts(on), Action::Reply(id, Event::ReceiptsAsked { on })]);
    }

    /// The room that is named, or the current one, if the session is in it.
    fn room_or_current(&self, room: Option<RoomName>) -> Result<RoomName, Refusal> {
        match room {
            Some(room) if self.rooms.contains(&room) => Ok(room),
            Some(room) => Err(Refusal::not_member(&room)),
            None => self
                .rooms
                .current()
                .or(self.first_room.as_ref())
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
        self.allowance.take(cost, 1, now.since_start)
    }
}
