//! `roomd import` into PostgreSQL: a room's history, read from text, in one transaction.
//!
//! A room that exists continues if it has the same epoch and the export continues it.

use std::time::SystemTime;

use tokio_postgres::types::ToSql;

use super::history::standing;
use super::link::{DatabaseLink, LinkError};
use super::policy;
use super::row::{columns_of, number};
use super::words::words_of;
use crate::chat::{Message, Mid, RoomName, Time, UserName};
use crate::store::administration::{AdministrationError, Imported};
use crate::store::columns::{about_columns, ms, time};
use crate::store::export_reader::{ExportReader, ImportedRoom, importer};
use crate::store::jsonl::Header;

/// Reads the rest of an export into the history. Blocks as its input does.
///
/// # Errors
/// The transaction must be rolled back.
pub fn import(export: ExportReader<'_>, link: &mut DatabaseLink) -> Result<Imported, AdministrationError> {
    let (id, newest) = find_room(link, &export.room, &export.header)?;
    if policy::policy(link, id)?.is_none() {
        // What was private stays private: without members until an administrator adds some.
        for change in &export.changes {
            let change = policy::description_of(change);
            let sql = "SELECT change_1($1, $2, $3, $4, version + 1, $5::text::jsonb) FROM rooms WHERE room = $1";
            let now = ms(Time::from(SystemTime::now()));
            link.query(sql, &[&id, &importer().as_str(), &now, &number(newest), &change])?;
            link.execute("UPDATE rooms SET version = version + 1, moderated = version + 1 WHERE room = $1", &[&id])?;
        }
    }
    let (imported, newest) = export.insert_into(&mut Target { link, id }, newest)?;
    link.execute("UPDATE rooms SET newest = $2 WHERE room = $1", &[&id, &number(newest)])?;
    link.execute("DELETE FROM last_values WHERE room = $1", &[&id])?;
    let sql = "INSERT INTO last_values SELECT $1, key, seq FROM (
        SELECT DISTINCT ON (key) key, seq, kind FROM messages WHERE room = $1 AND key IS NOT NULL ORDER BY key, seq DESC
        ) AS newest WHERE kind <> 2";
    link.execute(sql, &[&id])?;
    Ok(imported)
}

/// The room that is imported into.
struct Target<'a> {
    link: &'a mut DatabaseLink,
    id: i64,
}

impl ImportedRoom for Target<'_> {
    fn begin_after(&mut self, seq: u64) -> Result<(), AdministrationError> {
        let sql = "UPDATE rooms SET pruned = $2 WHERE room = $1";
        Ok(self.link.execute(sql, &[&self.id, &number(seq)]).map(|_| ())?)
    }

    fn stored(&mut self, seq: u64) -> Result<Option<(UserName, Time)>, AdministrationError> {
        let sql = "SELECT usr, at FROM messages WHERE room = $1 AND seq = $2";
        let row = self.link.row(sql, &[&self.id, &number(seq)])?;
        Ok(row.map(|row| (UserName::stored(row.get(0)), time(row.get(1)))))
    }

    fn insert(&mut self, message: &Message) -> Result<bool, AdministrationError> {
        Ok(insert(self.link, self.id, message)?)
    }
}

/// The room's id, new if the room is new, and the number of its newest message.
fn find_room(link: &mut DatabaseLink, name: &RoomName, header: &Header) -> Result<(i64, u64), AdministrationError> {
    let found = standing(link, name)?;
    if found.newest > 0 && *found.epoch != *header.epoch {
        return Err(AdministrationError::Refused(format!(
            "the room {name} has another history (epoch {}, {} messages): import into another database; \
             nothing was imported",
            found.epoch, found.newest
        )));
    }
    let sql =
        "INSERT INTO rooms (name, epoch) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET epoch = $2 RETURNING room";
    let row = link.row(sql, &[&name.as_str(), &header.epoch])?;
    let id = row.map(|row| row.get(0)).ok_or_else(|| LinkError::Invalid("lost a room".to_owned()))?;
    Ok((id, found.newest))
}

/// Inserts a message; `false` when another message has its `mid`.
fn insert(link: &mut DatabaseLink, id: i64, message: &Message) -> Result<bool, LinkError> {
    let (user, mid) = (message.user.as_str(), message.mid.as_ref().map(|mid| Mid::as_str(mid).as_bytes()));
    let (seq, at) = (number(message.seq), ms(message.at));
    if let Some(mid) = mid {
        let sql =
            "INSERT INTO mids (room, usr, mid, seq, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1";
        if link.row(sql, &[&id, &user, &mid, &seq, &at])?.is_none() {
            return Ok(false);
        }
    }
    let sql =
        "INSERT INTO messages (room, seq, kind, at, edited, usr, recipient, mid, body, words, reply, reaction, key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let (kind, body) = columns_of(&message.body);
    let words = words_of(&message.body);
    let (reply, reaction) = about_columns(message.about);
    let (recipient, edited) = (message.to.as_ref().map(UserName::as_str), message.edited.map(ms));
    let key = message.key.as_ref().map(|key| key.as_str().as_bytes());
    let values: [&(dyn ToSql + Sync); 13] =
        [&id, &seq, &kind, &at, &edited, &user, &recipient, &mid, &body, &words, &reply, &reaction, &key];
    link.query(sql, &values)?;
    Ok(true)
}
