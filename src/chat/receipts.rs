//! How far each user of a room has got: which messages were written to their sockets, received and read.
//!
//! Part of a room. Marks are cumulative and only advance. Advances are gathered for a moment before
//! they are announced, so that a round of messages costs a room of n members n receipts and not
//! n for each message. They go to the authors of the messages concerned; how far a user has read goes to the
//! user's other connections too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::members::MemberId;
use super::receipt::{Receipt, ReceiptMark};
use super::ring::Ring;
use super::time::{Moment, Time};
use roomd_protocol::UserName;

/// How long advances are gathered.
pub const GATHERED_FOR: Duration = Duration::from_millis(250);
/// How long in a room that is too large for receipts: each mark is a row in the store, and there are many users.
pub const GATHERED_FOR_LARGE: Duration = Duration::from_secs(2);

/// The marks of one room.
#[derive(Debug, Default)]
pub struct Receipts {
    marks: BTreeMap<(Receipt, UserName), u64>,
    /// Advances that were not announced: from where, to where, and when.
    pending: BTreeMap<(Receipt, UserName), (u64, u64, Time)>,
    /// The users among them who have read something, each with the connection that said so last.
    readers: BTreeMap<UserName, MemberId>,
    /// When they are announced, on the monotonic clock.
    due: Option<Duration>,
}

/// How far a user has got, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// How far.
    pub mark: ReceiptMark,
    /// The mark that was announced before; 0 for none.
    pub from: u64,
}

/// Advances to be stored and announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advances {
    /// By receipt, then user.
    pub advances: Vec<Advance>,
    /// The users to whom they are announced.
    pub authors: BTreeSet<UserName>,
    /// The users who have read something, each with the connection that knows already.
    pub readers: BTreeMap<UserName, MemberId>,
}

impl Receipts {
    /// The marks that the store knows.
    #[must_use]
    pub fn new(marks: Vec<ReceiptMark>) -> Self {
        let marks = marks.into_iter().map(|mark| ((mark.receipt, mark.user), mark.seq)).collect();
        Self { marks, ..Self::default() }
    }

    /// How far a user has got; 0 is before the first message.
    #[must_use]
    pub fn reached(&self, user: &UserName, receipt: Receipt) -> u64 {
        self.marks.get(&(receipt, user.clone())).copied().unwrap_or(0)
    }

    /// A user has got so far. What was read was received.
    pub fn advance(&mut self, user: &UserName, receipt: Receipt, seq: u64, now: Moment) {
        if receipt == Receipt::Read {
            self.advance(user, Receipt::Received, seq, now);
        }
        self.advance_one(user, receipt, seq, (now, GATHERED_FOR));
    }

    /// A user has read so far, on this connection of theirs.
    pub fn read(&mut self, user: &UserName, seq: u64, by: MemberId, now: Moment) {
        self.advance(user, Receipt::Received, seq, now);
        if self.advance_one(user, Receipt::Read, seq, (now, GATHERED_FOR)) {
            self.readers.insert(user.clone(), by);
        }
    }

    /// The same in a room that is too large for receipts: only the user's own connections are told.
    pub fn read_in_large_room(&mut self, user: &UserName, seq: u64, by: MemberId, now: Moment) {
        if self.advance_one(user, Receipt::Read, seq, (now, GATHERED_FOR_LARGE)) {
            self.readers.insert(user.clone(), by);
        }
    }

    /// Whether that is news.
    fn advance_one(
        &mut self,
        user: &UserName,
        receipt: Receipt,
        seq: u64,
        (now, gathered_for): (Moment, Duration),
    ) -> bool {
        let mark = self.marks.entry((receipt, user.clone())).or_insert(0);
        if *mark >= seq {
            return false;
        }
        let old = std::mem::replace(mark, seq);
        let (_, to, at) = self.pending.entry((receipt, user.clone())).or_insert((old, seq, now.at));
        (*to, *at) = (seq, now.at);
        self.due.get_or_insert(now.since_start + gathered_for);
        true
    }

    /// Forgets how far a user has got; what was not announced is not.
    pub fn forget(&mut self, user: &UserName) {
        self.marks.retain(|(_, name), _| name != user);
        self.pending.retain(|(_, name), _| name != user);
        self.readers.remove(user);
    }

    /// A user has got so far, which is announced and stored elsewhere.
    pub fn raise(&mut self, user: &UserName, receipt: Receipt, seq: u64) {
        if seq > 0 {
            let mark = self.marks.entry((receipt, user.clone())).or_insert(0);
            *mark = seq.max(*mark);
        }
    }

    /// When [`Receipts::gather`] has something, on the monotonic clock.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The advances, if they have been gathered for long enough.
    pub fn gather(&mut self, ring: &Ring, now: Duration) -> Option<Advances> {
        self.due.filter(|due| *due <= now)?;
        self.due = None;
        let (pending, readers) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.readers));
        let oldest = pending.values().map(|(from, _, _)| *from).min()?;
        let newest = pending.values().map(|(_, to, _)| *to).max()?;
        let concerned = ring.after(oldest, usize::MAX, usize::MAX).take_while(|message| message.seq <= newest);
        let authors = concerned.map(|message| message.user.clone()).collect();
        let advances = pending
            .into_iter()
            .map(|((receipt, user), (from, seq, at))| Advance { mark: ReceiptMark { user, receipt, seq, at }, from });
        Some(Advances { advances: advances.collect(), authors, readers })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chat::RoomName;
    use crate::chat::message::{Body, Message};

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    fn ring(authors: &[&str]) -> Ring {
        let mut ring = Ring::new(10, usize::MAX, 0, Vec::new());
        for (author, seq) in authors.iter().zip(1..) {
            let (room, body) = (RoomName::parse("r").unwrap(), Body::Text("x".into()));
            ring.push(Arc::new(Message::new(room, user(author), body, seq, Time(0))));
        }
        ring
    }

    fn at(ms: u64) -> Moment {
        Moment { at: Time(ms), since_start: Duration::from_millis(ms) }
    }

    fn shown(advances: Option<Advances>) -> Option<(Vec<String>, Vec<String>)> {
        let Advances { advances, authors, .. } = advances?;
        let shown = |Advance { mark, from }: &Advance| {
            format!("{} {} {from} to {} at {}", mark.user, mark.receipt.as_str(), mark.seq, mark.at.0)
        };
        Some((advances.iter().map(shown).collect(), authors.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn advances_are_gathered_and_told_once_to_the_authors_concerned() {
        let (ring, mut receipts) = (ring(&["Anna", "Bob", "Cleo"]), Receipts::default());
        receipts.advance(&user("Tom"), Receipt::Written, 1, at(0));
        receipts.advance(&user("Tom"), Receipt::Written, 2, at(10));
        receipts.advance(&user("Tom"), Receipt::Written, 1, at(20));
        assert_eq!(receipts.due(), Some(GATHERED_FOR));
        assert_eq!(shown(receipts.gather(&ring, Duration::from_millis(249))), None);
        let told = (vec!["Tom written 0 to 2 at 10".to_owned()], vec!["Anna".to_owned(), "Bob".to_owned()]);
        assert_eq!(shown(receipts.gather(&ring, GATHERED_FOR)), Some(told));
        assert_eq!((receipts.due(), shown(receipts.gather(&ring, GATHERED_FOR))), (None, None));
    }

    #[test]
    fn what_was_read_was_received() {
        let (ring, mut receipts) = (ring(&["Anna", "Bob", "Cleo"]), Receipts::default());
        receipts.advance(&user("Tom"), Receipt::Received, 2, at(0));
        receipts.gather(&ring, GATHERED_FOR);
        receipts.advance(&user("Tom"), Receipt::Read, 3, at(300));
        let told = (
            vec!["Tom received 2 to 3 at 300".to_owned(), "Tom read 0 to 3 at 300".to_owned()],
            vec!["Anna".to_owned(), "Bob".to_owned(), "Cleo".to_owned()],
        );
        assert_eq!(shown(receipts.gather(&ring, Duration::from_secs(1))), Some(told));
    }
}
