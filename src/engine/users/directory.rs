//! Which users are connected, and through what they can be reached.
//!
//! One mutex over a map, a leaf like the hub's. A `Peer` is a connection as others see it; its
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
use crate::engine::clients::recipient::{Absent, Care, Form, Parcel, Piece, Recipient, Undelivered};
use crate::engine::rooms::hub::{Hub, JoiningClient, RoomKind};
use crate::engine::rooms::inbox::{RoomHandle, RoomSender};
use crate::wire::Encoder;

/// Conversations of one connection, at most; beyond it the oldest is left, and entered anew when
/// somebody speaks in it.
const CONVERSATIONS_MAX: usize = 64;

/// A connection as others see it.
pub struct Peer {
    /// Whose it is.
    pub who: Identity,
    /// Its number, unique in the server's life.
    pub number: u64,
    /// Whether it wants its own messages back.
    echo: bool,
    state: Mutex<State>,
}

struct State {
    client: Endpoint,
    /// How often the client was exchanged.
    exchanges: u64,
    /// `None` when the connection is over: nobody may enter anything for it any more.
    conversations: Option<VecDeque<RoomHandle>>,
}

/// What goes to a connection, and in which form.
#[derive(Clone)]
pub struct Endpoint {
    /// What takes it.
    pub recipient: Arc<dyn Recipient>,
    /// The form.
    pub form: Form,
}

impl Endpoint {
    /// Tells it something outside the order of any room. Does not block.
    ///
    /// # Errors
    /// It is gone, or cannot take it, and is then ended by its own outbox.
    pub fn tell(&self, id: Option<&Id>, event: &Arc<Event>, slow: Slow) -> Result<(), Undelivered> {
        match self.form {
            Form::Events => self.recipient.take(Parcel::Event(event), Care::Policy(slow)),
            Form::Bytes(encoding) => {
                let mut buffer = Vec::new();
                if !Encoder::default().encode(event, id, encoding, &mut buffer) {
                    return Ok(());
                }
                let piece = Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 0, reply: true };
                self.recipient.take(Parcel::Pieces(&[piece]), Care::Policy(Slow::Disconnect))
            }
        }
    }
}

impl Peer {
    /// A connection that is in no conversation.
    #[must_use]
    pub fn new(who: Identity, number: u64, echo: bool, recipient: Arc<dyn Recipient>, form: Form) -> Arc<Self> {
        let client = Endpoint { recipient, form };
        let state = State { client, exchanges: 0, conversations: Some(VecDeque::new()) };
        Arc::new(Self { who, number, echo, state: Mutex::new(state) })
    }

    /// Whose it is.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.who.user
    }

    /// What goes to it now, and in which form.
    #[must_use]
    pub fn client(&self) -> Endpoint {
        self.state.lock().client.clone()
    }

    /// Drops its place in a conversation whose room failed, so that the next word opens another.
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

    /// Makes sure that it is in a conversation; something to speak through, unless its connection is
    /// over. Blocks until the room has answered.
    pub(in crate::engine) fn enter(
        &self,
        hub: &Arc<Hub>,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<Option<RoomSender>, Refusal> {
        loop {
            let (client, exchanges) = {
                let state = self.state.lock();
                let Some(handles) = &state.conversations else { return Ok(None) };
                if let Some(handle) = handles.iter().find(|handle| handle.room() == room) {
                    return Ok(Some(handle.speaker()));
                }
                (state.client.clone(), state.exchanges)
            };
            let handle = hub.join(room, kind, self.guest(client))?;
            let speaking = handle.speaker();
            if handle.is_lent() {
                // Another thread entered it meanwhile, and is about to keep the handle.
                return Ok(Some(speaking));
            }
            let unwanted = {
                let mut state = self.state.lock();
                if state.exchanges == exchanges { state.keep(handle) } else { Some(handle) }
            };
            let entered = unwanted.as_ref().is_none_or(|other| other.room() != room);
            // Leaving sends, which may block: not under the lock.
            drop(unwanted);
            // Otherwise the client was exchanged while it entered: what entered was the old one.
            if entered {
                return Ok(Some(speaking));
            }
        }
    }

    /// Enters a conversation for its own reader, which gives it what it is owed before it opens `gate`:
    /// what memory no longer has comes back. `None`: there is nothing to fetch. Blocks on the room.
    pub(in crate::engine) fn collect(
        &self,
        hub: &Arc<Hub>,
        (room, kind): (&RoomName, &RoomKind),
        gate: &Arc<Gate>,
    ) -> Result<Option<InboxReplay>, Refusal> {
        let client = Endpoint { recipient: Arc::clone(gate) as _, ..self.client() };
        let mut guest = self.guest(client);
        guest.entrant.options.offline = self.owed(true);
        let mut handle = hub.join(room, kind, guest)?;
        if handle.is_lent() {
            // Another has entered it meanwhile, and with that it was given what it is owed.
            return Ok(None);
        }
        let replay = handle.take_replay();
        let speaking = handle.speaker();
        let unwanted = self.state.lock().keep(handle);
        drop(unwanted);
        Ok(replay.map(|replay| InboxReplay { replay, speaking }))
    }

    /// Something to speak through in a conversation that it is in.
    pub(in crate::engine) fn speaker(&self, room: &RoomName) -> Option<RoomSender> {
        let state = self.state.lock();
        let mut handles = state.conversations.iter().flatten();
        handles.find(|handle| handle.room() == room).map(RoomHandle::speaker)
    }

    /// What it is to be given of a conversation first: of what was said to a guest nothing is kept.
    fn owed(&self, fetched: bool) -> Option<OfflineDelivery> {
        let since = self.who.since().filter(|_| !self.who.is_guest())?;
        Some(OfflineDelivery { since, fetched })
    }

    fn guest(&self, client: Endpoint) -> JoiningClient {
        let entrant = JoinRequest {
            echo: self.echo,
            announced: false,
            options: JoinOptions { offline: self.owed(false), ..JoinOptions::default() },
            ..JoinRequest::new(self.user().clone(), self.who.auth_level, self.number)
        };
        JoiningClient { recipient: client.recipient, form: client.form, entrant, id: None }
    }

    /// The connection broke and is waited for: its conversations keep its place.
    pub fn detach(&self) {
        let speakers: Vec<_> = {
            let mut state = self.state.lock();
            state.exchange(Arc::new(Absent), Form::Events);
            state.conversations.iter().flatten().map(RoomHandle::speaker).collect()
        };
        // Of a room that failed there is no place to keep.
        speakers.iter().for_each(|speaking| _ = speaking.detach());
    }

    /// It is back: the conversations in which it has to come back, to be kept again.
    pub fn attach(&self, recipient: Arc<dyn Recipient>, form: Form) -> Vec<RoomHandle> {
        let mut state = self.state.lock();
        state.exchange(recipient, form);
        state.conversations.as_mut().map(std::mem::take).unwrap_or_default().into()
    }

    /// Keeps its places in these conversations.
    pub fn keep(&self, handles: Vec<RoomHandle>) {
        let unwanted: Vec<_> = {
            let mut state = self.state.lock();
            handles.into_iter().filter_map(|handle| state.keep(handle)).collect()
        };
        drop(unwanted);
    }

    /// The connection is over: its conversations, to be left by the caller.
    pub fn retire(&self) -> Vec<RoomHandle> {
        self.state.lock().conversations.take().unwrap_or_default().into()
    }
}

/// What of a conversation its own reader has to fetch.
pub(in crate::engine) struct InboxReplay {
    /// The part of the past.
    pub replay: ReplayRange,
    /// Where to say that it was given.
    pub speaking: RoomSender,
}

impl State {
    /// Keeps a place in a conversation; what has to be given up for it.
    fn keep(&mut self, handle: RoomHandle) -> Option<RoomHandle> {
        let Some(handles) = &mut self.conversations else { return Some(handle) };
        handles.push_back(handle);
        if handles.len() > CONVERSATIONS_MAX { handles.pop_front() } else { None }
    }

    fn exchange(&mut self, recipient: Arc<dyn Recipient>, form: Form) {
        self.client = Endpoint { recipient, form };
        self.exchanges += 1;
    }
}

/// The users that are connected.
#[derive(Default)]
pub struct Directory {
    users: Mutex<HashMap<UserName, Vec<Arc<Peer>>>>,
}

/// Keeps a connection in the directory.
pub struct DirectoryEntry {
    directory: Arc<Directory>,
    peer: Arc<Peer>,
}

impl DirectoryEntry {
    /// The connection.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }
}

impl Drop for DirectoryEntry {
    fn drop(&mut self) {
        let mut users = self.directory.users.lock();
        if let Some(peers) = users.get_mut(self.peer.user()) {
            // By what it is, not by its number: a connection that has said who it is arrives once more.
            peers.retain(|peer| !Arc::ptr_eq(peer, &self.peer));
            if peers.is_empty() {
                users.remove(self.peer.user());
            }
        }
    }
}

impl Directory {
    /// Adds a connection.
    pub fn register(self: &Arc<Self>, peer: Arc<Peer>) -> DirectoryEntry {
        self.users.lock().entry(peer.user().clone()).or_default().push(Arc::clone(&peer));
        DirectoryEntry { directory: Arc::clone(self), peer }
    }

    /// The connections of a user; none when the user is not there.
    #[must_use]
    pub fn peers(&self, user: &UserName) -> Vec<Arc<Peer>> {
        self.users.lock().get(user).cloned().unwrap_or_default()
    }

    /// Whether somebody is connected under this name, in any spelling. Looks at all users.
    #[must_use]
    pub fn uses(&self, user: &UserName) -> bool {
        !self.like(user).is_empty()
    }

    /// Ends the guests who use this name, in any spelling: it belongs to somebody now.
    pub fn displace(&self, user: &UserName) {
        for peer in self.like(user).iter().filter(|peer| peer.who.is_guest()) {
            peer.client().recipient.end(End::Displaced);
        }
    }

    fn like(&self, user: &UserName) -> Vec<Arc<Peer>> {
        let folded = FoldedName::of(user);
        let names: Vec<_> = self.users.lock().keys().cloned().collect();
        let like = names.iter().filter(|name| FoldedName::of(name) == folded);
        like.flat_map(|name| self.peers(name)).collect()
    }

    /// Ends the members that live in this process.
    pub(in crate::engine) fn end_members(&self, end: End) {
        let peers: Vec<_> = self.users.lock().values().flatten().cloned().collect();
        let clients = peers.iter().map(|peer| peer.client());
        clients.filter(|client| client.form == Form::Events).for_each(|client| client.recipient.end(end));
    }

    /// Says something from one connection to another user, in the room of the two. Every connection
    /// of both is in it, so each sees it. Of one who is away it is kept, if `kept` says that the store
    /// does so for them. Blocks on the room.
    ///
    /// # Errors
    /// The other is not there, or there can be no further room.
    pub fn converse(
        &self,
        hub: &Arc<Hub>,
        from: &Arc<Peer>,
        (to, kept): (&UserName, bool),
        request: RoomRequest,
        id: Option<Id>,
    ) -> Result<(), Refusal> {
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        if !kept && self.peers(to).is_empty() {
            return Err(offline());
        }
        let room = RoomName::private(from.user(), to);
        let kind = RoomKind::Private(from.user().clone(), to.clone());
        let failed = || Refusal::room_failed(&room);
        let speaking = from.enter(hub, &room, &kind)?.ok_or_else(failed)?;
        let there = self.gather(hub, to, (&room, &kind))?;
        if !there && !kept {
            return Err(offline());
        }
        self.gather(hub, from.user(), (&room, &kind))?;
        speaking.say(request, id).map_err(|_| {
            from.forget(&room);
            failed()
        })?;
        if !there {
            // Who came meanwhile may have looked for what waits before this did. A room answers a
            // question after what was said before it: then this is stored, and who is here by now is
            // given it when they enter; and who comes later finds it.
            hub.ask(&room, from.who.clone(), RoomRequest::Members)?;
            self.gather(hub, to, (&room, &kind))?;
        }
        Ok(())
    }

    /// Enters all connections of a user into a conversation; whether one is in it now.
    fn gather(&self, hub: &Arc<Hub>, user: &UserName, (room, kind): (&RoomName, &RoomKind)) -> Result<bool, Refusal> {
        let mut there = false;
        for peer in self.peers(user) {
            match peer.enter(hub, room, kind) {
                Ok(speaking) => there |= speaking.is_some(),
                // It is owed more than memory has, which its own reader is about to give it.
                Err(refusal) if refusal.code == Code::Unavailable && !peer.who.is_guest() => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(there)
    }
}
