//! What outlives a connection: a user's session, its place in the directory and in its rooms.
//!
//! Owned by the connection on its reader's thread; when the connection breaks it is parked, and
//! another connection may take it up. Everything here blocks on the rooms, one after the other.

use std::sync::Arc;

use super::directory::Arrival;
use super::gate::Gate;
use super::inbox::RoomHandle;
use super::outbox::Outbox;
use super::parking::Token;
use super::recipient::Form;
use crate::chat::command::Seen;
use crate::chat::event::{Recovery, Returned};
use crate::chat::room::Recall;
use crate::chat::session::Session;
use crate::chat::{End, Limits, RoomName, Since, Time};
use crate::wire::Encoding;

/// See the module.
pub struct Stay {
    /// Its number, unique in the server's life.
    pub number: u64,
    /// When it began.
    pub began: Time,
    /// What takes it up again; `None` when nothing does.
    pub token: Option<Token>,
    /// What the user may do next.
    pub session: Session,
    /// Its entry in the directory, with its private conversations.
    pub arrival: Arrival,
    /// Its memberships: few, so they are looked through.
    pub rooms: Vec<Membership>,
}

/// A room that it is in.
pub struct Membership {
    /// The place in the room.
    pub handle: RoomHandle,
    /// Whether the client calls the room a topic.
    pub topic: bool,
}

/// A room on the way back: its client has to be given the past, and then what the room has said since.
pub struct Returning {
    /// What the client is told.
    pub returned: Returned,
    /// What of the past it is to be given.
    pub recall: Option<Recall>,
    /// In which encoding.
    pub encoding: Encoding,
    /// What holds back the rest.
    pub gate: Arc<Gate>,
}

impl Membership {
    /// How its events are encoded for a client that reads `encoding`.
    #[must_use]
    pub fn encoding(topic: bool, encoding: Encoding) -> Encoding {
        match encoding {
            Encoding::Json if topic => Encoding::JsonTopic,
            encoding => encoding,
        }
    }
}

impl Stay {
    /// The place in a room.
    #[must_use]
    pub fn room(&self, room: &RoomName) -> Option<&RoomHandle> {
        self.rooms.iter().map(|membership| &membership.handle).find(|handle| handle.room() == room)
    }

    /// It is in a room.
    pub fn entered(&mut self, membership: Membership) {
        self.session.entered(membership.handle.room());
        if self.rooms.is_empty() {
            // Most are in one, and a vector would begin with a place for four.
            self.rooms.reserve_exact(1);
        }
        self.rooms.push(membership);
    }

    /// Gives up the rooms that have put the user out.
    pub fn forget_revoked(&mut self) {
        let Self { session, rooms, .. } = self;
        rooms.retain(|Membership { handle, .. }| {
            let stays = !handle.is_revoked();
            if !stays {
                session.left(handle.room());
            }
            stays
        });
    }

    /// Has each room keep its place without a connection.
    pub fn park(&self) {
        let rooms = self.rooms.iter().map(|membership| &membership.handle);
        // Of a room that failed there is no place to keep.
        rooms.for_each(|handle| _ = handle.park());
        self.arrival.peer().detach();
    }

    /// Leaves everything because of `end`.
    pub fn leave(self, end: End) {
        let Self { arrival, rooms, .. } = self;
        let conversations = arrival.peer().retire();
        let rooms = rooms.into_iter().map(|membership| membership.handle).chain(conversations);
        if end == End::Closing {
            // What the rooms have taken reaches the client before the goodbye.
            rooms.for_each(RoomHandle::close);
        } else {
            rooms.for_each(drop);
        }
    }

    /// Goes on through another outbox, in every room. What the rooms say waits until the gates are
    /// opened. A room that has failed is left.
    pub fn go_on(&mut self, outbox: &Arc<Outbox>, encoding: Encoding, seen: &Seen, limits: &Limits) -> Vec<Returning> {
        let current = self.session.current().cloned();
        let mut all = Vec::new();
        let session = &mut self.session;
        let mut come_back = |handle: &RoomHandle, topic: bool| {
            let encoding = Membership::encoding(topic, encoding);
            let gate = Gate::closed(Arc::clone(outbox), limits);
            let since = since(seen, handle.room(), current.as_ref());
            let (returned, recall) = match handle.come_back(Arc::clone(&gate) as _, Form::Bytes(encoding), since) {
                Ok(answer) => answer,
                Err(_) => {
                    let room = handle.room().clone();
                    (Returned { room, recovery: Recovery::RoomFailed, missed: 0 }, None)
                }
            };
            let stays = !matches!(returned.recovery, Recovery::RoomFailed | Recovery::Removed);
            if !stays {
                session.left(handle.room());
            }
            all.push(Returning { returned, recall, encoding, gate });
            stays
        };
        self.rooms.retain(|Membership { handle, topic }| come_back(handle, *topic));
        let peer = self.arrival.peer();
        let conversations = peer.attach(Arc::clone(outbox) as _, Form::Bytes(encoding));
        peer.keep(conversations.into_iter().filter(|handle| come_back(handle, false)).collect());
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
