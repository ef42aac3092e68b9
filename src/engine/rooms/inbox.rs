//! The commands of a room's broker, and the handle that sends them.
//!
//! A `RoomHandle` belongs to one member and sends its leave when it is dropped, so that leaving
//! cannot be forgotten, not even by a panic. Sending blocks while the inbox is full; it is called
//! by readers, never by a broker.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::chat::members::MemberId;
use crate::chat::room::{JoinRequest, LeaveReason, ReplayRange};
use crate::chat::{Event, Id, Refusal, ResumedRoom, RoomName, RoomRequest, Since, Speaker};
use crate::engine::base::oneshot;
use crate::engine::base::queue;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::rooms::hub::Seat;

/// Commands that an inbox holds; a sender waits while it is full. A slot is some hundred bytes, and
/// a room has them all from its first day.
pub const INBOX_MAX: usize = 128;

/// What a broker is asked to do.
pub enum BrokerCommand {
    /// A connection joins.
    Join(Box<PendingJoin>),
    /// Keep this seat of the server's own, until its leave: the room stays when nobody is in it.
    Keep(Seat),
    /// A member leaves; `done` is sent when everything before has been delivered.
    Leave { member: MemberId, reason: LeaveReason, id: Option<Id>, done: Option<oneshot::Sender<()>> },
    /// A member's connection was lost: its membership is kept.
    Detach { member: MemberId },
    /// A detached member resumes.
    Resume(Box<PendingResume>),
    /// A member makes a request.
    Request { member: MemberId, request: RoomRequest, id: Option<Id> },
    /// A non-member makes a request, and waits for the answer.
    Ask(Box<NonMemberRequest>),
}

/// A join on its way to the broker, with the seat that keeps the room.
pub struct PendingJoin {
    /// Keeps the room while the join waits, and then as long as the connection is a member.
    pub seat: Seat,
    /// Where the member's events go.
    pub recipient: Arc<dyn Recipient>,
    /// The form in which it takes events.
    pub form: Form,
    /// A connection's request to join.
    pub entrant: JoinRequest,
    /// The request id of the command.
    pub id: Option<Id>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Admitted, Refusal>>,
}

/// The answer to a join that is admitted.
#[derive(Debug)]
pub struct Admitted {
    /// The number of the new member.
    pub member: MemberId,
    /// The part of the history that it is sent first.
    pub replay: Option<Box<ReplayRange>>,
}

/// A resume on its way to the broker.
pub struct PendingResume {
    /// The detached member.
    pub member: MemberId,
    /// Where its events go from now on.
    pub recipient: Arc<dyn Recipient>,
    /// The form in which it takes events.
    pub form: Form,
    /// The last message that it has seen.
    pub since: Since,
    /// Where the answer goes: the outcome for the client, and the part of the history that it is sent first.
    pub reply: oneshot::Sender<ResumeAnswer>,
}

/// See [`PendingResume::reply`].
pub type ResumeAnswer = (ResumedRoom, Option<ReplayRange>);

/// A request of a non-member.
pub struct NonMemberRequest {
    /// The author; its member number is that of a seat of its own.
    pub speaker: Speaker,
    /// The request.
    pub request: RoomRequest,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Event>,
}

/// The room's broker has failed, and took the membership with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomGone;

impl fmt::Display for RoomGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the room failed")
    }
}

impl std::error::Error for RoomGone {}

/// A membership.
pub struct RoomHandle {
    room: RoomName,
    member: MemberId,
    inbox: queue::Sender<BrokerCommand>,
    /// Gone when the room has evicted the member.
    badge: Weak<()>,
    /// Whether there is nothing to leave, or no longer.
    left: bool,
    /// The part of the history that the member is sent first: rare and large.
    replay: Option<Box<ReplayRange>>,
}

impl RoomHandle {
    /// The membership of this number. `hub` makes it when it reserves the seat.
    pub(in crate::engine) fn new(
        room: RoomName,
        member: MemberId,
        inbox: queue::Sender<BrokerCommand>,
        badge: Weak<()>,
    ) -> Self {
        Self { room, member, inbox, badge, left: false, replay: None }
    }

    /// Whether the room has evicted the member, or has failed. Until its client is told so, the member may
    /// still make requests, which the room refuses.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.badge.strong_count() == 0
    }

    /// With the room's answer.
    pub(in crate::engine) fn admitted(mut self, Admitted { member, replay }: Admitted) -> Self {
        // A membership that is not the one asked for is held by another handle.
        self.left = member != self.member;
        (self.member, self.replay) = (member, replay);
        self
    }

    /// Takes the part of the history that the member is sent first: the caller has to send it.
    pub(in crate::engine) fn take_replay(&mut self) -> Option<ReplayRange> {
        self.replay.take().map(|replay| *replay)
    }

    /// Whether another handle holds the membership.
    pub(in crate::engine) fn is_lent(&self) -> bool {
        self.left
    }

    /// The number of the member.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.member
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// Makes a request to the room. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub fn say(&self, request: RoomRequest, id: Option<Id>) -> Result<(), RoomGone> {
        say(&self.inbox, self.member, request, id)
    }

    /// Detaches the member. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub(in crate::engine) fn detach(&self) -> Result<(), RoomGone> {
        self.speaker().detach()
    }

    /// Resumes the membership for another client. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub(in crate::engine) fn resume(
        &self,
        recipient: Arc<dyn Recipient>,
        form: Form,
        since: Since,
    ) -> Result<ResumeAnswer, RoomGone> {
        let (reply, answer) = oneshot::channel();
        let back = PendingResume { member: self.member, recipient, form, since, reply };
        self.inbox.send(BrokerCommand::Resume(Box::new(back))).map_err(|_| RoomGone)?;
        answer.wait().map_err(|_| RoomGone)
    }

    /// A sender for requests while the handle itself is behind a lock. It does not keep the
    /// membership: once the handle is dropped, its requests are ignored.
    pub(in crate::engine) fn speaker(&self) -> RoomSender {
        RoomSender { member: self.member, inbox: self.inbox.clone() }
    }

    /// Leaves, and has the room tell the client so, before any later event of another
    /// room. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub fn leave(self, id: Option<Id>) -> Result<(), RoomGone> {
        self.depart_and_wait(LeaveReason::Left, id)
    }

    /// Leaves because the server stops, and waits until the room has delivered all earlier
    /// events. Blocks on the room.
    pub fn close(self) {
        // Of a room that failed there is nothing to wait for.
        _ = self.depart_and_wait(LeaveReason::Closing, None);
    }

    fn depart_and_wait(mut self, reason: LeaveReason, id: Option<Id>) -> Result<(), RoomGone> {
        let (done, delivered) = oneshot::channel();
        self.depart(reason, id, Some(done))?;
        delivered.wait().map_err(|_| RoomGone)
    }

    /// Sends its leave, and waits for nothing but room in the inbox.
    pub(in crate::engine) fn depart(
        &mut self,
        reason: LeaveReason,
        id: Option<Id>,
        done: Option<oneshot::Sender<()>>,
    ) -> Result<(), RoomGone> {
        self.left = true;
        self.inbox.send(BrokerCommand::Leave { member: self.member, reason, id, done }).map_err(|_| RoomGone)
    }
}

/// See [`RoomHandle::speaker`].
pub(in crate::engine) struct RoomSender {
    member: MemberId,
    inbox: queue::Sender<BrokerCommand>,
}

impl RoomSender {
    /// As [`RoomHandle::detach`].
    pub(in crate::engine) fn detach(&self) -> Result<(), RoomGone> {
        self.inbox.send(BrokerCommand::Detach { member: self.member }).map_err(|_| RoomGone)
    }

    /// As [`RoomHandle::say`].
    pub(in crate::engine) fn say(&self, request: RoomRequest, id: Option<Id>) -> Result<(), RoomGone> {
        say(&self.inbox, self.member, request, id)
    }
}

fn say(
    inbox: &queue::Sender<BrokerCommand>,
    member: MemberId,
    request: RoomRequest,
    id: Option<Id>,
) -> Result<(), RoomGone> {
    inbox.send(BrokerCommand::Request { member, request, id }).map_err(|_| RoomGone)
}

impl Drop for RoomHandle {
    fn drop(&mut self) {
        if !self.left {
            // Of a room that failed there is nothing to leave.
            _ = self.depart(LeaveReason::Disconnected, None, None);
        }
    }
}
