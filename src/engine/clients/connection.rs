//! One connection, on its reader's thread: hears what the client says and carries out what follows.
//!
//! The session decides, the connection acts: it holds the handles of the rooms, and the outbox
//! through which answers go. `close` is the only way in which a session ends, whatever the reason:
//! rooms are left, last words are written, the books are closed.

mod identity;
mod offline;

use std::sync::Arc;

use crate::chat::capabilities::Capabilities;
use crate::chat::policy::ModerationRequest;
use crate::chat::room::JoinRequest;
use crate::chat::session_state::{Action, Join, SessionState};
use crate::chat::{
    Code, End, Event, Id, Identity, JoinOptions, Note, Recovery, Refusal, Request, RoomName, RoomRequest, Seen, Signal,
    UserName,
};
use crate::engine::Engine;
use crate::engine::clients::farewell::Farewell;
use crate::engine::clients::gate::Gate;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Care, Form, Parcel, Piece, Recipient, Undelivered};
use crate::engine::clients::replay::Replay;
use crate::engine::clients::session::{Membership, ResumingRoom, Session};
use crate::engine::clients::session_table::{SessionTable, Token};
use crate::engine::guards::address::Address;
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::moderation::NewRoom;
use crate::engine::users::directory::Peer;
use crate::wire::{Encoder, Encoding, Unparsed};

/// How a connection came in.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// The encoding of what goes out.
    pub encoding: Encoding,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// Messages of a join when the client names no number.
    pub join_history: usize,
    /// From where, for limits by address; `None` is exempt from them.
    pub address: Option<Address>,
}

impl ConnectionOptions {
    fn capabilities(self) -> Capabilities {
        self.encoding.capabilities()
    }
}

/// See the module.
pub struct Connection {
    engine: Arc<Engine>,
    outbox: Arc<Outbox>,
    door: ConnectionOptions,
    /// What outlives the connection.
    session: Session,
    farewell: Farewell,
    encoder: Encoder,
    acts: Vec<Action>,
}

/// Why an act was not carried out.
enum ActionError {
    Refused(Option<Id>, Refusal),
    End(End),
}

impl Connection {
    /// Opens the session of a user; a JSON client is welcomed. In a box, since what stands on a reader's
    /// stack makes it deeper for as long as the connection lives.
    #[must_use]
    #[inline(never)]
    pub fn open(engine: &Arc<Engine>, outbox: Arc<Outbox>, door: ConnectionOptions, who: Identity) -> Box<Self> {
        let number = engine.number();
        let peer = Peer::new(who.clone(), number, door.echo, Arc::clone(&outbox) as _, Form::Bytes(door.encoding));
        let state = SessionState::new(who.clone(), door.capabilities(), door.join_history, Arc::clone(&engine.limits));
        let token = engine.sessions.register(&outbox);
        let resume = token.as_ref().map(Token::text);
        let began = engine.clock.now().at;
        let session = Session { number, began, token, state, entry: engine.directory.register(peer) };
        let mut connection = Box::new(Self {
            engine: Arc::clone(engine),
            farewell: Farewell::new(&engine.metrics, Arc::clone(&outbox), door.encoding, number),
            outbox,
            door,
            session,
            encoder: Encoder::default(),
            acts: Vec::with_capacity(1),
        });
        connection.reply(None, &engine.welcome(who, number, resume));
        connection.watch();
        connection.settle_name();
        connection.deliver_offline_messages();
        connection
    }

    /// Enters the room that the client's address names.
    pub fn begin(&mut self, room: RoomName, options: JoinOptions) -> Option<End> {
        let mut acts = std::mem::take(&mut self.acts);
        self.session.state.begin(room, options, &mut acts);
        self.carry_out(acts)
    }

    /// Hears what the client says. `Some` is the end of the session: call [`Connection::close`].
    /// Blocks on the rooms concerned.
    pub fn handle(&mut self, request: Result<Request, Unparsed>) -> Option<End> {
        let now = self.engine.clock.now();
        self.session.forget_revoked();
        let mut acts = std::mem::take(&mut self.acts);
        match request {
            Ok(request) => self.session.state.handle(request, now, &mut acts),
            Err(Unparsed { id, refusal }) => self.session.state.reject(id, refusal, now, &mut acts),
        }
        self.carry_out(acts)
    }

    /// Why others want the session to end, if they do.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.outbox.ended()
    }

    /// Ends the connection: parks the session or leaves its rooms, says the last words, closes the
    /// books. Blocks on the rooms, and until the writer is done, at most for the write timeout.
    #[inline(never)]
    pub fn close(self: Box<Self>, end: End) {
        let Self { engine, outbox, session, farewell, .. } = *self;
        let end = outbox.ended().unwrap_or(end);
        let (number, user) = (session.number, session.state.user().clone());
        engine.expiry.forget(number);
        let detached = part(&engine.sessions, session, end);
        let deliveries = farewell.say(end);
        log::info!(
            session = number, user = user.as_str(), reason = end.word(), detached,
            enqueued = deliveries.enqueued, written = deliveries.written, dropped = deliveries.dropped;
            "session ended"
        );
    }

    /// What is rare among the acts is not inlined: it would make the frame of `act` larger, and a page
    /// of stack that is touched once stays with its client.
    fn carry_out(&mut self, mut acts: Vec<Action>) -> Option<End> {
        let mut end = None;
        for act in acts.drain(..) {
            match self.act(act) {
                Ok(()) => {}
                Err(ActionError::Refused(id, refusal)) => {
                    if refusal.code == Code::RateLimited {
                        end = self.session.state.offended();
                    }
                    self.reply(id, &Event::Refused(refusal));
                    break;
                }
                Err(ActionError::End(reason)) => {
                    end = Some(reason);
                    break;
                }
            }
        }
        self.acts = acts;
        end
    }

    #[inline(never)]
    fn act(&mut self, act: Action) -> Result<(), ActionError> {
        match act {
            Action::Reply(id, event) => {
                self.reply(id, &event);
                Ok(())
            }
            Action::Tell { room, request, id } => self.tell(&room, request, id),
            Action::History { room, span, limit, id } => self.history(&room, span, limit, id),
            Action::Join(join) => self.join(join),
            Action::Leave { room, id } => self.leave(&room, id),
            Action::Private { to, request, id } => self.private(&to, request, id),
            Action::Signal { kind, to, payload, id } => {
                self.signal(kind, &to, payload).map_err(|refusal| ActionError::Refused(id, refusal))
            }
            Action::Rooms { id } => {
                let rooms = self.engine.rooms(self.session.state.identity());
                self.reply(id, &Event::Rooms { rooms });
                Ok(())
            }
            Action::Create { room, durable, options, id } => self.create(NewRoom { room, durable, options }, id),
            Action::Moderate { room, request, note, id } => self.moderate(&room, request, note, id),
            Action::Resume { token, seen, id } => self.resume(&token, &seen, id),
            Action::Session { room, id } => {
                let resume = self.session.token.as_ref().map(Token::text);
                self.tell(&room, RoomRequest::Session { resume }, id)
            }
            Action::Rename { user } => self.rename(user),
            Action::Identify { token, id } => self.identify(&token, id),
            Action::Refresh { token, id } => self.refresh(&token, id),
            Action::End(end) => Err(ActionError::End(end)),
        }
    }

    #[inline(never)]
    fn create(&mut self, plan: NewRoom, id: Option<Id>) -> Result<(), ActionError> {
        let now = self.engine.clock.now().since_start;
        let room = plan.room.clone();
        let allowed =
            self.engine.address_limits.create_room(self.door.address, now).map_err(|refusal| refusal.about(&room));
        let made = allowed.and_then(|()| self.engine.create(self.session.state.identity(), plan));
        made.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Created { room, pinned: false });
        Ok(())
    }

    #[inline(never)]
    fn moderate(
        &mut self,
        room: &RoomName,
        request: ModerationRequest,
        note: Option<Note>,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        let changed = self.engine.moderate(self.session.state.identity(), room, request, note);
        changed.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Done);
        Ok(())
    }

    #[inline(never)]
    fn tell(&mut self, room: &RoomName, request: RoomRequest, id: Option<Id>) -> Result<(), ActionError> {
        let Some(handle) = self.session.room(room) else { return self.tell_privately(room, request, id) };
        // A room that failed ends the connections of its members; until then this is the answer.
        handle.say(request, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    #[inline(never)]
    fn join(&mut self, join: Join) -> Result<(), ActionError> {
        let Join { room, options, announced, slow, durable, id } = join;
        let topic = options.topic;
        let encoding = if topic { self.door.encoding.of_topic() } else { self.door.encoding };
        let entrant = JoinRequest {
            echo: self.door.echo,
            announced,
            status: self.session.state.status(),
            options,
            ..JoinRequest::new(
                self.session.state.user().clone(),
                self.session.state.identity().auth_level,
                self.session.number,
            )
        };
        // Only one who has missed something may have to be given the past.
        let gate = entrant.options.since.is_some().then(|| Gate::closed(Arc::clone(&self.outbox), &self.engine.limits));
        let recipient: Arc<dyn Recipient> = match &gate {
            Some(gate) => Arc::clone(gate) as _,
            None => Arc::clone(&self.outbox) as _,
        };
        let guest = JoiningClient { recipient, form: Form::Bytes(encoding), entrant, id: id.clone() };
        let joined = self.engine.hub.join(&room, &RoomKind::Open { slow, durable }, guest);
        let mut handle = joined.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let replay = handle.take_replay();
        self.session.state.rooms_mut().insert(room.clone(), Membership { handle, topic });
        if let Some(replay) = replay {
            self.past(encoding).give(&room, replay, id.as_ref()).map_err(ActionError::End)?;
        }
        gate.iter().for_each(|gate| gate.open());
        Ok(())
    }

    fn past(&self, encoding: Encoding) -> Replay<'_> {
        Replay { store: &*self.engine.store, outbox: &self.outbox, encoding, limits: &self.engine.limits }
    }

    #[inline(never)]
    fn leave(&mut self, room: &RoomName, id: Option<Id>) -> Result<(), ActionError> {
        match self.session.state.rooms_mut().remove(room) {
            Some(Membership { handle, .. }) => handle.leave(id.clone()).map_err(|_| self.room_failed(room, id)),
            None => Err(ActionError::Refused(id, Refusal::not_member(room))),
        }
    }

    fn room_failed(&self, room: &RoomName, id: Option<Id>) -> ActionError {
        ActionError::Refused(id, Refusal::room_failed(room))
    }

    #[inline(never)]
    fn signal(&mut self, kind: Signal, to: &UserName, payload: Arc<str>) -> Result<(), Refusal> {
        // A stranger is answered as an absent one: calls tell nobody who is on line.
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        if !self.meets(to) {
            return Err(offline());
        }
        let event = Arc::new(Event::Signal { kind, from: self.session.state.user().clone(), payload });
        let mut reached = false;
        for peer in self.engine.directory.peers(to) {
            let given = peer.client().tell(None, &event, self.engine.limits.slow);
            // One that cannot take it now is ended by its own outbox; one that is gone is not reached.
            reached |= given != Err(Undelivered::Closed);
        }
        if reached { Ok(()) } else { Err(offline()) }
    }

    /// Whether both are in one room. The rooms are asked, since they alone know who is in them; a
    /// private conversation is none, since anybody can begin it. Blocks on the rooms.
    #[inline(never)]
    fn meets(&self, other: &UserName) -> bool {
        let Engine { hub, .. } = &*self.engine;
        let who = self.session.state.identity();
        self.session.handles().any(|handle| {
            let answer = hub.ask(handle.room(), who.clone(), RoomRequest::Member(other.clone()));
            matches!(answer, Ok(Event::Members { count: 1, .. }))
        })
    }

    /// Goes on with a session that was interrupted, in place of this connection's own.
    #[inline(never)]
    fn resume(&mut self, token: &str, seen: &Seen, id: Option<Id>) -> Result<(), ActionError> {
        let taken = self.engine.sessions.take(token, &self.outbox);
        let session = taken.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let mut session = self.recognise(session).map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        session.state.resume(self.door.capabilities(), self.door.join_history);
        let returning = session.resume(&self.outbox, self.door.encoding, seen, &self.engine.limits);
        let old = std::mem::replace(&mut self.session, session);
        if let Some(token) = &old.token {
            self.engine.sessions.forget(token);
        }
        self.engine.expiry.forget(old.number);
        old.leave(End::Left);
        self.watch();
        self.welcome_back(returning, id)
    }

    /// Tells the client to what it has come back, and gives it what it missed.
    #[inline(never)]
    fn welcome_back(&mut self, mut returning: Vec<ResumingRoom>, id: Option<Id>) -> Result<(), ActionError> {
        for room in &mut returning {
            let Some(replay) = &room.replay else { continue };
            let recovery = self.past(room.encoding).recovery(&room.resumed.room, replay.after, replay.until);
            if recovery != Recovery::Whole {
                // Nothing of it follows.
                (room.resumed.recovery, room.resumed.missed) = (recovery, 0);
            }
        }
        let resumed = Event::Resumed {
            user: self.session.state.user().clone(),
            session: self.session.number,
            resume: self.session.token.as_ref().map(Token::text).unwrap_or_default(),
            rooms: returning.iter().map(|room| room.resumed.clone()).collect(),
        };
        self.reply(id, &resumed);
        for ResumingRoom { resumed, replay, encoding, gate } in returning {
            if let (Some(replay), Recovery::Whole) = (replay, resumed.recovery) {
                let past = self.past(encoding);
                past.replay(&resumed.room, replay.after, replay.until).map_err(ActionError::End)?;
            }
            gate.open();
        }
        Ok(())
    }

    fn reply(&mut self, id: Option<Id>, event: &Event) {
        if let Event::Refused(refusal) = event {
            self.engine.metrics.refused(refusal.code.as_str());
        }
        // An outbox that cannot take it has ended the connection, which the reader is about to see.
        _ = give(&mut self.encoder, &*self.outbox, id.as_ref(), event, self.door.encoding);
    }
}

/// Parks a stay whose client did not mean to go, or leaves it; whether it is parked.
fn part(parking: &SessionTable, session: Session, end: End) -> bool {
    let Some(token) = session.token.clone() else {
        session.leave(end);
        return false;
    };
    // Of a stranger there is nothing to keep.
    let refused = if end.detaches() && !session.state.needs_auth() {
        // The rooms first: who takes the session up finds them ready.
        session.detach();
        match parking.detach(&token, Box::new(session)) {
            Ok(()) => return true,
            Err(session) => *session,
        }
    } else {
        session
    };
    parking.forget(&token);
    refused.leave(end);
    false
}

/// Gives one client one event, outside the order of any room.
fn give(
    encoder: &mut Encoder,
    recipient: &dyn Recipient,
    id: Option<&Id>,
    event: &Event,
    encoding: Encoding,
) -> Result<(), Undelivered> {
    let mut buffer = Vec::new();
    if !encoder.encode(event, id, encoding, &mut buffer) {
        return Ok(());
    }
    let piece = Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 0, reply: true };
    recipient.take(Parcel::Pieces(&[piece]), Care::Policy(crate::chat::Slow::Disconnect))
}
