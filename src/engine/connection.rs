//! One connection, on its reader's thread: hears what the client says and carries out what follows.
//!
//! The session decides, the connection acts: it holds the handles of the rooms, and the outbox
//! through which answers go. `close` is the only way in which a session ends, whatever the reason:
//! rooms are left, last words are written, the books are closed.

use std::sync::Arc;

use super::Engine;
use super::directory::{Arrival, Peer};
use super::hub::{Guest, Kind};
use super::inbox::RoomHandle;
use super::outbox::Outbox;
use super::recipient::{Care, Form, Parcel, Piece, Recipient};
use crate::chat::command::JoinWish;
use crate::chat::event::Welcome;
use crate::chat::room::{Entrant, Said};
use crate::chat::session::{Act, Dialect, Join, Session};
use crate::chat::{Code, End, Event, Id, Refusal, Request, RoomName, Signal, UserName};
use crate::wire::{Encoder, Encoding, Unparsed, frame};

/// How a connection came in.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The encoding of what goes out.
    pub encoding: Encoding,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// Messages of a join when the client names no number.
    pub join_history: usize,
}

impl Door {
    fn dialect(self) -> Dialect {
        match self.encoding {
            Encoding::TextFrames | Encoding::TextLines => Dialect::Text,
            Encoding::Json | Encoding::JsonTopic => Dialect::Json,
        }
    }
}

/// See the module.
pub struct Connection {
    engine: Arc<Engine>,
    outbox: Arc<Outbox>,
    door: Door,
    number: u64,
    session: Session,
    arrival: Arrival,
    /// Its memberships: few, so they are looked through.
    rooms: Vec<RoomHandle>,
    encoder: Encoder,
    acts: Vec<Act>,
    closed: bool,
}

/// Why an act was not carried out.
enum Undone {
    Refused(Option<Id>, Refusal),
    End(End),
}

impl Connection {
    /// Opens the session of a user; a JSON client is welcomed.
    #[must_use]
    pub fn open(engine: &Arc<Engine>, outbox: Arc<Outbox>, door: Door, user: UserName) -> Self {
        let number = engine.number();
        let session = Session::new(user.clone(), door.dialect(), door.join_history, Arc::clone(&engine.limits));
        let peer = Peer::new(user.clone(), number, Arc::clone(&outbox) as _, Form::Bytes(door.encoding));
        let mut connection = Self {
            engine: Arc::clone(engine),
            outbox,
            door,
            number,
            session,
            arrival: engine.directory.arrive(peer),
            rooms: Vec::new(),
            encoder: Encoder::default(),
            acts: Vec::new(),
            closed: false,
        };
        let limits = Arc::clone(&engine.limits);
        connection.reply(None, &Event::Welcome(Welcome { user, session: number, limits }));
        connection
    }

    /// Enters the room that the client's address names.
    pub fn begin(&mut self, room: RoomName, wish: JoinWish) -> Option<End> {
        let mut acts = std::mem::take(&mut self.acts);
        self.session.begin(room, wish, &mut acts);
        self.carry_out(acts)
    }

    /// Hears what the client says. `Some` is the end of the session: call [`Connection::close`].
    /// Blocks on the rooms concerned.
    pub fn hear(&mut self, said: Result<Request, Unparsed>) -> Option<End> {
        let now = self.engine.clock.now();
        let mut acts = std::mem::take(&mut self.acts);
        match said {
            Ok(request) => self.session.hear(request, now, &mut acts),
            Err(Unparsed { id, refusal }) => self.session.mishear(id, refusal, now, &mut acts),
        }
        self.carry_out(acts)
    }

    /// Why others want the session to end, if they do.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.outbox.ended()
    }

    /// Ends the session: leaves the rooms, says the last words, closes the books. Blocks until the
    /// writer is done, at most for the write timeout.
    pub fn close(mut self, end: End) {
        let end = self.outbox.ended().unwrap_or(end);
        let conversations = self.arrival.peer().retire();
        let rooms = std::mem::take(&mut self.rooms).into_iter().chain(conversations);
        if end == End::Closing {
            // What the rooms have taken reaches this client before the goodbye.
            rooms.for_each(RoomHandle::close);
        } else {
            rooms.for_each(drop);
        }
        let (words, events) = self.last_words(end);
        self.closed = true;
        self.outbox.finish(words, events);
        let books = self.outbox.wait_done();
        self.engine.close_books(books);
        log::info!(
            session = self.number, user = self.session.user().as_str(), reason = end.word(),
            enqueued = books.enqueued, written = books.written, dropped = books.dropped;
            "session ended"
        );
    }

    fn last_words(&mut self, end: End) -> (Vec<u8>, u32) {
        let mut words = Vec::new();
        let mut events = 0;
        let explained = matches!(end, End::Closing | End::Internal | End::Silent | End::TooFast | End::Slow);
        if explained {
            let goodbye = Event::Goodbye { end, retry_after: end.retry_after(self.number) };
            events = u32::from(self.encoder.encode(&goodbye, None, self.door.encoding, &mut words));
        }
        if let (false, Some(code)) = (self.door.encoding == Encoding::TextLines, end.close_code()) {
            words.extend(frame::close(code, end.word()));
        }
        (words, events)
    }

    fn carry_out(&mut self, mut acts: Vec<Act>) -> Option<End> {
        let mut end = None;
        for act in acts.drain(..) {
            match self.act(act) {
                Ok(()) => {}
                Err(Undone::Refused(id, refusal)) => {
                    self.reply(id, &Event::Refused(refusal));
                    break;
                }
                Err(Undone::End(reason)) => {
                    end = Some(reason);
                    break;
                }
            }
        }
        self.acts = acts;
        end
    }

    fn act(&mut self, act: Act) -> Result<(), Undone> {
        match act {
            Act::Reply(id, event) => {
                self.reply(id, &event);
                Ok(())
            }
            Act::Tell { room, said, id } => self.tell(&room, said, id),
            Act::Join(join) => self.join(join),
            Act::Leave { room, id } => self.leave(&room, id),
            Act::Private { to, body, mid, id } => {
                let said = Said::Publish { body, mid, quiet: self.door.dialect() == Dialect::Text };
                let Engine { hub, directory, .. } = &*self.engine;
                let said = directory.converse(hub, self.arrival.peer(), &to, said, id.clone());
                said.map_err(|refusal| Undone::Refused(id, refusal))
            }
            Act::Signal { kind, to, payload, id } => {
                self.signal(kind, &to, payload).map_err(|refusal| Undone::Refused(id, refusal))
            }
            Act::Rooms { id } => {
                let rooms = self.engine.hub.list();
                self.reply(id, &Event::Rooms { rooms });
                Ok(())
            }
            Act::Create { room, id } => match self.engine.create(&room) {
                Ok(()) => {
                    self.reply(id, &Event::Created { room });
                    Ok(())
                }
                Err(refusal) => Err(Undone::Refused(id, refusal)),
            },
            Act::Rename { user } => {
                self.rename(user);
                Ok(())
            }
            Act::End(end) => Err(Undone::End(end)),
        }
    }

    fn tell(&mut self, room: &RoomName, said: Said, id: Option<Id>) -> Result<(), Undone> {
        let Some(handle) = self.rooms.iter().find(|handle| handle.room() == room) else {
            return Err(Undone::Refused(id, Refusal::not_member(room)));
        };
        // A room that failed ends the connections of its members; until then this is the answer.
        handle.say(said, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    fn join(&mut self, join: Join) -> Result<(), Undone> {
        let Join { room, wish, announced, slow, id } = join;
        let encoding = match self.door.encoding {
            Encoding::Json if wish.topic => Encoding::JsonTopic,
            encoding => encoding,
        };
        let entrant = Entrant {
            user: self.session.user().clone(),
            connection: self.number,
            echo: self.door.echo,
            announced,
            status: self.session.status(),
            wish,
        };
        let recipient = Arc::clone(&self.outbox) as Arc<dyn Recipient>;
        let guest = Guest { recipient, form: Form::Bytes(encoding), entrant, id: id.clone() };
        match self.engine.hub.join(&room, &Kind::Open { slow }, guest) {
            Ok(handle) => {
                self.session.entered(&room);
                self.rooms.push(handle);
                Ok(())
            }
            Err(refusal) => Err(Undone::Refused(id, refusal)),
        }
    }

    fn leave(&mut self, room: &RoomName, id: Option<Id>) -> Result<(), Undone> {
        self.session.left(room);
        match self.rooms.iter().position(|handle| handle.room() == room) {
            Some(at) => self.rooms.swap_remove(at).leave(id.clone()).map_err(|_| self.room_failed(room, id)),
            None => Err(Undone::Refused(id, Refusal::not_member(room))),
        }
    }

    fn room_failed(&self, room: &RoomName, id: Option<Id>) -> Undone {
        Undone::Refused(id, Refusal::room_failed(room))
    }

    fn signal(&mut self, kind: Signal, to: &UserName, payload: Arc<str>) -> Result<(), Refusal> {
        let peers = self.engine.directory.peers(to);
        if peers.is_empty() {
            return Err(Refusal::new(Code::UserOffline, format!("{to} is not online")));
        }
        let event = Arc::new(Event::Signal { kind, from: self.session.user().clone(), payload });
        for peer in peers {
            // A peer that cannot take it is ended by its own outbox; the caller hears no answer.
            _ = match peer.form {
                Form::Events => peer.recipient.take(Parcel::Event(&event), Care::Policy(self.engine.limits.slow)),
                Form::Bytes(encoding) => give(&mut self.encoder, &*peer.recipient, None, &event, encoding),
            };
        }
        Ok(())
    }

    fn rename(&mut self, user: UserName) {
        let peer = Peer::new(user, self.number, Arc::clone(&self.outbox) as _, Form::Bytes(self.door.encoding));
        let new = self.engine.directory.arrive(peer);
        let old = std::mem::replace(&mut self.arrival, new);
        old.peer().retire().into_iter().for_each(drop);
    }

    fn reply(&mut self, id: Option<Id>, event: &Event) {
        // An outbox that cannot take it has ended the connection, which the reader is about to see.
        _ = give(&mut self.encoder, &*self.outbox, id.as_ref(), event, self.door.encoding);
    }
}

impl Drop for Connection {
    /// When the reader panics the writer still gets its last words, and with them its end.
    fn drop(&mut self) {
        if !self.closed {
            self.outbox.end(End::Internal);
            let (words, events) = self.last_words(End::Internal);
            self.outbox.finish(words, events);
        }
    }
}

/// Gives one client one event, outside the order of any room.
fn give(
    encoder: &mut Encoder,
    recipient: &dyn Recipient,
    id: Option<&Id>,
    event: &Event,
    encoding: Encoding,
) -> Result<(), super::recipient::Undelivered> {
    let mut buffer = Vec::new();
    if !encoder.encode(event, id, encoding, &mut buffer) {
        return Ok(());
    }
    let piece = Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 0, reply: true };
    recipient.take(Parcel::Pieces(&[piece]), Care::Policy(crate::chat::Slow::Disconnect))
}
