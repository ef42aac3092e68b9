//! What maintenance has still to do, counted by room: messages that are to be merged, or indexed.
//!
//! Rooms take turns, so that a slice finds as many messages of a room as have come since its last turn: the more they
//! are, the fewer pages each of them costs.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::message_key::RoomId;

/// An amount of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many.
    pub messages: usize,
    /// Bytes of their bodies.
    pub bytes: usize,
}

impl Lag {
    fn plus(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, bytes: self.bytes + other.bytes }
    }

    fn minus(self, other: Self) -> Self {
        let bytes = self.bytes.saturating_sub(other.bytes);
        Self { messages: self.messages.saturating_sub(other.messages), bytes }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct RoomLags {
    /// At least what each room has; a room that has nothing is not there.
    rooms: BTreeMap<i64, Lag>,
    /// The sum of the above.
    sum: Lag,
    /// The room whose turn was the last.
    last: i64,
}

impl RoomLags {
    /// Adds messages of a room.
    pub fn add(&mut self, room: RoomId, more: Lag) {
        let lag = self.rooms.entry(room.0).or_default();
        *lag = lag.plus(more);
        self.sum = self.sum.plus(more);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether there are so many messages, or so many bytes.
    pub fn reaches(&self, bound: Lag) -> bool {
        self.sum.messages >= bound.messages || self.sum.bytes >= bound.bytes
    }

    /// The rooms, in the order of their turns.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> {
        let after = self.rooms.range((Bound::Excluded(self.last), Bound::Unbounded));
        after.chain(self.rooms.range(..=self.last)).map(|(room, _)| RoomId(*room))
    }

    /// The room has had its turn, in which so much was done; `complete`: nothing is left.
    pub fn reduce(&mut self, room: RoomId, done: Lag, complete: bool) {
        let Some(lag) = self.rooms.get_mut(&room.0) else { return };
        let before = *lag;
        if complete {
            *lag = Lag::default();
            self.last = room.0;
        } else {
            // It has its turn again, and at least one message.
            *lag = lag.minus(done);
            lag.messages = lag.messages.max(1);
        }
        let after = *lag;
        self.sum = self.sum.minus(before).plus(after);
        if complete {
            self.rooms.remove(&room.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lag(messages: usize) -> Lag {
        Lag { messages, bytes: messages * 10 }
    }

    fn rooms(lags: &RoomLags) -> Vec<i64> {
        lags.rooms().map(|room| room.0).collect()
    }

    #[test]
    fn rooms_take_turns_and_one_that_is_not_done_stays_the_next() {
        let mut lags = RoomLags::default();
        [1, 2, 3].into_iter().for_each(|room| lags.add(RoomId(room), lag(4)));
        assert!(lags.reaches(lag(12)) && !lags.reaches(lag(13)));
        lags.reduce(RoomId(1), lag(4), true);
        lags.reduce(RoomId(2), lag(1), false);
        lags.add(RoomId(1), lag(1));
        assert_eq!(rooms(&lags), [2, 3, 1]);
        assert!(lags.reaches(lag(8)) && !lags.reaches(lag(9)));
        lags.reduce(RoomId(2), lag(3), true);
        lags.reduce(RoomId(3), lag(4), true);
        lags.add(RoomId(2), lag(1));
        assert_eq!(rooms(&lags), [1, 2]);
        [1, 2].into_iter().for_each(|room| lags.reduce(RoomId(room), lag(1), true));
        assert!(lags.is_empty() && !lags.reaches(lag(1)));
    }
}
