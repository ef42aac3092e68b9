//! The presence of a room's users: when it has changed, and who is to be told.
//!
//! A part of [`Room`], stepped with it. A user's presence follows from what their connections here say and from whether
//! one of them is attached.

use super::{Effect, Room};
use crate::chat::event::Event;
use crate::chat::note::Note;
use crate::chat::presence::{Availability, Status};
use crate::chat::time::Time;
use crate::chat::{DisplayName, UserName};

impl Room {
    /// The event that a user's presence has changed with one of its connections. Only of a user of whom others
    /// were announced_marks; in a private conversation both were.
    pub(super) fn presence_change(&self, user: &UserName, before: Option<Status>) -> Option<Effect> {
        let presence = self.members.presence(user)?;
        let is_known = self.private.is_some() || self.members.is_announced(user);
        let is_news = is_known && before.is_some_and(|before| before != presence.status);
        is_news.then_some(Effect::Everyone(Event::Presence(presence)))
    }

    /// The event that a user's presence has changed with a new connection.
    pub(super) fn presence_of_new(
        &mut self,
        user: &UserName,
        availability: Availability,
        before: Option<Status>,
        now: Time,
    ) -> Option<Effect> {
        match availability {
            // Another connection of the user may have said more.
            Availability { status: Status::Online, note: None } => self.presence_change(user, before),
            Availability { status, note } => {
                self.status_changed(user, status, note, now).filter(|_| self.members.is_announced(user))
            }
        }
    }

    pub(super) fn status_changed(
        &mut self,
        user: &UserName,
        status: Status,
        note: Option<Note>,
        now: Time,
    ) -> Option<Effect> {
        let changed = self.members.set_status(user, status, note, now)?;
        Some(Effect::Everyone(Event::Presence(changed)))
    }

    /// The event that a user is called otherwise; of whom others are told.
    pub(super) fn display_name_changed(&self, user: UserName, name: Option<DisplayName>) -> Option<Effect> {
        let is_known = self.private.is_some() || self.members.is_announced(&user);
        is_known.then_some(Effect::Everyone(Event::DisplayName { user, name }))
    }
}
