//! Private conversations of a connection, and the messages that were sent while its user was offline.
//!
//! A message to a registered user who is offline is stored, and the reader of the user's next connection delivers it,
//! in order, before what is sent meanwhile. That connection first enters the directory and then looks for offline
//! messages; a sender stores the message first and then looks for connections (`Directory::send_private`): so one of
//! the two sees the other. These functions are rare and not inlined.

use std::sync::Arc;

use super::{ActionError, Connection};
use crate::chat::{
    Code, End, Event, Id, Message, Receipt, Refusal, RoomName, RoomRequest, SearchScope, Span, UserName, Visibility,
};
use crate::engine::clients::gate::Gate;
use crate::engine::clients::history::said_since;
use crate::engine::clients::recipient::Recipient;
use crate::engine::rooms::hub::RoomKind;
use crate::engine::users::user_connection::conversations::OfflineReplay;
use crate::store::FoundInRooms;

impl Connection {
    /// Sends a request to the private conversation with one user.
    #[inline(never)]
    pub(super) fn private(&mut self, to: &UserName, request: RoomRequest, id: Option<Id>) -> Result<(), ActionError> {
        let engine = &self.engine;
        let to = engine.canonical_name(to);
        if to == *self.session.state.user() {
            let refusal = Refusal::new(Code::BadRequest, "A private message needs another user");
            return Err(ActionError::Refused(id, refusal));
        }
        let kept = engine.registered(&to) && engine.store.keeps_offline_messages();
        let room = RoomName::private(self.session.state.user(), &to);
        if kept || engine.directory.is_reachable_anywhere(&to) {
            let kind = RoomKind::Private(self.session.state.user().clone(), to.clone());
            self.enter(&room, &kind, id.as_ref())?;
        }
        let engine = &self.engine;
        let from = self.session.entry.connection();
        let request = engine.directory.send_private(&engine.hub, from, (&to, kept), request, id.clone());
        request.map_err(|refusal| ActionError::Refused(id, refusal))
    }

    /// Sends a request to a private conversation that exists already.
    #[inline(never)]
    pub(super) fn tell_privately(
        &mut self,
        room: &RoomName,
        request: RoomRequest,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        let refused = |refusal| ActionError::Refused(id.clone(), refusal);
        let not_member = || refused(Refusal::not_member(room));
        let Some((one, other)) = room.conversation() else { return Err(not_member()) };
        let peer = self.session.entry.connection();
        // A conversation without a message does not exist.
        if peer.sender(room).is_none()
            && self.engine.stored_history(room, Span::Before(1), 1).map_err(refused)?.is_some()
        {
            self.enter(room, &RoomKind::Private(one.clone(), other.clone()), id.as_ref())?;
        }
        if matches!(request, RoomRequest::Receipt { receipt: Receipt::Read, .. }) && peer.sender(room).is_some() {
            // The user's other connections are to be told.
            let kind = RoomKind::Private(one, other);
            self.engine.directory.join_own(&self.engine.hub, peer.user(), (room, &kind)).map_err(refused)?;
        }
        let sender = peer.sender(room).ok_or_else(not_member)?;
        sender.send(request, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    /// Makes sure that the connection is in a conversation, and has been given its offline messages.
    fn enter(&self, room: &RoomName, kind: &RoomKind, id: Option<&Id>) -> Result<(), ActionError> {
        match self.session.entry.connection().enter(&self.engine.hub, room, kind) {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.code == Code::TooLarge && self.session.state.identity().since().is_some() => {
                self.join_with_replay(room, kind).map_err(ActionError::End)
            }
            Err(refusal) => Err(ActionError::Refused(id.cloned(), refusal)),
        }
    }

    /// A part of a room's history, for a door that prints it by itself; of a conversation, as [`Connection::history`] shows
    /// it. Blocks on the room, if it is not stored.
    ///
    /// # Errors
    /// Why it cannot be read.
    #[inline(never)]
    pub fn page(&self, room: &RoomName, span: Span, limit: usize) -> Result<Vec<Arc<Message>>, Refusal> {
        self.page_with_epoch(room, span, limit).map(|(_, messages)| messages)
    }

    /// The epoch of a room, or of a conversation.
    ///
    /// # Errors
    /// As [`Connection::page`].
    pub fn epoch(&self, room: &RoomName) -> Result<Arc<str>, Refusal> {
        self.page_with_epoch(room, Span::Before(1), 0).map(|(epoch, _)| epoch)
    }

    fn page_with_epoch(
        &self,
        room: &RoomName,
        span: Span,
        limit: usize,
    ) -> Result<(Arc<str>, Vec<Arc<Message>>), Refusal> {
        let who = self.session.state.identity();
        if !self.engine.may_read(who, room) {
            return Err(Refusal::not_member(room));
        }
        let mut history = match self.engine.stored_history(room, span, limit)? {
            Some(history) => history,
            None => self.engine.hub.ask(room, who.clone(), RoomRequest::History { span, limit })?,
        };
        if room.conversation().is_some() {
            said_since(&mut history, who.since().unwrap_or(self.session.entry.connection().origin().began));
        }
        match history {
            Event::History { epoch, messages, .. } => Ok((epoch, messages)),
            Event::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::not_member(room)),
        }
    }

    /// Replies with a part of a room's history: from the store, or, where nothing is stored, from the room. Of a
    /// conversation it shows what was sent since the name belongs to its user; to a guest, since they connected.
    #[inline(never)]
    pub(super) fn history(
        &mut self,
        room: &RoomName,
        span: Span,
        limit: usize,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        // A user who was removed a moment ago reads nothing more.
        if !self.engine.may_read(self.session.state.identity(), room) {
            return Err(ActionError::Refused(id, Refusal::not_member(room)));
        }
        match self.engine.stored_history(room, span, limit) {
            Ok(Some(mut history)) => {
                if room.conversation().is_some() {
                    said_since(
                        &mut history,
                        self.session.state.identity().since().unwrap_or(self.session.entry.connection().origin().began),
                    );
                }
                self.reply(id, &history);
                Ok(())
            }
            Ok(None) => self.tell(room, RoomRequest::History { span, limit }, id),
            Err(refusal) => Err(ActionError::Refused(id, refusal)),
        }
    }

    /// Replies with what a search finds.
    #[inline(never)]
    pub(super) fn search(
        &mut self,
        text: &str,
        scope: SearchScope,
        limit: usize,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        let who = self.session.state.identity();
        let found = match scope {
            SearchScope::Room(room, before) => self.engine.search(who, &room, text, before, limit),
            SearchScope::AllRooms(before) => {
                let found = self.engine.search_rooms(who, text, before, limit);
                found.map(|FoundInRooms { messages, complete, next }| Event::Found { messages, complete, next })
            }
        };
        let found = found.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &found);
        Ok(())
    }

    /// Delivers the messages that were sent while the user was offline. A failure is recorded in the outbox.
    #[inline(never)]
    pub(super) fn deliver_offline_messages(&mut self) {
        let who = self.session.state.identity();
        let is_hidden = self.options.visibility == Visibility::Hidden;
        if is_hidden || who.since().is_none() || self.outbox.ended().is_some() {
            return;
        }
        let rooms = self.engine.offline_messages(&who.user);
        for room in &rooms {
            let Some((one, other)) = room.conversation() else { continue };
            if let Err(end) = self.join_with_replay(room, &RoomKind::Private(one, other)) {
                return self.outbox.end(end);
            }
        }
    }

    fn join_with_replay(&self, room: &RoomName, kind: &RoomKind) -> Result<(), End> {
        let gate = Gate::closed(Arc::clone(&self.outbox), &self.engine.limits.load());
        let collected = self.session.entry.connection().enter_with_replay(&self.engine.hub, (room, kind), &gate);
        match collected {
            Ok(Some(OfflineReplay { replay, sender })) => {
                let until = replay.until;
                self.replay(self.options.encoding).give(room, replay, None)?;
                self.outbox.wait_drained()?;
                gate.open();
                // If the room has failed, they are delivered once more.
                _ = sender.send(RoomRequest::Receipt { receipt: Receipt::Written, seq: until }, None);
            }
            Ok(None) => gate.open(),
            Err(refusal) => {
                log::warn!(session = self.session.number, error:% = refusal; "conversation not entered");
            }
        }
        Ok(())
    }
}
