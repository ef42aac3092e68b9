//! Drafts made into rows, and the numbers that they get.
//!
//! Called by the journal inside its transaction. An account is a copy that only counts once the
//! transaction has: the ledger takes it back with the answer, so a failure leaves no trace.

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
    /// Its number in the file; a room in which nothing was said yet has none.
    pub room: Option<RoomId>,
    /// Its name.
    pub name: RoomName,
    /// Its history's name.
    pub epoch: Arc<str>,
    /// The number of its newest message.
    pub newest: u64,
}

impl Sequence {
    /// Writes the drafts, in order. One outcome for each.
    ///
    /// # Errors
    /// The transaction is to be given up, and this account with it.
    pub fn enter(&mut self, connection: &Connection, drafts: &[Draft]) -> rusqlite::Result<Vec<Outcome>> {
        drafts.iter().map(|draft| self.enter_one(connection, draft)).collect()
    }

    fn enter_one(&mut self, connection: &Connection, draft: &Draft) -> rusqlite::Result<Outcome> {
        let user = &draft.speaker.user;
        match &draft.operation {
            Operation::Publish { to, body, about, mid } => {
                let room = self.opened(connection)?;
                let claimed = mid.as_ref().map(|mid| self.claim(connection, room, user, mid, draft.at));
                if let Some(repeat) = claimed.transpose()?.flatten() {
                    return Ok(repeat);
                }
                self.publish(connection, room, (user, to.as_ref(), body, *about, mid.as_ref()), draft.at)
            }
            Operation::Edit { seq, body, as_moderator } => {
                self.change(connection, *seq, (user, *as_moderator), body, draft.at)
            }
            Operation::Moderate(action) if action.change == ModerationChange::Ended => self.end(connection),
            Operation::Moderate(action) => {
                let room = self.opened(connection)?;
                policy::moderate(connection, room, user, action, draft.at)?;
                Ok(Outcome::Changed)
            }
        }
    }

    /// The room's name is free from now on; what is in the room goes in slices.
    fn end(&mut self, connection: &Connection) -> rusqlite::Result<Outcome> {
        let drawn = getrandom::u64().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if let Some(room) = self.room.take() {
            policy::end(connection, room)?;
            let sql = "UPDATE rooms SET name = '/' || room, ended = 1 WHERE room = ?1";
            connection.prepare_cached(sql)?.execute([room])?;
        }
        let epoch = Epoch(drawn);
        (self.epoch, self.newest) = (epoch.to_string().into(), 0);
        Ok(Outcome::Ended { epoch })
    }

    /// The room's number; it gets one with its first message, so that a name that somebody only
    /// tried leaves nothing behind. A row that `roomd retain` made meanwhile becomes ours.
    fn opened(&mut self, connection: &Connection) -> rusqlite::Result<RoomId> {
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

    /// Takes the `mid` for the next number, or says which message has it.
    fn claim(
        &self,
        connection: &Connection,
        room: RoomId,
        user: &UserName,
        mid: &Mid,
        at: Time,
    ) -> rusqlite::Result<Option<Outcome>> {
        let sql = "INSERT INTO mids (room, user, mid, seq, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let seq = i64::try_from(self.newest + 1).unwrap_or(i64::MAX);
        let values = params![room, user.as_str(), mid.as_str(), seq, ms(at)];
        if connection.prepare_cached(sql)?.execute(values)? == 1 {
            return Ok(None);
        }
        let sql = "SELECT seq, at FROM mids WHERE room = ?1 AND user = ?2 AND mid = ?3";
        let repeat = connection.prepare_cached(sql)?.query_row(params![room, user.as_str(), mid.as_str()], |row| {
            let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
            Ok(Outcome::Repeat { seq, at: time(row.get(1)?) })
        })?;
        Ok(Some(repeat))
    }

    fn publish(
        &mut self,
        connection: &Connection,
        room: RoomId,
        (user, friend, body, about, mid): (&UserName, Option<&UserName>, &Body, Option<About>, Option<&Mid>),
        at: Time,
    ) -> rusqlite::Result<Outcome> {
        let seq = self.newest + 1;
        if seq > SEQ_MAX {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, i64::MAX));
        }
        let sql = "INSERT INTO messages (place, kind, at, user, friend, mid, body, reply, reaction) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let (kind, text) = columns_of(body);
        let (reply, reaction) = about_columns(about);
        let (to, mid) = (friend.map(UserName::as_str), mid.map(Mid::as_str));
        let values = params![room.key(seq), kind, ms(at), user.as_str(), to, mid, text, reply, reaction];
        connection.prepare_cached(sql)?.execute(values)?;
        if let Some(friend) = friend {
            offline_inbox::wait(connection, room, friend)?;
        }
        self.newest = seq;
        Ok(Outcome::Stored { seq })
    }

    fn change(
        &self,
        connection: &Connection,
        seq: u64,
        (user, as_moderator): (&UserName, bool),
        body: &Body,
        at: Time,
    ) -> rusqlite::Result<Outcome> {
        // A number beyond those of the room is a place in another.
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
                search_index::forget(connection, key, &text_before)?;
            }
            if kind == TEXT {
                search_index::learn(connection, key, text)?;
            }
        }
        Ok(Outcome::Changed)
    }
}

/// `marks.receipt`.
pub fn number_of(receipt: Receipt) -> i64 {
    match receipt {
        Receipt::Written => 0,
        Receipt::Received => 1,
        Receipt::Read => 2,
    }
}

/// Keeps an advance; one that is none changes nothing.
///
/// # Errors
/// The transaction is to be given up.
pub fn mark(connection: &Connection, room: RoomId, mark: &ReceiptMark) -> rusqlite::Result<()> {
    let sql = "INSERT INTO marks (room, user, receipt, seq, at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS \
               (SELECT 1 FROM marks WHERE room = ?1 AND user = ?2 AND receipt = ?3 AND seq >= ?4)";
    let seq = i64::try_from(mark.seq).unwrap_or(i64::MAX);
    let values = params![room, mark.user.as_str(), number_of(mark.receipt), seq, ms(mark.at)];
    connection.prepare_cached(sql)?.execute(values)?;
    if mark.receipt == Receipt::Written {
        offline_inbox::written(connection, room, &mark.user, seq)?;
    }
    Ok(())
}
