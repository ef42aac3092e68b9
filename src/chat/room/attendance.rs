//! The users who are in the room through other servers: shown as if they were here, and told of those who are.
//!
//! A part of [`Room`], stepped with it. Others are told of a user's first announced connection on any server, and of the end
//! of the last; each server computes that from what it knows, so each of its members sees joins and leaves in turn.

use super::{Effect, Room};
use crate::chat::UserName;
use crate::chat::attendance::{Attendance, Attending, RemoteAttendance};
use crate::chat::event::Event;
use crate::chat::leave_reason::LeaveReason;
use crate::chat::members::{MemberId, TYPING_FOR};
use crate::chat::presence::{Presence, Status};
use crate::chat::receipt::Receipt;
use crate::chat::time::Moment;

/// Stands for the connection of a user on another server: no member here has this number.
const ELSEWHERE: MemberId = MemberId(0);
/// In the order of [`Attending::marks`](crate::chat::Attending::marks).
const RECEIPTS: [Receipt; 3] = [Receipt::Written, Receipt::Received, Receipt::Read];

impl Room {
    /// A room that other servers have too, with the users who are in it through them.
    #[must_use]
    pub fn shared(mut self, elsewhere: Vec<RemoteAttendance>) -> Self {
        self.members.share();
        for RemoteAttendance { server, user, attendance } in elsewhere {
            if let Attendance::Here(attending) = attendance {
                // Its server stores that, and perhaps has not yet.
                for (receipt, seq) in RECEIPTS.into_iter().zip(attending.marks) {
                    self.receipts.raise(&user, receipt, seq.min(self.ring.newest()));
                }
                self.members.set_elsewhere(server, &user, Some(attending));
            }
        }
        self
    }

    /// Whether other servers are to be told who is here.
    #[must_use]
    pub fn has_attendance_changes(&self) -> bool {
        self.members.has_changes()
    }

    /// What other servers are to be told of the users here, since it was last asked.
    pub fn take_attendance_changes(&mut self) -> Vec<(UserName, Attendance)> {
        let mut changes = self.members.take_changes();
        for (user, attendance) in &mut changes {
            let (Attendance::Here(Attending { marks, .. }) | Attendance::Gone(_, marks)) = attendance;
            *marks = RECEIPTS.map(|receipt| self.receipts.reached(user, receipt));
        }
        changes
    }

    /// Shows what another server tells of a user.
    pub(super) fn attended(&mut self, remote: RemoteAttendance, now: Moment, effects: &mut Vec<Effect>) {
        let RemoteAttendance { server, user, attendance } = remote;
        let at = now.at;
        let (was_announced, before) = (self.members.is_announced(&user), self.members.presence(&user));
        let (attending, reason) = match attendance {
            Attendance::Here(attending) => {
                self.has_got_to(&user, attending.marks, now);
                (Some(attending), LeaveReason::Disconnected)
            }
            Attendance::Gone(reason, marks) => {
                self.has_got_to(&user, marks, now);
                (None, reason)
            }
        };
        let registered = attending.as_ref().is_some_and(|attending| attending.registered);
        let was_nobody_elsewhere = self.members.elsewhere() == 0;
        self.members.set_elsewhere(server, &user, attending);
        if was_nobody_elsewhere && self.wants_receipts() {
            self.members.tell_all_again();
        }
        let (is_announced, after) = (self.members.is_announced(&user), self.members.presence(&user));
        if after.is_none() && self.members.set_typing(&user, None) && !was_announced {
            effects.push(self.typing(user.clone(), false));
        }
        match (was_announced, is_announced) {
            (false, true) => {
                let join = Event::Join { room: self.name.clone(), user, registered, was: None, at };
                effects.push(Effect::Elsewhere(join));
                // A join says that the user is online.
                let says_more = |presence: &Presence| presence.status != Status::Online || presence.note.is_some();
                effects.extend(after.filter(says_more).map(|presence| Effect::Elsewhere(Event::Presence(presence))));
            }
            (true, false) => {
                let ends = matches!(reason, LeaveReason::Disconnected | LeaveReason::Quit(_)) && after.is_none();
                let (room, name) = (self.name.clone(), user.clone());
                effects.push(Effect::Elsewhere(Event::Leave { room, user: name, reason, at }));
                let offline = Presence { user, status: Status::Offline, note: None, last_seen: at };
                effects.extend(ends.then_some(Effect::Elsewhere(Event::Presence(offline))));
            }
            _ => {
                let is_known = is_announced || self.private.is_some();
                let says = |presence: &Presence| (presence.status, presence.note.clone());
                let is_news = before.zip(after.as_ref()).is_some_and(|(before, after)| says(&before) != says(after));
                let news = after.filter(|_| is_known && is_news);
                effects.extend(news.map(|presence| Effect::Elsewhere(Event::Presence(presence))));
            }
        }
    }

    /// Shows that a user types on another server. As here, that ends by itself if it is not renewed.
    pub(super) fn typed_elsewhere(&mut self, user: UserName, typing: bool, now: Moment, effects: &mut Vec<Effect>) {
        let until = typing.then(|| now.since_start + TYPING_FOR);
        if self.members.has(&user) && self.members.set_typing(&user, until) {
            effects.push(self.typing(user, typing));
        }
    }

    /// A user has got so far through another server. What the room has not shown yet is not counted.
    fn has_got_to(&mut self, user: &UserName, marks: [u64; 3], now: Moment) {
        let [written, received, read] = marks.map(|seq| seq.min(self.ring.newest()));
        if self.wants_receipts() {
            self.receipts.advance(user, Receipt::Written, written, now);
            self.receipts.advance(user, Receipt::Received, received, now);
            self.receipts.read(user, read, ELSEWHERE, now);
        } else {
            self.receipts.read_in_large_room(user, read, ELSEWHERE, now);
        }
    }
}
