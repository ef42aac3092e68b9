//! A session: a user's state and memberships, which outlive a lost connection.
//!
//! Owned by the connection, on its reader's thread. When the connection is lost, the session is detached, and another
//! connection may resume it. Its methods block on the rooms, one after the other.

use std::sync::Arc;

use crate::chat::room::ReplayRange;
use crate::chat::session_state::SessionState;
use crate::chat::{
    End, LeaveReason, Limits, Note, Position, Recovery, ResumedRoom, RoomName, Seen, Since, Slow, Visibility,
};
use crate::engine::clients::gate::Gate;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::pattern_subscription::PatternSubscription;
use crate::engine::clients::recipient::Form;
use crate::engine::clients::session_table::Token;
use crate::engine::guards::address::{Address, ClientAddress};
use crate::engine::rooms::inbox::RoomHandle;
use crate::engine::users::directory::DirectoryEntry;
use crate::store::{SharedMembership, SharedSession};
use crate::wire::Encoding;

/// See the module.
pub struct Session {
    /// Its number, unique in the server's life.
    pub number: u64,
    /// The address that it counts for while it is detached; `None` is exempt from limits by address.
    pub address: Option<Address>,
    /// The token that resumes it; `None`: it cannot be resumed.
    pub token: Option<Token>,
    /// Its patterns: before the rooms, which it would be in by them when it has left.
    pub patterns: PatternSubscription,
    /// The state of its protocol, and the rooms that it is in.
    pub state: SessionState<Membership>,
    /// What the user says when it ends.
    pub last_word: Option<Note>,
    /// Its entry in the directory, which holds its private conversations.
    pub entry: DirectoryEntry,
}

/// The membership of a session in a room.
pub struct Membership {
    /// The handle of the room.
    pub handle: RoomHandle,
    /// Whether the client calls the room a topic.
    pub topic: bool,
    /// Whether it is in a group there.
    pub in_group: bool,
    /// What others see of it there.
    pub visibility: Visibility,
    /// Whether the client has asked there who has received and read its messages.
    pub asks_receipts: bool,
}

impl Membership {
    /// The encoding of the room's events, of a client of this encoding.
    #[must_use]
    pub fn encoding(of_client: Encoding, topic: bool, in_group: bool) -> Encoding {
        let of_room = if topic { of_client.of_topic() } else { of_client };
        if in_group { of_room.of_group().unwrap_or(of_room) } else { of_room }
    }
}

/// A room that is being resumed: its client gets a replay, and then what the room has sent since.
pub struct ResumingRoom {
    /// What the client is told of the room.
    pub resumed: ResumedRoom,
    /// What is replayed.
    pub replay: Option<ReplayRange>,
    /// The encoding of the room's events.
    pub encoding: Encoding,
    /// Holds back what the room sends during the replay.
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

    /// What happens to a reply that does not fit: a client whose rooms are all topics stays, as these have it, and gets
    /// as much again for replies; another is disconnected.
    #[must_use]
    pub fn slow(&self) -> Slow {
        let mut rooms = self.state.rooms().iter().peekable();
        let has_any = rooms.peek().is_some() || !self.patterns.is_empty();
        let only_topics = has_any && rooms.all(|(_, membership)| membership.topic);
        if only_topics { Slow::Drop } else { Slow::Disconnect }
    }

    /// What another server needs to know of it.
    #[must_use]
    pub fn shared(&self) -> SharedSession {
        let (state, connection) = (&self.state, self.entry.connection());
        let rooms = state.rooms().iter().map(|(room, membership)| SharedMembership {
            room: room.clone(),
            entered: membership.handle.entered().clone(),
            topic: membership.topic,
            in_group: membership.in_group,
            is_announced: membership.visibility.is_announced(),
            asks_receipts: membership.asks_receipts,
        });
        SharedSession {
            identity: state.identity().clone(),
            began: connection.origin().began,
            availability: state.availability().clone(),
            asks_receipts: state.asks_receipts(),
            has_published: state.has_published(),
            rooms: rooms.collect(),
            conversations: connection.entered_conversations(),
            patterns: self.patterns.all().to_vec(),
        }
    }

    /// Drops the rooms that have removed the user.
    pub fn forget_revoked(&mut self) {
        self.state.rooms_mut().retain(|membership| !membership.handle.is_revoked());
    }

    /// Detaches it from its connection: each room keeps the membership.
    pub fn detach(&mut self) {
        self.patterns.detach();
        // A room that failed has no membership to keep.
        self.handles().for_each(|handle| _ = handle.detach());
        self.entry.connection().detach();
    }

    /// Ends it: leaves all rooms and conversations. Where the client is there to read, what the rooms have accepted
    /// from it is answered, and delivered, before this returns, and so before the goodbye.
    pub fn leave(self, end: End) {
        let Self { entry, patterns, state, last_word, .. } = self;
        drop(patterns);
        let conversations = entry.connection().retire();
        let handles = state.into_rooms().into_handles().map(|membership| membership.handle);
        let rooms = handles.chain(conversations);
        let reason = match end {
            End::Closing => LeaveReason::Closing,
            _ if entry.is_last() => LeaveReason::Quit(last_word),
            _ => LeaveReason::Disconnected,
        };
        if !end.awaits_rooms() {
            // A room that failed has no membership to end.
            return rooms.for_each(|mut handle| _ = handle.send_leave(reason.clone(), None, None));
        }
        // First all leaves, then all answers: the rooms do not wait for each other.
        let leaving: Vec<_> = rooms.filter_map(|handle| handle.begin_leave(reason.clone(), None).ok()).collect();
        // A room that failed delivers nothing more.
        leaving.into_iter().for_each(|delivered| _ = delivered.wait());
    }

    /// Attaches it to another outbox, of a client at this address, in every room. What the rooms send waits until the gates are opened. A room
    /// that has failed is left.
    pub fn resume(
        &mut self,
        outbox: &Arc<Outbox>,
        (address, encoding): (ClientAddress, Encoding),
        seen: &Seen,
        (limits, keeps_offline_messages): (&Limits, bool),
    ) -> Vec<ResumingRoom> {
        self.address = address.counted;
        let current = self.state.rooms().current().cloned();
        let is_guest = self.state.identity().is_guest();
        // What waited for a registered user was said before the session entered.
        let has_inbox = !is_guest && keeps_offline_messages;
        let mut all = Vec::new();
        let mut resume = |handle: &RoomHandle, topic: bool, in_group: bool| {
            let encoding = Membership::encoding(encoding, topic, in_group);
            let gate = Gate::closed(Arc::clone(outbox), limits);
            let since = since(seen, handle, current.as_ref(), has_inbox);
            let (resumed, replay) = match handle.resume(Arc::clone(&gate) as _, Form::Bytes(encoding), since) {
                Ok(answer) => answer,
                Err(_) => (ResumedRoom::lost(handle.room().clone(), Recovery::RoomFailed), None),
            };
            let stays = !matches!(resumed.recovery, Recovery::RoomFailed | Recovery::Removed);
            all.push(ResumingRoom { resumed, replay, encoding, gate });
            stays
        };
        self.state.rooms_mut().retain(|Membership { handle, topic, in_group, .. }| resume(handle, *topic, *in_group));
        let peer = self.entry.connection();
        let conversations = peer.resume(Arc::clone(outbox) as _, encoding, address);
        peer.keep(conversations.into_iter().filter(|handle| resume(handle, false, false)).collect());
        all
    }
}

/// The last message of a room that a resuming client has seen: where it names none, the newest when it entered. So too where it
/// names an earlier one of a conversation, which was said to somebody else of this name, unless it had an inbox.
fn since(seen: &Seen, handle: &RoomHandle, current: Option<&RoomName>, has_inbox: bool) -> Since {
    let entered = handle.entered();
    let is_anothers = |position: &Position| {
        let is_earlier = position.epoch == entered.epoch && position.seq < entered.seq;
        !has_inbox && handle.room().is_conversation() && is_earlier
    };
    let named = match seen {
        Seen::Current(seq) if current == Some(handle.room()) => return Since::Number(*seq),
        Seen::Current(_) => None,
        Seen::Rooms(rooms) => rooms.iter().find(|(name, _)| name == handle.room()).map(|(_, position)| position),
    };
    Since::Position(named.filter(|position| !is_anothers(position)).unwrap_or(entered).clone())
}
