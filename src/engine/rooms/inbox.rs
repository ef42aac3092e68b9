//! The commands to a room's broker, and the handle through which they are sent.
//!
//! A `RoomHandle` belongs to one member and sends the member's leave when it is dropped, so a leave cannot be
//! forgotten, not even after a panic. Sending blocks while the inbox is full, or carries the command out on the sender's
//! thread (`broker/shared.rs`); readers send, a broker never does.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::chat::members::MemberId;
use crate::chat::room::{JoinRequest, ReplayRange};
use crate::chat::{Event, Id, LeaveReason, Position, Refusal, ResumedRoom, RoomName, RoomRequest, Since, Speaker};
use crate::engine::base::oneshot;
use crate::engine::base::queue;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::rooms::hub::Seat;

/// Commands in an inbox, at most; a sender waits while it is full. One is some hundred bytes.
pub const INBOX_MAX: usize = 128;

/// A command to a broker.
pub enum BrokerCommand {
    /// A client joins.
    Join(Box<PendingJoin>),
    /// The server keeps the room open with a seat of its own, until that seat's leave.
    Keep(Seat),
    /// A member leaves; `done` is notified when everything before has been delivered.
    Leave { member: MemberId, reason: LeaveReason, id: Option<Id>, done: Option<oneshot::Sender<()>> },
    /// A member's connection was lost: the membership is kept.
    Detach { member: MemberId },
    /// A detached member has a connection again.
    Resume(Box<PendingResume>),
    /// A member sends a request.
    Request { member: MemberId, request: RoomRequest, id: Option<Id> },
    /// A non-member, or a member in process, sends a request and waits for the reply.
    Ask(Box<AwaitedRequest>),
    /// A member's reader waits until everything before has been delivered.
    Flush(oneshot::Sender<()>),
    /// Other servers have gone on with the room's history, as far as is known.
    CatchUp,
    /// The patterns of a connection have changed: it becomes a member by a pattern, or is none any more. `foreign`: its
    /// events are for the room's own thread. The seat keeps the room open until `done` is notified.
    Match { seat: Seat, connection: u64, foreign: bool, done: oneshot::Sender<()> },
    /// The broker's next deadline is earlier than the room's thread knows, or a round on a sender's thread panicked.
    Wake,
}

/// A join that waits for the room's answer, with the seat that keeps the room open.
pub struct PendingJoin {
    /// Keeps the room open while the client waits, and then as long as it is a member.
    pub seat: Seat,
    /// Takes its events.
    pub recipient: Arc<dyn Recipient>,
    /// The form of its events.
    pub form: Form,
    /// Its user, and the options of the join.
    pub request: JoinRequest,
    /// The id of the client's request.
    pub id: Option<Id>,
    /// Takes the answer.
    pub reply: oneshot::Sender<Result<Admitted, Refusal>>,
}

/// The answer to a join that was accepted.
#[derive(Debug)]
pub struct Admitted {
    /// The number of the member.
    pub member: MemberId,
    /// Where it has entered.
    pub entered: Position,
    /// What the member's reader has to replay first.
    pub replay: Option<Box<ReplayRange>>,
}

/// A resume that waits for the room's answer.
pub struct PendingResume {
    /// The detached member.
    pub member: MemberId,
    /// Takes its events from now on.
    pub recipient: Arc<dyn Recipient>,
    /// The form of its events.
    pub form: Form,
    /// The last message that the client has seen.
    pub since: Since,
    /// Takes the answer: what the client is told, and what has to be replayed first.
    pub reply: oneshot::Sender<ResumeAnswer>,
}

/// See [`PendingResume::reply`].
pub type ResumeAnswer = (ResumedRoom, Option<ReplayRange>);

/// Who waits for the answer to a request.
pub enum Asker {
    /// A user who is not a member; the number is that of the sender's own seat.
    NonMember(Speaker),
    /// A member, with an id that none of its other requests has.
    Member(MemberId, Id),
}

/// A request whose sender waits for the answer.
pub struct AwaitedRequest {
    /// Who sends it.
    pub asker: Asker,
    /// The request.
    pub request: RoomRequest,
    /// Takes the answer.
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

/// A membership; dropping it leaves the room.
pub struct RoomHandle {
    room: RoomName,
    member: MemberId,
    inbox: queue::InboxSender<BrokerCommand>,
    /// Dead when the room has removed the member, or failed.
    token: Weak<()>,
    /// Whether no leave is due when it is dropped.
    left: bool,
    /// Where the member has entered: what came later is sent to it.
    entered: Position,
    /// What has to be replayed first: rare and large.
    replay: Option<Box<ReplayRange>>,
}

impl RoomHandle {
    /// The handle of the member of this number, made when the seat is reserved.
    pub(in crate::engine) fn new(
        room: RoomName,
        member: MemberId,
        inbox: queue::InboxSender<BrokerCommand>,
        token: Weak<()>,
    ) -> Self {
        let entered = Position { epoch: Arc::default(), seq: 0 };
        Self { room, member, inbox, token, left: false, entered, replay: None }
    }

    /// Whether the room has removed the member, or has failed. What the member sends before it is told so, the room
    /// refuses.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.token.strong_count() == 0
    }

    /// Takes the room's answer to the join.
    pub(crate) fn admitted(mut self, Admitted { member, entered, replay }: Admitted) -> Self {
        // The answer names another member: that member's handle sends its leave.
        self.left = member != self.member;
        (self.member, self.entered, self.replay) = (member, entered, replay);
        self
    }

    /// Takes what has to be replayed first; the caller has to replay it.
    pub(in crate::engine) fn take_replay(&mut self) -> Option<ReplayRange> {
        self.replay.take().map(|replay| *replay)
    }

    /// Whether another handle of the same connection holds the membership.
    pub(in crate::engine) fn is_duplicate(&self) -> bool {
        self.left
    }

    /// Where the member has entered the room.
    #[must_use]
    pub fn entered(&self) -> &Position {
        &self.entered
    }

    /// The member has been in the room since then, through another server.
    pub(in crate::engine) fn entered_earlier(&mut self, entered: Position) {
        self.entered = entered;
    }

    /// The member's number.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.member
    }

    /// The room's name.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// Sends a request to the room. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub fn send(&self, request: RoomRequest, id: Option<Id>) -> Result<(), RoomGone> {
        send_request(&self.inbox, self.member, request, id)
    }

    /// Sends a request to the room, and returns its answer, which does not come to the member's recipient. `id` is one that
    /// no other request of the member has. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub(in crate::engine) fn ask(&self, request: RoomRequest, id: Id) -> Result<Event, RoomGone> {
        let (reply, answer) = oneshot::channel();
        let awaited = AwaitedRequest { asker: Asker::Member(self.member, id), request, reply };
        self.inbox.send(BrokerCommand::Ask(Box::new(awaited))).map_err(|_| RoomGone)?;
        answer.wait().map_err(|_| RoomGone)
    }

    /// Keeps the membership without a connection. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub fn detach(&self) -> Result<(), RoomGone> {
        self.sender().detach()
    }

    /// Attaches the membership to another recipient. Blocks on the room.
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

    /// A sender that can be used while the handle is behind a lock. It does not keep the membership: once the handle
    /// is dropped, requests through it are ignored.
    pub(in crate::engine) fn sender(&self) -> RoomSender {
        RoomSender { member: self.member, inbox: self.inbox.clone() }
    }

    /// Leaves, and returns when the room has told the client so: before any later event of another
    /// room. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub fn leave(self, reason: LeaveReason, id: Option<Id>) -> Result<(), RoomGone> {
        self.begin_leave(reason, id)?.wait().map_err(|_| RoomGone)
    }

    /// Leaves because the server stops, and waits until the room has delivered what it accepted before. Blocks on the
    /// room.
    pub fn close(self) {
        // A room that failed delivers nothing more.
        _ = self.begin_leave(LeaveReason::Closing, None).map(oneshot::Receiver::wait);
    }

    /// Leaves; the receiver is notified when the room has delivered what it accepted before. Blocks while the room's
    /// inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub fn begin_leave(mut self, reason: LeaveReason, id: Option<Id>) -> Result<oneshot::Receiver<()>, RoomGone> {
        let (done, delivered) = oneshot::channel();
        self.send_leave(reason, id, Some(done))?;
        Ok(delivered)
    }

    /// Sends the leave. Blocks while the room's inbox is full.
    pub fn send_leave(
        &mut self,
        reason: LeaveReason,
        id: Option<Id>,
        done: Option<oneshot::Sender<()>>,
    ) -> Result<(), RoomGone> {
        self.left = true;
        self.inbox.send(BrokerCommand::Leave { member: self.member, reason, id, done }).map_err(|_| RoomGone)
    }
}

impl RoomHandle {
    /// Returns when the room has delivered what it accepted before. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub fn flush(&self) -> Result<(), RoomGone> {
        self.sender().flush()
    }
}

/// See [`RoomHandle::sender`].
pub(in crate::engine) struct RoomSender {
    member: MemberId,
    inbox: queue::InboxSender<BrokerCommand>,
}

impl RoomSender {
    /// As [`RoomHandle::detach`].
    pub(in crate::engine) fn detach(&self) -> Result<(), RoomGone> {
        self.inbox.send(BrokerCommand::Detach { member: self.member }).map_err(|_| RoomGone)
    }

    /// As [`RoomHandle::flush`].
    pub(in crate::engine) fn flush(&self) -> Result<(), RoomGone> {
        let (done, delivered) = oneshot::channel();
        self.inbox.send(BrokerCommand::Flush(done)).map_err(|_| RoomGone)?;
        delivered.wait().map_err(|_| RoomGone)
    }

    /// As [`RoomHandle::send`].
    pub(in crate::engine) fn send(&self, request: RoomRequest, id: Option<Id>) -> Result<(), RoomGone> {
        send_request(&self.inbox, self.member, request, id)
    }
}

fn send_request(
    inbox: &queue::InboxSender<BrokerCommand>,
    member: MemberId,
    request: RoomRequest,
    id: Option<Id>,
) -> Result<(), RoomGone> {
    inbox.send(BrokerCommand::Request { member, request, id }).map_err(|_| RoomGone)
}

// ANCHOR: drop
impl Drop for RoomHandle {
    fn drop(&mut self) {
        if !self.left {
            // A room that failed has no members.
            _ = self.send_leave(LeaveReason::Disconnected, None, None);
        }
    }
}
// ANCHOR_END: drop
