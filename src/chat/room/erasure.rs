//! Erasing a person from a room that is open.
//!
//! A part of [`Room`], stepped with it. The texts of messages are deleted before, as those of any message are; this is what
//! the room has in memory beside them.

use super::{Effect, Room};
use crate::chat::{Body, Event, Speaker, Time, UserName};

impl Room {
    /// Puts another name in the place of a user's at what is left of their deleted messages and in the audit, and forgets how
    /// far they have got. Nobody but who asks is told.
    pub(super) fn forget_user(&mut self, asker: &Speaker, (user, alias): (&UserName, &UserName), now: Time) -> Effect {
        if !self.kept {
            // What is older than the store remembers cannot be deleted by a draft.
            for seq in self.own_messages(user) {
                self.ring.change(seq, Body::Deleted(None), now);
            }
        }
        self.ring.rename_deleted(user, alias);
        self.last_values.forget(user);
        self.receipts.forget(user);
        self.moderation.rename(user, alias);
        Effect::One(asker.member, None, Event::Done)
    }
}
