//! A room's sequence: the numbers that its drafts get, and the rows that they become.
//!
//! Called by the journal inside its transaction, on a copy of the room log's sequence. The copy returns with the answer
//! once the transaction is committed, so a failure leaves no trace.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::insert_buffer::{self, BufferedMids};
use super::message_key::RoomId;
use super::row::{DELETED, TEXT, columns_of};
use super::{last_values, offline_inbox, policy, search_index};
use crate::chat::policy::{ModerationAction, ModerationChange};
use crate::chat::{
    Body, Draft, Epoch, Key, Mid, Operation, Outcome, Publication, Receipt, ReceiptMark, RoomName, Time, UserName,
};
use crate::store::columns::{about_columns, ms, time};
use crate::store::jsonl::SEQ_MAX;

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
    publication: &'a Publication,
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
    pub fn append(
        &mut self,
        connection: &Connection,
        mids: &mut BufferedMids,
        drafts: &[Draft],
    ) -> rusqlite::Result<Vec<Outcome>> {
        drafts.iter().map(|draft| self.apply(connection, mids, draft)).collect()
    }

    fn apply(&mut self, connection: &Connection, mids: &mut BufferedMids, draft: &Draft) -> rusqlite::Result<Outcome> {
        let (user, at) = (&draft.speaker.user, draft.at);
        match &draft.operation {
            Operation::Publish { to, publication } => {
                let message = NewMessage { user, to: to.as_ref(), publication, at };
                self.publish(connection, mids, message, draft.keys_max)
            }
            Operation::Edit { seq, body, as_moderator } => {
                self.edit(connection, &Edit { seq: *seq, user, as_moderator: *as_moderator, body, at })
            }
            Operation::Moderate(action) if action.change == ModerationChange::Ended => self.end(connection, mids),
            Operation::Moderate(action) => {
                let room = self.room_id(connection)?;
                policy::moderate(connection, room, user, action, at)?;
                Ok(Outcome::Changed)
            }
        }
    }

    /// Ends the room: its name is free from now on, its rows are deleted in slices.
    fn end(&mut self, connection: &Connection, mids: &mut BufferedMids) -> rusqlite::Result<Outcome> {
        let drawn = getrandom::u64().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if let Some(room) = self.room.take() {
            policy::delete(connection, room)?;
            last_values::prune(connection, room, u64::MAX)?;
            mids.remove(room);
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

    fn publish(
        &mut self,
        connection: &Connection,
        mids: &mut BufferedMids,
        message: NewMessage<'_>,
        keys_max: usize,
    ) -> rusqlite::Result<Outcome> {
        let conflicts = message.publication.if_seq.is_some_and(|seq| seq != self.newest);
        if conflicts && self.room.is_none() {
            return Ok(Outcome::Conflict { newest: self.newest });
        }
        let room = self.room_id(connection)?;
        let mid = message.publication.mid.as_ref();
        if let Some(mid) = mid
            && let Some((seq, at)) = published_as(connection, mids, room, message.user, mid)?
        {
            return Ok(Outcome::Repeat { seq, at });
        }
        if conflicts {
            return Ok(Outcome::Conflict { newest: self.newest });
        }
        if let Some(refused) = last_values::refuses(connection, room, message.publication, keys_max)? {
            return Ok(refused);
        }
        let seq = self.newest + 1;
        if seq > SEQ_MAX {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, i64::MAX));
        }
        if mids.buffers() {
            insert(connection, "buffered", room, seq, message)?;
            if let Some(mid) = mid {
                mids.add(room, message.user.clone(), mid.clone(), (seq, message.at));
            }
        } else {
            insert(connection, "messages", room, seq, message)?;
            insert_mid(connection, room, seq, message)?;
        }
        if let Some(key) = &message.publication.key {
            last_values::put(connection, room, key, seq, &message.publication.body)?;
        }
        if let Some(to) = message.to {
            offline_inbox::add(connection, room, to)?;
        }
        self.newest = seq;
        Ok(Outcome::Stored { seq })
    }

    fn edit(&self, connection: &Connection, edit: &Edit<'_>) -> rusqlite::Result<Outcome> {
        let Edit { seq, user, as_moderator, body, at } = *edit;
        // The key of a number beyond those of the room may be another room's.
        let Some(room) = self.room.filter(|_| (1..=self.newest).contains(&seq)) else { return Ok(Outcome::Missing) };
        let key = room.key(seq);
        insert_buffer::merge_until(connection, room, seq)?;
        let sql = "SELECT user, kind, body, key FROM messages WHERE place = ?1";
        let found = connection.prepare_cached(sql)?.query_row([key], |row| {
            let author = UserName::stored(row.get_ref(0)?.as_str()?);
            Ok((author, row.get::<_, i64>(1)?, row.get::<_, String>(2)?, row.get::<_, Option<String>>(3)?))
        });
        let (author, kind_before, text_before, message_key) = match found.optional()? {
            None | Some((_, DELETED, ..)) => return Ok(Outcome::Missing),
            Some((author, ..)) if author != *user && !as_moderator => return Ok(Outcome::NotAuthor),
            Some(found) => found,
        };
        if author != *user {
            let action = ModerationAction {
                change: ModerationChange::Deleted { user: author, seq },
                note: body.note().cloned(),
            };
            policy::record(connection, room, user, &action, at)?;
        }
        let sql = "UPDATE messages SET kind = ?2, body = ?3, data = ?6, edited = ?4, changed = ?5 WHERE place = ?1";
        let (kind, text, data) = columns_of(body);
        let values = params![key, kind, text, ms(at), room.key(self.newest), data];
        connection.prepare_cached(sql)?.execute(values)?;
        if let Some(message_key) = message_key.filter(|_| body.is_deleted()) {
            last_values::deleted(connection, room, &message_key, seq)?;
        }
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

/// Inserts the message into this table.
fn insert(
    connection: &Connection,
    table: &str,
    room: RoomId,
    seq: u64,
    message: NewMessage<'_>,
) -> rusqlite::Result<()> {
    let NewMessage { user, to, publication: Publication { body, about, mid, key, .. }, at } = message;
    let sql = format!(
        "INSERT INTO {table} (place, kind, at, user, friend, mid, body, reply, reaction, key, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    );
    let (kind, text, data) = columns_of(body);
    let (reply, reaction) = about_columns(*about);
    let (recipient, mid) = (to.map(UserName::as_str), mid.as_ref().map(Mid::as_str));
    let key = key.as_ref().map(Key::as_str);
    let values = params![room.key(seq), kind, ms(at), user.as_str(), recipient, mid, text, reply, reaction, key, data];
    connection.prepare_cached(&sql)?.execute(values).map(|_| ())
}

/// Inserts the message's `mid`, if it has one.
fn insert_mid(connection: &Connection, room: RoomId, seq: u64, message: NewMessage<'_>) -> rusqlite::Result<()> {
    let Some(mid) = &message.publication.mid else { return Ok(()) };
    let sql = "INSERT INTO mids (room, user, mid, seq, at) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![room, message.user.as_str(), mid.as_str(), seq.cast_signed(), ms(message.at)];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

/// The number and time of the user's earlier message with this `mid`, if there is one.
fn published_as(
    connection: &Connection,
    mids: &BufferedMids,
    room: RoomId,
    user: &UserName,
    mid: &Mid,
) -> rusqlite::Result<Option<(u64, Time)>> {
    if let Some(found) = mids.find(room, user, mid) {
        return Ok(Some(found));
    }
    let sql = "SELECT seq, at FROM mids WHERE room = ?1 AND user = ?2 AND mid = ?3";
    let found = connection.prepare_cached(sql)?.query_row(params![room, user.as_str(), mid.as_str()], |row| {
        Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), time(row.get(1)?)))
    });
    found.optional()
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
