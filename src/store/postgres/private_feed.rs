//! What was said in private conversations through other servers, and which of it not all of their users' connections here were
//! entered for yet.
//!
//! The change feed reads it on the thread `subscriber`, with a note or a look; the log of a conversation asks when somebody
//! enters, on the room's thread. Each read takes what was said by transactions that the one before did not see the end of, so
//! nothing is missed; what it finds again was told before, and is remembered as long as it can be found. One mutex, a leaf, held
//! for no statement.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::link::{DatabaseLink, LinkError};
use super::local_attendance::LocalAttendance;
use super::row::number;
use crate::chat::RoomName;

/// Conversations that wait to be dispatched, at most; what was said in another waits for its user's next connection.
const WAITING_MAX: usize = 10_000;

/// See the module.
pub struct PrivateFeed {
    server: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The first transaction whose messages the next read has to look at.
    from: u64,
    /// The newest message of each conversation that was read, and the first transaction that came after it was.
    read: BTreeMap<RoomName, (u64, u64)>,
    /// The first and the newest message of each conversation that were not dispatched.
    waiting: BTreeMap<RoomName, (u64, u64)>,
}

impl PrivateFeed {
    /// The feed of the server of this number, from now on.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn new(link: &mut DatabaseLink, server: i64) -> Result<Self, LinkError> {
        let row = link.row("SELECT pg_snapshot_xmin(pg_current_snapshot())::text", &[])?;
        let row = row.ok_or_else(|| LinkError::Invalid("no snapshot".to_owned()))?;
        let state = State { from: transaction(row.get(0))?, ..State::default() };
        Ok(Self { server, state: Mutex::new(state) })
    }

    /// Reads what was said since the last time; the conversations of users who are here.
    ///
    /// # Errors
    /// It cannot be read now, and is read the next time.
    pub fn read(&self, link: &mut DatabaseLink, local: &LocalAttendance) -> Result<Vec<RoomName>, LinkError> {
        let (from, rooms, newest) = {
            let state = self.state.lock();
            let rooms: Vec<_> = state.read.keys().map(|room| room.as_str().to_owned()).collect();
            let newest: Vec<_> = state.read.values().map(|(newest, _)| number(*newest)).collect();
            (state.from.to_string(), rooms, newest)
        };
        let sql = "SELECT snapshot.begins, snapshot.ends, said.room, said.oldest, said.newest
            FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS begins,
                pg_snapshot_xmax(pg_current_snapshot())::text AS ends) AS snapshot
            LEFT JOIN (
                SELECT f.room, min(f.seq) AS oldest, max(f.seq) AS newest
                FROM private_feed f LEFT JOIN unnest($2::text[], $3::bigint[]) AS known (room, seq) ON known.room = f.room
                WHERE f.said >= $1::text::xid8 AND f.said < pg_snapshot_xmax(pg_current_snapshot())
                    AND f.server <> $4 AND f.seq > coalesce(known.seq, 0)
                GROUP BY f.room
            ) AS said ON true";
        let rows = link.query(sql, &[&from, &rooms, &newest, &self.server])?;
        let Some(snapshot) = rows.first() else { return Ok(Vec::new()) };
        let (begins, ends) = (transaction(snapshot.get(0))?, transaction(snapshot.get(1))?);
        let said = rows.iter().filter_map(|row| {
            let room = RoomName::parse_known(row.get::<_, Option<&str>>(2)?).ok()?;
            Some((room, row.get::<_, i64>(3).cast_unsigned(), row.get::<_, i64>(4).cast_unsigned()))
        });
        let said: Vec<_> = said.collect();
        Ok(self.state.lock().advance((begins, ends), said, |room| concerns(room, local)))
    }

    /// The database is another one, which numbers its transactions anew, from this one on.
    ///
    /// # Errors
    /// It is no number of a transaction.
    pub fn begin_again(&self, since: &str) -> Result<(), LinkError> {
        let since = transaction(since)?;
        let mut state = self.state.lock();
        state.from = state.from.min(since);
        Ok(())
    }

    /// The conversations that wait to be dispatched.
    pub fn waiting(&self) -> Vec<RoomName> {
        self.state.lock().waiting.keys().cloned().collect()
    }

    /// The newest message of a conversation that waits.
    pub fn undispatched(&self, room: &RoomName) -> Option<u64> {
        self.state.lock().waiting.get(room).map(|(_, newest)| *newest)
    }

    /// A conversation is dispatched up to this message.
    pub fn dispatched(&self, room: &RoomName, newest: u64) {
        let mut state = self.state.lock();
        if state.waiting.get(room).is_some_and(|(_, waiting)| *waiting <= newest) {
            state.waiting.remove(room);
        }
    }

    /// The first message of a conversation that waits, or was not read yet.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn undispatched_from(&self, link: &mut DatabaseLink, room: &RoomName) -> Result<Option<u64>, LinkError> {
        // Before it is read: what the change feed takes from there meanwhile is found all the same.
        let (from, known, waiting) = {
            let state = self.state.lock();
            let known = state.read.get(room).map_or(0, |(newest, _)| *newest);
            (state.from.to_string(), known, state.waiting.get(room).map(|(oldest, _)| *oldest))
        };
        let sql = "SELECT min(seq) FROM private_feed WHERE room = $2 AND said >= $1::text::xid8
            AND said < pg_snapshot_xmax(pg_current_snapshot()) AND server <> $4 AND seq > $3";
        let row = link.row(sql, &[&from, &room.as_str(), &number(known), &self.server])?;
        let unread = row.and_then(|row| row.get::<_, Option<i64>>(0)).map(i64::cast_unsigned);
        Ok(waiting.into_iter().chain(unread).min())
    }
}

impl State {
    /// Takes in a read, of a snapshot before whose first transaction all had ended and whose second was yet to come.
    fn advance(
        &mut self,
        (begins, ends): (u64, u64),
        said: Vec<(RoomName, u64, u64)>,
        concerns: impl Fn(&RoomName) -> bool,
    ) -> Vec<RoomName> {
        self.from = begins;
        // Who said it has ended by now: it is not found again.
        self.read.retain(|_, (_, end)| *end > begins);
        let mut rooms = Vec::new();
        for (room, oldest, newest) in said {
            self.read.insert(room.clone(), (newest, ends));
            if !concerns(&room) {
                continue;
            }
            if self.waiting.len() >= WAITING_MAX && !self.waiting.contains_key(&room) {
                log::warn!("more private conversations wait for users here than are remembered");
                continue;
            }
            let waiting = self.waiting.entry(room.clone()).or_insert((oldest, newest));
            *waiting = (waiting.0.min(oldest), waiting.1.max(newest));
            rooms.push(room);
        }
        rooms
    }
}

/// Whether one of the two users is connected here.
fn concerns(room: &RoomName, local: &LocalAttendance) -> bool {
    room.conversation().is_some_and(|(one, other)| local.is_reachable(&one) || local.is_reachable(&other))
}

/// Forgets what was said ten minutes ago.
///
/// # Errors
/// It is forgotten later.
pub fn forget_old(link: &mut DatabaseLink) -> Result<(), LinkError> {
    link.execute("DELETE FROM private_feed WHERE at < now() - interval '10 minutes'", &[]).map(|_| ())
}

fn transaction(text: &str) -> Result<u64, LinkError> {
    text.parse().map_err(|_| LinkError::Invalid("a number of a transaction that is none".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(text: &str) -> RoomName {
        RoomName::parse_known(text).unwrap()
    }

    fn told(state: &mut State, snapshot: (u64, u64), said: &[(&str, u64, u64)]) -> Vec<String> {
        let said = said.iter().map(|(name, oldest, newest)| (room(name), *oldest, *newest)).collect();
        let rooms = state.advance(snapshot, said, |room| *room != self::room("dm:Cy:Dee"));
        rooms.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_read_is_remembered_until_it_cannot_be_found_again() {
        let mut state = State::default();
        assert_eq!(told(&mut state, (10, 12), &[("dm:Ann:Bob", 5, 6), ("dm:Cy:Dee", 1, 1)]), ["dm:Ann:Bob"]);
        let read = |state: &State| state.read.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((state.from, read(&state)), (10, vec!["dm:Ann:Bob".to_owned(), "dm:Cy:Dee".to_owned()]));
        // One that began before has not ended.
        assert_eq!(told(&mut state, (10, 15), &[("dm:Cy:Dee", 2, 2)]), [""; 0]);
        assert_eq!(state.read[&room("dm:Ann:Bob")], (6, 12));
        told(&mut state, (12, 16), &[]);
        assert_eq!(read(&state), ["dm:Cy:Dee"]);
        told(&mut state, (15, 16), &[]);
        assert_eq!(read(&state), [""; 0]);
    }

    #[test]
    fn a_conversation_waits_from_its_first_message_until_it_is_dispatched_up_to_its_newest() {
        let feed = PrivateFeed { server: 1, state: Mutex::default() };
        let ann_bob = room("dm:Ann:Bob");
        told(&mut feed.state.lock(), (1, 2), &[("dm:Ann:Bob", 5, 6)]);
        told(&mut feed.state.lock(), (3, 4), &[("dm:Ann:Bob", 7, 7)]);
        assert_eq!((feed.waiting(), feed.undispatched(&ann_bob)), (vec![ann_bob.clone()], Some(7)));
        assert_eq!(feed.state.lock().waiting[&ann_bob], (5, 7));
        feed.dispatched(&ann_bob, 6);
        assert_eq!(feed.undispatched(&ann_bob), Some(7), "more was said meanwhile");
        feed.dispatched(&ann_bob, 7);
        assert_eq!((feed.waiting(), feed.undispatched(&ann_bob)), (vec![], None));
    }

    #[test]
    fn no_more_wait_than_are_remembered() {
        let mut state = State::default();
        let said = (0..=WAITING_MAX).map(|n| (room(&format!("dm:Ann:user{n}")), 1, 1)).collect();
        assert_eq!(state.advance((1, 2), said, |_| true).len(), WAITING_MAX);
        assert_eq!(told(&mut state, (2, 3), &[("dm:Ann:user0", 2, 2)]), ["dm:Ann:user0"]);
    }
}
