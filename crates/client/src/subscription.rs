//! Where a client stands in one room: what it has been shown, and what it may still be owed.
//!
//! A value, used by the core. The invariant: within an epoch a message is let through once, and the
//! position that is asked for after a broken connection is never beyond a message that was not.

use super::event::{Gap, Joined, Message};
use roomd_protocol::JOIN_HISTORY_MAX;

/// How far the room is entered on the present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be entered.
    Wanted,
    /// Asked for, under this `id`.
    Asked(u64),
    /// In it.
    In,
}

/// A room that the program has joined.
#[derive(Clone, Debug)]
pub struct Place {
    /// How far it is entered.
    pub standing: Standing,
    /// The history that the numbers belong to; `None` when it is not known, and nothing to go on from.
    epoch: Option<String>,
    /// The number of the newest message that was let through; 0 is before the first.
    seen: u64,
    /// Messages up to here need not be asked for, whether or not they were let through.
    base: u64,
    /// Messages up to here were there when the room was entered.
    horizon: u64,
}

impl Place {
    /// The room was entered for the first time, with as many of its newest messages to follow. They
    /// are owed until [`Place::settle`]: a connection may break in the middle of them.
    #[must_use]
    pub fn entered(joined: &Joined, history: usize) -> Self {
        Self {
            standing: Standing::In,
            epoch: Some(joined.epoch.clone()),
            seen: 0,
            base: joined.seq.saturating_sub(history as u64),
            horizon: joined.seq,
        }
    }

    /// The connection broke.
    pub fn lose(&mut self) {
        self.standing = Standing::Wanted;
        self.seen = self.position();
    }

    /// Where to go on from: the epoch, and the last message that was seen.
    #[must_use]
    pub fn since(&self) -> Option<(&str, u64)> {
        self.epoch.as_deref().map(|epoch| (epoch, self.position()))
    }

    /// The room was entered again. Writes into `joined` how much was missed and follows, or says what
    /// is lost.
    pub fn entered_again(&mut self, joined: &mut Joined) -> Option<Gap> {
        let known = self.epoch.replace(joined.epoch.clone());
        let same = known.as_ref() == Some(&joined.epoch);
        let newest = joined.seq.saturating_sub(JOIN_HISTORY_MAX as u64);
        self.standing = Standing::In;
        self.horizon = joined.seq;
        if same && joined.recovered {
            joined.missed = joined.seq.saturating_sub(self.position());
            return None;
        }
        if !same {
            self.seen = 0;
            self.base = newest;
        }
        self.base = self.base.max(newest);
        known?;
        let reason = joined.reason.clone().unwrap_or_else(|| "epoch_changed".to_owned());
        Some(Gap { room: joined.room.clone(), missed: None, reason })
    }

    /// A session was taken up with this room in it, and so many messages follow: as what the program is
    /// told. Who is in the room is not said again.
    pub fn resumed(&mut self, room: String, missed: u64) -> Joined {
        self.standing = Standing::In;
        self.horizon = self.position() + missed;
        let epoch = self.epoch.clone().unwrap_or_default();
        let (seq, members, count) = (self.horizon, Vec::new(), None);
        Joined { room, epoch, seq, members, count, missed, recovered: true, reason: None }
    }

    /// A session was taken up with this room in it, but what was missed is lost. Where it goes on is
    /// known only if the server says so.
    pub fn resumed_elsewhere(&mut self, epoch: Option<String>, seq: Option<u64>) {
        let seq = seq.unwrap_or(0);
        *self = Self { standing: Standing::In, epoch, seen: 0, base: seq, horizon: seq };
    }

    /// What followed the last entering has all arrived.
    pub fn settle(&mut self) {
        self.base = self.base.max(self.horizon);
    }

    /// Whether this message is new here; marks it if it was published before the room was entered.
    pub fn admit(&mut self, message: &mut Message) -> bool {
        message.replayed = message.seq <= self.horizon;
        if message.seq <= self.seen {
            return false;
        }
        self.seen = message.seq;
        true
    }

    fn position(&self) -> u64 {
        self.seen.max(self.base)
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
            members: Vec::new(),
            count: None,
            missed: 0,
            recovered: reason.is_none(),
            reason: reason.map(str::to_owned),
        }
    }

    /// The numbers that are let through, and whether each is a replay.
    fn shown(place: &mut Place, seqs: impl IntoIterator<Item = u64>) -> Vec<(u64, bool)> {
        let message = |seq| Message {
            edited: None,
            room: "r".to_owned(),
            user: "A".to_owned(),
            to: None,
            text: None,
            cipher: None,
            seq,
            mid: None,
            at: String::new(),
            reply_to: None,
            react_to: None,
            replayed: false,
            own: false,
        };
        let mut messages: Vec<_> = seqs.into_iter().map(message).collect();
        messages.retain_mut(|message| place.admit(message));
        messages.iter().map(|message| (message.seq, message.replayed)).collect()
    }

    #[test]
    fn a_history_that_was_cut_is_asked_for_from_where_it_was_cut() {
        let mut place = Place::entered(&joined("e", 41, None), 20);
        assert_eq!(place.since(), Some(("e", 21)));
        assert_eq!(shown(&mut place, 22..=30).len(), 9);
        place.lose();
        assert_eq!(place.since(), Some(("e", 30)));
        let mut again = joined("e", 43, None);
        assert_eq!(place.entered_again(&mut again), None);
        assert_eq!(again.missed, 13);
        assert_eq!(shown(&mut place, 29..=44).first(), Some(&(31, true)));
        assert_eq!(place.since(), Some(("e", 44)));
    }

    #[test]
    fn a_history_that_is_over_is_not_asked_for_again() {
        let mut place = Place::entered(&joined("e", 41, None), 20);
        place.settle();
        assert_eq!(place.since(), Some(("e", 41)));
        // Even if what was owed comes late, it is let through.
        assert_eq!(shown(&mut place, [40, 41, 42]), [(40, true), (41, true), (42, false)]);
    }

    #[test]
    fn what_the_server_no_longer_has_is_a_gap_and_nothing_is_shown_twice() {
        let mut place = Place::entered(&joined("e", 0, None), 20);
        shown(&mut place, 1..=5);
        place.lose();
        let gap = place.entered_again(&mut joined("e", 900, Some("too_old"))).unwrap();
        assert_eq!(gap.reason, "too_old");
        assert_eq!(shown(&mut place, [4, 5, 701, 702]), [(701, true), (702, true)]);
    }

    #[test]
    fn another_epoch_is_a_gap_and_its_numbers_are_new() {
        let mut place = Place::entered(&joined("e", 10, None), 0);
        shown(&mut place, [11]);
        place.lose();
        let gap = place.entered_again(&mut joined("f", 3, Some("epoch_changed"))).unwrap();
        assert_eq!(gap.reason, "epoch_changed");
        assert_eq!(shown(&mut place, [1, 2, 3, 3, 4]), [(1, true), (2, true), (3, true), (4, false)]);
        assert_eq!(place.since(), Some(("f", 4)));
    }
}
