//! The live rooms: one mutex over a plain map.
//!
//! **A room exists exactly as long as somebody holds a seat in it.** That makes concurrent joins, last leaves and
//! failures of rooms safe; the whole argument is at [`Hub`]. Readers call `join` and `ask` and wait for the room; the
//! lock is held for a few lines.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::room::JoinRequest;
use crate::chat::{Code, Event, Id, Identity, Refusal, RoomName, RoomRequest, RoomSummary, Slow, Speaker, UserName};
use crate::engine::base::oneshot;
use crate::engine::base::queue::{self, InboxReceiver, InboxSender};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::metrics::Metrics;
use crate::engine::rooms::inbox::{Admitted, BrokerCommand, INBOX_MAX, NonMemberRequest, PendingJoin, RoomHandle};
use crate::engine::rooms::policy_index::{PolicyIndex, RoomView};

/// What is needed to open a room.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The room's name.
    pub room: RoomName,
    /// Its kind.
    pub kind: RoomKind,
    /// What others see of it without asking it.
    pub view: RoomView,
}

/// The kind of a room, decided by the join that opens it.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomKind {
    /// A room that anybody can find. `slow`: `None` leaves the policy for slow members to the server's settings.
    /// `durable`: whether its history is stored; a room with a stored history continues it in any case.
    Open { slow: Option<Slow>, durable: bool },
    /// The private conversation of two users.
    Private(UserName, UserName),
}

impl RoomKind {
    /// The kind of a room unless a client asks for another.
    pub const USUAL: Self = Self::Open { slow: None, durable: true };
}

/// Starts the broker of a room: in production a thread, in a schedule a value that is stepped by hand. Called outside
/// the hub's lock.
pub type Opener = Box<dyn Fn(Opening, InboxReceiver<BrokerCommand>) -> io::Result<()> + Send + Sync>;

/// The map of rooms.
///
/// **A room exists exactly as long as somebody holds a seat in it.** `reserve` finds or makes the
/// entry and adds a seat, in one critical section; `Seat::drop` takes one away and removes the
/// entry with the last, in one critical section. A seat is not `Clone`: it rides inside the join to
/// the broker and lives in the broker's table of members, which gives it up as the last effect of a
/// leave or a refusal. The broker ends when no sender is left, neither the map's nor a handle's.
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
/// the room in two; retrying the lookup spins forever after a panic; a counter of pending joins
/// leaks after a panic.
pub struct Hub {
    state: Mutex<State>,
    opener: Opener,
    rooms_max: usize,
    /// The policies of all rooms, whether they are live or not.
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

/// Not inlined, to keep the stack of the joining reader short.
#[inline(never)]
fn pending_join(
    seat: Seat,
    client: JoiningClient,
    reply: oneshot::Sender<Result<Admitted, Refusal>>,
) -> Box<PendingJoin> {
    let JoiningClient { recipient, form, request, id } = client;
    Box::new(PendingJoin { seat, recipient, form, request, id, reply })
}

/// A room that has to be opened, and its inbox.
type Opened = (Opening, InboxReceiver<BrokerCommand>);

struct Slot {
    inbox: InboxSender<BrokerCommand>,
    seats: usize,
    listed: bool,
    view: RoomView,
}

/// Keeps a room open as long as it exists.
pub struct Seat {
    hub: Arc<Hub>,
    room: RoomName,
    number: MemberId,
    /// `None`: its member was removed, and has not noticed yet.
    token: Option<MembershipToken>,
}

/// Exists as long as a membership; its handle observes it through a weak reference.
pub type MembershipToken = Arc<()>;

impl Seat {
    /// The number of the member that holds it, or will.
    #[must_use]
    pub fn number(&self) -> MemberId {
        self.number
    }

    /// Ends the membership, which the member's handle can see.
    pub fn revoke(&mut self) {
        self.token = None;
    }

    /// The handle of its member.
    pub(in crate::engine) fn handle(&self, inbox: &InboxSender<BrokerCommand>) -> RoomHandle {
        let token = self.token.as_ref().map(Arc::downgrade).unwrap_or_default();
        RoomHandle::new(self.room.clone(), self.number, inbox.clone(), token)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.release(&self.room);
    }
}

/// A client that joins a room.
pub struct JoiningClient {
    /// Takes its events.
    pub recipient: Arc<dyn Recipient>,
    /// The form of its events.
    pub form: Form,
    /// Its user, and the options of the join.
    pub request: JoinRequest,
    /// The id of the client's request.
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

    /// Joins a room, which is opened if it does not exist. Blocks until the room has answered.
    ///
    /// # Errors
    /// The room refuses the client, or there can be no further room.
    pub fn join(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        client: JoiningClient,
    ) -> Result<RoomHandle, Refusal> {
        let (seat, inbox) = self.reserve(room, kind)?;
        let handle = seat.handle(&inbox);
        let (reply, answer) = oneshot::channel();
        let failed = || Refusal::room_failed(room);
        inbox.send(BrokerCommand::Join(pending_join(seat, client, reply))).map_err(|_| failed())?;
        let admission = answer.wait().map_err(|_| failed())??;
        Ok(handle.admitted(admission))
    }

    /// Takes a seat for the server itself, which keeps the room open until the handle is dropped.
    ///
    /// # Errors
    /// There can be no further room.
    pub fn keep(self: &Arc<Self>, room: &RoomName, kind: &RoomKind) -> Result<RoomHandle, Refusal> {
        let (seat, inbox) = self.reserve(room, kind)?;
        let handle = seat.handle(&inbox);
        inbox.send(BrokerCommand::Keep(seat)).map_err(|_| Refusal::room_failed(room))?;
        Ok(handle)
    }

    /// Sends a request to a room without being a member. Blocks until the room has answered.
    ///
    /// # Errors
    /// There can be no further room, it failed, or it does not answer such a request.
    pub fn ask(self: &Arc<Self>, room: &RoomName, who: Identity, request: RoomRequest) -> Result<Event, Refusal> {
        // The seat keeps the room open until it has answered.
        let (seat, inbox) = self.reserve(room, &RoomKind::USUAL)?;
        let Identity { user, auth_level, .. } = who;
        let speaker = Speaker { member: seat.number(), user, auth_level };
        let (reply, answer) = oneshot::channel();
        let failed = || Refusal::room_failed(room);
        inbox.send(BrokerCommand::Ask(Box::new(NonMemberRequest { speaker, request, reply }))).map_err(|_| failed())?;
        drop(inbox);
        answer.wait().map_err(|_| failed())
    }

    /// Takes a seat in a room, which is opened if it does not exist, and a sender to its inbox.
    ///
    /// # Errors
    /// There can be no further room.
    pub fn reserve(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<(Seat, InboxSender<BrokerCommand>), Refusal> {
        let (number, inbox, opened) = {
            let mut state = self.state.lock();
            if state.closing {
                return Err(Refusal::new(Code::Draining, "The server is shutting down"));
            }
            state.seats += 1;
            let number = MemberId(state.seats);
            match state.rooms.get_mut(room) {
                Some(slot) => {
                    slot.seats += 1;
                    (number, slot.inbox.clone(), None)
                }
                None => {
                    let (inbox, opened) = self.insert(&mut state, room, kind)?;
                    (number, inbox, Some(opened))
                }
            }
        };
        let seat = Seat { hub: Arc::clone(self), room: room.clone(), number, token: Some(MembershipToken::default()) };
        if let Some(opened) = opened {
            self.open(*opened)?;
        }
        Ok((seat, inbox))
    }

    /// Adds a room with one seat to the map. Not inlined, like `open`: most joins find an open room, and need no
    /// stack for this.
    #[inline(never)]
    fn insert(
        &self,
        state: &mut State,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<(InboxSender<BrokerCommand>, Box<Opened>), Refusal> {
        if state.rooms.len() >= self.rooms_max {
            let message = format!("The server has {} rooms, which is its limit", self.rooms_max);
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        let (inbox, commands) = queue::bounded(INBOX_MAX);
        let view = RoomView::new(&self.policies, &self.metrics);
        let opening = Opening { room: room.clone(), kind: kind.clone(), view: view.clone() };
        let listed = matches!(kind, RoomKind::Open { .. });
        let slot = Slot { inbox: inbox.clone(), seats: 1, listed, view };
        state.rooms.insert(room.clone(), slot);
        Ok((inbox, Box::new((opening, commands))))
    }

    #[inline(never)]
    fn open(&self, (opening, commands): Opened) -> Result<(), Refusal> {
        let room = opening.room.clone();
        self.metrics.room_opened();
        // If this fails, others who hold a seat by now find the inbox closed, and release theirs too.
        (self.opener)(opening, commands).map_err(|error| {
            log::warn!(room = room.as_str(), error:% = error; "room not opened");
            Refusal::new(Code::Unavailable, "The server cannot open a further room now")
        })
    }

    fn release(&self, room: &RoomName) {
        let last = {
            let mut state = self.state.lock();
            let slot = state.rooms.get_mut(room).expect("a seat's room is in the map");
            slot.seats -= 1;
            if slot.seats == 0 { state.rooms.remove(room) } else { None }
        };
        // The sender is dropped outside the lock: that may end the broker.
        drop(last);
    }

    /// Gives no further seat.
    pub fn close(&self) {
        self.state.lock().closing = true;
    }

    /// Whether the server is stopping.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Whether a room of this name is live.
    #[must_use]
    pub fn has(&self, room: &RoomName) -> bool {
        self.state.lock().rooms.contains_key(room)
    }

    /// How many rooms are live, including private conversations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().rooms.len()
    }

    /// Whether no room is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connections in a room, as its broker last reported; 0 if it is not live.
    #[must_use]
    pub fn population(&self, room: &RoomName) -> usize {
        self.state.lock().rooms.get(room).map_or(0, |slot| slot.view.population())
    }

    /// The live rooms by name, without private conversations.
    #[must_use]
    pub fn list(&self) -> Vec<RoomSummary> {
        let summary = |(room, slot): (&RoomName, &Slot)| RoomSummary {
            room: room.clone(),
            members: slot.view.population(),
            private: false,
        };
        let mut rooms: Vec<_> = {
            let state = self.state.lock();
            state.rooms.iter().filter(|(_, slot)| slot.listed).map(summary).collect()
        };
        rooms.sort_by(|a, b| a.room.cmp(&b.room));
        rooms
    }
}
