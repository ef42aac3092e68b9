//! One connection, on its reader's thread: hears what the client says and carries out what follows.
//!
//! The session decides, the connection acts: it holds the handles of the rooms, and the outbox
//! through which answers go. `close` is the only way in which a session ends, whatever the reason:
//! rooms are left, last words are written, the books are closed.

mod identity;
mod letters;

use std::sync::Arc;

use super::Engine;
use super::address::Address;
use super::directory::Peer;
use super::farewell::Farewell;
use super::gate::Gate;
use super::hub::{Guest, Kind};
use super::outbox::Outbox;
use super::parking::{Parking, Token};
use super::past::Past;
use super::recipient::{Care, Form, Parcel, Piece, Recipient, Undelivered};
use super::rule::Plan;
use super::stay::{Membership, Returning, Stay};
use crate::chat::charter::Motion;
use crate::chat::command::{JoinWish, Seen};
use crate::chat::event::Recovery;
use crate::chat::room::{Entrant, Said};
use crate::chat::session::{Act, Dialect, Join, Session};
use crate::chat::{Code, End, Event, Id, Identity, Refusal, Request, RoomName, Signal, UserName};
use crate::wire::{Encoder, Encoding, Unparsed};

/// How a connection came in.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The encoding of what goes out.
    pub encoding: Encoding,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// Messages of a join when the client names no number.
    pub join_history: usize,
    /// From where, for limits by address; `None` is exempt from them.
    pub address: Option<Address>,
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
    /// What outlives the connection.
    stay: Stay,
    farewell: Farewell,
    encoder: Encoder,
    acts: Vec<Act>,
}

/// Why an act was not carried out.
enum Undone {
    Refused(Option<Id>, Refusal),
    End(End),
}

impl Connection {
    /// Opens the session of a user; a JSON client is welcomed. In a box, since what stands on a reader's
    /// stack makes it deeper for as long as the connection lives.
    #[must_use]
    #[inline(never)]
    pub fn open(engine: &Arc<Engine>, outbox: Arc<Outbox>, door: Door, who: Identity) -> Box<Self> {
        let number = engine.number();
        let peer = Peer::new(who.clone(), number, door.echo, Arc::clone(&outbox) as _, Form::Bytes(door.encoding));
        let session = Session::new(who.clone(), door.dialect(), door.join_history, Arc::clone(&engine.limits));
        let token = engine.parking.register(&outbox);
        let resume = token.as_ref().map(Token::text);
        let began = engine.clock.now().at;
        let stay = Stay { number, began, token, session, arrival: engine.directory.arrive(peer), rooms: Vec::new() };
        let mut connection = Box::new(Self {
            engine: Arc::clone(engine),
            farewell: Farewell::new(Arc::clone(&outbox), door.encoding, number),
            outbox,
            door,
            stay,
            encoder: Encoder::default(),
            acts: Vec::with_capacity(1),
        });
        connection.reply(None, &engine.welcome(who, number, resume));
        connection.watch();
        connection.settle_name();
        connection.collect_letters();
        connection
    }

    /// Enters the room that the client's address names.
    pub fn begin(&mut self, room: RoomName, wish: JoinWish) -> Option<End> {
        let mut acts = std::mem::take(&mut self.acts);
        self.stay.session.begin(room, wish, &mut acts);
        self.carry_out(acts)
    }

    /// Hears what the client says. `Some` is the end of the session: call [`Connection::close`].
    /// Blocks on the rooms concerned.
    pub fn hear(&mut self, said: Result<Request, Unparsed>) -> Option<End> {
        let now = self.engine.clock.now();
        if self.stay.rooms.iter().any(|membership| membership.handle.is_revoked()) {
            self.stay.forget_revoked();
        }
        let mut acts = std::mem::take(&mut self.acts);
        match said {
            Ok(request) => self.stay.session.hear(request, now, &mut acts),
            Err(Unparsed { id, refusal }) => self.stay.session.mishear(id, refusal, now, &mut acts),
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
        let Self { engine, outbox, stay, farewell, .. } = *self;
        let end = outbox.ended().unwrap_or(end);
        let (number, user) = (stay.number, stay.session.user().clone());
        engine.expiry.forget(number);
        let parked = part(&engine.parking, stay, end);
        let books = farewell.say(end);
        engine.close_books(books);
        log::info!(
            session = number, user = user.as_str(), reason = end.word(), parked,
            enqueued = books.enqueued, written = books.written, dropped = books.dropped;
            "session ended"
        );
    }

    /// What is rare among the acts is not inlined: it would make the frame of `act` larger, and a page
    /// of stack that is touched once stays with its client.
    fn carry_out(&mut self, mut acts: Vec<Act>) -> Option<End> {
        let mut end = None;
        for act in acts.drain(..) {
            match self.act(act) {
                Ok(()) => {}
                Err(Undone::Refused(id, refusal)) => {
                    if refusal.code == Code::RateLimited {
                        end = self.stay.session.offended();
                    }
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

    #[inline(never)]
    fn act(&mut self, act: Act) -> Result<(), Undone> {
        match act {
            Act::Reply(id, event) => {
                self.reply(id, &event);
                Ok(())
            }
            Act::Tell { room, said, id } => self.tell(&room, said, id),
            Act::History { room, span, limit, id } => self.history(&room, span, limit, id),
            Act::Join(join) => self.join(join),
            Act::Leave { room, id } => self.leave(&room, id),
            Act::Private { to, body, about, mid, id } => {
                let said = Said::Publish { body, about, mid, quiet: self.door.dialect() == Dialect::Text };
                self.private(&to, said, id)
            }
            Act::Signal { kind, to, payload, id } => {
                self.signal(kind, &to, payload).map_err(|refusal| Undone::Refused(id, refusal))
            }
            Act::Rooms { id } => {
                let rooms = self.engine.rooms(self.stay.session.identity());
                self.reply(id, &Event::Rooms { rooms });
                Ok(())
            }
            Act::Create { room, durable, founding, id } => self.create(Plan { room, durable, founding }, id),
            Act::Govern { room, motion, note, id } => self.govern(&room, motion, note, id),
            Act::Resume { token, seen, id } => self.resume(&token, &seen, id),
            Act::Session { room, id } => {
                let resume = self.stay.token.as_ref().map(Token::text);
                self.tell(&room, Said::Session { resume }, id)
            }
            Act::Rename { user } => self.rename(user),
            Act::Identify { token, id } => self.identify(&token, id),
            Act::Refresh { token, id } => self.refresh(&token, id),
            Act::End(end) => Err(Undone::End(end)),
        }
    }

    #[inline(never)]
    fn create(&mut self, plan: Plan, id: Option<Id>) -> Result<(), Undone> {
        let now = self.engine.clock.now().since_start;
        let room = plan.room.clone();
        let allowed = self.engine.doorman.create_room(self.door.address, now).map_err(|refusal| refusal.about(&room));
        let made = allowed.and_then(|()| self.engine.create(self.stay.session.identity(), plan));
        made.map_err(|refusal| Undone::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Created { room, pinned: false });
        Ok(())
    }

    #[inline(never)]
    fn govern(
        &mut self,
        room: &RoomName,
        motion: Motion,
        note: Option<Arc<str>>,
        id: Option<Id>,
    ) -> Result<(), Undone> {
        let changed = self.engine.govern(self.stay.session.identity(), room, motion, note);
        changed.map_err(|refusal| Undone::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Done);
        Ok(())
    }

    #[inline(never)]
    fn tell(&mut self, room: &RoomName, said: Said, id: Option<Id>) -> Result<(), Undone> {
        let Some(handle) = self.stay.room(room) else { return self.tell_privately(room, said, id) };
        // A room that failed ends the connections of its members; until then this is the answer.
        handle.say(said, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    #[inline(never)]
    fn join(&mut self, join: Join) -> Result<(), Undone> {
        let Join { room, wish, announced, slow, durable, id } = join;
        let topic = wish.topic;
        let encoding = Membership::encoding(topic, self.door.encoding);
        let entrant = Entrant {
            user: self.stay.session.user().clone(),
            standing: self.stay.session.identity().standing,
            connection: self.stay.number,
            echo: self.door.echo,
            announced,
            status: self.stay.session.status(),
            wish,
        };
        // Only one who has missed something may have to be given the past.
        let gate = entrant.wish.since.is_some().then(|| Gate::closed(Arc::clone(&self.outbox), &self.engine.limits));
        let recipient: Arc<dyn Recipient> = match &gate {
            Some(gate) => Arc::clone(gate) as _,
            None => Arc::clone(&self.outbox) as _,
        };
        let guest = Guest { recipient, form: Form::Bytes(encoding), entrant, id: id.clone() };
        let joined = self.engine.hub.join(&room, &Kind::Open { slow, durable }, guest);
        let mut handle = joined.map_err(|refusal| Undone::Refused(id.clone(), refusal))?;
        let recall = handle.take_recall();
        self.stay.entered(Membership { handle, topic });
        if let Some(recall) = recall {
            self.past(encoding).give(&room, recall, id.as_ref()).map_err(Undone::End)?;
        }
        gate.iter().for_each(|gate| gate.open());
        Ok(())
    }

    fn past(&self, encoding: Encoding) -> Past<'_> {
        Past { store: &*self.engine.store, outbox: &self.outbox, encoding, limits: &self.engine.limits }
    }

    #[inline(never)]
    fn leave(&mut self, room: &RoomName, id: Option<Id>) -> Result<(), Undone> {
        self.stay.session.left(room);
        let rooms = &mut self.stay.rooms;
        match rooms.iter().position(|membership| membership.handle.room() == room) {
            Some(at) => rooms.swap_remove(at).handle.leave(id.clone()).map_err(|_| self.room_failed(room, id)),
            None => Err(Undone::Refused(id, Refusal::not_member(room))),
        }
    }

    fn room_failed(&self, room: &RoomName, id: Option<Id>) -> Undone {
        Undone::Refused(id, Refusal::room_failed(room))
    }

    #[inline(never)]
    fn signal(&mut self, kind: Signal, to: &UserName, payload: Arc<str>) -> Result<(), Refusal> {
        // A stranger is answered as an absent one: calls tell nobody who is on line.
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        if !self.meets(to) {
            return Err(offline());
        }
        let event = Arc::new(Event::Signal { kind, from: self.stay.session.user().clone(), payload });
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
        let who = self.stay.session.identity();
        self.stay.rooms.iter().any(|Membership { handle, .. }| {
            let answer = hub.ask(handle.room(), who.clone(), Said::Member(other.clone()));
            matches!(answer, Ok(Event::Members { count: 1, .. }))
        })
    }

    /// Goes on with a session that was interrupted, in place of this connection's own.
    #[inline(never)]
    fn resume(&mut self, token: &str, seen: &Seen, id: Option<Id>) -> Result<(), Undone> {
        let taken = self.engine.parking.take(token, &self.outbox);
        let stay = taken.map_err(|refusal| Undone::Refused(id.clone(), refusal))?;
        let mut stay = self.recognise(stay).map_err(|refusal| Undone::Refused(id.clone(), refusal))?;
        stay.session.go_on(self.door.dialect(), self.door.join_history);
        let returning = stay.go_on(&self.outbox, self.door.encoding, seen, &self.engine.limits);
        let old = std::mem::replace(&mut self.stay, stay);
        if let Some(token) = &old.token {
            self.engine.parking.forget(token);
        }
        self.engine.expiry.forget(old.number);
        old.leave(End::Left);
        self.watch();
        self.welcome_back(returning, id)
    }

    /// Tells the client to what it has come back, and gives it what it missed.
    #[inline(never)]
    fn welcome_back(&mut self, mut returning: Vec<Returning>, id: Option<Id>) -> Result<(), Undone> {
        for room in &mut returning {
            let Some(recall) = &room.recall else { continue };
            let recovery = self.past(room.encoding).recovery(&room.returned.room, recall.after, recall.until);
            if recovery != Recovery::Whole {
                // Nothing of it follows.
                (room.returned.recovery, room.returned.missed) = (recovery, 0);
            }
        }
        let resumed = Event::Resumed {
            user: self.stay.session.user().clone(),
            session: self.stay.number,
            resume: self.stay.token.as_ref().map(Token::text).unwrap_or_default(),
            rooms: returning.iter().map(|room| room.returned.clone()).collect(),
        };
        self.reply(id, &resumed);
        for Returning { returned, recall, encoding, gate } in returning {
            if let (Some(recall), Recovery::Whole) = (recall, returned.recovery) {
                let past = self.past(encoding);
                past.replay(&returned.room, recall.after, recall.until).map_err(Undone::End)?;
            }
            gate.open();
        }
        Ok(())
    }

    fn reply(&mut self, id: Option<Id>, event: &Event) {
        // An outbox that cannot take it has ended the connection, which the reader is about to see.
        _ = give(&mut self.encoder, &*self.outbox, id.as_ref(), event, self.door.encoding);
    }
}

/// Parks a stay whose client did not mean to go, or leaves it; whether it is parked.
fn part(parking: &Parking, stay: Stay, end: End) -> bool {
    let Some(token) = stay.token.clone() else {
        stay.leave(end);
        return false;
    };
    // Of a stranger there is nothing to keep.
    let refused = if end.parks() && !stay.session.is_stranger() {
        // The rooms first: who takes the session up finds them ready.
        stay.park();
        match parking.park(&token, Box::new(stay)) {
            Ok(()) => return true,
            Err(stay) => *stay,
        }
    } else {
        stay
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
