//! Private conversations of a connection: what is said in them, and what waits in them.
//!
//! What is said to a registered user who is away is kept, and the next of their connections that comes
//! is given it by its own reader, in order, before what is said meanwhile. It arrives in the directory
//! first and looks for what waits then; who speaks looks for connections after it was stored
//! (`Directory::converse`): so one of the two sees the other. None of it is inlined: it is rare.

use std::sync::Arc;

use super::{Connection, Undone};
use crate::chat::command::Span;
use crate::chat::record::Receipt;
use crate::chat::room::Said;
use crate::chat::{Code, End, Event, Id, Refusal, RoomName, UserName};
use crate::engine::directory::Collected;
use crate::engine::gate::Gate;
use crate::engine::hub::Kind;
use crate::engine::recipient::Recipient;

impl Connection {
    /// Says something to one user.
    #[inline(never)]
    pub(super) fn private(&mut self, to: &UserName, said: Said, id: Option<Id>) -> Result<(), Undone> {
        let engine = &self.engine;
        let to = engine.spelled(to);
        if to == *self.stay.session.user() {
            let refusal = Refusal::new(Code::BadRequest, "A private message needs another user");
            return Err(Undone::Refused(id, refusal));
        }
        let kept = engine.registered(&to) && engine.store.keeps_letters();
        let room = RoomName::private(self.stay.session.user(), &to);
        if kept || !engine.directory.peers(&to).is_empty() {
            let kind = Kind::Private(self.stay.session.user().clone(), to.clone());
            self.enter(&room, &kind, id.as_ref())?;
        }
        let engine = &self.engine;
        let from = self.stay.arrival.peer();
        let said = engine.directory.converse(&engine.hub, from, (&to, kept), said, id.clone());
        said.map_err(|refusal| Undone::Refused(id, refusal))
    }

    /// Says something in a conversation that there is.
    #[inline(never)]
    pub(super) fn tell_privately(&mut self, room: &RoomName, said: Said, id: Option<Id>) -> Result<(), Undone> {
        let refused = |refusal| Undone::Refused(id.clone(), refusal);
        let not_member = || refused(Refusal::not_member(room));
        let Some((one, other)) = room.conversation() else { return Err(not_member()) };
        let peer = self.stay.arrival.peer();
        // Not one that is only made up.
        if peer.speaker(room).is_none()
            && self.engine.stored_history(room, Span::Before(1), 1).map_err(refused)?.is_some()
        {
            self.enter(room, &Kind::Private(one, other), id.as_ref())?;
        }
        let speaking = peer.speaker(room).ok_or_else(not_member)?;
        speaking.say(said, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    /// Makes sure that the connection is in a conversation, and was given what it was owed of it.
    fn enter(&self, room: &RoomName, kind: &Kind, id: Option<&Id>) -> Result<(), Undone> {
        match self.stay.arrival.peer().enter(&self.engine.hub, room, kind) {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.code == Code::Unavailable && self.stay.session.identity().since().is_some() => {
                self.collect(room, kind).map_err(Undone::End)
            }
            Err(refusal) => Err(Undone::Refused(id.cloned(), refusal)),
        }
    }

    /// What the store keeps is read here; what it does not, the room still knows. Of a conversation
    /// only what was said since the name is its user's; to a guest, since it came.
    #[inline(never)]
    pub(super) fn history(&mut self, room: &RoomName, span: Span, limit: usize, id: Option<Id>) -> Result<(), Undone> {
        // One who was put out a moment ago reads nothing more.
        if !self.engine.may_read(self.stay.session.identity(), room) {
            return Err(Undone::Refused(id, Refusal::not_member(room)));
        }
        match self.engine.stored_history(room, span, limit) {
            Ok(Some(mut history)) => {
                if let (Some(_), Event::History { messages, complete, .. }) = (room.conversation(), &mut history) {
                    let since = self.stay.session.identity().since().unwrap_or(self.stay.began);
                    let before = messages.len();
                    // Of the same millisecond, nobody can tell to whom it was said.
                    messages.retain(|message| message.at > since);
                    *complete |= messages.len() < before;
                }
                self.reply(id, &history);
                Ok(())
            }
            Ok(None) => self.tell(room, Said::History { span, limit }, id),
            Err(refusal) => Err(Undone::Refused(id, refusal)),
        }
    }

    /// Gives the client what was said to its user while they were away. An end is in the outbox.
    #[inline(never)]
    pub(super) fn collect_letters(&mut self) {
        let who = self.stay.session.identity();
        if who.since().is_none() || self.outbox.ended().is_some() {
            return;
        }
        let rooms = self.engine.letters(&who.user);
        for room in &rooms {
            let Some((one, other)) = room.conversation() else { continue };
            if let Err(end) = self.collect(room, &Kind::Private(one, other)) {
                return self.outbox.end(end);
            }
        }
    }

    fn collect(&self, room: &RoomName, kind: &Kind) -> Result<(), End> {
        let gate = Gate::closed(Arc::clone(&self.outbox), &self.engine.limits);
        let collected = self.stay.arrival.peer().collect(&self.engine.hub, (room, kind), &gate);
        match collected {
            Ok(Some(Collected { recall, speaking })) => {
                let until = recall.until;
                self.past(self.door.encoding).give(room, recall, None)?;
                self.outbox.wait_drained()?;
                gate.open();
                // Of a room that failed nothing is known; then it is given once more.
                _ = speaking.say(Said::Receipt { receipt: Receipt::Written, seq: until }, None);
            }
            Ok(None) => gate.open(),
            Err(refusal) => {
                log::warn!(session = self.stay.number, error:% = refusal; "conversation not entered");
            }
        }
        Ok(())
    }
}
