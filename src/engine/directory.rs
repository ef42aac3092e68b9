//! Which users are connected, and through what they can be reached.
//!
//! One mutex over a map, a leaf like the hub's. A `Peer` is a connection as others see it; its
//! conversations are the private rooms that it is in, which others may open for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::hub::{Guest, Hub, Kind};
use super::inbox::{RoomHandle, Speaking};
use super::recipient::{Form, Recipient};
use super::sync::Mutex;
use crate::chat::command::JoinWish;
use crate::chat::room::{Entrant, Said};
use crate::chat::{Code, End, Id, Refusal, RoomName, Status, UserName};

/// Conversations of one connection, at most; beyond it the oldest is left, and entered anew when
/// somebody speaks in it.
const CONVERSATIONS_MAX: usize = 64;

/// A connection as others see it.
pub struct Peer {
    /// Whose it is.
    pub user: UserName,
    /// Its number, unique in the server's life.
    pub number: u64,
    /// What goes to it.
    pub recipient: Arc<dyn Recipient>,
    /// In which form.
    pub form: Form,
    /// `None` when the connection is over: nobody may enter anything for it any more.
    conversations: Mutex<Option<VecDeque<RoomHandle>>>,
}

impl Peer {
    /// A connection that is in no conversation.
    #[must_use]
    pub fn new(user: UserName, number: u64, recipient: Arc<dyn Recipient>, form: Form) -> Arc<Self> {
        Arc::new(Self { user, number, recipient, form, conversations: Mutex::new(Some(VecDeque::new())) })
    }

    /// Drops its place in a conversation whose room failed, so that the next word opens another.
    fn forget(&self, room: &RoomName) {
        let gone = {
            let mut conversations = self.conversations.lock();
            conversations.as_mut().and_then(|handles| {
                let at = handles.iter().position(|handle| handle.room() == room)?;
                handles.remove(at)
            })
        };
        drop(gone);
    }

    /// Makes sure that it is in a conversation; something to speak through, unless its connection is
    /// over. Blocks until the room has answered.
    fn enter(&self, hub: &Arc<Hub>, room: &RoomName, kind: &Kind) -> Result<Option<Speaking>, Refusal> {
        {
            let conversations = self.conversations.lock();
            let Some(handles) = conversations.as_ref() else { return Ok(None) };
            if let Some(handle) = handles.iter().find(|handle| handle.room() == room) {
                return Ok(Some(handle.speaker()));
            }
        }
        let entrant = Entrant {
            user: self.user.clone(),
            connection: self.number,
            echo: true,
            announced: false,
            status: Status::Online,
            wish: JoinWish::default(),
        };
        let guest = Guest { recipient: Arc::clone(&self.recipient), form: self.form, entrant, id: None };
        let handle = hub.join(room, kind, guest)?;
        let speaking = handle.speaker();
        if handle.is_lent() {
            // Another thread entered it meanwhile, and is about to keep the handle.
            return Ok(Some(speaking));
        }
        let unwanted = {
            let mut conversations = self.conversations.lock();
            match conversations.as_mut() {
                None => Some(handle),
                Some(handles) => {
                    handles.push_back(handle);
                    if handles.len() > CONVERSATIONS_MAX { handles.pop_front() } else { None }
                }
            }
        };
        // Leaving sends, which may block: not under the lock.
        drop(unwanted);
        Ok(Some(speaking))
    }

    /// The connection is over: its conversations, to be left by the caller.
    pub fn retire(&self) -> Vec<RoomHandle> {
        self.conversations.lock().take().unwrap_or_default().into()
    }
}

/// The users that are connected.
#[derive(Default)]
pub struct Directory {
    users: Mutex<HashMap<UserName, Vec<Arc<Peer>>>>,
}

/// Keeps a connection in the directory.
pub struct Arrival {
    directory: Arc<Directory>,
    peer: Arc<Peer>,
}

impl Arrival {
    /// The connection.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut users = self.directory.users.lock();
        if let Some(peers) = users.get_mut(&self.peer.user) {
            peers.retain(|peer| peer.number != self.peer.number);
            if peers.is_empty() {
                users.remove(&self.peer.user);
            }
        }
    }
}

impl Directory {
    /// Adds a connection.
    pub fn arrive(self: &Arc<Self>, peer: Arc<Peer>) -> Arrival {
        self.users.lock().entry(peer.user.clone()).or_default().push(Arc::clone(&peer));
        Arrival { directory: Arc::clone(self), peer }
    }

    /// The connections of a user; none when the user is not there.
    #[must_use]
    pub fn peers(&self, user: &UserName) -> Vec<Arc<Peer>> {
        self.users.lock().get(user).cloned().unwrap_or_default()
    }

    /// Ends the members that live in this process.
    pub(super) fn end_members(&self, end: End) {
        let members: Vec<_> = {
            let users = self.users.lock();
            users.values().flatten().filter(|peer| peer.form == Form::Events).cloned().collect()
        };
        for peer in members {
            peer.recipient.end(end);
        }
    }

    /// Says something from one connection to another user, in the room of the two. Every connection
    /// of both is in it, so each sees it. Blocks on the room.
    ///
    /// # Errors
    /// The other is not there, or there can be no further room.
    pub fn converse(
        &self,
        hub: &Arc<Hub>,
        from: &Arc<Peer>,
        to: &UserName,
        said: Said,
        id: Option<Id>,
    ) -> Result<(), Refusal> {
        let theirs = self.peers(to);
        if theirs.is_empty() {
            return Err(Refusal::new(Code::UserOffline, format!("{to} is not online")));
        }
        let room = RoomName::private(&from.user, to);
        let kind = Kind::Private(from.user.clone(), to.clone());
        let failed = || Refusal::room_failed(&room);
        let speaking = from.enter(hub, &room, &kind)?.ok_or_else(failed)?;
        for peer in theirs.iter().chain(&self.peers(&from.user)) {
            peer.enter(hub, &room, &kind)?;
        }
        speaking.say(said, id).map_err(|_| {
            from.forget(&room);
            failed()
        })
    }
}
