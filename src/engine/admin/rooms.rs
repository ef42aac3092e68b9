//! The rooms of a server, for its admins: listing them, creating, ending and handing over one, and how much it keeps.
//!
//! What an admin does to a room is a moderation request like any other, and is in the room's audit; it is in the server's
//! audit as well, since a room that ends takes its own with it. Blocks on the store, and on the room that is changed.

use super::bans::unavailable;
use super::{Listed, PAGE_MAX, check};
use crate::chat::admin::{RoomOverview, ServerActionKind};
use crate::chat::policy::{ModerationRequest, Role};
use crate::chat::{Code, Event, Identity, Refusal, RoomName, RoomSummary, Span, UserName};
use crate::engine::Engine;
use crate::engine::rooms::moderation::NewRoom;
pub use crate::store::administration::{BoundChange, RetentionChange, RetentionOverride};

impl Engine {
    /// The rooms behind this one, by name, without private conversations; at most `count`. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, or the store cannot be read now.
    pub fn room_overviews(
        &self,
        who: &Identity,
        after: Option<&RoomName>,
        count: usize,
    ) -> Result<Listed<RoomOverview, RoomName>, Refusal> {
        check(who)?;
        let all = self.rooms(who).into_iter();
        let all = all.filter(|room| after.is_none_or(|after| room.room > *after) && !room.room.is_conversation());
        let Listed { entries, next } = Listed::of(all, count.clamp(1, PAGE_MAX), |room| room.room.clone());
        let overview = |summary: RoomSummary| {
            let policy = self.policies.policy(&summary.room).unwrap_or_default();
            Ok(RoomOverview {
                last: self.last_word(&summary.room)?,
                room: summary.room,
                members: summary.members,
                private: summary.private,
                owner: policy.owner().cloned(),
                listed: policy.people().len(),
                settings: policy.settings(),
            })
        };
        let entries = entries.into_iter().map(overview).collect::<Result<_, Refusal>>()?;
        Ok(Listed { entries, next })
    }

    /// When something was said last in a room, and by whom, as far as it is stored.
    fn last_word(&self, room: &RoomName) -> Result<Option<(u64, crate::chat::Time, UserName)>, Refusal> {
        let Some(Event::History { messages, .. }) = self.stored_history(room, Span::NEWEST, 1)? else {
            return Ok(None);
        };
        Ok(messages.last().map(|message| (message.seq, message.at, message.user.clone())))
    }

    /// Creates a room on behalf of an admin, which belongs to this user, or to the admin.
    ///
    /// # Errors
    /// Who asks is no admin, the owner is not registered, or why the room is not created.
    pub fn create_for(&self, who: &Identity, room: NewRoom, owner: Option<UserName>) -> Result<(), Refusal> {
        check(who)?;
        if let Some(owner) = owner.as_ref().filter(|owner| !self.registered(owner)) {
            return Err(Refusal::new(Code::NotFound, format!("There is no registered user {owner}")));
        }
        let name = room.room.clone();
        self.record(who, ServerActionKind::RoomCreated, name.as_str())?;
        self.create(who, room)?;
        let Some(owner) = owner.filter(|owner| *owner != who.user) else { return Ok(()) };
        self.hand_over(who, &name, owner)?;
        if who.claims.is_none() {
            // An admin of this machine is no user, and would stay on the list for ever.
            self.moderate_recorded(who, &name, ModerationRequest::Remove { user: who.user.clone() })?;
        }
        Ok(())
    }

    /// Ends a room on behalf of an admin.
    ///
    /// # Errors
    /// Who asks is no admin, there is no such room, or why it does not end.
    pub fn end_room(&self, who: &Identity, room: &RoomName) -> Result<(), Refusal> {
        check(who)?;
        self.room_info(who, room)?;
        self.record(who, ServerActionKind::RoomEnded, room.as_str())?;
        self.moderate_recorded(who, room, ModerationRequest::End).map(drop)
    }

    /// Gives a room to another owner on behalf of an admin.
    ///
    /// # Errors
    /// Who asks is no admin, there is no such room or registered user, or why it is not given.
    pub fn hand_over(&self, who: &Identity, room: &RoomName, user: UserName) -> Result<(), Refusal> {
        check(who)?;
        self.room_info(who, room)?;
        self.record(who, ServerActionKind::RoomHandedOver, &format!("{room} {user}"))?;
        self.moderate_recorded(who, room, ModerationRequest::Role { user, role: Role::Owner }).map(drop)
    }

    /// Changes how much of a room's history is kept, on behalf of an admin, and returns it.
    ///
    /// # Errors
    /// Who asks is no admin, there is no such room, no history is kept, or it is not stored.
    pub fn retain_room(
        &self,
        who: &Identity,
        room: &RoomName,
        change: RetentionChange,
    ) -> Result<RetentionOverride, Refusal> {
        check(who)?;
        self.room_info(who, room)?;
        if change != RetentionChange::default() {
            self.record(who, ServerActionKind::RoomRetained, room.as_str())?;
        }
        let bounds = self.server_store.retain(room, change).map_err(|_| unavailable())?;
        bounds.ok_or_else(|| Refusal::new(Code::NotFound, "This server keeps no history"))
    }
}
