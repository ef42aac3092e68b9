//! One connection, on its reader's thread: handles the client's requests.
//!
//! The session's state decides what follows from a request, and the connection carries it out, with the handles of
//! the rooms and the outbox for replies. `close` is the only way in which a connection ends, whatever the reason:
//! its session is detached or its rooms are left, the farewell is written, and the deliveries are counted.

mod door;
mod identity;
mod moved;
mod offline;
mod resume;
mod rooms;
pub mod stream;

use std::sync::Arc;

use bytes::Bytes;

use crate::chat::capabilities::Capabilities;
use crate::chat::session_state::{Action, SessionState};
use crate::chat::{
    Code, End, Event, Id, Identity, JoinOptions, Refusal, Request, RoomName, RoomRequest, Slow, Visibility,
};
use crate::engine::Engine;
use crate::engine::clients::farewell::Farewell;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::pattern_subscription::PatternSubscription;
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Form, Recipient, Segment};
use crate::engine::clients::session::Session;
use crate::engine::clients::session_table::Token;
use crate::engine::guards::address::ClientAddress;
use crate::engine::rooms::moderation::NewRoom;
use crate::engine::users::endpoint::Endpoint;
use crate::engine::users::user_connection::{ConnectionOrigin, UserConnection};
use crate::wire::{Encoder, Encoding, Unparsed};

/// What is fixed when a connection opens.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// The encoding of what goes out.
    pub encoding: Encoding,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// What others see of it.
    pub visibility: Visibility,
    /// Messages of a join when the client names no number.
    pub join_history: usize,
    /// Where the client comes from.
    pub address: ClientAddress,
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
    options: ConnectionOptions,
    /// What outlives the connection.
    session: Session,
    farewell: Farewell,
    encoder: Encoder,
    actions: Vec<Action>,
    /// The changes of its rooms up to which others can see them.
    shown: u32,
}

/// Why an action was not carried out.
enum ActionError {
    Refused(Option<Id>, Refusal),
    End(End),
}

impl Connection {
    /// Opens the session of a user, and welcomes a client whose protocol has a welcome. Boxed, since what stands
    /// on a reader's stack makes it deeper for as long as the connection lives.
    #[must_use]
    #[inline(never)]
    pub fn open(engine: &Arc<Engine>, outbox: Arc<Outbox>, options: ConnectionOptions, who: Identity) -> Box<Self> {
        Self::open_as(engine, outbox, options, (who, engine.number()), Bytes::new())
    }

    /// The same of a client that is greeted: with the first thing that it is sent, others find it.
    #[must_use]
    #[inline(never)]
    pub fn open_with(
        engine: &Arc<Engine>,
        outbox: Arc<Outbox>,
        options: ConnectionOptions,
        who: Identity,
        greeting: Bytes,
    ) -> Box<Self> {
        Self::open_as(engine, outbox, options, (who, engine.number()), greeting)
    }

    /// The same; the number is the connection's.
    #[must_use]
    #[inline(never)]
    fn open_as(
        engine: &Arc<Engine>,
        outbox: Arc<Outbox>,
        options: ConnectionOptions,
        (who, number): (Identity, u64),
        greeting: Bytes,
    ) -> Box<Self> {
        let (recipient, form) = (Arc::clone(&outbox) as _, Form::Bytes(options.encoding));
        let endpoint = Endpoint { recipient, form, authors: engine.authors.clone() };
        let began = engine.clock.now().at;
        let ConnectionOptions { address, encoding, echo, visibility, .. } = options;
        let origin = ConnectionOrigin { address, door: encoding.name(), began };
        let peer = UserConnection::new(who.clone(), number, origin, echo, visibility, endpoint.clone());
        let limits = engine.limits.load();
        let state = SessionState::new(who.clone(), options.capabilities(), options.join_history, Arc::clone(&limits));
        let resumes = options.capabilities().resumes;
        let token = resumes.then(|| engine.sessions.register(&outbox)).flatten();
        let resume = token.as_ref().map(Token::text);
        let welcome = options.capabilities().welcome.then(|| engine.welcome(who, limits, number, resume));
        let entry = engine.directory.register_with(peer, || {
            if !greeting.is_empty() {
                // An outbox that cannot take it has ended, which its reader sees.
                _ = outbox.control(greeting);
            }
            if let Some(welcome) = welcome {
                // As in `reply`.
                _ = endpoint.send(None, &Arc::new(welcome), Slow::Disconnect);
            }
        });
        let patterns = PatternSubscription::default();
        let session = Session { number, address: address.counted, token, patterns, state, last_word: None, entry };
        let mut connection = Box::new(Self {
            engine: Arc::clone(engine),
            farewell: Farewell::new(engine, Arc::clone(&outbox), options.encoding, number),
            outbox,
            options,
            session,
            encoder: Encoder::new(engine.authors.clone()),
            actions: Vec::with_capacity(1),
            shown: 0,
        });
        connection.keep_shared();
        connection.watch();
        connection.settle_name();
        connection.deliver_offline_messages();
        connection.deliver_invitations();
        connection
    }

    /// Joins the room that the client's URL names.
    pub fn begin(&mut self, room: RoomName, options: JoinOptions) -> Option<End> {
        let mut actions = std::mem::take(&mut self.actions);
        self.session.state.begin(room, options, &mut actions);
        self.carry_out(actions)
    }

    /// Tells the client that it enters this room with its first request that makes sense.
    pub fn begin_unheard(&mut self, room: RoomName) {
        if !self.session.state.needs_auth() {
            let greeting = Event::Greeting { room: room.clone(), user: self.session.state.user().clone() };
            self.reply(None, &greeting);
        }
        self.session.state.begin_unheard(room);
    }

    /// Handles a request. `Some`: the connection has to end; call [`Connection::close`]. Blocks on the rooms
    /// concerned.
    pub fn handle(&mut self, request: Result<Request, Unparsed>) -> Option<End> {
        let now = self.engine.clock.now();
        self.session.forget_revoked();
        let mut actions = std::mem::take(&mut self.actions);
        match request {
            Ok(request) => self.session.state.handle(request, now, &mut actions),
            Err(Unparsed { id, refusal }) => self.session.state.reject(id, refusal, now, &mut actions),
        }
        self.carry_out(actions)
    }

    /// Why other threads want the connection to end, if they do.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.outbox.ended()
    }

    /// Ends the connection: detaches the session or leaves its rooms, sends the farewell, counts the deliveries.
    /// Blocks on the rooms, and until the writer is done, at most for the write timeout.
    pub fn close(self: Box<Self>, end: End) {
        self.close_with(end, Vec::new());
    }

    /// The same; `reply` is sent last where the end has no close frame of its own: the answer to the client's.
    #[inline(never)]
    pub fn close_with(self: Box<Self>, end: End, reply: Vec<u8>) {
        let Self { engine, outbox, session, farewell, .. } = *self;
        let end = outbox.ended().unwrap_or(end);
        let (number, user) = (session.number, session.state.user().clone());
        engine.expiry.forget(number);
        let detached = resume::detach_or_leave(&engine.sessions, session, end);
        let deliveries = farewell.say(end, reply);
        log::info!(
            session = number, user = user.as_str(), reason = end.word(), detached,
            enqueued = deliveries.enqueued, written = deliveries.written, dropped = deliveries.dropped,
            conflated = deliveries.conflated;
            "session ended"
        );
    }

    /// Rare actions are not inlined: they would make the frame of `action` larger, and a page of stack that is
    /// touched once stays resident as long as the client.
    fn carry_out(&mut self, mut actions: Vec<Action>) -> Option<End> {
        let mut end = None;
        for action in actions.drain(..) {
            match self.action(action) {
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
        self.actions = actions;
        if self.session.state.rooms().changes() != self.shown {
            self.show_rooms();
        }
        end
    }

    /// Lets others see which rooms it is in.
    #[inline(never)]
    fn show_rooms(&mut self) {
        let rooms = self.session.state.rooms();
        self.shown = rooms.changes();
        self.session.entry.connection().show_rooms(rooms.iter().map(|(room, _)| room.clone()).collect());
        self.keep_shared();
    }

    /// Has other servers see what the session is now.
    fn keep_shared(&self) {
        self.engine.sessions.keep_shared(&self.session);
    }

    #[inline(never)]
    fn action(&mut self, action: Action) -> Result<(), ActionError> {
        match action {
            Action::Reply(id, event) => {
                self.reply(id, &event);
                Ok(())
            }
            Action::Tell { room, request, id } => self.tell(&room, request, id),
            Action::History { room, span, limit, id } => self.history(&room, span, limit, id),
            Action::Search { text, scope, limit, id } => self.search(&text, scope, limit, id),
            Action::Join(join) => self.join(join),
            Action::Leave { room, reason, id } => self.leave(&room, reason, id),
            Action::Patterns { request, id } => self.patterns(request, id),
            Action::Private { to, request, id } => self.private(&to, request, id),
            Action::TellConversations(availability) => {
                self.tell_availability(availability);
                Ok(())
            }
            Action::AskReceipts(on) => {
                self.session.entry.connection().ask_receipts(on);
                self.keep_shared();
                Ok(())
            }
            Action::Signal { kind, to, payload, id } => {
                self.signal(kind, &to, payload).map_err(|refusal| ActionError::Refused(id, refusal))
            }
            Action::Rooms { id } => {
                let rooms = self.engine.rooms(self.session.state.identity());
                self.reply(id, &Event::Rooms { rooms });
                Ok(())
            }
            Action::Bookmarks { request, id } => self.bookmarks(request, id),
            Action::Devices { request, id } => self.devices(request, id),
            Action::Invitations { room, request, id } => self.invitations(room, request, id),
            Action::Memberships { id } => self.memberships(id),
            Action::DisplayNames { request, id } => self.display_names(request, id),
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
            Action::Unclaim { id } => self.unclaim(id),
            Action::End(end) => Err(ActionError::End(end)),
        }
    }

    /// Sends one event to the client, outside the order of any room. Where slow clients stay, a refusal that no command
    /// waits for may be dropped: a flood that is refused would otherwise end what the flood itself does not.
    fn reply(&mut self, id: Option<Id>, event: &Event) {
        if let Event::Refused(refusal) = event {
            self.engine.metrics.refused(refusal.code.as_str());
        }
        let encoded = Segment::of(&mut self.encoder, event, id.as_ref(), self.options.encoding);
        let Some(segment) = encoded else { return };
        let slow = self.session.slow();
        let reply = slow == Slow::Disconnect || id.is_some() || !matches!(event, Event::Refused(_));
        let segment = Segment { reply, ..segment };
        // An outbox that cannot take it has ended the connection, which the reader is about to notice.
        _ = self.outbox.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(slow));
    }
}
