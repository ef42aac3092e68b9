//! What other servers did in the room's history: read before it is shown, and shown in the room's order.
//!
//! A part of the broker, in its rounds. It reads once a round, before the first who enters, resumes or asks for the
//! history, and at the end of one in which it was told that others have gone on, unless all that they stored came with that.

use super::Broker;
use crate::chat::StoreFailed;
use crate::chat::room::Input;
use crate::store::{HeardElsewhere, RemotePart};

impl Broker {
    /// Shows what others did, if it was told that they have gone on and has read nothing since.
    pub(super) fn hear_news(&mut self) {
        if !std::mem::take(&mut self.has_news) || self.is_current {
            return;
        }
        if self.table.by_pattern() > 0 && self.seats() == 0 {
            // Nobody else is here: another room of this name may be open by now, whose members by a pattern are shown it.
            return;
        }
        self.settle();
        if !self.hear() {
            // What cannot be read now is looked for again.
            _ = self.settle_history(None);
        }
    }

    /// Shows what has come from others without being read; whether that was all, at the time.
    fn hear(&mut self) -> bool {
        // Before the history is read: so a message stands before its author's leave, and ends a typing notice.
        let HeardElsewhere { typing, messages, mut attendance } = self.room_log.heard();
        for (user, typing) in typing {
            self.step_room(Input::TypedElsewhere { user, typing });
        }
        self.heard.append(&mut attendance);
        let Some(RemotePart { events, is_last }) = messages else { return false };
        events.into_iter().for_each(|event| self.step_room(Input::Remote(event)));
        is_last && self.heard.is_empty()
    }

    /// Brings the history up to date before it is shown: with the new messages, also those of other servers, without
    /// those that retention removed. `named` is the newest message that the client knows of.
    pub(super) fn settle_history(&mut self, named: Option<u64>) -> Result<(), StoreFailed> {
        self.settle();
        self.is_current &= named.is_none_or(|seq| seq <= self.room.newest());
        let caught_up = self.catch_up();
        self.room.forget(self.room_log.pruned());
        caught_up
    }

    /// Shows what other servers did, once a round. No draft is waiting: each was decided by what the room knew.
    fn catch_up(&mut self) -> Result<(), StoreFailed> {
        if !self.is_current {
            self.hear();
        }
        while !self.is_current {
            let RemotePart { events, is_last } = self.room_log.catch_up()?;
            self.is_current = is_last;
            events.into_iter().for_each(|event| self.step_room(Input::Remote(event)));
        }
        std::mem::take(&mut self.heard).into_iter().for_each(|heard| self.step_room(Input::Attended(heard)));
        Ok(())
    }

    /// In a private conversation: the message from which on a connection that joins now is given what was said. Behind what was
    /// read before: a message that this does not see yet is shown to the connection as to every member.
    pub(super) fn undispatched_from(&mut self) -> Result<Option<u64>, StoreFailed> {
        if !self.room.name().is_conversation() {
            return Ok(None);
        }
        let from = self.room_log.undispatched_from()?;
        if from.is_some_and(|from| from > self.room.newest()) {
            self.settle_history(from)?;
        }
        Ok(from)
    }

    /// Tells other servers who is in the room through this one, where that has changed in the round. What was said before
    /// is stored by now.
    pub(super) fn tell_attendance(&mut self) {
        if self.room.has_attendance_changes() {
            self.room_log.attend(self.room.take_attendance_changes());
        }
    }
}
