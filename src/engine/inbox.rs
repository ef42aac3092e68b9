//! What a room's broker is sent, and the handle through which it is sent.
//!
//! A `RoomHandle` belongs to one member and sends its leave when it is dropped, so that leaving
//! cannot be forgotten, not even by a panic. Sending blocks while the inbox is full; it is called
//! by readers, never by a broker.

use std::fmt;
use std::sync::{Arc, Weak};

use super::hub::Seat;
use super::queue;
use super::recipient::{Form, Recipient};
use super::reply::{self, Reply};
use crate::chat::event::Returned;
use crate::chat::room::{Departure, Entrant, Recall, Said, Speaker};
use crate::chat::roster::MemberId;
use crate::chat::{Event, Id, Refusal, RoomName, Since};

/// Commands that an inbox holds; a sender waits while it is full. A slot is some hundred bytes, and
/// a room has them all from its first day.
pub const INBOX_MAX: usize = 128;

/// What a broker is asked to do.
pub enum Command {
    /// Let a guest in.
    Join(Box<Entry>),
    /// Keep this seat of the server's own, until its leave: the room stays when nobody is in it.
    Keep(Seat),
    /// Let a member go; `done` is told when everything before has been delivered.
    Leave { member: MemberId, departure: Departure, id: Option<Id>, done: Option<Reply<()>> },
    /// A member's connection broke: its place is kept without it.
    Park { member: MemberId },
    /// It is back.
    Resume(Box<ComeBack>),
    /// A member says something.
    Said { member: MemberId, said: Said, id: Option<Id> },
    /// One who is no member says or asks something, and waits for the answer.
    Ask(Box<Question>),
}

/// A guest at the door, with the seat that keeps the room.
pub struct Entry {
    /// Keeps the room while the guest waits, and then as long as it is a member.
    pub seat: Seat,
    /// The client.
    pub recipient: Arc<dyn Recipient>,
    /// In which form it takes events.
    pub form: Form,
    /// Who enters, and how.
    pub entrant: Entrant,
    /// The mark of the command.
    pub id: Option<Id>,
    /// Where the answer goes.
    pub reply: Reply<Result<Admission, Refusal>>,
}

/// The answer to one who is let in.
#[derive(Debug)]
pub struct Admission {
    /// The member that the guest is.
    pub member: MemberId,
    /// What of the past it is to be given first.
    pub recall: Option<Box<Recall>>,
}

/// A member on its way back.
pub struct ComeBack {
    /// Which.
    pub member: MemberId,
    /// Its client from now on.
    pub recipient: Arc<dyn Recipient>,
    /// In which form it takes events.
    pub form: Form,
    /// What it has seen.
    pub since: Since,
    /// Where the answer goes: what the client is told, and what of the past it is to be given first.
    pub reply: Reply<Answer>,
}

/// See [`ComeBack::reply`].
pub type Answer = (Returned, Option<Recall>);

/// A visitor's word.
pub struct Question {
    /// Who asks; the number is that of the asker's own seat.
    pub speaker: Speaker,
    /// What.
    pub said: Said,
    /// Where the answer goes.
    pub reply: Reply<Event>,
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
    inbox: queue::Sender<Command>,
    /// Gone when the room has put the member out.
    badge: Weak<()>,
    /// Whether there is nothing to leave (any more).
    left: bool,
    /// What of the past the member is to be given first: rare and large.
    recall: Option<Box<Recall>>,
}

impl RoomHandle {
    /// The membership of this number. `hub` makes it when it reserves the seat.
    pub(super) fn new(room: RoomName, member: MemberId, inbox: queue::Sender<Command>, badge: Weak<()>) -> Self {
        Self { room, member, inbox, badge, left: false, recall: None }
    }

    /// Whether the room has put the member out, or has failed. Before it is told so, the member may
    /// still speak, and is refused by the room.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.badge.strong_count() == 0
    }

    /// With what the room answered.
    pub(super) fn admitted(mut self, Admission { member, recall }: Admission) -> Self {
        // Another handle holds a membership that is not the one asked for.
        self.left = member != self.member;
        (self.member, self.recall) = (member, recall);
        self
    }

    /// What of the past the member is to be given first: whoever takes it has to give it.
    pub(super) fn take_recall(&mut self) -> Option<Recall> {
        self.recall.take().map(|recall| *recall)
    }

    /// Whether another handle holds the membership.
    pub(super) fn is_lent(&self) -> bool {
        self.left
    }

    /// Which member it is.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.member
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// Says something in the room. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub fn say(&self, said: Said, id: Option<Id>) -> Result<(), RoomGone> {
        say(&self.inbox, self.member, said, id)
    }

    /// Keeps the place without a connection. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed.
    pub(super) fn park(&self) -> Result<(), RoomGone> {
        self.speaker().park()
    }

    /// Comes back to the place through another client. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub(super) fn come_back(
        &self,
        recipient: Arc<dyn Recipient>,
        form: Form,
        since: Since,
    ) -> Result<Answer, RoomGone> {
        let (reply, answer) = reply::channel();
        let back = ComeBack { member: self.member, recipient, form, since, reply };
        self.inbox.send(Command::Resume(Box::new(back))).map_err(|_| RoomGone)?;
        answer.wait().map_err(|_| RoomGone)
    }

    /// Something to speak through while the handle itself is behind a lock. It does not keep the
    /// membership: once the handle is dropped, what is said goes unheard.
    pub(super) fn speaker(&self) -> Speaking {
        Speaking { member: self.member, inbox: self.inbox.clone() }
    }

    /// Leaves, and has the room tell the client so, before anything that another room tells it
    /// later. Blocks on the room.
    ///
    /// # Errors
    /// The room failed.
    pub fn leave(self, id: Option<Id>) -> Result<(), RoomGone> {
        self.depart_and_wait(Departure::Left, id)
    }

    /// Leaves because the server stops, and waits until the room has delivered all that was said
    /// in it before. Blocks on the room.
    pub fn close(self) {
        // Of a room that failed there is nothing to wait for.
        _ = self.depart_and_wait(Departure::Closing, None);
    }

    fn depart_and_wait(mut self, departure: Departure, id: Option<Id>) -> Result<(), RoomGone> {
        let (done, delivered) = reply::channel();
        self.depart(departure, id, Some(done))?;
        delivered.wait().map_err(|_| RoomGone)
    }

    /// Sends its leave, and waits for nothing but room in the inbox.
    pub(super) fn depart(
        &mut self,
        departure: Departure,
        id: Option<Id>,
        done: Option<Reply<()>>,
    ) -> Result<(), RoomGone> {
        self.left = true;
        self.inbox.send(Command::Leave { member: self.member, departure, id, done }).map_err(|_| RoomGone)
    }
}

/// See [`RoomHandle::speaker`].
pub(super) struct Speaking {
    member: MemberId,
    inbox: queue::Sender<Command>,
}

impl Speaking {
    /// As [`RoomHandle::park`].
    pub(super) fn park(&self) -> Result<(), RoomGone> {
        self.inbox.send(Command::Park { member: self.member }).map_err(|_| RoomGone)
    }

    /// As [`RoomHandle::say`].
    pub(super) fn say(&self, said: Said, id: Option<Id>) -> Result<(), RoomGone> {
        say(&self.inbox, self.member, said, id)
    }
}

fn say(inbox: &queue::Sender<Command>, member: MemberId, said: Said, id: Option<Id>) -> Result<(), RoomGone> {
    inbox.send(Command::Said { member, said, id }).map_err(|_| RoomGone)
}

impl Drop for RoomHandle {
    fn drop(&mut self) {
        if !self.left {
            // Of a room that failed there is nothing to leave.
            _ = self.depart(Departure::Disconnected, None, None);
        }
    }
}
