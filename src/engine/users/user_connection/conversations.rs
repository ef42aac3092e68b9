//! The private conversations of a connection: entered for it by whoever says something in one, and by its own reader.
//!
//! A part of [`UserConnection`], under its mutex; rooms are joined and left without it.

use std::sync::Arc;

use super::{State, UserConnection};
use crate::chat::room::{JoinRequest, ReplayRange};
use crate::chat::{JoinOptions, OfflineDelivery, Position, Refusal, RoomName, Visibility};
use crate::engine::clients::gate::Gate;
use crate::engine::clients::recipient::{Absent, Form};
use crate::engine::guards::address::Address;
use crate::engine::rooms::hub::{Hub, JoiningClient, RoomKind};
use crate::engine::rooms::inbox::{RoomHandle, RoomSender};

/// Offline messages of a conversation, which the connection's reader has to replay.
pub(in crate::engine) struct OfflineReplay {
    /// The messages.
    pub replay: ReplayRange,
    /// Takes the receipt when they are delivered.
    pub sender: RoomSender,
}

impl UserConnection {
    /// The conversations that it is in.
    #[must_use]
    pub fn conversations(&self) -> Vec<RoomName> {
        let state = self.state.lock();
        state.conversations.iter().flatten().map(|handle| handle.room().clone()).collect()
    }

    /// The conversations that it is in, and where it entered each.
    #[must_use]
    pub fn entered_conversations(&self) -> Vec<(RoomName, Position)> {
        let state = self.state.lock();
        let handles = state.conversations.iter().flatten();
        handles.map(|handle| (handle.room().clone(), handle.entered().clone())).collect()
    }

    /// Drops the membership in a conversation whose room failed, so that the next request opens another.
    pub(in crate::engine::users) fn forget(&self, room: &RoomName) {
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
        self.enter_opened_by(hub, room, kind, None)
    }

    /// The same, since something was said in it through another server. If that opens it here, it counts for the other
    /// servers: the user's own address has not asked for it.
    pub(in crate::engine) fn enter_from_elsewhere(
        &self,
        hub: &Arc<Hub>,
        room: &RoomName,
        kind: &RoomKind,
    ) -> Result<Option<RoomSender>, Refusal> {
        self.enter_opened_by(hub, room, kind, Some(Address::OTHER_SERVERS))
    }

    fn enter_opened_by(
        &self,
        hub: &Arc<Hub>,
        room: &RoomName,
        kind: &RoomKind,
        opener: Option<Address>,
    ) -> Result<Option<RoomSender>, Refusal> {
        loop {
            let (client, generation) = {
                let state = self.state.lock();
                let Some(handles) = &state.conversations else { return Ok(None) };
                if let Some(handle) = handles.iter().find(|handle| handle.room() == room) {
                    return Ok(Some(handle.sender()));
                }
                let client = self.joining_client(&state);
                (JoiningClient { address: opener.or(client.address), ..client }, state.generation)
            };
            let handle = hub.join(room, kind, client)?;
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
            // Otherwise the endpoint or the availability was replaced meanwhile, and the old one joined.
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
        let mut client = self.joining_client(&self.state.lock());
        client.recipient = Arc::clone(gate) as _;
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

    /// Joins a conversation in which it has been since then through another server, without a client: it is to be resumed.
    /// Blocks on the room.
    pub(in crate::engine) fn enter_detached(
        &self,
        hub: &Arc<Hub>,
        (room, kind): (&RoomName, &RoomKind),
        entered: Position,
    ) -> Result<(), Refusal> {
        let mut client = self.joining_client(&self.state.lock());
        (client.recipient, client.form) = (Arc::new(Absent), Form::Events);
        client.request.options.offline = None;
        let mut handle = hub.join(room, kind, client)?;
        if !handle.is_duplicate() {
            handle.entered_earlier(entered);
            self.keep(vec![handle]);
        }
        Ok(())
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

    fn joining_client(&self, state: &State) -> JoiningClient {
        let State { endpoint, availability, asks_receipts, .. } = state;
        let request = JoinRequest {
            echo: self.echo,
            visibility: Visibility::Silent,
            availability: availability.clone(),
            options: JoinOptions {
                offline: self.offline_delivery(false),
                receipts: *asks_receipts,
                ..JoinOptions::default()
            },
            ..JoinRequest::of(&self.who, self.number)
        };
        let (recipient, form) = (Arc::clone(&endpoint.recipient), endpoint.form);
        JoiningClient { recipient, form, request, id: None, address: state.origin.address.counted }
    }
}
