//! A connection as others see it: its user, where events for it go, and its private conversations.
//!
//! A conversation is a private room, which others may open for the connection. One mutex, a leaf: rooms are joined and
//! left without it.

pub mod conversations;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::chat::admin::{Connected, ConnectionInfo};
use crate::chat::{Availability, DisplayName, End, Identity, RoomName, RoomRequest, Time, UserName, Visibility};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::{Absent, Form, Recipient};
use crate::engine::guards::address::ClientAddress;
use crate::engine::rooms::inbox::{RoomHandle, RoomSender};
use crate::engine::users::endpoint::Endpoint;
use crate::wire::Encoding;

/// Conversations of one connection, at most; beyond it the oldest is left, and joined again with the next message
/// in it.
const CONVERSATIONS_MAX: usize = 64;

/// A connection as others see it.
pub struct UserConnection {
    /// Its user.
    pub who: Identity,
    /// Its number, unique in the server's life.
    pub number: u64,
    /// Whether it wants its own messages back.
    echo: bool,
    /// What others see of it: one that is hidden is no address for what is sent to its user.
    pub(super) visibility: Visibility,
    state: Mutex<State>,
}

/// Where a connection comes from, and since when it is there.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOrigin {
    /// Its client's address.
    pub address: ClientAddress,
    /// The name of its encoding, or of none.
    pub door: &'static str,
    /// When its session began.
    pub began: Time,
}

impl ConnectionOrigin {
    /// A program in the server's process.
    #[must_use]
    pub fn in_process(began: Time) -> Self {
        Self { address: ClientAddress::IN_PROCESS, door: "in-process", began }
    }
}

struct State {
    endpoint: Endpoint,
    origin: ConnectionOrigin,
    /// The rooms that it is in, as its reader has shown them.
    rooms: Vec<RoomName>,
    /// Its client is not there.
    is_detached: bool,
    /// Why it has to end, whatever client it gets.
    end: Option<End>,
    /// What its client says of its user.
    availability: Availability,
    /// Whether its client has asked who has received and read its messages.
    asks_receipts: bool,
    /// What its user is called, as its client has said without storing it.
    real_name: Option<DisplayName>,
    /// The user's name where the client runs, as it has said.
    ident: Option<Arc<str>>,
    /// Whether its user is an operator on IRC with it.
    is_operator: bool,
    /// Whether its client is a bot, as it says.
    is_bot: bool,
    /// How often what conversations are joined with was replaced.
    generation: u64,
    /// `None` when the connection has ended: no conversation may be joined for it any more.
    conversations: Option<VecDeque<RoomHandle>>,
}

impl UserConnection {
    /// A connection without conversations.
    #[must_use]
    pub fn new(
        who: Identity,
        number: u64,
        origin: ConnectionOrigin,
        echo: bool,
        visibility: Visibility,
        endpoint: Endpoint,
    ) -> Arc<Self> {
        let availability = Availability::default();
        let state = State {
            endpoint,
            origin,
            rooms: Vec::new(),
            is_detached: false,
            end: None,
            availability,
            asks_receipts: false,
            real_name: None,
            ident: None,
            is_operator: false,
            is_bot: false,
            generation: 0,
            conversations: Some(VecDeque::new()),
        };
        Arc::new(Self { who, number, echo, visibility, state: Mutex::new(state) })
    }

    /// Its user's name.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.who.user
    }

    /// Whether it wants its own messages back.
    #[must_use]
    pub fn echo(&self) -> bool {
        self.echo
    }

    /// Where events for it go now.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.state.lock().endpoint.clone()
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> ConnectionOrigin {
        self.state.lock().origin
    }

    /// Shows which rooms it is in, without its conversations.
    pub fn show_rooms(&self, rooms: Vec<RoomName>) {
        self.state.lock().rooms = rooms;
    }

    /// Ends it for good: its client is told why, and another one that resumes it as well. Does not block.
    pub fn end(&self, end: End) {
        let recipient = {
            let mut state = self.state.lock();
            state.end.get_or_insert(end);
            Arc::clone(&state.endpoint.recipient)
        };
        recipient.end(end);
    }

    /// Why it was ended for good, if it was.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.state.lock().end
    }

    /// What an admin sees of it.
    #[must_use]
    pub fn info(&self) -> ConnectionInfo {
        let (recipient, origin, rooms, is_detached) = {
            let state = self.state.lock();
            (Arc::clone(&state.endpoint.recipient), state.origin, state.rooms.clone(), state.is_detached)
        };
        let (events, bytes) = recipient.waiting();
        ConnectionInfo {
            number: self.number,
            user: self.who.user.clone(),
            auth_level: self.who.auth_level,
            ip: origin.address.ip,
            door: origin.door,
            since: origin.began,
            rooms,
            connected: if is_detached { Connected::Detached } else { Connected::Yes { events, bytes } },
        }
    }

    /// Calls `work` before anybody who finds it can send it anything.
    pub(super) fn before_others(&self, work: impl FnOnce(&Endpoint)) {
        work(&self.state.lock().endpoint);
    }

    /// What its client says of its user.
    #[must_use]
    pub fn availability(&self) -> Availability {
        self.state.lock().availability.clone()
    }

    /// Takes over what its client says of its user, and tells its conversations. Blocks while an inbox of theirs is
    /// full.
    pub fn set_availability(&self, availability: Availability) {
        let Availability { status, note } = availability.clone();
        let senders = {
            let mut state = self.state.lock();
            state.availability = availability;
            state.generation += 1;
            state.senders()
        };
        tell(&senders, &RoomRequest::Presence { status, note });
    }

    /// Has its conversations tell it from now on, or no longer, who has received and read its messages. Blocks while an
    /// inbox of theirs is full.
    pub fn ask_receipts(&self, on: bool) {
        let senders = {
            let mut state = self.state.lock();
            if state.asks_receipts == on {
                return;
            }
            state.asks_receipts = on;
            state.generation += 1;
            state.senders()
        };
        tell(&senders, &RoomRequest::AskReceipts(on));
    }

    /// What its user is called, as its client has said without storing it.
    #[must_use]
    pub fn real_name(&self) -> Option<DisplayName> {
        self.state.lock().real_name.clone()
    }

    /// Remembers what its user is called.
    pub fn set_real_name(&self, name: Option<DisplayName>) {
        self.state.lock().real_name = name;
    }

    /// The ident that its client has said.
    #[must_use]
    pub fn ident(&self) -> Option<Arc<str>> {
        self.state.lock().ident.clone()
    }

    /// Whether its user is an operator on IRC with it.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.state.lock().is_operator
    }

    /// Makes its user an operator, or ends that; whether it was otherwise.
    pub(super) fn set_operator(&self, on: bool) -> bool {
        std::mem::replace(&mut self.state.lock().is_operator, on) != on
    }

    /// Says that its client is a bot, or that it is not; whether it was otherwise.
    pub(super) fn set_bot(&self, on: bool) -> bool {
        std::mem::replace(&mut self.state.lock().is_bot, on) != on
    }

    /// Remembers the ident, unless there is one; whether there was none.
    pub(super) fn set_ident(&self, ident: &Arc<str>) -> bool {
        let mut state = self.state.lock();
        let is_first = state.ident.is_none();
        state.ident.get_or_insert_with(|| Arc::clone(ident));
        is_first
    }

    /// Tells its conversations what its user is called. Blocks while an inbox of theirs is full.
    pub fn tell_display_name(&self, name: Option<&DisplayName>) {
        let senders = self.state.lock().senders();
        tell(&senders, &RoomRequest::DisplayName(name.cloned()));
    }

    /// Detaches it from its lost connection: its conversations keep their memberships.
    pub fn detach(&self) {
        let senders = {
            let mut state = self.state.lock();
            state.replace_client(Arc::new(Absent), Form::Events);
            state.is_detached = true;
            state.senders()
        };
        // A room that failed has no membership to keep.
        senders.iter().for_each(|sender| _ = sender.detach());
    }

    /// Has its events come in another encoding, if it has no conversation yet.
    pub(in crate::engine) fn change_form(&self, encoding: Encoding) -> bool {
        let mut state = self.state.lock();
        let is_quiet = state.conversations.as_ref().is_some_and(VecDeque::is_empty);
        if is_quiet {
            state.endpoint.form = Form::Bytes(encoding);
            state.generation += 1;
        }
        is_quiet
    }

    /// Attaches it to another recipient, of a client at this address; its conversations, which the caller resumes and then
    /// adds again. The client of one that was ended is ended at once.
    pub fn resume(&self, recipient: Arc<dyn Recipient>, encoding: Encoding, address: ClientAddress) -> Vec<RoomHandle> {
        let (conversations, end) = {
            let mut state = self.state.lock();
            state.replace_client(Arc::clone(&recipient), Form::Bytes(encoding));
            (state.origin.address, state.origin.door) = (address, encoding.name());
            state.is_detached = false;
            (state.conversations.as_mut().map(std::mem::take).unwrap_or_default().into(), state.end)
        };
        if let Some(end) = end {
            recipient.end(end);
        }
        conversations
    }

    /// Adds conversations.
    pub fn keep(&self, handles: Vec<RoomHandle>) {
        let unwanted: Vec<_> = {
            let mut state = self.state.lock();
            handles.into_iter().filter_map(|handle| state.keep(handle)).collect()
        };
        drop(unwanted);
    }

    /// Ends it; its conversations, to be left by the caller.
    pub fn retire(&self) -> Vec<RoomHandle> {
        self.state.lock().conversations.take().unwrap_or_default().into()
    }
}

/// Sends a request to rooms, without the connection's lock. Blocks while an inbox of theirs is full.
fn tell(senders: &[RoomSender], request: &RoomRequest) {
    // A room that failed has nobody to tell.
    senders.iter().for_each(|sender| _ = sender.send(request.clone(), None));
}

impl State {
    /// The senders of its conversations.
    fn senders(&self) -> Vec<RoomSender> {
        self.conversations.iter().flatten().map(RoomHandle::sender).collect()
    }

    /// Adds a conversation; the one that has to be left for it, if any.
    fn keep(&mut self, handle: RoomHandle) -> Option<RoomHandle> {
        let Some(handles) = &mut self.conversations else { return Some(handle) };
        handles.push_back(handle);
        if handles.len() > CONVERSATIONS_MAX { handles.pop_front() } else { None }
    }

    fn replace_client(&mut self, recipient: Arc<dyn Recipient>, form: Form) {
        (self.endpoint.recipient, self.endpoint.form) = (recipient, form);
        self.generation += 1;
    }
}
