//! A user's rooms and private conversations, with how far the user has read: what a device that has just connected
//! cannot know.
//!
//! On the reader's thread; the store is read on the login worker, since that takes more stack than a reader may keep.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chat::listed_room::{CONVERSATIONS_LISTED_MAX, ListedConversation, ListedRoom, Memberships, ReadPosition};
use crate::chat::policy::Policy;
use crate::chat::{Code, Event, Identity, Refusal, RoomName, RoomRequest, StoreFailed};
use crate::engine::Engine;

impl Engine {
    /// The rooms on whose list a user is or that the user has bookmarked, and the user's private conversations since the
    /// name is theirs. Waits for the store.
    ///
    /// # Errors
    /// `unauthorized` for a guest, or `unavailable`.
    pub fn memberships(&self, who: &Identity) -> Result<Memberships, Refusal> {
        let Some(since) = who.since().filter(|_| !who.is_guest()) else {
            let message = "Memberships are kept for registered users: register your name first";
            return Err(Refusal::new(Code::Unauthorized, message));
        };
        let mut rooms: BTreeMap<_, _> =
            self.policies.listing(&who.user).into_iter().map(|(room, policy)| (room, Some(policy))).collect();
        let (auth, store, user) = (Arc::clone(&self.auth), Arc::clone(&self.store), who.user.clone());
        let bookmarked = self.read(move || auth.accounts().bookmarks(&user))?;
        for room in bookmarked.into_iter().map(|bookmark| bookmark.room).filter(|room| !room.is_conversation()) {
            if self.may_read(who, &room) {
                rooms.entry(room.clone()).or_insert_with(|| self.policies.policy(&room));
            }
        }
        rooms.retain(|room, _| who.may_enter(room));
        let (names, user): (Vec<_>, _) = (rooms.keys().cloned().collect(), who.user.clone());
        let (positions, conversations) = self.read(move || {
            let conversations = store.conversations(&user, since, CONVERSATIONS_LISTED_MAX)?;
            let own = store.read_positions(&user, &conversations)?;
            Ok((store.read_positions(&user, &names)?, conversations.into_iter().zip(own).collect::<Vec<_>>()))
        })?;
        let listed = |((room, policy), position): ((RoomName, Option<Arc<Policy>>), Option<ReadPosition>)| ListedRoom {
            role: policy.as_ref().and_then(|policy| policy.people().get(&who.user).copied()),
            private: policy.as_ref().is_some_and(|policy| policy.is_private()),
            invited: policy.as_ref().and_then(|policy| policy.invited(&who.user).cloned()),
            room,
            position,
        };
        let rooms = rooms.into_iter().zip(positions).map(listed).collect();
        let conversations = conversations.into_iter().filter_map(|(room, position)| {
            let (one, other) = room.conversation()?;
            let user = if one == who.user { other } else { one };
            Some(ListedConversation { room, user, position: position? })
        });
        Ok(Memberships { rooms, conversations: conversations.collect() })
    }

    /// Up to which message of a room, or of a private conversation, a user has read; 0: nothing. Blocks on the room if it
    /// is live, else on the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn read_up_to(&self, who: &Identity, room: &RoomName) -> Result<u64, Refusal> {
        if self.hub.has(room) {
            return match self.hub.ask(room, who.clone(), RoomRequest::ReadUpTo)? {
                Event::Receipt { mark, .. } => Ok(mark.seq),
                Event::Refused(refusal) => Err(refusal),
                _ => Ok(0),
            };
        }
        let (store, user, room) = (Arc::clone(&self.store), who.user.clone(), room.clone());
        let positions = self.read(move || store.read_positions(&user, &[room]))?;
        Ok(positions.into_iter().flatten().next().map_or(0, |position| position.read))
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, StoreFailed> + Send + 'static,
    ) -> Result<T, Refusal> {
        let unavailable = || Refusal::new(Code::Unavailable, "The memberships cannot be read now; try again");
        self.login_worker.run(read).and_then(Result::ok).ok_or_else(unavailable)
    }
}
