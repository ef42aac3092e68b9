//! Ephemeral messages: shown to who is in the room, and kept nowhere.
//!
//! A part of [`Room`]. They are in no history, so they take no number of it: what is replayed, resumed and counted as
//! missed stays without a gap. Each names the stored message behind which it stands, and has a number of its own among
//! the ephemeral ones. The broker settles before one, so it stands behind what was published before it. Those of
//! another server are not heard of: servers tell each other what is stored.

use std::sync::Arc;

use super::{Effect, Room};
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::message::Message;
use crate::chat::publication::Publication;
use crate::chat::speaker::Speaker;
use crate::chat::time::Moment;

impl Room {
    /// Shows a message at once, and answers its author.
    pub(super) fn show_ephemeral(
        &mut self,
        speaker: Speaker,
        publication: Publication,
        (quiet, id): (bool, Option<Id>),
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Publication { body, about, mid, key, .. } = publication;
        let seq = self.ring.newest();
        self.ephemeral += 1;
        let ephemeral = Some(self.ephemeral);
        if !quiet || id.is_some() {
            let (room, epoch, mid) = (self.name.clone(), Arc::clone(&self.epoch), mid.clone());
            let sent = Event::Sent { room, epoch, seq, ephemeral, mid, at: now.at, duplicate: false };
            effects.push(Effect::One(speaker.member, id, sent));
        }
        let (room, user) = (self.name.clone(), speaker.user);
        // The message itself ends the typing notice.
        self.members.set_typing(&user, None);
        let message = Message { about, mid, key, ephemeral, ..Message::new(room, user, body, seq, now.at) };
        effects.push(self.shown(speaker.member, Arc::new(message)));
    }
}
