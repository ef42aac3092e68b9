//! Private conversations of a connection: what is said in them, and what waits in them.
//!
//! What is said to a registered user who is away is kept, and the next of their connections that comes
//! is given it by its own reader, in order, before what is said meanwhile. It arrives in the directory
//! first and looks for what waits then; who speaks looks for connections after it was stored
//! (`Directory::converse`): so one of the two sees the other. None of it is inlined: it is rare.

use std::sync::Arc;

use super::{ActionError, Connection};
use crate::chat::{Code, End, Event, Id, Receipt, Refusal, RoomName, RoomRequest, Span, UserName};
use crate::engine::clients::gate::Gate;
use crate::engine::clients::recipient::Recipient;
use crate::engine::rooms::hub::RoomKind;
use crate::engine::users::directory::InboxReplay;

impl Connection {
    /// Says something to one user.
    #[inline(never)]
    pub(super) fn private(&mut self, to: &UserName, request: RoomRequest, id: Option<Id>) -> Result<(), ActionError> {
        let engine = &self.engine;
        let to = engine.spelled(to);
        if to == *self.session.state.user() {
            let refusal = Refusal::new(Code::BadRequest, "A private message needs another user");
            return Err(ActionError::Refused(id, refusal));
        }
        let kept = engine.registered(&to) && engine.store.keeps_offline_messages();
        let room = RoomName::private(self.session.state.user(), &to);
        if kept || !engine.directory.peers(&to).is_empty() {
            let kind = RoomKind::Private(self.session.state.user().clone(), to.clone());
            self.enter(&room, &kind, id.as_ref())?;
        }
        let engine = &self.engine;
        let from = self.session.entry.peer();
        let request = engine.directory.converse(&engine.hub, from, (&to, kept), request, id.clone());
        request.map_err(|refusal| ActionError::Refused(id, refusal))
    }

    /// Says something in a conversation that there is.
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
        let peer = self.session.entry.peer();
        // Not one that is only made up.
        if peer.speaker(room).is_none()
            && self.engine.stored_history(room, Span::Before(1), 1).map_err(refused)?.is_some()
        {
            self.enter(room, &RoomKind::Private(one, other), id.as_ref())?;
        }
        let speaking = peer.speaker(room).ok_or_else(not_member)?;
        speaking.say(request, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    /// Makes sure that the connection is in a conversation, and was given what it was owed of it.
    fn enter(&self, room: &RoomName, kind: &RoomKind, id: Option<&Id>) -> Result<(), ActionError> {
        match self.session.entry.peer().enter(&self.engine.hub, room, kind) {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.code == Code::Unavailable && self.session.state.identity().since().is_some() => {
                self.collect(room, kind).map_err(ActionError::End)
            }
            Err(refusal) => Err(ActionError::Refused(id.cloned(), refusal)),
        }
    }

    /// What the store keeps is read here; what it does not, the room still knows. Of a conversation
    /// only what was said since the name is its user's; to a guest, since it came.
    #[inline(never)]
    pub(super) fn history(
        &mut self,
        room: &RoomName,
        span: Span,
        limit: usize,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        // One who was put out a moment ago reads nothing more.
        if !self.engine.may_read(self.session.state.identity(), room) {
            return Err(ActionError::Refused(id, Refusal::not_member(room)));
        }
        match self.engine.stored_history(room, span, limit) {
            Ok(Some(mut history)) => {
                if let (Some(_), Event::History { messages, complete, .. }) = (room.conversation(), &mut history) {
                    let since = self.session.state.identity().since().unwrap_or(self.session.began);
                    let before = messages.len();
                    // Of the same millisecond, nobody can tell to whom it was said.
                    messages.retain(|message| message.at > since);
                    *complete |= messages.len() < before;
                }
                self.reply(id, &history);
                Ok(())
            }
            Ok(None) => self.tell(room, RoomRequest::History { span, limit }, id),
            Err(refusal) => Err(ActionError::Refused(id, refusal)),
        }
    }

    /// Gives the client what was said to its user while they were away. An end is in the outbox.
    #[inline(never)]
    pub(super) fn deliver_offline_messages(&mut self) {
        let who = self.session.state.identity();
        if who.since().is_none() || self.outbox.ended().is_some() {
            return;
        }
        let rooms = self.engine.offline_messages(&who.user);
        for room in &rooms {
            let Some((one, other)) = room.conversation() else { continue };
            if let Err(end) = self.collect(room, &RoomKind::Private(one, other)) {
                return self.outbox.end(end);
            }
        }
    }

    fn collect(&self, room: &RoomName, kind: &RoomKind) -> Result<(), End> {
        let gate = Gate::closed(Arc::clone(&self.outbox), &self.engine.limits);
        let collected = self.session.entry.peer().collect(&self.engine.hub, (room, kind), &gate);
        match collected {
            Ok(Some(InboxReplay { replay, speaking })) => {
                let until = replay.until;
                self.past(self.door.encoding).give(room, replay, None)?;
                self.outbox.wait_drained()?;
                gate.open();
                // Of a room that failed nothing is known; then it is given once more.
                _ = speaking.say(RoomRequest::Receipt { receipt: Receipt::Written, seq: until }, None);
            }
            Ok(None) => gate.open(),
            Err(refusal) => {
                log::warn!(session = self.session.number, error:% = refusal; "conversation not entered");
            }
        }
        Ok(())
    }
}
