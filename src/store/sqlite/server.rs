//! The bans of a server and its audit, as rows.
//!
//! Read through the pool, written by the journal in transactions of their own.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::store::SqliteStore;
use super::{erasure, retention};
use crate::chat::admin::audit::AUDIT_MAX;
use crate::chat::admin::ban::BANS_MAX;
use crate::chat::admin::{NewServerBan, ServerAction, ServerAuditEntry, ServerBan};
use crate::chat::{RoomName, StoreFailed, Time, UserName};
use crate::store::administration::{RetentionChange, RetentionOverride};
use crate::store::columns::ms;
use crate::store::server::{AuthoredPart, HistoryPosition, ServerStore};
use crate::store::server_columns::{self, target_columns};

/// The columns of a ban, in the order of [`server_columns::BanRow`].
const BAN: &str = "ban, kind, subject, until, note, author, at";

impl ServerStore for SqliteStore {
    fn bans(&self) -> Result<Vec<ServerBan>, StoreFailed> {
        self.read(|connection| {
            let mut statement = connection.prepare(&format!("SELECT {BAN} FROM bans ORDER BY ban"))?;
            let bans = statement.query_map([], read_ban)?;
            Ok(bans.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    fn ban(&self, ban: &NewServerBan) -> Result<Option<u64>, StoreFailed> {
        let ban = ban.clone();
        self.write(move |connection| insert(connection, &ban))
    }

    fn lift_ban(&self, number: u64, by: &UserName, at: Time) -> Result<bool, StoreFailed> {
        let by = by.clone();
        self.write(move |connection| {
            let sql = format!("DELETE FROM bans WHERE ban = ?1 RETURNING {BAN}");
            let lifted = connection.query_row(&sql, [number.cast_signed()], read_ban).optional()?.flatten();
            lifted.iter().try_for_each(|ban| record(connection, &ServerAction::lift(ban, by.clone(), at)).map(drop))?;
            Ok(lifted.is_some())
        })
    }

    fn record(&self, action: &ServerAction) -> Result<u64, StoreFailed> {
        let action = action.clone();
        self.write(move |connection| record(connection, &action))
    }

    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<Option<RetentionOverride>, StoreFailed> {
        let room = room.clone();
        self.write(move |connection| retention::change_override(connection, &room, change)).map(Some)
    }

    fn messages_of(&self, user: &UserName, after: HistoryPosition) -> Result<AuthoredPart, StoreFailed> {
        self.read(|connection| erasure::messages_of(connection, user, after))
    }

    fn rename_deleted(
        &self,
        user: &UserName,
        alias: &UserName,
        part: (HistoryPosition, Option<HistoryPosition>),
    ) -> Result<(), StoreFailed> {
        let (user, alias) = (user.clone(), alias.clone());
        self.write(move |connection| erasure::rename_deleted(connection, &user, &alias, part))
    }

    fn marks_of(&self, user: &UserName) -> Result<u64, StoreFailed> {
        self.read(|connection| erasure::marks_of(connection, user))
    }

    fn forget(&self, user: &UserName, alias: &UserName) -> Result<u64, StoreFailed> {
        let (user, alias) = (user.clone(), alias.clone());
        self.write_behind_marks(move |connection| erasure::forget(connection, &user, &alias))
    }

    fn server_audit(&self, before: u64, count: usize) -> Result<Vec<ServerAuditEntry>, StoreFailed> {
        let (before, count) = (i64::try_from(before).unwrap_or(i64::MAX), i64::try_from(count).unwrap_or(i64::MAX));
        self.read(|connection| {
            let sql = "SELECT entry, what, about, until, note, author, at FROM server_audit
                WHERE entry < ?1 ORDER BY entry DESC LIMIT ?2";
            let mut statement = connection.prepare(sql)?;
            let entries = statement.query_map([before, count], read_entry)?;
            entries.collect()
        })
    }
}

fn insert(connection: &Connection, ban: &NewServerBan) -> rusqlite::Result<Option<u64>> {
    connection.execute("DELETE FROM bans WHERE until <= ?1", [ms(ban.at)])?;
    let in_force: i64 = connection.query_row("SELECT count(*) FROM bans", [], |row| row.get(0))?;
    if in_force >= BANS_MAX as i64 {
        return Ok(None);
    }
    let (kind, subject) = target_columns(&ban.target);
    let NewServerBan { until, note, by, at, .. } = ban;
    let sql = "INSERT INTO bans (kind, subject, until, note, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.execute(sql, params![kind, subject, until.map(ms), note.as_deref(), by.as_str(), ms(*at)])?;
    let number = connection.last_insert_rowid().cast_unsigned();
    record(connection, &ServerAction::ban(ban))?;
    Ok(Some(number))
}

fn record(connection: &Connection, action: &ServerAction) -> rusqlite::Result<u64> {
    let ServerAction { kind, about, until, note, by, at } = action;
    let sql = "INSERT INTO server_audit (what, about, until, note, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![kind.as_str(), about, until.map(ms), note.as_deref(), by.as_str(), ms(*at)];
    connection.execute(sql, values)?;
    let number = connection.last_insert_rowid();
    connection.execute("DELETE FROM server_audit WHERE entry <= ?1", [number - AUDIT_MAX as i64])?;
    Ok(number.cast_unsigned())
}

fn read_ban(row: &Row<'_>) -> rusqlite::Result<Option<ServerBan>> {
    let note: Option<String> = row.get(4)?;
    let (subject, by) = (row.get_ref(2)?.as_str()?, row.get_ref(5)?.as_str()?);
    Ok(server_columns::ban((row.get(0)?, row.get(1)?, subject, row.get(3)?, note.as_deref(), by, row.get(6)?)))
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<ServerAuditEntry> {
    let (about, note): (Option<String>, Option<String>) = (row.get(2)?, row.get(4)?);
    let (what, by) = (row.get_ref(1)?.as_str()?, row.get_ref(5)?.as_str()?);
    let about = about.as_deref();
    Ok(server_columns::entry((row.get(0)?, what, about, row.get(3)?, note.as_deref(), by, row.get(6)?)))
}
