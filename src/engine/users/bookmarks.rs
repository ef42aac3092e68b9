//! The bookmarks of registered users: read and written by their connections, and told to their other ones.
//!
//! On the reader's thread. A read runs on the login worker, since it takes more stack than a reader may keep; a write waits for
//! the journal.

use std::sync::Arc;

use crate::chat::bookmark::{BOOKMARKS_MAX, Bookmark, BookmarkRequest};
use crate::chat::{Code, Event, Identity, Refusal, RoomName};
use crate::engine::Engine;

impl Engine {
    /// Carries out a request of one connection, and returns the reply. Waits for the store.
    ///
    /// # Errors
    /// `unauthorized` for a guest, `not_member` for a conversation of others, `too_many_rooms`, or `unavailable`.
    pub fn bookmarks(&self, who: &Identity, connection: u64, request: BookmarkRequest) -> Result<Event, Refusal> {
        if who.is_guest() {
            let message = "Bookmarks are kept for registered users: register your name first";
            return Err(Refusal::new(Code::Unauthorized, message));
        }
        let accounts = self.auth.accounts();
        match request {
            BookmarkRequest::List => {
                let (auth, user) = (Arc::clone(&self.auth), who.user.clone());
                let read = self.login_worker.run(move || auth.accounts().bookmarks(&user));
                let bookmarks = read.and_then(Result::ok).ok_or_else(unavailable)?;
                return Ok(Event::Bookmarks { bookmarks });
            }
            BookmarkRequest::Set { room, notify } => {
                check_own(who, &room)?;
                let set = accounts.set_bookmark(&who.user, &room, notify).map_err(|_| unavailable())?;
                let notify = set.ok_or_else(|| {
                    Refusal::new(Code::TooManyRooms, format!("A user may have {BOOKMARKS_MAX} bookmarks"))
                })?;
                self.tell_others(who, connection, Event::Bookmarked(Bookmark { room, notify, read: None }));
            }
            BookmarkRequest::Remove { room } => {
                if accounts.remove_bookmark(&who.user, &room).map_err(|_| unavailable())? {
                    self.tell_others(who, connection, Event::Unbookmarked { room });
                }
            }
        }
        Ok(Event::Done)
    }

    /// Tells the user's other connections of a change.
    pub fn tell_others(&self, who: &Identity, connection: u64, event: Event) {
        let event = Arc::new(event);
        for other in self.directory.reachable(&who.user).iter().filter(|other| other.number != connection) {
            // An outbox that cannot take it ends its connection, which reads the bookmarks again when it returns.
            _ = other.endpoint().send(None, &event, self.limits.load().slow);
        }
    }
}

/// Refuses a private conversation of others.
fn check_own(who: &Identity, room: &RoomName) -> Result<(), Refusal> {
    match room.conversation() {
        Some((one, other)) if one != who.user && other != who.user => Err(Refusal::not_member(room)),
        _ => Ok(()),
    }
}

fn unavailable() -> Refusal {
    Refusal::new(Code::Unavailable, "The bookmarks cannot be read or stored now; try again")
}
