//! The live rooms: one mutex over a plain map.
//!
//! **A room exists exactly as long as somebody holds a seat in it.** That makes concurrent joins, last leaves and
//! failures of rooms safe; the whole argument is at [`Hub`]. Readers call `join` and `ask` and wait for the room; the
//! lock is held for a few lines.

mod seat;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::pattern::Pattern;
use crate::chat::policy::Policy;
use crate::chat::room::JoinRequest;
use crate::chat::{
    Authors, Code, Event, Id, Identity, Refusal, RoomName, RoomRequest, RoomSummary, Slow, Speaker, Time, UserName,
};
use crate::engine::base::oneshot;
use crate::engine::base::queue::{self, InboxReceiver, InboxSender};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::guards::address::Address;
use crate::engine::metrics::Metrics;
use crate::engine::rooms::inbox::{Admitted, Asker, AwaitedRequest, BrokerCommand, INBOX_MAX, PendingJoin, RoomHandle};
use crate::engine::rooms::pattern_index::{PatternIndex, PatternSubscriber};
use crate::engine::rooms::policy_index::{PolicyIndex, RoomView};
use crate::engine::rooms::room_quota::{RoomClass, RoomPermit, RoomQuota};
use roomd_protocol::FIRST_ROOM;
pub use seat::{MembershipToken, Seat};

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

/// Starts the broker of a room: in production a thread, in a scenario of races a value that is stepped by hand. Called outside
/// the hub's lock.
pub type Opener = Box<dyn Fn(Opening, InboxReceiver<BrokerCommand>) -> io::Result<()> + Send + Sync>;

/// The map of rooms.
///
/// **A room exists exactly as long as somebody holds a seat in it.** `reserve` finds or makes the
/// entry and adds a seat, in one critical section; `Seat::drop` takes one away and removes the
/// entry with the last, in one critical section. A seat is not `Clone`: it rides inside the join to
/// the broker and lives in the broker's table of members, which gives it up as the last effect of a
/// leave or a refusal. The broker ends when no sender is left, neither the map's nor a handle's. A member by a pattern
/// has a seat that is not counted: it goes with the broker.
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
    /// The policies of all rooms, whether they are live or not.
    pub policies: Arc<PolicyIndex>,
    /// Who is subscribed to rooms by patterns.
    pub patterns: Arc<PatternIndex>,
    /// The figures of the server.
    pub metrics: Arc<Metrics>,
    authors: Authors,
}

struct State {
    rooms: HashMap<RoomName, Slot>,
    quota: RoomQuota,
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
    let JoiningClient { recipient, form, request, id, .. } = client;
    Box::new(PendingJoin { seat, recipient, form, request, id, reply })
}

/// A room that has to be opened, and its inbox.
type Opened = (Opening, InboxReceiver<BrokerCommand>);

struct Slot {
    inbox: InboxSender<BrokerCommand>,
    seats: usize,
    listed: bool,
    view: RoomView,
    permit: RoomPermit,
}

/// The answer of a room that is on its way.
struct PendingAnswer {
    answer: oneshot::Receiver<Event>,
    /// Keeps the room open until it has answered.
    seat: Seat,
}

impl PendingAnswer {
    fn wait(self) -> Result<Event, Refusal> {
        self.answer.wait().map_err(|_| Refusal::room_failed(&self.seat.room))
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
    /// The address that a room counts for which this join opens; `None` is exempt.
    pub address: Option<Address>,
}

impl Hub {
    /// A hub without rooms, which lets `opener` make their brokers. `rooms_max` and `address_rooms_max`: see
    /// [`crate::chat::Limits`].
    #[must_use]
    pub fn new(
        rooms_max: usize,
        address_rooms_max: usize,
        metrics: Arc<Metrics>,
        authors: Authors,
        opener: Opener,
    ) -> Arc<Self> {
        let quota = RoomQuota::new(rooms_max, address_rooms_max);
        let state = State { rooms: HashMap::new(), quota, seats: 0, closing: false };
        let (policies, patterns) = (Arc::default(), Arc::default());
        Arc::new(Self { state: Mutex::new(state), opener, policies, patterns, metrics, authors })
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
        let (seat, inbox) = self.reserve(room, kind, client.address)?;
        let handle = seat.handle(&inbox);
        let (reply, answer) = oneshot::channel();
        let failed = || Refusal::room_failed(room);
        inbox.send(BrokerCommand::Join(pending_join(seat, client, reply))).map_err(|_| failed())?;
        let admission = answer.wait().map_err(|_| failed())??;
        Ok(handle.admitted(admission))
    }

    /// Takes a seat for the server itself, which keeps the room open until the handle is dropped. `owned`: the room
    /// is about to have an owner. `address`: see [`JoiningClient::address`].
    ///
    /// # Errors
    /// There can be no further room.
    pub fn keep(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        owned: bool,
        address: Option<Address>,
    ) -> Result<RoomHandle, Refusal> {
        let (seat, inbox) = self.reserve_in(room, kind, owned.then_some(RoomClass::Owned), address)?;
        let handle = seat.handle(&inbox);
        inbox.send(BrokerCommand::Keep(seat)).map_err(|_| Refusal::room_failed(room))?;
        Ok(handle)
    }

    /// Sends a request to a room without being a member. Blocks until the room has answered. A room that this opens
    /// counts for no address: see [`Hub::ask_from`].
    ///
    /// # Errors
    /// There can be no further room, it failed, or it does not answer such a request.
    pub fn ask(self: &Arc<Self>, room: &RoomName, who: Identity, request: RoomRequest) -> Result<Event, Refusal> {
        self.ask_from(None, room, who, request)
    }

    /// The same for a client of this address, for which a room counts that this opens.
    ///
    /// # Errors
    /// As [`Hub::ask`].
    pub fn ask_from(
        self: &Arc<Self>,
        address: Option<Address>,
        room: &RoomName,
        who: Identity,
        request: RoomRequest,
    ) -> Result<Event, Refusal> {
        self.begin_to_ask(room, &RoomKind::USUAL, address, who, request)?.wait()
    }

    /// Sends several requests to a room of this kind without waiting between them; the answers, in their order. Blocks until
    /// the room has answered the last.
    ///
    /// # Errors
    /// As [`Hub::ask`]; some requests may have been carried out.
    pub fn ask_all(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        who: &Identity,
        requests: impl Iterator<Item = RoomRequest>,
    ) -> Result<Vec<Event>, Refusal> {
        let asked = requests.map(|request| self.begin_to_ask(room, kind, None, who.clone(), request));
        let asked: Vec<_> = asked.collect::<Result<_, _>>()?;
        asked.into_iter().map(PendingAnswer::wait).collect()
    }

    fn begin_to_ask(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        address: Option<Address>,
        who: Identity,
        request: RoomRequest,
    ) -> Result<PendingAnswer, Refusal> {
        let (seat, inbox) = self.reserve(room, kind, address)?;
        let has_own_rate = who.rate().is_some();
        let Identity { user, auth_level, .. } = who;
        let asker = Asker::NonMember(Speaker { member: seat.number(), user, auth_level, has_own_rate });
        let (reply, answer) = oneshot::channel();
        let asked = BrokerCommand::Ask(Box::new(AwaitedRequest { asker, request, reply }));
        inbox.send(asked).map_err(|_| Refusal::room_failed(room))?;
        Ok(PendingAnswer { answer, seat })
    }

    /// Has a room read what other servers did, if it is live. Does not block: a room that is too busy for it reads that
    /// with its next messages, or when it is told again.
    pub fn catch_up(&self, room: &RoomName) {
        // The sender keeps the inbox, not the room: the room may have lost its last seat by now.
        let inbox = self.state.lock().rooms.get(room).map(|slot| slot.inbox.clone());
        if let Some(inbox) = inbox {
            _ = inbox.try_send(BrokerCommand::CatchUp);
        }
    }

    /// Takes a seat in a room, which is opened if it does not exist, and a sender to its inbox. `address`: see
    /// [`JoiningClient::address`].
    ///
    /// # Errors
    /// There can be no further room.
    pub fn reserve(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        address: Option<Address>,
    ) -> Result<(Seat, InboxSender<BrokerCommand>), Refusal> {
        self.reserve_in(room, kind, None, address)
    }

    /// The same; a room that is opened is of this class, or of that of its name and policy.
    fn reserve_in(
        self: &Arc<Self>,
        room: &RoomName,
        kind: &RoomKind,
        class: Option<RoomClass>,
        address: Option<Address>,
    ) -> Result<(Seat, InboxSender<BrokerCommand>), Refusal> {
        // A look into the policies takes their lock, so it comes first; most joins find an open room and need none.
        let class = if self.has(room) { class } else { class.or_else(|| Some(self.class(room, kind))) };
        // ANCHOR: reserve
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
                    // A room that has closed since the look counts as anybody's.
                    let permit = state.quota.take(class.unwrap_or(RoomClass::Shared), address)?;
                    let (inbox, opened) = self.insert(&mut state, room, kind, permit);
                    (number, inbox, Some(opened))
                }
            }
        };
        // ANCHOR_END: reserve
        let seat = Seat::of_room(self, room, number);
        if let Some(opened) = opened {
            self.open(*opened)?;
        }
        Ok((seat, inbox))
    }

    /// Has the live rooms that match one of these patterns look whether this subscriber belongs in them, and let it in or
    /// out; what is waited for to know that they have. Blocks while an inbox of theirs is full.
    pub fn match_again(
        self: &Arc<Self>,
        patterns: &[Pattern],
        subscriber: &PatternSubscriber,
    ) -> Vec<oneshot::Receiver<()>> {
        let rooms: Vec<_> = {
            let mut state = self.state.lock();
            let State { rooms, seats, .. } = &mut *state;
            let matching = rooms.iter_mut().filter(|(room, _)| patterns.iter().any(|pattern| pattern.matches(room)));
            let taken = matching.map(|(room, slot)| {
                *seats += 1;
                slot.seats += 1;
                (Seat::of_room(self, room, MemberId(*seats)), slot.inbox.clone())
            });
            taken.collect()
        };
        let (connection, foreign) = (subscriber.number, subscriber.is_foreign());
        let asked = rooms.into_iter().filter_map(|(seat, inbox)| {
            let (done, matched) = oneshot::channel();
            // A room that failed has no members.
            inbox.send(BrokerCommand::Match { seat, connection, foreign, done }).ok().map(|()| matched)
        });
        asked.collect()
    }

    /// The class of a room that is not live.
    #[inline(never)]
    fn class(&self, room: &RoomName, kind: &RoomKind) -> RoomClass {
        let is_owned = |policy: Arc<Policy>| policy.owner().is_some();
        match kind {
            RoomKind::Private(..) => RoomClass::Conversation,
            RoomKind::Open { .. } if room.as_str() == FIRST_ROOM => RoomClass::First,
            RoomKind::Open { .. } if self.policies.policy(room).is_some_and(is_owned) => RoomClass::Owned,
            RoomKind::Open { .. } => RoomClass::Shared,
        }
    }

    /// Adds a room with one seat to the map. Not inlined, like `open`: most joins find an open room, and need no
    /// stack for this.
    #[inline(never)]
    fn insert(
        &self,
        state: &mut State,
        room: &RoomName,
        kind: &RoomKind,
        permit: RoomPermit,
    ) -> (InboxSender<BrokerCommand>, Box<Opened>) {
        let (inbox, commands) = queue::bounded(INBOX_MAX);
        let view = RoomView::new((&self.policies, &self.patterns), &self.metrics, &self.authors);
        let opening = Opening { room: room.clone(), kind: kind.clone(), view: view.clone() };
        let listed = matches!(kind, RoomKind::Open { .. });
        let slot = Slot { inbox: inbox.clone(), seats: 1, listed, view, permit };
        state.rooms.insert(room.clone(), slot);
        (inbox, Box::new((opening, commands)))
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

    // ANCHOR: release
    fn release(&self, room: &RoomName) {
        let last = {
            let mut state = self.state.lock();
            let slot = state.rooms.get_mut(room).expect("a seat's room is in the map");
            slot.seats -= 1;
            let last = if slot.seats == 0 { state.rooms.remove(room) } else { None };
            if let Some(Slot { permit, .. }) = &last {
                state.quota.release(permit);
            }
            last
        };
        // The sender is dropped outside the lock: that may end the broker.
        drop(last);
    }
    // ANCHOR_END: release

    /// Rooms that are opened from now on have these bounds: see [`crate::chat::Limits`].
    pub fn set_limits(&self, rooms_max: usize, address_rooms_max: usize) {
        self.state.lock().quota.set_limits(rooms_max, address_rooms_max);
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

    /// The names of the live rooms, private conversations among them, in any order.
    #[must_use]
    pub fn live(&self) -> Vec<RoomName> {
        self.state.lock().rooms.keys().cloned().collect()
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

    /// The users in a room, as its broker last reported; 0 if it is not live.
    #[must_use]
    pub fn population(&self, room: &RoomName) -> usize {
        self.state.lock().rooms.get(room).map_or(0, |slot| slot.view.population())
    }

    /// When a live room was opened.
    #[must_use]
    pub fn opened(&self, room: &RoomName) -> Option<Time> {
        self.state.lock().rooms.get(room).and_then(|slot| slot.view.opened())
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
