//! What is said in a room: whether it takes the message, and the draft of it.
//!
//! A part of [`Room`]. A room has a rate, so that one does not take the whole machine: what its clients say, or change what
//! they have said to, takes a token of one bucket once everything else allows it, so nobody uses it up who may not speak. A
//! user whose token says a rate takes none: whoever issued it has decided that, and the other members of the room do not
//! take it away. Nor does a program in this process.

use super::Room;
use crate::chat::draft::{Draft, Operation};
use crate::chat::id::Id;
use crate::chat::message::About;
use crate::chat::publication::Publication;
use crate::chat::refusal::{Code, Refusal};
use crate::chat::speaker::Speaker;
use crate::chat::time::Moment;

impl Room {
    /// Takes a token for what this speaker says.
    ///
    /// # Errors
    /// `rate_limited` with the room.
    pub(super) fn spend(&mut self, speaker: &Speaker, now: Moment) -> Result<(), Refusal> {
        if speaker.has_own_rate {
            return Ok(());
        }
        self.rate.take(now.since_start).map_err(|wait| Refusal::room_rate(&self.name, wait))
    }

    /// Puts back the token of what is about to be decided again.
    pub(super) fn unspend(&mut self, speaker: &Speaker) {
        if !speaker.has_own_rate {
            self.rate.give_back();
        }
    }

    /// Why a message can be neither a draft nor shown.
    pub(super) fn refuses(&mut self, speaker: &Speaker, publication: &Publication, now: Moment) -> Option<Refusal> {
        let refusal = self.has_no_place_for(publication).or_else(|| self.spend(speaker, now).err());
        if refusal.is_some() {
            self.forget_last_message(speaker);
        }
        refusal
    }

    /// Why a message has no place in the room.
    fn has_no_place_for(&self, publication: &Publication) -> Option<Refusal> {
        let is_known = |about: &About| (1..=self.ring.newest()).contains(&about.seq());
        if let Some(about) = publication.about.filter(|about| !is_known(about)) {
            return Some(Refusal::new(Code::NotFound, format!("There is no message {}", about.seq())));
        }
        if !publication.store {
            // Else it would be lost to who is offline, and its author told that it was sent.
            let refusal = || Refusal::bad_request("A private message is stored");
            return self.private.is_some().then(refusal);
        }
        let lacks_key_space = (!self.has_space_for(publication)).then(|| Refusal::too_many_keys(&self.name));
        lacks_key_space.or_else(|| self.lacks_group_space(&publication.body))
    }

    /// Makes a draft of a message.
    pub(super) fn publish(
        &mut self,
        speaker: Speaker,
        publication: Publication,
        (quiet, id): (bool, Option<Id>),
        now: Moment,
    ) {
        let to = self.private.as_ref().map(|(a, b)| if *a == speaker.user { b.clone() } else { a.clone() });
        let draft = Draft::new(speaker, Operation::Publish { to, publication }, now.at);
        self.drafts.push(Draft { id, quiet, keys_max: self.keys_max, ..draft });
    }

    /// Whether a value of a key has space in memory, where the store keeps none: all of them are one answer.
    fn has_space_for(&self, Publication { key, body, .. }: &Publication) -> bool {
        let fits = |key| self.last_values.bytes_with(key, body) <= self.history_bytes;
        self.kept || key.as_ref().is_none_or(fits)
    }
}
