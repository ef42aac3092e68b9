//! The new messages of many rooms, read in one statement by who hears that the rooms have gone on.
//!
//! Where other servers store messages of many rooms at once, a statement for each room would cost more than the messages. So
//! the change feed reads them together, and each room's log finds its part in what it shows of itself ([`Progress`]). What the log
//! has told meanwhile is left out; where more than messages was stored, or too much, it reads for itself.

use std::sync::Arc;

use super::catch_up::{BYTES, Change, MESSAGES, Part};
use super::history::Standing;
use super::link::{DatabaseLink, LinkError};
use super::open_rooms::Progress;
use super::row::{number, read as read_message};
use crate::chat::{Message, RoomName};

/// The messages of a room after some number.
#[derive(Debug)]
pub struct ReadAhead {
    /// The row's id.
    id: i64,
    /// The history's epoch.
    epoch: String,
    /// The number after which they stand.
    after: u64,
    /// The room's version when they were read: there are no changes to read beside them.
    version: u64,
    /// The room's newest number then.
    newest: u64,
    /// In the room's order.
    messages: Vec<Message>,
}

impl ReadAhead {
    /// Takes what follows for a log that stands there, up to a number; `None`: it is not known what follows.
    pub fn take(&mut self, standing: &Standing, newest_max: u64) -> Option<Part> {
        let is_of_room = (self.id, &*self.epoch) == (standing.id, &*standing.epoch);
        if !is_of_room || self.version != standing.version || self.after > standing.newest {
            return None;
        }
        let end = self.messages.partition_point(|message| message.seq <= newest_max.max(standing.newest));
        let messages = self.messages.drain(..end).filter(|message| message.seq > standing.newest);
        let changes: Vec<_> = messages.map(|message| Change::message(message, standing.version)).collect();
        let newest = changes.last().map_or(standing.newest, |change| change.newest);
        Some(Part { changes, is_last: newest >= self.newest })
    }
}

/// Reads what follows in these rooms, as far as one statement may read, and leaves it to their logs.
///
/// # Errors
/// It cannot be read now: nothing is left.
pub fn read(link: &mut DatabaseLink, rooms: &[(RoomName, Arc<Progress>)]) -> Result<(), LinkError> {
    let known: Vec<_> = rooms.iter().map(|(_, progress)| progress.read()).collect();
    let ids: Vec<_> = known.iter().map(|(id, ..)| *id).collect();
    let newest: Vec<_> = known.iter().map(|(_, newest, ..)| number(*newest)).collect();
    let versions: Vec<_> = known.iter().map(|(_, _, version, _)| number(*version)).collect();
    let sql = "SELECT nth, epoch, newest, seq, kind, at, edited, usr, recipient, mid, body, reply, reaction, key
        FROM (SELECT k.nth, r.epoch, r.newest, m.*,
                sum(length(m.body)) OVER (ORDER BY k.nth, m.seq) - length(m.body) AS earlier
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (room, newest, version, nth)
            JOIN rooms r ON r.room = k.room AND r.version = k.version AND r.ended IS NULL
            CROSS JOIN LATERAL (SELECT seq, kind, at, edited, usr, recipient, mid, body, reply, reaction, key
                FROM messages WHERE room = k.room AND seq > k.newest ORDER BY seq LIMIT $4::int) AS m) AS x
        WHERE earlier < $5 ORDER BY nth, seq";
    let rows = link.query(sql, &[&ids, &newest, &versions, &MESSAGES, &BYTES])?;
    for rows in rows.chunk_by(|one, next| one.get::<_, i64>(0) == next.get::<_, i64>(0)) {
        let row = &rows[0];
        // `WITH ORDINALITY` counts from one.
        let nth = row.get::<_, i64>(0).cast_unsigned() as usize - 1;
        let ((room, progress), (id, after, version, _)) = (&rooms[nth], known[nth]);
        let messages = rows.iter().map(|row| read_message(row, 3, room)).collect::<Result<_, _>>()?;
        let (epoch, newest) = (row.get(1), row.get::<_, i64>(2).cast_unsigned());
        progress.leave(ReadAhead { id, epoch, after, version, newest, messages });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Body, Time, UserName};

    /// The messages 4 to 6 of a room of which they are the newest.
    fn read_ahead() -> ReadAhead {
        let (room, user) = (RoomName::parse("den").unwrap(), UserName::parse("Ann").unwrap());
        let message = |seq| Message::new(room.clone(), user.clone(), Body::Text("a".into()), seq, Time(0));
        ReadAhead {
            id: 7,
            epoch: "e".to_owned(),
            after: 3,
            version: 2,
            newest: 6,
            messages: (4..=6).map(message).collect(),
        }
    }

    fn standing(newest: u64) -> Standing {
        Standing { id: 7, epoch: "e".into(), newest, version: 2, pruned: 0 }
    }

    /// The numbers that are taken, and whether there was nothing more.
    fn taken(read: &mut ReadAhead, standing: &Standing, newest_max: u64) -> Option<(Vec<u64>, bool)> {
        let Part { changes, is_last } = read.take(standing, newest_max)?;
        assert!(changes.iter().all(|change| change.version == standing.version));
        Some((changes.iter().map(|change| change.newest).collect(), is_last))
    }

    #[test]
    fn what_was_told_meanwhile_is_left_out_and_what_is_beyond_the_end_stays() {
        let mut read = read_ahead();
        assert_eq!(taken(&mut read, &standing(3), 5), Some((vec![4, 5], false)));
        assert_eq!(taken(&mut read, &standing(5), u64::MAX), Some((vec![6], true)));
        assert_eq!(taken(&mut read, &standing(6), u64::MAX), Some((vec![], true)));
        assert_eq!(taken(&mut read_ahead(), &standing(5), 5), Some((vec![], false)));
        assert_eq!(taken(&mut read_ahead(), &standing(9), u64::MAX), Some((vec![], true)));
        let cut = ReadAhead { newest: 8, ..read_ahead() };
        assert_eq!(taken(&mut { cut }, &standing(3), u64::MAX), Some((vec![4, 5, 6], false)));
    }

    #[test]
    fn a_log_that_stands_elsewhere_takes_nothing() {
        let others = [
            Standing { id: 8, ..standing(3) },
            Standing { epoch: "f".into(), ..standing(3) },
            Standing { version: 3, ..standing(3) },
            standing(2),
        ];
        for other in others {
            assert_eq!(taken(&mut read_ahead(), &other, u64::MAX), None, "{other:?}");
        }
    }
}
