//! One connection, on its reader's thread: handles the client's requests.
//!
//! The session's state decides what follows from a request, and the connection carries it out, with the handles of
//! the rooms and the outbox for replies. `close` is the only way in which a connection ends, whatever the reason:
//! its session is detached or its rooms are left, the farewell is written, and the deliveries are counted.

mod identity;
mod offline;
mod resume;
mod rooms;

use std::sync::Arc;

use crate::chat::capabilities::Capabilities;
use crate::chat::session_state::{Action, SessionState};
use crate::chat::{Code, End, Event, Id, Identity, JoinOptions, Refusal, Request, RoomName, RoomRequest};
use crate::engine::Engine;
use crate::engine::clients::farewell::Farewell;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Form, Recipient, Segment, Undelivered};
use crate::engine::clients::session::Session;
use crate::engine::clients::session_table::Token;
use crate::engine::guards::address::Address;
use crate::engine::rooms::moderation::NewRoom;
use crate::engine::users::directory::UserConnection;
use crate::wire::{Encoder, Encoding, Unparsed};

/// What is fixed when a connection opens.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// The encoding of what goes out.
    pub encoding: Encoding,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// Messages of a join when the client names no number.
    pub join_history: usize,
    /// The client's address, for the limits by address; `None` is exempt from them.
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
    options: ConnectionOptions,
    /// What outlives the connection.
    session: Session,
    farewell: Farewell,
    encoder: Encoder,
    actions: Vec<Action>,
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
        let number = engine.number();
        let peer = UserConnection::new(
            who.clone(),
            number,
            options.echo,
            Arc::clone(&outbox) as _,
            Form::Bytes(options.encoding),
        );
        let state =
            SessionState::new(who.clone(), options.capabilities(), options.join_history, Arc::clone(&engine.limits));
        let token = engine.sessions.register(&outbox);
        let resume = token.as_ref().map(Token::text);
        let began = engine.clock.now().at;
        let session = Session { number, began, token, state, entry: engine.directory.register(peer) };
        let mut connection = Box::new(Self {
            engine: Arc::clone(engine),
            farewell: Farewell::new(&engine.metrics, Arc::clone(&outbox), options.encoding, number),
            outbox,
            options,
            session,
            encoder: Encoder::default(),
            actions: Vec::with_capacity(1),
        });
        connection.reply(None, &engine.welcome(who, number, resume));
        connection.watch();
        connection.settle_name();
        connection.deliver_offline_messages();
        connection
    }

    /// Joins the room that the client's URL names.
    pub fn begin(&mut self, room: RoomName, options: JoinOptions) -> Option<End> {
        let mut actions = std::mem::take(&mut self.actions);
        self.session.state.begin(room, options, &mut actions);
        self.carry_out(actions)
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
    #[inline(never)]
    pub fn close(self: Box<Self>, end: End) {
        let Self { engine, outbox, session, farewell, .. } = *self;
        let end = outbox.ended().unwrap_or(end);
        let (number, user) = (session.number, session.state.user().clone());
        engine.expiry.forget(number);
        let detached = resume::detach_or_leave(&engine.sessions, session, end);
        let deliveries = farewell.say(end);
        log::info!(
            session = number, user = user.as_str(), reason = end.word(), detached,
            enqueued = deliveries.enqueued, written = deliveries.written, dropped = deliveries.dropped;
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
        end
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

    fn reply(&mut self, id: Option<Id>, event: &Event) {
        if let Event::Refused(refusal) = event {
            self.engine.metrics.refused(refusal.code.as_str());
        }
        // An outbox that cannot take it has ended the connection, which the reader is about to notice.
        _ = send_event(&mut self.encoder, &*self.outbox, id.as_ref(), event, self.options.encoding);
    }
}

/// Sends one event to one client, outside the order of any room.
fn send_event(
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
    let segment = Segment { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 0, reply: true };
    recipient.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(crate::chat::Slow::Disconnect))
}
