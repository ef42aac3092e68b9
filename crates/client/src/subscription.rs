//! A room that the program has joined: what it was shown, and what the server still has to replay.
//!
//! A value, used by the state machine. The invariant: within an epoch a message is delivered once, and
//! the position that is requested after a broken connection never skips an undelivered message.

use super::event::Gap;
use super::group::Group;
use super::message::Message;
use super::response::Joined;
use super::server_event::ResumedRoom;
use roomd_protocol::JOIN_HISTORY_MAX;

/// Whether the room is joined on the current connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinState {
    /// A join has to be sent.
    Needed,
    /// A join was sent under this `id`.
    Sent(u64),
    /// The client is in the room.
    Joined,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Whether the room is joined on the current connection.
    pub state: JoinState,
    /// The history that the numbers belong to; `None` when it is unknown, and there is no position to
    /// continue from.
    epoch: Option<String>,
    /// The number of the newest delivered message; 0 before the first.
    delivered: u64,
    /// Messages up to this number need not be requested, whether or not they were delivered.
    base: u64,
    /// The newest message at the time of the join: those up to here are replays.
    replay_end: u64,
    /// The group in which the program is in the room: what others of it are given, this one does not miss.
    pub group: Option<Group>,
}

impl Subscription {
    /// The room was joined for the first time; up to `history` of its newest messages follow. They count
    /// as missing until [`Subscription::finish_replay`], because a connection may break among them.
    #[must_use]
    pub fn new(joined: &Joined, history: usize, group: Option<Group>) -> Self {
        Self {
            state: JoinState::Joined,
            epoch: Some(joined.epoch.clone()),
            delivered: 0,
            base: joined.seq.saturating_sub(history as u64),
            replay_end: joined.seq,
            group,
        }
    }

    /// The connection was lost.
    pub fn disconnect(&mut self) {
        self.state = JoinState::Needed;
        self.delivered = self.last_seq();
    }

    /// Where to continue: the epoch, and the number of the last message that is not needed again.
    #[must_use]
    pub fn position(&self) -> Option<(&str, u64)> {
        self.epoch.as_deref().map(|epoch| (epoch, self.last_seq()))
    }

    /// The room was joined again. Writes into `joined` how many missed messages follow, or returns the
    /// gap.
    pub fn rejoin(&mut self, joined: &mut Joined) -> Option<Gap> {
        let known = self.epoch.replace(joined.epoch.clone());
        let same = known.as_ref() == Some(&joined.epoch);
        let newest = joined.seq.saturating_sub(JOIN_HISTORY_MAX as u64);
        self.state = JoinState::Joined;
        self.replay_end = joined.seq;
        if self.group.is_some() {
            self.base = joined.seq;
        }
        if same && joined.recovered {
            joined.missed = joined.seq.saturating_sub(self.last_seq());
            return None;
        }
        if !same {
            self.delivered = 0;
            self.base = newest;
        }
        self.base = self.base.max(newest);
        known?;
        let reason = joined.reason.clone().unwrap_or_else(|| "epoch_changed".to_owned());
        Some(Gap { room: joined.room.clone(), missed: None, conflated: 0, reason })
    }

    /// The session was resumed with this room in it, and the missed messages follow. Returns what the
    /// program is told; the server does not repeat the members.
    pub fn resume(&mut self, room: String, answer: ResumedRoom) -> Joined {
        let ResumedRoom { missed, epoch, read, .. } = answer;
        self.state = JoinState::Joined;
        self.replay_end = self.last_seq().saturating_add(missed);
        // A client whose `joined` was lost with its connection learns the epoch here.
        self.epoch = epoch.or(self.epoch.take());
        let epoch = self.epoch.clone().unwrap_or_default();
        let (seq, members, count) = (self.replay_end, Vec::new(), None);
        Joined { room, epoch, seq, read, members, count, missed, recovered: true, reason: None, room_rate: None }
    }

    /// The session was resumed with this room in it, but the missed messages are lost. The position is
    /// known only if the server names it.
    pub fn resume_after_gap(&mut self, epoch: Option<String>, seq: Option<u64>) {
        let seq = seq.unwrap_or(0);
        let group = self.group.take();
        *self = Self { state: JoinState::Joined, epoch, delivered: 0, base: seq, replay_end: seq, group };
    }

    /// The replay after the last join has arrived completely.
    pub fn finish_replay(&mut self) {
        self.base = self.base.max(self.replay_end);
    }

    /// Whether this message is new and is to be delivered; marks it if it is a replay.
    pub fn deliver(&mut self, message: &mut Message) -> bool {
        if message.ephemeral.is_some() || message.group.is_some() {
            // It is in no history, so it comes once; or it is this program's, and may have been before.
            return true;
        }
        message.replayed = message.seq <= self.replay_end;
        if message.seq <= self.delivered {
            return false;
        }
        self.delivered = message.seq;
        true
    }

    fn last_seq(&self) -> u64 {
        self.delivered.max(self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(epoch: &str, seq: u64, reason: Option<&str>) -> Joined {
        Joined {
            room: "r".to_owned(),
            epoch: epoch.to_owned(),
            seq,
            read: 0,
            members: Vec::new(),
            count: None,
            missed: 0,
            recovered: reason.is_none(),
            reason: reason.map(str::to_owned),
            room_rate: None,
        }
    }

    fn message(seq: u64) -> Message {
        Message {
            edited: None,
            room: "r".to_owned(),
            user: "A".to_owned(),
            to: None,
            text: None,
            note: None,
            cipher: None,
            data: None,
            seq,
            ephemeral: None,
            mid: None,
            key: None,
            at: String::new(),
            reply_to: None,
            react_to: None,
            group: None,
            redelivered: false,
            missed: 0,
            replayed: false,
            own: false,
        }
    }

    /// The numbers that are delivered, and whether each is a replay.
    fn delivered(subscription: &mut Subscription, seqs: impl IntoIterator<Item = u64>) -> Vec<(u64, bool)> {
        let mut messages: Vec<_> = seqs.into_iter().map(message).collect();
        messages.retain_mut(|message| subscription.deliver(message));
        messages.iter().map(|message| (message.seq, message.replayed)).collect()
    }

    #[test]
    fn a_history_that_was_cut_off_is_requested_from_where_it_was_cut() {
        let mut subscription = Subscription::new(&joined("e", 41, None), 20, None);
        assert_eq!(subscription.position(), Some(("e", 21)));
        assert_eq!(delivered(&mut subscription, 22..=30).len(), 9);
        subscription.disconnect();
        assert_eq!(subscription.position(), Some(("e", 30)));
        let mut again = joined("e", 43, None);
        assert_eq!(subscription.rejoin(&mut again), None);
        assert_eq!(again.missed, 13);
        assert_eq!(delivered(&mut subscription, 29..=44).first(), Some(&(31, true)));
        assert_eq!(subscription.position(), Some(("e", 44)));
    }

    #[test]
    fn a_history_that_has_arrived_is_not_requested_again() {
        let mut subscription = Subscription::new(&joined("e", 41, None), 20, None);
        subscription.finish_replay();
        assert_eq!(subscription.position(), Some(("e", 41)));
        // A replay that arrives late is delivered all the same.
        assert_eq!(delivered(&mut subscription, [40, 41, 42]), [(40, true), (41, true), (42, false)]);
    }

    #[test]
    fn what_the_server_no_longer_has_is_a_gap_and_nothing_is_delivered_twice() {
        let mut subscription = Subscription::new(&joined("e", 0, None), 20, None);
        delivered(&mut subscription, 1..=5);
        subscription.disconnect();
        let gap = subscription.rejoin(&mut joined("e", 900, Some("too_old"))).unwrap();
        assert_eq!(gap.reason, "too_old");
        assert_eq!(delivered(&mut subscription, [4, 5, 701, 702]), [(701, true), (702, true)]);
    }

    #[test]
    fn another_epoch_is_a_gap_and_its_numbers_are_new() {
        let mut subscription = Subscription::new(&joined("e", 10, None), 0, None);
        delivered(&mut subscription, [11]);
        subscription.disconnect();
        let gap = subscription.rejoin(&mut joined("f", 3, Some("epoch_changed"))).unwrap();
        assert_eq!(gap.reason, "epoch_changed");
        assert_eq!(delivered(&mut subscription, [1, 2, 3, 3, 4]), [(1, true), (2, true), (3, true), (4, false)]);
        assert_eq!(subscription.position(), Some(("f", 4)));
    }

    #[test]
    fn a_member_of_a_group_misses_nothing_and_may_be_given_what_it_had() {
        let group = Some(Group::new("agents"));
        let mut subscription = Subscription::new(&joined("e", 3, None), 0, group.clone());
        let given = |seq| Message { group: Some("agents".to_owned()), ..message(seq) };
        assert!([4, 7, 4].map(|seq| subscription.deliver(&mut given(seq))).iter().all(|is_new| *is_new));
        subscription.disconnect();
        let mut again = joined("e", 9, None);
        assert_eq!((subscription.rejoin(&mut again), again.missed), (None, 0));
        assert_eq!(subscription.resume_after_gap(Some("f".to_owned()), Some(0)), ());
        assert_eq!(subscription.group, group);
    }

    #[test]
    fn numbers_at_the_end_of_their_range_overflow_nothing() {
        let mut subscription = Subscription::new(&joined("e", u64::MAX, None), 20, None);
        assert_eq!(delivered(&mut subscription, [u64::MAX]), [(u64::MAX, true)]);
        let (missed, epoch, read) = (u64::MAX, None, 0);
        let answer = ResumedRoom { recovered: true, missed, reason: None, epoch, seq: None, read };
        assert_eq!(subscription.resume("r".to_owned(), answer).seq, u64::MAX);
        assert_eq!(subscription.position(), Some(("e", u64::MAX)));
    }
}
