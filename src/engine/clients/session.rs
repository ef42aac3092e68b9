//! What outlives a connection: a user's session, its place in the directory and in its rooms.
//!
//! Owned by the connection on its reader's thread; when the connection breaks it is parked, and
//! another connection may take it up. Everything here blocks on the rooms, one after the other.

use std::sync::Arc;

use crate::chat::room::ReplayRange;
use crate::chat::session_state::SessionState;
use crate::chat::{End, Limits, Recovery, ResumedRoom, RoomName, Seen, Since, Time};
use crate::engine::clients::gate::Gate;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Form;
use crate::engine::clients::session_table::Token;
use crate::engine::rooms::inbox::RoomHandle;
use crate::engine::users::directory::DirectoryEntry;
use crate::wire::Encoding;

/// See the module.
pub struct Session {
    /// Its number, unique in the server's life.
    pub number: u64,
    /// When it began.
    pub began: Time,
    /// What takes it up again; `None` when nothing does.
    pub token: Option<Token>,
    /// What the user may do next, and the rooms that it is in.
    pub state: SessionState<Membership>,
    /// Its entry in the directory, with its private conversations.
    pub entry: DirectoryEntry,
}

/// A room that it is in.
pub struct Membership {
    /// The place in the room.
    pub handle: RoomHandle,
    /// Whether the client calls the room a topic.
    pub topic: bool,
}

/// A room on the way back: its client has to be given the past, and then what the room has said since.
pub struct ResumingRoom {
    /// What the client is told.
    pub resumed: ResumedRoom,
    /// What of the past it is to be given.
    pub replay: Option<ReplayRange>,
    /// In which encoding.
    pub encoding: Encoding,
    /// What holds back the rest.
    pub gate: Arc<Gate>,
}

impl Session {
    /// The handle of a room that it is in.
    #[must_use]
    pub fn room(&self, room: &RoomName) -> Option<&RoomHandle> {
        self.state.rooms().get(room).map(|membership| &membership.handle)
    }

    /// The handles of the rooms that it is in, without private conversations.
    pub fn handles(&self) -> impl Iterator<Item = &RoomHandle> {
        self.state.rooms().iter().map(|(_, membership)| &membership.handle)
    }

    /// Gives up the rooms that have put the user out.
    pub fn forget_revoked(&mut self) {
        self.state.rooms_mut().retain(|membership| !membership.handle.is_revoked());
    }

    /// Has each room keep its place without a connection.
    pub fn detach(&self) {
        // A room that failed has no membership to keep.
        self.handles().for_each(|handle| _ = handle.detach());
        self.entry.peer().detach();
    }

    /// Leaves everything because of `end`.
    pub fn leave(self, end: End) {
        let Self { entry, state, .. } = self;
        let conversations = entry.peer().retire();
        let handles = state.into_rooms().into_handles().map(|membership| membership.handle);
        let rooms = handles.chain(conversations);
        if end == End::Closing {
            // What the rooms have taken reaches the client before the goodbye.
            rooms.for_each(RoomHandle::close);
        } else {
            rooms.for_each(drop);
        }
    }

    /// Goes on through another outbox, in every room. What the rooms say waits until the gates are
    /// opened. A room that has failed is left.
    pub fn resume(
        &mut self,
        outbox: &Arc<Outbox>,
        encoding: Encoding,
        seen: &Seen,
        limits: &Limits,
    ) -> Vec<ResumingRoom> {
        let current = self.state.rooms().current().cloned();
        let mut all = Vec::new();
        let mut resume = |handle: &RoomHandle, topic: bool| {
            let encoding = if topic { encoding.of_topic() } else { encoding };
            let gate = Gate::closed(Arc::clone(outbox), limits);
            let since = since(seen, handle.room(), current.as_ref());
            let (resumed, replay) = match handle.resume(Arc::clone(&gate) as _, Form::Bytes(encoding), since) {
                Ok(answer) => answer,
                Err(_) => {
                    let room = handle.room().clone();
                    (ResumedRoom { room, recovery: Recovery::RoomFailed, missed: 0 }, None)
                }
            };
            let stays = !matches!(resumed.recovery, Recovery::RoomFailed | Recovery::Removed);
            all.push(ResumingRoom { resumed, replay, encoding, gate });
            stays
        };
        self.state.rooms_mut().retain(|Membership { handle, topic }| resume(handle, *topic));
        let peer = self.entry.peer();
        let conversations = peer.attach(Arc::clone(outbox) as _, Form::Bytes(encoding));
        peer.keep(conversations.into_iter().filter(|handle| resume(handle, false)).collect());
        all
    }
}

/// What a client that comes back has seen of one room.
fn since(seen: &Seen, room: &RoomName, current: Option<&RoomName>) -> Since {
    match seen {
        Seen::Rooms(rooms) => {
            let position = rooms.iter().find(|(name, _)| name == room).map(|(_, position)| position.clone());
            position.map_or(Since::Entry, Since::Position)
        }
        Seen::Current(seq) if current == Some(room) => Since::Number(*seq),
        Seen::Current(_) => Since::Entry,
    }
}
