//! A room's sequence: the numbers that its drafts get, and the rows that they become.
//!
//! Called by the journal inside its transaction, on a copy of the room log's sequence. The copy returns with the answer
//! once the transaction is committed, so a failure leaves no trace.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::message_key::{RoomId, SEQ_MAX};
use super::row::{DELETED, TEXT, about_columns, columns_of, ms, time};
use super::{offline_inbox, policy, search_index};
use crate::chat::policy::{ModerationAction, ModerationChange};
use crate::chat::{About, Body, Draft, Epoch, Mid, Operation, Outcome, Receipt, ReceiptMark, RoomName, Time, UserName};

/// Where a room's numbering stands.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// The room's id in the file; `None` until it has a history.
    pub room: Option<RoomId>,
    /// The room's name.
    pub name: RoomName,
    /// The history's epoch.
    pub epoch: Arc<str>,
    /// The number of the newest message; 0 before the first.
    pub newest: u64,
}

/// A message without a number.
#[derive(Clone, Copy)]
struct NewMessage<'a> {
    user: &'a UserName,
    to: Option<&'a UserName>,
    body: &'a Body,
    about: Option<About>,
    mid: Option<&'a Mid>,
    at: Time,
}

/// A new body for a message.
struct Edit<'a> {
    seq: u64,
    /// Who edits.
    user: &'a UserName,
    /// Whether it may be somebody else's message.
    as_moderator: bool,
    body: &'a Body,
    at: Time,
}

impl Sequence {
    /// Writes the drafts, in order. One outcome for each.
    ///
    /// # Errors
    /// The transaction must be rolled back, and this copy discarded.
    pub fn append(&mut self, connection: &Connection, drafts: &[Draft]) -> rusqlite::Result<Vec<Outcome>> {
        drafts.iter().map(|draft| self.apply(connection, draft)).collect()
    }

    fn apply(&mut self, connection: &Connection, draft: &Draft) -> rusqlite::Result<Outcome> {
        let (user, at) = (&draft.speaker.user, draft.at);
        match &draft.operation {
            Operation::Publish { to, body, about, mid } => {
                let (to, about, mid) = (to.as_ref(), *about, mid.as_ref());
                self.publish(connection, NewMessage { user, to, body, about, mid, at })
            }
            Operation::Edit { seq, body, as_moderator } => {
                self.edit(connection, &Edit { seq: *seq, user, as_moderator: *as_moderator, body, at })
            }
            Operation::Moderate(action) if action.change == ModerationChange::Ended => self.end(connection),
            Operation::Moderate(action) => {
                let room = self.room_id(connection)?;
                policy::moderate(connection, room, user, action, at)?;
                Ok(Outcome::Changed)
            }
        }
    }

    /// Ends the room: its name is free from now on, its rows are deleted in slices.
    fn end(&mut self, connection: &Connection) -> rusqlite::Result<Outcome> {
        let drawn = getrandom::u64().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if let Some(room) = self.room.take() {
            policy::delete(connection, room)?;
            let sql = "UPDATE rooms SET name = '/' || room, ended = 1 WHERE room = ?1";
            connection.prepare_cached(sql)?.execute([room])?;
        }
        let epoch = Epoch(drawn);
        (self.epoch, self.newest) = (epoch.to_string().into(), 0);
        Ok(Outcome::Ended { epoch })
    }

    /// The room's id. The room gets it with its first message, so that a name that somebody only tried leaves nothing
    /// behind. If `roomd retain` has inserted the row meanwhile, this is its id.
    fn room_id(&mut self, connection: &Connection) -> rusqlite::Result<RoomId> {
        if let Some(room) = self.room {
            return Ok(room);
        }
        let sql = "INSERT INTO rooms (name, epoch) VALUES (?1, ?2) \
                   ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch RETURNING room";
        let values = params![self.name.as_str(), &*self.epoch];
        let room = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
        self.room = Some(room);
        Ok(room)
    }

    fn publish(&mut self, connection: &Connection, message: NewMessage<'_>) -> rusqlite::Result<Outcome> {
        let room = self.room_id(connection)?;
        if let Some(mid) = message.mid
            && let Some(repeat) = self.claim_mid(connection, room, mid, message)?
        {
            return Ok(repeat);
        }
        let seq = self.newest + 1;
        if seq > SEQ_MAX {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, i64::MAX));
        }
        let NewMessage { user, to, body, about, mid, at } = message;
        let sql = "INSERT INTO messages (place, kind, at, user, friend, mid, body, reply, reaction) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (kind, text) = columns_of(body);
        let (reply, reaction) = about_columns(about);
        let (recipient, mid) = (to.map(UserName::as_str), mid.map(Mid::as_str));
        let values = params![room.key(seq), kind, ms(at), user.as_str(), recipient, mid, text, reply, reaction];
        connection.prepare_cached(sql)?.execute(values)?;
        if let Some(to) = to {
            offline_inbox::add(connection, room, to)?;
        }
        self.newest = seq;
        Ok(Outcome::Stored { seq })
    }

    /// Takes the `mid` for the next number; `Some`: an earlier message has it.
    fn claim_mid(
        &self,
        connection: &Connection,
        room: RoomId,
        mid: &Mid,
        message: NewMessage<'_>,
    ) -> rusqlite::Result<Option<Outcome>> {
        let user = message.user.as_str();
        let sql = "INSERT INTO mids (room, user, mid, seq, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let seq = i64::try_from(self.newest + 1).unwrap_or(i64::MAX);
        let values = params![room, user, mid.as_str(), seq, ms(message.at)];
        if connection.prepare_cached(sql)?.execute(values)? == 1 {
            return Ok(None);
        }
        let sql = "SELECT seq, at FROM mids WHERE room = ?1 AND user = ?2 AND mid = ?3";
        let repeat = connection.prepare_cached(sql)?.query_row(params![room, user, mid.as_str()], |row| {
            let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
            Ok(Outcome::Repeat { seq, at: time(row.get(1)?) })
        })?;
        Ok(Some(repeat))
    }

    fn edit(&self, connection: &Connection, edit: &Edit<'_>) -> rusqlite::Result<Outcome> {
        let Edit { seq, user, as_moderator, body, at } = *edit;
        // The key of a number beyond those of the room may be another room's.
        let Some(room) = self.room.filter(|_| (1..=self.newest).contains(&seq)) else { return Ok(Outcome::Missing) };
        let key = room.key(seq);
        let sql = "SELECT user, kind, body FROM messages WHERE place = ?1";
        let found = connection.prepare_cached(sql)?.query_row([key], |row| {
            Ok((UserName::stored(row.get_ref(0)?.as_str()?), row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        });
        let (author, kind_before, text_before) = match found.optional()? {
            None | Some((_, DELETED, _)) => return Ok(Outcome::Missing),
            Some((author, ..)) if author != *user && !as_moderator => return Ok(Outcome::NotAuthor),
            Some(found) => found,
        };
        if author != *user {
            let action = ModerationAction { change: ModerationChange::Deleted { user: author, seq }, note: None };
            policy::record(connection, room, user, &action, at)?;
        }
        let sql = "UPDATE messages SET kind = ?2, body = ?3, edited = ?4, changed = ?5 WHERE place = ?1";
        let (kind, text) = columns_of(body);
        let values = params![key, kind, text, ms(at), room.key(self.newest)];
        connection.prepare_cached(sql)?.execute(values)?;
        if seq <= search_index::indexed(connection, room)? {
            if kind_before == TEXT {
                search_index::remove(connection, key, &text_before)?;
            }
            if kind == TEXT {
                search_index::add(connection, key, text)?;
            }
        }
        Ok(Outcome::Changed)
    }
}

/// The column `marks.receipt`.
pub fn receipt_number(receipt: Receipt) -> i64 {
    match receipt {
        Receipt::Written => 0,
        Receipt::Received => 1,
        Receipt::Read => 2,
    }
}

/// Keeps a mark; one that does not advance changes nothing.
///
/// # Errors
/// The transaction must be rolled back.
pub fn mark(connection: &Connection, room: RoomId, mark: &ReceiptMark) -> rusqlite::Result<()> {
    let sql = "INSERT INTO marks (room, user, receipt, seq, at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS \
               (SELECT 1 FROM marks WHERE room = ?1 AND user = ?2 AND receipt = ?3 AND seq >= ?4)";
    let seq = i64::try_from(mark.seq).unwrap_or(i64::MAX);
    let values = params![room, mark.user.as_str(), receipt_number(mark.receipt), seq, ms(mark.at)];
    connection.prepare_cached(sql)?.execute(values)?;
    if mark.receipt == Receipt::Written {
        offline_inbox::delivered(connection, room, &mark.user, seq)?;
    }
    Ok(())
}
