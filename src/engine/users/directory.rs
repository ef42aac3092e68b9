//! The directory of connected users, and their private conversations.
//!
//! One mutex over a map, a leaf like the hub's. A `UserConnection` is a connection as others see it; its
//! conversations are the private rooms that it is in, which others may open for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::chat::room::{JoinRequest, ReplayRange};
use crate::chat::{
    Code, End, Event, FoldedName, Id, Identity, JoinOptions, OfflineDelivery, Refusal, RoomName, RoomRequest, Slow,
    UserName,
};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::gate::Gate;
use crate::engine::clients::recipient::{Absent, Delivery, DeliveryMode, Form, Recipient, Segment, Undelivered};
use crate::engine::rooms::hub::{Hub, JoiningClient, RoomKind};
use crate::engine::rooms::inbox::{RoomHandle, RoomSender};
use crate::wire::Encoder;

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
    state: Mutex<State>,
}

struct State {
    endpoint: Endpoint,
    /// How often the endpoint was replaced.
    generation: u64,
    /// `None` when the connection has ended: no conversation may be joined for it any more.
    conversations: Option<VecDeque<RoomHandle>>,
}

/// Where events for a connection go, and in which form.
#[derive(Clone)]
pub struct Endpoint {
    /// Takes the events.
    pub recipient: Arc<dyn Recipient>,
    /// Their form.
    pub form: Form,
}

impl Endpoint {
    /// Sends an event outside the order of any room. Does not block.
    ///
    /// # Errors
    /// The connection has ended, or cannot take the event, and is then ended by its own outbox.
    pub fn send(&self, id: Option<&Id>, event: &Arc<Event>, slow: Slow) -> Result<(), Undelivered> {
        match self.form {
            Form::Events => self.recipient.deliver(Delivery::Event(event), DeliveryMode::Policy(slow)),
            Form::Bytes(encoding) => {
                let mut buffer = Vec::new();
                if !Encoder::default().encode(event, id, encoding, &mut buffer) {
                    return Ok(());
                }
                let segment =
                    Segment { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 0, reply: true };
                self.recipient.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Disconnect))
            }
        }
    }
}

impl UserConnection {
    /// A connection without conversations.
    #[must_use]
    pub fn new(who: Identity, number: u64, echo: bool, recipient: Arc<dyn Recipient>, form: Form) -> Arc<Self> {
        let endpoint = Endpoint { recipient, form };
        let state = State { endpoint, generation: 0, conversations: Some(VecDeque::new()) };
        Arc::new(Self { who, number, echo, state: Mutex::new(state) })
    }

    /// Its user's name.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.who.user
    }

    /// Where events for it go now.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.state.lock().endpoint.clone()
    }

    /// Drops the membership in a conversation whose room failed, so that the next request opens another.
    fn forget(&self, room: &RoomName) {
        let gone = {
            let mut state = self.state.lock();
            state.conversations.as_mut().and_then(|handles| {
                let at = handles.iter().position(|handle| handle.room() == room)?;
                handles.remove(at)
            })
        };
        drop(gone);
    }

    /// Joins a conversation, unless it is in it already; a sender to it, unless the connection has ended. Blocks
    /// until the room has answered.
    pub(in crate::engine) fn enter(
        &self,
        hub: &Arc<Hub>,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<Option<RoomSender>, Refusal> {
        loop {
            let (endpoint, generation) = {
                let state = self.state.lock();
                let Some(handles) = &state.conversations else { return Ok(None) };
                if let Some(handle) = handles.iter().find(|handle| handle.room() == room) {
                    return Ok(Some(handle.sender()));
                }
                (state.endpoint.clone(), state.generation)
            };
            let handle = hub.join(room, kind, self.joining_client(endpoint))?;
            let sender = handle.sender();
            if handle.is_duplicate() {
                // Another thread joined it meanwhile, and is about to keep the handle.
                return Ok(Some(sender));
            }
            let unwanted = {
                let mut state = self.state.lock();
                if state.generation == generation { state.keep(handle) } else { Some(handle) }
            };
            let entered = unwanted.as_ref().is_none_or(|other| other.room() != room);
            // Leaving may block: not under the lock.
            drop(unwanted);
            // Otherwise the endpoint was replaced meanwhile, and the old one joined.
            if entered {
                return Ok(Some(sender));
            }
        }
    }

    /// Joins a conversation on behalf of its own reader, which delivers its offline messages before it opens `gate`.
    /// Those that are no longer in memory are returned; `None`: there are none. Blocks on the room.
    pub(in crate::engine) fn enter_with_replay(
        &self,
        hub: &Arc<Hub>,
        (room, kind): (&RoomName, &RoomKind),
        gate: &Arc<Gate>,
    ) -> Result<Option<OfflineReplay>, Refusal> {
        let endpoint = Endpoint { recipient: Arc::clone(gate) as _, ..self.endpoint() };
        let mut client = self.joining_client(endpoint);
        client.request.options.offline = self.offline_delivery(true);
        let mut handle = hub.join(room, kind, client)?;
        if handle.is_duplicate() {
            // Another thread joined it meanwhile, which delivered the offline messages.
            return Ok(None);
        }
        let replay = handle.take_replay();
        let sender = handle.sender();
        let unwanted = self.state.lock().keep(handle);
        drop(unwanted);
        Ok(replay.map(|replay| OfflineReplay { replay, sender }))
    }

    /// A sender to a conversation that it is in.
    pub(in crate::engine) fn sender(&self, room: &RoomName) -> Option<RoomSender> {
        let state = self.state.lock();
        let mut handles = state.conversations.iter().flatten();
        handles.find(|handle| handle.room() == room).map(RoomHandle::sender)
    }

    /// Which offline messages a join has to deliver: none to a guest, for whom none are kept.
    fn offline_delivery(&self, fetched: bool) -> Option<OfflineDelivery> {
        let since = self.who.since().filter(|_| !self.who.is_guest())?;
        Some(OfflineDelivery { since, fetched })
    }

    fn joining_client(&self, endpoint: Endpoint) -> JoiningClient {
        let request = JoinRequest {
            echo: self.echo,
            announced: false,
            options: JoinOptions { offline: self.offline_delivery(false), ..JoinOptions::default() },
            ..JoinRequest::new(self.user().clone(), self.who.auth_level, self.number)
        };
        JoiningClient { recipient: endpoint.recipient, form: endpoint.form, request, id: None }
    }

    /// Detaches it from its lost connection: its conversations keep their memberships.
    pub fn detach(&self) {
        let senders: Vec<_> = {
            let mut state = self.state.lock();
            state.replace_client(Arc::new(Absent), Form::Events);
            state.conversations.iter().flatten().map(RoomHandle::sender).collect()
        };
        // A room that failed has no membership to keep.
        senders.iter().for_each(|sender| _ = sender.detach());
    }

    /// Attaches it to another recipient; its conversations, which the caller resumes and then adds again.
    pub fn resume(&self, recipient: Arc<dyn Recipient>, form: Form) -> Vec<RoomHandle> {
        let mut state = self.state.lock();
        state.replace_client(recipient, form);
        state.conversations.as_mut().map(std::mem::take).unwrap_or_default().into()
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

/// Offline messages of a conversation, which the connection's reader has to replay.
pub(in crate::engine) struct OfflineReplay {
    /// The messages.
    pub replay: ReplayRange,
    /// Takes the receipt when they are delivered.
    pub sender: RoomSender,
}

impl State {
    /// Adds a conversation; the one that has to be left for it, if any.
    fn keep(&mut self, handle: RoomHandle) -> Option<RoomHandle> {
        let Some(handles) = &mut self.conversations else { return Some(handle) };
        handles.push_back(handle);
        if handles.len() > CONVERSATIONS_MAX { handles.pop_front() } else { None }
    }

    fn replace_client(&mut self, recipient: Arc<dyn Recipient>, form: Form) {
        self.endpoint = Endpoint { recipient, form };
        self.generation += 1;
    }
}

/// See the module.
#[derive(Default)]
pub struct Directory {
    users: Mutex<HashMap<UserName, Vec<Arc<UserConnection>>>>,
}

/// Keeps a connection in the directory until it is dropped.
pub struct DirectoryEntry {
    directory: Arc<Directory>,
    connection: Arc<UserConnection>,
}

impl DirectoryEntry {
    /// The connection that is registered.
    #[must_use]
    pub fn connection(&self) -> &Arc<UserConnection> {
        &self.connection
    }
}

impl Drop for DirectoryEntry {
    fn drop(&mut self) {
        let mut users = self.directory.users.lock();
        if let Some(connections) = users.get_mut(self.connection.user()) {
            // By identity, not by number: a connection that logs in is registered a second time.
            connections.retain(|connection| !Arc::ptr_eq(connection, &self.connection));
            if connections.is_empty() {
                users.remove(self.connection.user());
            }
        }
    }
}

impl Directory {
    /// Registers a connection.
    pub fn register(self: &Arc<Self>, connection: Arc<UserConnection>) -> DirectoryEntry {
        self.users.lock().entry(connection.user().clone()).or_default().push(Arc::clone(&connection));
        DirectoryEntry { directory: Arc::clone(self), connection }
    }

    /// The connections of a user; none when the user is offline.
    #[must_use]
    pub fn connections(&self, user: &UserName) -> Vec<Arc<UserConnection>> {
        self.users.lock().get(user).cloned().unwrap_or_default()
    }

    /// Whether a connection uses this name, in any spelling. Walks over all users.
    #[must_use]
    pub fn is_used(&self, user: &UserName) -> bool {
        !self.connections_spelled_like(user).is_empty()
    }

    /// Ends the connections of guests who use this name, in any spelling: it is registered now.
    pub fn displace(&self, user: &UserName) {
        for connection in self.connections_spelled_like(user).iter().filter(|connection| connection.who.is_guest()) {
            connection.endpoint().recipient.end(End::Displaced);
        }
    }

    fn connections_spelled_like(&self, user: &UserName) -> Vec<Arc<UserConnection>> {
        let folded = FoldedName::of(user);
        let names: Vec<_> = self.users.lock().keys().cloned().collect();
        let like = names.iter().filter(|name| FoldedName::of(name) == folded);
        like.flat_map(|name| self.connections(name)).collect()
    }

    /// Ends the members in this process.
    pub(in crate::engine) fn end_members(&self, end: End) {
        let connections: Vec<_> = self.users.lock().values().flatten().cloned().collect();
        let endpoints = connections.iter().map(|connection| connection.endpoint());
        endpoints.filter(|endpoint| endpoint.form == Form::Events).for_each(|endpoint| endpoint.recipient.end(end));
    }

    /// Sends a request from one connection to the private conversation with another user, which all connections of
    /// both join. If the other user is offline, it is stored, where `kept` says that the store does so for them.
    /// Blocks on the room.
    ///
    /// # Errors
    /// The other user is offline, or there can be no further room.
    pub fn send_private(
        &self,
        hub: &Arc<Hub>,
        from: &Arc<UserConnection>,
        (to, kept): (&UserName, bool),
        request: RoomRequest,
        id: Option<Id>,
    ) -> Result<(), Refusal> {
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        if !kept && self.connections(to).is_empty() {
            return Err(offline());
        }
        let room = RoomName::private(from.user(), to);
        let kind = RoomKind::Private(from.user().clone(), to.clone());
        let failed = || Refusal::room_failed(&room);
        let sender = from.enter(hub, &room, &kind)?.ok_or_else(failed)?;
        let there = self.join_all(hub, to, (&room, &kind))?;
        if !there && !kept {
            return Err(offline());
        }
        self.join_all(hub, from.user(), (&room, &kind))?;
        sender.send(request, id).map_err(|_| {
            from.forget(&room);
            failed()
        })?;
        if !there {
            // A connection that opened meanwhile may have looked for offline messages before this one was stored.
            // A room answers a query after the messages before it: by then this one is stored, a connection that
            // is open gets it when it joins, and a later one finds it.
            hub.ask(&room, from.who.clone(), RoomRequest::Members)?;
            self.join_all(hub, to, (&room, &kind))?;
        }
        Ok(())
    }

    /// Joins a conversation on behalf of all connections of a user; whether one is in it now.
    fn join_all(&self, hub: &Arc<Hub>, user: &UserName, (room, kind): (&RoomName, &RoomKind)) -> Result<bool, Refusal> {
        let mut there = false;
        for connection in self.connections(user) {
            match connection.enter(hub, room, kind) {
                Ok(sender) => there |= sender.is_some(),
                // Its offline messages are not all in memory; its own reader is about to deliver them.
                Err(refusal) if refusal.code == Code::Unavailable && !connection.who.is_guest() => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(there)
    }
}
