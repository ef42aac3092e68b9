//! What the store answers, and what other servers did: what a room shows only once it is stored.
//!
//! A part of [`Room`]. A draft becomes a message, an edit or a change of the policy when its outcome is here; an event
//! of another server is stored already. Both come in the store's order, which is the only order in which anything is
//! shown. A draft that was decided by a policy which is not in force any more is decided again.

use std::sync::Arc;

use super::{Effect, Room};
use crate::chat::UserName;
use crate::chat::draft::{Appended, Draft, Operation, Outcome, StoreFailed};
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::members::MemberId;
use crate::chat::message::{Body, Message, Mid};
use crate::chat::publication::Publication;
use crate::chat::refusal::{Code, Refusal};
use crate::chat::remote_event::RemoteEvent;
use crate::chat::room_request::RoomRequest;
use crate::chat::time::{Moment, Time};

impl Room {
    /// Takes the store's answer to [`Room::drafts`]: what others did before, and one outcome for each draft, in order;
    /// or a failure of all. Afterwards the drafts are those that were stale, and are allowed all the same: they wait to
    /// be stored.
    ///
    /// # Panics
    /// When there are not as many outcomes as drafts, or a number is not the next: the store broke
    /// the room's order, and the room must not go on.
    pub fn settle(&mut self, appended: Result<Appended, StoreFailed>, effects: &mut Vec<Effect>) {
        let drafts = std::mem::take(&mut self.drafts);
        match appended {
            Ok(Appended { before, outcomes }) => {
                for event in before {
                    self.remote(event, effects);
                }
                assert_eq!(outcomes.len(), drafts.len(), "the store answers each draft once");
                for (draft, outcome) in drafts.into_iter().zip(outcomes) {
                    match outcome {
                        Outcome::Stale => self.decide_again(draft, effects),
                        outcome => self.show(draft, outcome, effects),
                    }
                }
            }
            Err(StoreFailed) => {
                for draft in drafts {
                    if matches!(draft.operation, Operation::Publish { .. }) {
                        self.forget_last_message(&draft.speaker);
                    }
                    let refusal = Refusal::new(Code::Unavailable, "It could not be stored; try again");
                    effects.push(Effect::One(draft.speaker.member, draft.id, Event::Refused(refusal)));
                }
            }
        }
    }

    fn show(&mut self, draft: Draft, outcome: Outcome, effects: &mut Vec<Effect>) {
        let Draft { speaker, operation, at, id, quiet, .. } = draft;
        match (operation, outcome) {
            (Operation::Publish { to, publication }, Outcome::Stored { seq }) => {
                let Publication { body, about, mid, key, .. } = publication;
                if !quiet || id.is_some() {
                    effects.push(self.sent(speaker.member, id, (seq, mid.clone(), at, false)));
                }
                let (room, user) = (self.name.clone(), speaker.user);
                // The message itself ends the typing notice, once it is shown.
                self.members.set_typing(&user, None);
                let message = Arc::new(Message { to, about, mid, key, ..Message::new(room, user, body, seq, at) });
                self.take_in(&message);
                self.mark_own_written(&message);
                self.follow_receipts(&message);
                effects.push(self.shown(speaker.member, Arc::clone(&message)));
                self.share_out(&message, effects);
            }
            (Operation::Publish { publication, .. }, Outcome::Repeat { seq, at }) => {
                if !quiet || id.is_some() {
                    effects.push(self.sent(speaker.member, id, (seq, publication.mid, at, true)));
                }
            }
            (
                Operation::Publish { .. },
                outcome @ (Outcome::Conflict { .. } | Outcome::KeyConflict { .. } | Outcome::TooManyKeys),
            ) => {
                self.forget_last_message(&speaker);
                let refusal = match outcome {
                    Outcome::Conflict { newest } => Refusal::conflict(&self.name, newest),
                    Outcome::KeyConflict { newest } => Refusal::key_conflict(&self.name, newest),
                    _ => Refusal::too_many_keys(&self.name),
                };
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (Operation::Edit { seq, body, .. }, Outcome::Changed) => {
                self.record_deletion(&speaker, seq, body.note(), at);
                effects.push(Effect::One(speaker.member, id, Event::Done));
                self.change(seq, body, at, speaker.user, effects);
            }
            (Operation::Moderate(action), Outcome::Changed) => {
                self.apply(&action.change, &speaker.user, (at, true), effects);
                self.moderated(speaker, action, at, id, effects);
            }
            (Operation::Moderate(action), Outcome::Ended { epoch }) => {
                let ended = self.end(speaker.user, action, (at, epoch), effects);
                effects.push(Effect::One(speaker.member, None, ended));
            }
            (Operation::Edit { seq, .. }, Outcome::Missing) => {
                let refusal = Refusal::new(Code::NotFound, format!("There is no message {seq}"));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (Operation::Edit { seq, .. }, Outcome::NotAuthor) => {
                let refusal = Refusal::new(Code::Forbidden, format!("The message {seq} is somebody else's"));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (operation, outcome) => unreachable!("the store answers {operation:?} with {outcome:?}"),
        }
    }

    /// Takes in what was stored.
    fn take_in(&mut self, message: &Arc<Message>) {
        self.ring.push(Arc::clone(message));
        if !self.kept {
            self.last_values.put(message);
        }
    }

    /// A message of this member's for all members; for its author too, if the author's connection is sent its own.
    pub(super) fn shown(&self, author: MemberId, message: Arc<Message>) -> Effect {
        let echo = self.members.member(author).is_none_or(|member| member.echo);
        let event = Event::Message(message);
        if echo { Effect::Everyone(event) } else { Effect::Others(author, event) }
    }

    fn sent(&self, to: MemberId, id: Option<Id>, sent: (u64, Option<Mid>, Time, bool)) -> Effect {
        let (seq, mid, at, duplicate) = sent;
        let (room, epoch) = (self.name.clone(), Arc::clone(&self.epoch));
        Effect::One(to, id, Event::Sent { room, epoch, seq, ephemeral: None, mid, at, duplicate })
    }

    fn change(&mut self, seq: u64, body: Body, at: Time, user: UserName, effects: &mut Vec<Effect>) {
        self.ring.change(seq, body.clone(), at);
        self.last_values.change(seq, &body, at);
        self.change_in_groups(seq, &body, at);
        effects.push(Effect::Everyone(Event::Edit { room: self.name.clone(), seq, user, body, at }));
    }

    /// Shows what another server did.
    ///
    /// # Panics
    /// When a message is not the next, or drafts wait that were decided without it.
    pub(super) fn remote(&mut self, event: RemoteEvent, effects: &mut Vec<Effect>) {
        assert!(self.drafts.is_empty(), "what was decided before is settled before");
        match event {
            RemoteEvent::Message(message) => {
                self.members.set_typing(&message.user, None);
                self.saw_message(&message.user);
                let message = Arc::new(message);
                self.take_in(&message);
                self.mark_own_written(&message);
                effects.push(Effect::Everyone(Event::Message(Arc::clone(&message))));
                self.share_out(&message, effects);
            }
            RemoteEvent::Edited { seq, body, by, at } => self.change(seq, body, at, by, effects),
            RemoteEvent::Moderated { by, action, at } => self.moderated_elsewhere(by, action, at, effects),
            RemoteEvent::Ended { by, action, at, epoch } => {
                self.end(by, action, (at, epoch), effects);
            }
        }
    }

    /// Decides a draft again that the store has not taken: by the policy that is in force now.
    fn decide_again(&mut self, draft: Draft, effects: &mut Vec<Effect>) {
        let Draft { speaker, operation, at, id, quiet, request, .. } = draft;
        let is_evicted = |effect: &Effect| *effect == Effect::Evicted(speaker.member);
        if effects.iter().any(is_evicted) {
            let refusal = Refusal::not_member(&self.name);
            return effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
        }
        let request = match operation {
            Operation::Publish { publication, .. } => {
                self.forget_last_message(&speaker);
                self.unspend(&speaker);
                RoomRequest::Publish { publication, quiet }
            }
            Operation::Edit { seq, body, .. } => {
                if !body.is_deleted() {
                    self.unspend(&speaker);
                }
                RoomRequest::Edit { seq, body }
            }
            Operation::Moderate(_) => *request.expect("a moderation keeps its request"),
        };
        self.request(speaker, request, id, Moment { at, since_start: self.last_input }, effects);
    }
}
