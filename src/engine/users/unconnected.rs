//! What users say who have no connection, as over HTTP: to another user, and what changes of what was said.
//!
//! To a room they publish by asking it (`Hub::ask_from`). Called on the asker's own thread; blocks on the room. What a user
//! may not know of is not there: a room is looked for as the user sees it, a private message in the history that they may
//! read.

use crate::chat::{Body, Code, Event, Identity, Refusal, RoomName, RoomRequest, Span, UserName};
use crate::engine::Engine;
use crate::engine::guards::address::Address;

impl Engine {
    /// Sends a request of a user without a connection to the conversation with another, for a client of this address;
    /// the answer of its room, on which it blocks.
    ///
    /// # Errors
    /// `bad_request` for a message to oneself, `user_offline`, or there can be no further room.
    pub fn send_private(
        &self,
        who: &Identity,
        to: &UserName,
        request: RoomRequest,
        address: Option<Address>,
    ) -> Result<Event, Refusal> {
        let to = self.canonical_name(to);
        if to == who.user {
            return Err(Refusal::new(Code::BadRequest, "A private message needs another user"));
        }
        let kept = self.registered(&to) && self.store.keeps_offline_messages();
        self.directory.ask_privately(&self.hub, who, (&to, kept), request, address)
    }

    /// Edits or deletes a message, in the name of a user without a connection. Blocks on the room.
    ///
    /// # Errors
    /// Why it stays as it is.
    pub fn change_message(
        &self,
        who: &Identity,
        room: &RoomName,
        (seq, body): (u64, Body),
        address: Option<Address>,
    ) -> Result<(), Refusal> {
        self.room_info(who, room)?;
        changed(self.hub.ask_from(address, room, who.clone(), RoomRequest::Edit { seq, body })?)
    }

    /// The same of a message to another user, or from them, which has to be one that the user may read. Blocks on its room.
    ///
    /// # Errors
    /// As above.
    pub fn change_private_message(
        &self,
        who: &Identity,
        with: &UserName,
        (seq, body): (u64, Body),
        address: Option<Address>,
    ) -> Result<(), Refusal> {
        let history = self.private_history(who, with, Span::After(seq.saturating_sub(1)), 1)?;
        let is_there = matches!(history, Event::History { messages, .. } if messages.iter().any(|one| one.seq == seq));
        if !is_there {
            return Err(Refusal::new(Code::NotFound, format!("There is no message {seq}")));
        }
        changed(self.send_private(who, with, RoomRequest::Edit { seq, body }, address)?)
    }
}

fn changed(answer: Event) -> Result<(), Refusal> {
    match answer {
        Event::Refused(refusal) => Err(refusal),
        _ => Ok(()),
    }
}
