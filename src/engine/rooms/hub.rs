//! Which rooms there are: one mutex over a plain map.
//!
//! **A room exists exactly as long as somebody holds a seat in it.** That is what makes joins, last
//! leaves and failures of rooms safe beside each other; the whole argument stands at [`Hub`].
//! Readers call `join` and `ask`, and wait for the room; nothing here waits for the lock's owner to
//! do more than a few lines.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::room::JoinRequest;
use crate::chat::{Code, Event, Id, Identity, Refusal, RoomName, RoomRequest, RoomSummary, Slow, Speaker, UserName};
use crate::engine::base::oneshot;
use crate::engine::base::queue::{self, Receiver, Sender};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::metrics::Metrics;
use crate::engine::rooms::inbox::{Admitted, BrokerCommand, INBOX_MAX, NonMemberRequest, PendingJoin, RoomHandle};
use crate::engine::rooms::policy_index::{PolicyIndex, RoomView};

/// A room that is to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its name.
    pub room: RoomName,
    /// What makes it.
    pub kind: RoomKind,
    /// What others see of it.
    pub face: RoomView,
}

/// What a room is like, decided by what opens it.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomKind {
    /// A room. `slow`: `None` leaves the policy for slow members to the server's settings. `durable`:
    /// whether it keeps its history; a room that has one goes on with it in any case.
    Open { slow: Option<Slow>, durable: bool },
    /// The private conversation of two users.
    Private(UserName, UserName),
}

impl RoomKind {
    /// A room like most.
    pub const USUAL: Self = Self::Open { slow: None, durable: true };
}

/// Makes a broker for a room: in production a thread, in a schedule a value to step by hand.
/// Called outside the hub's lock.
pub type Opener = Box<dyn Fn(Opening, Receiver<BrokerCommand>) -> io::Result<()> + Send + Sync>;

/// The map of rooms.
///
/// **A room exists exactly as long as somebody holds a seat in it.** `reserve` finds or makes the
/// entry and adds a seat, in one critical section; `Seat::drop` takes one away and removes the
/// entry with the last, in one critical section. A seat is not `Clone`: it rides inside the join to
/// the broker and lives in the broker's table of members, which gives it up as the last effect of a
/// leave or a refusal. The broker ends when nobody holds a sender: the map's and all handles'.
///
/// *Pin*: an entry exists if and only if a seat of its broker exists. *No lost join*: the joiner
/// holds a sender, so the broker's loop cannot have ended; the inbox is first in, first out, and
/// the room's `step` is total, so each join gets one answer. *One room a name*: a successor is made
/// only when no seat of the old broker exists; the old one then has no members, no joins under way
/// and can never get any, and it delivered and recorded before it dropped its last seat. *No leak*:
/// every handle drops; when a broker panics its queue is discarded with the receiver (see
/// [`queue`]), and the seats in it drop too. *No deadlock*: the lock is a leaf, held for a few lines; no seat, command or
/// receiver is dropped under it.
///
/// What was rejected: "empty, therefore remove and exit" loses a join; a `Weak` in the map splits
/// the room in two; retrying the look-up spins for ever after a panic; a counter of pending joins
/// leaks after a panic.
pub struct Hub {
    state: Mutex<State>,
    opener: Opener,
    rooms_max: usize,
    /// The charters of all rooms, whether they live or not.
    pub policies: Arc<PolicyIndex>,
    /// The figures of the server.
    pub metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    rooms: HashMap<RoomName, Slot>,
    /// The number of the newest seat.
    seats: u64,
    closing: bool,
}

/// A guest at the door. Not inlined, to keep the stack of whoever joins short.
#[inline(never)]
fn entry(seat: Seat, guest: JoiningClient, reply: oneshot::Sender<Result<Admitted, Refusal>>) -> Box<PendingJoin> {
    let JoiningClient { recipient, form, entrant, id } = guest;
    Box::new(PendingJoin { seat, recipient, form, entrant, id, reply })
}

/// A room that is to be opened, and its inbox.
type Opened = (Opening, Receiver<BrokerCommand>);

struct Slot {
    inbox: Sender<BrokerCommand>,
    seats: usize,
    listed: bool,
    face: RoomView,
}

/// What keeps a room.
pub struct Seat {
    hub: Arc<Hub>,
    room: RoomName,
    number: MemberId,
    /// `None`: its member was put out, and has not noticed yet.
    badge: Option<Badge>,
}

/// What a member has as long as it is one; its handle sees it, and does not keep it.
pub type Badge = Arc<()>;

impl Seat {
    /// The number of the member that it will be.
    #[must_use]
    pub fn number(&self) -> MemberId {
        self.number
    }

    /// Its member is one no longer, and may not know it.
    pub fn revoke(&mut self) {
        self.badge = None;
    }

    /// A handle for its member.
    pub(in crate::engine) fn handle(&self, inbox: &Sender<BrokerCommand>) -> RoomHandle {
        let badge = self.badge.as_ref().map(Arc::downgrade).unwrap_or_default();
        RoomHandle::new(self.room.clone(), self.number, inbox.clone(), badge)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.release(&self.room);
    }
}

/// A client at the door of a room.
pub struct JoiningClient {
    /// The client.
    pub recipient: Arc<dyn Recipient>,
    /// In which form it takes events.
    pub form: Form,
    /// Who enters, and how.
    pub entrant: JoinRequest,
    /// The mark of the command.
    pub id: Option<Id>,
}

impl Hub {
    /// A hub without rooms, which lets `opener` make their brokers.
    #[must_use]
    pub fn new(rooms_max: usize, opener: Opener) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::default()),
            opener,
            rooms_max,
            policies: Arc::default(),
            metrics: Arc::default(),
        })
    }

    /// Enters a room, which is opened if it is not there. Blocks until the room has answered.
    ///
    /// # Errors
    /// The room does not let the guest in, or there can be no further room.
    pub fn join(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        guest: JoiningClient,
    ) -> Result<RoomHandle, Refusal> {
        let (seat, inbox) = self.reserve(room, kind)?;
        let handle = seat.handle(&inbox);
        let (reply, answer) = oneshot::channel();
        let failed = || Refusal::room_failed(room);
        inbox.send(BrokerCommand::Join(entry(seat, guest, reply))).map_err(|_| failed())?;
        let admission = answer.wait().map_err(|_| failed())??;
        Ok(handle.admitted(admission))
    }

    /// Takes a seat for the server itself, which keeps the room until the handle is dropped.
    ///
    /// # Errors
    /// There can be no further room.
    pub fn keep(self: &Arc<Self>, room: &RoomName, kind: &RoomKind) -> Result<RoomHandle, Refusal> {
        let (seat, inbox) = self.reserve(room, kind)?;
        let handle = seat.handle(&inbox);
        inbox.send(BrokerCommand::Keep(seat)).map_err(|_| Refusal::room_failed(room))?;
        Ok(handle)
    }

    /// Says or asks something in a room without being a member. Blocks until the room has answered.
    ///
    /// # Errors
    /// There can be no further room, it failed, or it was something that a room does not answer.
    pub fn ask(self: &Arc<Self>, room: &RoomName, who: Identity, request: RoomRequest) -> Result<Event, Refusal> {
        // The seat keeps the room until the answer is there.
        let (seat, inbox) = self.reserve(room, &RoomKind::USUAL)?;
        let Identity { user, auth_level, .. } = who;
        let speaker = Speaker { member: seat.number(), user, auth_level };
        let (reply, answer) = oneshot::channel();
        let failed = || Refusal::room_failed(room);
        inbox.send(BrokerCommand::Ask(Box::new(NonMemberRequest { speaker, request, reply }))).map_err(|_| failed())?;
        drop(inbox);
        answer.wait().map_err(|_| failed())
    }

    /// Takes a seat in a room, which is opened if it is not there, and a sender to its inbox.
    ///
    /// # Errors
    /// There can be no further room.
    pub fn reserve(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<(Seat, Sender<BrokerCommand>), Refusal> {
        let (number, inbox, opened) = {
            let mut state = self.state.lock();
            if state.closing {
                return Err(Refusal::new(Code::Draining, "The server is shutting down"));
            }
            state.seats += 1;
            let number = MemberId(state.seats);
            match state.rooms.get_mut(room) {
                Some(place) => {
                    place.seats += 1;
                    (number, place.inbox.clone(), None)
                }
                None => {
                    let (inbox, opened) = self.place(&mut state, room, kind)?;
                    (number, inbox, Some(opened))
                }
            }
        };
        let seat = Seat { hub: Arc::clone(self), room: room.clone(), number, badge: Some(Badge::default()) };
        if let Some(opened) = opened {
            self.open(*opened)?;
        }
        Ok((seat, inbox))
    }

    /// Makes the entry of a room, with one seat. Not inlined, like `open`: most find a room that is
    /// there, and need no stack for this.
    #[inline(never)]
    fn place(
        &self,
        state: &mut State,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<(Sender<BrokerCommand>, Box<Opened>), Refusal> {
        if state.rooms.len() >= self.rooms_max {
            let message = format!("The server has {} rooms, which is its limit", self.rooms_max);
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        let (inbox, commands) = queue::bounded(INBOX_MAX);
        let face = RoomView::new(&self.policies, &self.metrics);
        let opening = Opening { room: room.clone(), kind: kind.clone(), face: face.clone() };
        let listed = matches!(kind, RoomKind::Open { .. });
        let place = Slot { inbox: inbox.clone(), seats: 1, listed, face };
        state.rooms.insert(room.clone(), place);
        Ok((inbox, Box::new((opening, commands))))
    }

    #[inline(never)]
    fn open(&self, (opening, commands): Opened) -> Result<(), Refusal> {
        let room = opening.room.clone();
        self.metrics.room_opened();
        // Others who hold a seat by now find the inbox closed if this fails, and give theirs up too.
        (self.opener)(opening, commands).map_err(|error| {
            log::warn!(room = room.as_str(), error:% = error; "room not opened");
            Refusal::new(Code::Unavailable, "The server cannot open a further room now")
        })
    }

    fn release(&self, room: &RoomName) {
        let last = {
            let mut state = self.state.lock();
            let place = state.rooms.get_mut(room).expect("a seat's room is in the map");
            place.seats -= 1;
            if place.seats == 0 { state.rooms.remove(room) } else { None }
        };
        // The sender goes outside the lock: it may be what ends the broker.
        drop(last);
    }

    /// From now on no seat is given.
    pub fn close(&self) {
        self.state.lock().closing = true;
    }

    /// Whether the server is stopping.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Whether there is a room of this name.
    #[must_use]
    pub fn has(&self, room: &RoomName) -> bool {
        self.state.lock().rooms.contains_key(room)
    }

    /// How many rooms there are, private conversations included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().rooms.len()
    }

    /// Whether there is no room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections in a room, as its broker last told; none in one that does not live.
    #[must_use]
    pub fn population(&self, room: &RoomName) -> usize {
        self.state.lock().rooms.get(room).map_or(0, |place| place.face.population())
    }

    /// The rooms that live, without private conversations, by name.
    #[must_use]
    pub fn list(&self) -> Vec<RoomSummary> {
        let summary = |(room, place): (&RoomName, &Slot)| RoomSummary {
            room: room.clone(),
            members: place.face.population(),
            private: false,
        };
        let mut rooms: Vec<_> = {
            let state = self.state.lock();
            state.rooms.iter().filter(|(_, place)| place.listed).map(summary).collect()
        };
        rooms.sort_by(|a, b| a.room.cmp(&b.room));
        rooms
    }
}
