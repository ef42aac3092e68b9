//! The insert buffer: the newest messages of all rooms, in the order in which they were stored.
//!
//! A message among those of its room changes a page of `messages` and a page of `mids`, and a transaction has messages of
//! many rooms: writing these pages was two thirds of what SQLite takes for a message. So a message is appended to the
//! buffer, where those of a transaction share a few pages, and maintenance merges a room's messages when there are some.
//! A transaction of few rooms would gain nothing, and its messages go where they belong at once.
//! The view `history` has both tables, and whoever reads reads that. A message is in one of them at any moment; it is
//! merged before it is edited, indexed or deleted. What is stored is stored in either: this is no cache.
//!
//! A buffered message's `mid` is not in `mids` yet. The journal keeps those in memory, and reads them anew after a
//! transaction that failed, so they are those of the file.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::message_key::{RoomId, seq_of};
use crate::chat::{Mid, Time, UserName};
use crate::store::columns::time;

/// Rooms of a transaction, at most, whose messages are not buffered.
const FEW_ROOMS: usize = 4;
/// `mid`s in memory, at most; beyond it messages are not buffered. Ordinarily maintenance keeps them to a thousand.
const MIDS_MAX: usize = 16_384;

/// Moves what is between two keys to where it belongs.
const MERGE: [&str; 3] = [
    "INSERT INTO messages (place, kind, at, user, friend, mid, body, reply, reaction, key, data)
        SELECT place, kind, at, user, friend, mid, body, reply, reaction, key, data FROM buffered
        WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
    "INSERT INTO mids (room, user, mid, seq, at)
        SELECT place >> 40, user, mid, place & ((1 << 40) - 1), at FROM buffered
        WHERE place BETWEEN ?1 AND ?2 AND mid IS NOT NULL ORDER BY place",
    "DELETE FROM buffered WHERE place BETWEEN ?1 AND ?2",
];

/// The number and time of a room's buffered messages, by their author and `mid`.
type RoomMids = HashMap<(UserName, Mid), (u64, Time)>;

/// The `mid`s of buffered messages. It may have some that were merged meanwhile: `mids` says the same about them.
#[derive(Default)]
pub struct BufferedMids {
    /// By room; `None`: not read yet.
    rooms: Option<HashMap<i64, RoomMids>>,
    count: usize,
    /// Whether messages of this transaction are buffered.
    buffers: bool,
}

impl BufferedMids {
    /// Begins a transaction of so many rooms: reads the `mid`s, unless they are known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn begin(&mut self, connection: &Connection, rooms: usize) -> rusqlite::Result<()> {
        self.load(connection)?;
        // If they are so many, maintenance fails, and what waits for it must not grow.
        self.buffers = rooms > FEW_ROOMS && self.count < MIDS_MAX;
        Ok(())
    }

    fn load(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.rooms.is_some() {
            return Ok(());
        }
        (self.rooms, self.count) = (Some(HashMap::new()), 0);
        let read = self.read(connection);
        if read.is_err() {
            self.forget();
        }
        read
    }

    fn read(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut select =
            connection.prepare_cached("SELECT place, at, user, mid FROM buffered WHERE mid IS NOT NULL")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (key, at) = (row.get(0)?, time(row.get(1)?));
            let (user, mid) = (UserName::stored(row.get_ref(2)?.as_str()?), Mid::stored(row.get_ref(3)?.as_str()?));
            self.add(RoomId::of(key), user, mid, (seq_of(key), at));
        }
        Ok(())
    }

    /// The number and time of the buffered message with this `mid`, if there is one.
    pub fn find(&self, room: RoomId, user: &UserName, mid: &Mid) -> Option<(u64, Time)> {
        let mids = self.rooms.as_ref()?.get(&room.0)?;
        mids.get(&(user.clone(), mid.clone())).copied()
    }

    /// Adds that of a message that was buffered.
    pub fn add(&mut self, room: RoomId, user: UserName, mid: Mid, message: (u64, Time)) {
        let mids = self.rooms.get_or_insert_default().entry(room.0).or_default();
        self.count += usize::from(mids.insert((user, mid), message).is_none());
    }

    /// Whether the messages of this transaction are buffered.
    pub fn buffers(&self) -> bool {
        self.buffers
    }

    /// The room's messages were merged, or the room has ended.
    pub fn remove(&mut self, room: RoomId) {
        let removed = self.rooms.as_mut().and_then(|rooms| rooms.remove(&room.0));
        self.count -= removed.map_or(0, |mids| mids.len());
    }

    /// A transaction failed: what is known may not be in the file.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// What a slice has merged of a room.
#[derive(Clone, Copy, Debug)]
pub struct MergeSlice {
    /// Messages.
    pub messages: usize,
    /// Whether no message of the room is buffered any more.
    pub complete: bool,
}

/// Merges the room's oldest buffered messages, about `count` of them.
///
/// # Errors
/// The transaction must be rolled back.
pub fn merge(connection: &Connection, room: RoomId, count: usize) -> rusqlite::Result<MergeSlice> {
    let sql = "SELECT min(place), max(place) FROM buffered WHERE place BETWEEN ?1 AND ?2";
    let ends = connection.prepare_cached(sql)?.query_row([room.key(0), room.key(u64::MAX)], |row| {
        Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
    })?;
    let Some((oldest, newest)) = ends else { return Ok(MergeSlice { messages: 0, complete: true }) };
    let last = newest.min(oldest.saturating_add(i64::try_from(count).unwrap_or(i64::MAX).saturating_sub(1)));
    let messages = merge_between(connection, oldest, last)?;
    Ok(MergeSlice { messages, complete: last == newest })
}

/// Merges the room's buffered messages up to the number `seq`.
///
/// # Errors
/// The transaction must be rolled back.
pub fn merge_until(connection: &Connection, room: RoomId, seq: u64) -> rusqlite::Result<()> {
    merge_between(connection, room.key(0), room.key(seq)).map(|_| ())
}

/// Merges all that is buffered.
///
/// # Errors
/// The transaction must be rolled back.
pub fn merge_all(connection: &Connection) -> rusqlite::Result<()> {
    merge_between(connection, i64::MIN, i64::MAX).map(|_| ())
}

fn merge_between(connection: &Connection, first: i64, last: i64) -> rusqlite::Result<usize> {
    let mut messages = 0;
    for (number, sql) in MERGE.iter().enumerate() {
        let changed = connection.prepare_cached(sql)?.execute(params![first, last])?;
        if number == 0 {
            messages = changed;
        }
        if messages == 0 {
            break;
        }
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use rusqlite::OptionalExtension as _;

    use super::super::schema;
    use super::super::sequence::Sequence;
    use super::*;
    use crate::chat::members::MemberId;
    use crate::chat::{AuthLevel, Draft, Operation, Outcome, Publication, RoomName, Speaker};

    fn history() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, 0).unwrap();
        connection
    }

    /// Buffers the messages with these numbers.
    fn buffer(connection: &Connection, room: RoomId, seqs: impl IntoIterator<Item = u64>) {
        let sql = "INSERT INTO buffered (place, kind, at, user, mid, body) VALUES (?1, 0, ?2, 'Ann', ?3, 'hello')";
        for seq in seqs {
            connection.execute(sql, params![room.key(seq), seq.cast_signed(), format!("m{seq}")]).unwrap();
        }
    }

    fn count(connection: &Connection, table: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_slice_merges_the_oldest_of_one_room_with_their_mids() {
        let connection = history();
        let (one, two) = (RoomId(1), RoomId(2));
        for seq in 1..=5 {
            buffer(&connection, two, [seq]);
            buffer(&connection, one, [seq]);
        }
        let slice = merge(&connection, one, 3).unwrap();
        assert_eq!((slice.messages, slice.complete), (3, false));
        let tables = ["messages", "mids", "buffered", "history"];
        assert_eq!(tables.map(|table| count(&connection, table)), [3, 3, 7, 10]);
        let slice = merge(&connection, one, 3).unwrap();
        assert_eq!((slice.messages, slice.complete), (2, true));
        assert!(merge(&connection, one, 3).unwrap().complete);
        merge_until(&connection, two, 4).unwrap();
        assert_eq!(tables.map(|table| count(&connection, table)), [9, 9, 1, 10]);
        let sql = "SELECT seq, at FROM mids WHERE room = 2 AND user = 'Ann' AND mid = 'm4'";
        assert_eq!(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))), Ok((4, 4)));
        merge_all(&connection).unwrap();
        assert_eq!(tables.map(|table| count(&connection, table)), [10, 10, 0, 10]);
    }

    #[test]
    fn a_transaction_of_many_rooms_is_buffered_one_of_few_is_not_and_each_mid_is_published_once() {
        let connection = history();
        let (mut mids, name) = (BufferedMids::default(), RoomName::parse("den").unwrap());
        let mut sequence = Sequence { room: None, name, epoch: "e1".into(), newest: 0 };
        for (rooms, mid, seq, repeats) in [
            (FEW_ROOMS + 1, "a", 1, false),
            (FEW_ROOMS, "b", 2, false),
            (FEW_ROOMS, "a", 1, true),
            (FEW_ROOMS + 1, "b", 2, true),
            (FEW_ROOMS + 1, "c", 3, false),
            (1, "c", 3, true),
        ] {
            mids.begin(&connection, rooms).unwrap();
            let speaker = Speaker {
                member: MemberId(1),
                user: UserName::stored("Ann"),
                auth_level: AuthLevel::Guest,
                has_own_rate: false,
            };
            let publication = Publication { mid: Mid::parse(mid).ok(), ..Publication::text("hello") };
            let operation = Operation::Publish { to: None, publication };
            let outcomes = sequence.append(&connection, &mut mids, &[Draft::new(speaker, operation, Time(7))]);
            let expected = match repeats {
                false => Outcome::Stored { seq },
                true => Outcome::Repeat { seq, at: Time(7) },
            };
            assert_eq!(outcomes, Ok(vec![expected]));
        }
        assert_eq!(["messages", "mids", "buffered"].map(|table| count(&connection, table)), [1, 1, 2]);
        merge_all(&connection).unwrap();
        assert_eq!(["messages", "mids", "buffered"].map(|table| count(&connection, table)), [3, 3, 0]);
    }

    #[test]
    fn the_mids_of_a_file_are_read_once_and_again_after_a_failure() {
        let connection = history();
        let (room, user, mid) = (RoomId(7), UserName::stored("Ann"), Mid::stored("m2"));
        buffer(&connection, room, 1..=2);
        let mut mids = BufferedMids::default();
        mids.load(&connection).unwrap();
        assert_eq!(mids.find(room, &user, &mid), Some((2, Time(2))));
        assert_eq!(mids.find(RoomId(8), &user, &mid), None);
        mids.add(room, user.clone(), Mid::stored("m3"), (3, Time(3)));
        mids.load(&connection).unwrap();
        assert!(mids.find(room, &user, &Mid::stored("m3")).is_some());
        mids.forget();
        mids.load(&connection).unwrap();
        assert!(mids.find(room, &user, &Mid::stored("m3")).is_none());
        assert_eq!(mids.count, 2);
        mids.remove(room);
        assert_eq!((mids.find(room, &user, &mid), mids.count), (None, 0));
    }

    #[test]
    fn the_view_is_read_through_the_keys_of_both_tables() {
        let connection = history();
        for sql in [
            "SELECT * FROM history WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 9",
            "SELECT * FROM history WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT 9",
            "SELECT * FROM history WHERE place = ?1 OR place = ?2",
            "SELECT room FROM rooms WHERE room IN (?1, ?2) AND EXISTS (
                SELECT 1 FROM history WHERE place BETWEEN room << 40 AND (room << 40) + 9)",
        ] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = plan.query_map([1, 2], |row| row.get::<_, String>("detail")).unwrap();
            let steps: Vec<_> = steps.map(Result::unwrap).collect();
            let reads = |step: &&String| step.contains("messages") || step.contains("buffered");
            assert!(steps.iter().filter(reads).count() >= 2, "{steps:#?}");
            let slow = |step: &String| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
            assert!(!steps.iter().any(slow), "{sql}: {steps:#?}");
        }
        let nothing = connection.query_row("SELECT place FROM history", [], |row| row.get::<_, i64>(0)).optional();
        assert_eq!(nothing, Ok(None));
    }
}
