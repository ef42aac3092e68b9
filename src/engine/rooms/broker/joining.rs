//! Joins and resumes: the room is asked, and what it answers is carried out.
//!
//! A part of the broker, in its rounds. A seat comes with the join, and stays with the member or goes with the refusal.
//! The answer to a join that is accepted is sent at the end of the round, when the member has been given what comes
//! with it.

use std::sync::Arc;

use super::Broker;
use crate::chat::members::MemberId;
use crate::chat::room::{Input, ReplayRange};
use crate::chat::{Code, Position, Refusal};
use crate::engine::clients::recipient::Form;
use crate::engine::rooms::inbox::{Admitted, PendingJoin, PendingResume, ResumeAnswer};
use crate::engine::rooms::table::Subscriber;

impl Broker {
    /// Lets a client in, if its room's policy allows it: that of all servers. Where it cannot be had, a room with a
    /// policy lets nobody in.
    pub(super) fn join(&mut self, mut join: Box<PendingJoin>) {
        let named = join.request.options.since.as_ref().map(|since| since.seq);
        let caught_up = self.settle_history(named);
        let undispatched = self.undispatched_from();
        join.request.options.from = undispatched.unwrap_or_default();
        let (member, connection) = (join.seat.number(), join.request.connection);
        let was_matched = !join.seat.is_by_pattern() && self.unmatch(connection);
        let input = Input::Join { member, request: join.request.clone(), id: join.id.clone() };
        self.joining.insert(member, join);
        if caught_up.is_err() && self.room.has_policy() {
            let refusal = Refusal::new(Code::Unavailable, "Who may join cannot be told now; try again");
            self.answer_join(member, Err(refusal));
        } else if undispatched.is_err() || caught_up.is_err() && named > Some(self.room.newest()) {
            // It has seen more than is known here: that is no other history.
            let refusal = Refusal::new(Code::Unavailable, "What was said cannot be told now; try again");
            self.answer_join(member, Err(refusal));
        } else {
            self.step_room(input);
        }
        if was_matched {
            // Unless it was let in.
            self.match_again(connection);
        }
    }

    fn take_join(&mut self, id: MemberId) -> PendingJoin {
        *self.joining.remove(&id).expect("the room answers each join once")
    }

    pub(super) fn admit(&mut self, id: MemberId) {
        let PendingJoin { seat, recipient, form, request, reply, .. } = self.take_join(id);
        // It stays the same as long as the room has a member: with its end all are evicted.
        self.batch.set_epoch(self.room.epoch());
        let offset = self.batch.enter(form);
        let in_group = request.options.group.is_some();
        self.table.insert(Subscriber::new(seat, request.user, recipient, form, offset).in_group(in_group));
        let entered = self.position_of(id);
        self.admitted.push((reply, Admitted { member: id, entered, replay: None }));
    }

    /// Where a member has entered.
    pub(super) fn position_of(&self, id: MemberId) -> Position {
        Position { epoch: Arc::clone(self.room.epoch()), seq: self.room.entered(id).unwrap_or_default() }
    }

    pub(super) fn replay(&mut self, id: MemberId, replay: ReplayRange) {
        let admitted = self.admitted.iter_mut().find(|(_, admitted)| admitted.member == id);
        let (_, admitted) = admitted.expect("only a member that was just admitted is given a part of the history");
        admitted.replay = Some(Box::new(replay));
    }

    /// Answers a join that makes no new member.
    pub(super) fn answer_join(&mut self, id: MemberId, answer: Result<Admitted, Refusal>) {
        let PendingJoin { seat, reply, .. } = self.take_join(id);
        reply.send(answer);
        drop(seat);
    }

    /// Attaches a member to another recipient. What the last one has not got is in the history too.
    pub(super) fn resume(&mut self, resume: PendingResume) {
        let PendingResume { member: id, recipient, form, since, reply } = resume;
        let Some(member) = self.table.get_mut(id) else {
            if let Some(answer) = self.evicted.answer(id, self.room.name()) {
                reply.send(answer);
            }
            return;
        };
        if let Form::Bytes(encoding) = member.form {
            self.batch.readers(encoding, -1);
        }
        let offset = self.batch.enter(form);
        member.resume(recipient, form, offset);
        self.resuming.insert(id, reply);
        self.step_room(Input::Resume { member: id, seen: since });
    }

    pub(super) fn answer_resume(&mut self, id: MemberId, answer: ResumeAnswer) {
        let reply = self.resuming.remove(&id).expect("the room answers each resume once");
        self.resumed.push((reply, answer));
    }
}
