//! Members by a pattern: connections that are given what a room says because its name matches their patterns.
//!
//! A room asks the index when it opens, before its first command, and when it has ended and begins again; after that it
//! looks at one connection: at one whose patterns have changed, and at one that has left after having joined by itself.
//! All of it is in the room's rounds, so a connection is given each message once: as it has joined, or else by its
//! patterns. Such a member keeps no room open, sends nothing and has no handle; it goes with the room.

use std::sync::Arc;

use super::Broker;
use crate::chat::LeaveReason;
use crate::chat::room::Input;
use crate::engine::base::oneshot;
use crate::engine::rooms::hub::Seat;
use crate::engine::rooms::inbox::PendingJoin;
use crate::engine::rooms::pattern_index::PatternSubscriber;

impl Broker {
    /// Lets everybody in whose patterns match the room.
    pub(super) fn match_all(&mut self) {
        let matching = self.view.patterns.matching(self.room.name());
        matching.iter().for_each(|subscriber| self.let_in(subscriber));
        // What was read for them is not read in the next round.
        self.is_current = false;
    }

    /// Lets a connection in whose patterns match the room, or out if they do not.
    pub(super) fn match_again(&mut self, connection: u64) {
        match self.view.patterns.subscriber(connection, self.room.name()) {
            Some(subscriber) => self.let_in(&subscriber),
            None => _ = self.unmatch(connection),
        }
    }

    /// Lets a member by a pattern out; whether there was one of this connection.
    pub(super) fn unmatch(&mut self, connection: u64) -> bool {
        let member = PatternSubscriber::member_of(connection);
        if self.table.by_pattern() == 0 || !self.table.has(member) {
            return false;
        }
        self.settle();
        self.step_room(Input::Leave { member, reason: LeaveReason::Disconnected, id: None });
        true
    }

    /// Lets a connection in, unless it is in the room, or the room or its token does not allow it.
    fn let_in(&mut self, subscriber: &Arc<PatternSubscriber>) {
        let (number, member) = (subscriber.number, PatternSubscriber::member_of(subscriber.number));
        if self.table.get_mut(member).is_some_and(|member| member.is_of(subscriber)) {
            return;
        }
        // Its session was detached, and has another client by now.
        self.unmatch(number);
        if self.room.has_joined(number) {
            return;
        }
        // Before it takes a topic's place: who may not know of the room is not told that it is left out.
        let now = self.clock.now().at;
        if !subscriber.who.may_enter(self.room.name()) || !self.room.may_enter(&subscriber.who, now) {
            return;
        }
        let Some((recipient, form, request)) = subscriber.joining() else { return };
        let Some(permit) = subscriber.permit(self.room.name()) else { return };
        let seat = Seat::by_pattern(self.room.name(), member, permit);
        // It is given nothing of this round, so from the next one on the rounds may be on the room's thread.
        self.has_foreign |= !recipient.is_prompt();
        let (reply, _) = oneshot::channel();
        self.join(Box::new(PendingJoin { seat, recipient, form, request, id: None, reply }));
    }
}
