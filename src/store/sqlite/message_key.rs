//! The primary key of a message: one integer, made of its room and its number in the room.
//!
//! It keeps the messages of a room side by side in their order, so no second index is needed. In the schema the column
//! is called `place`. Pure; used by whatever reads or writes messages.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::store::jsonl::SEQ_MAX;

/// Bits of a key that are the message's number in its room; those above are the room's.
const SEQ_BITS: u32 = 40;
const _: () = assert!(SEQ_MAX == (1 << SEQ_BITS) - 1, "the greatest number fills its part of a key");

/// A room's number in the file, of 23 bits: the schema refuses a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomId(pub i64);

impl RoomId {
    /// The room of the message at `key`.
    pub fn of(key: i64) -> Self {
        Self(key >> SEQ_BITS)
    }

    /// The key of the room's message `seq`. A number that is too great has the key of the greatest.
    pub fn key(self, seq: u64) -> i64 {
        let seq = i64::try_from(seq.min(SEQ_MAX)).expect("40 bits fit in 63");
        self.0 << SEQ_BITS | seq
    }
}

/// The number in its room of the message at `key`.
pub fn seq_of(key: i64) -> u64 {
    u64::try_from(key).map_or(0, |key| key & SEQ_MAX)
}

impl ToSql for RoomId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for RoomId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_by_room_and_then_by_number() {
        let (one, last) = (RoomId(1), RoomId(8_388_607));
        assert!(one.key(SEQ_MAX) < RoomId(2).key(0));
        assert_eq!(last.key(SEQ_MAX), i64::MAX);
        for seq in [0, 1, 77, SEQ_MAX] {
            assert_eq!(seq_of(last.key(seq)), seq);
        }
        assert_eq!(seq_of(one.key(u64::MAX)), SEQ_MAX);
    }
}
