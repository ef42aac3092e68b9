//! The bans of a server and its audit, as rows.
//!
//! Read and written through the pool, each change in one short transaction. What one server changes the others are told
//! (`changes.rs`).

use tokio_postgres::Row;

use super::erasure;
use super::link::{DatabaseLink, LinkError};
use super::row::number;
use super::store::PostgresStore;
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

impl ServerStore for PostgresStore {
    fn bans(&self) -> Result<Vec<ServerBan>, StoreFailed> {
        self.pool.read(|link| {
            let rows = link.query(&format!("SELECT {BAN} FROM bans ORDER BY ban"), &[])?;
            Ok(rows.iter().filter_map(read_ban).collect())
        })
    }

    fn ban(&self, ban: &NewServerBan) -> Result<Option<u64>, StoreFailed> {
        self.pool.write(|link| link.transact("", |link| insert(link, ban)))
    }

    fn lift_ban(&self, number: u64, by: &UserName, at: Time) -> Result<bool, StoreFailed> {
        self.pool.write(|link| {
            link.transact("", |link| {
                let sql = format!("DELETE FROM bans WHERE ban = $1 RETURNING {BAN}");
                let lifted = link.row(&sql, &[&number.cast_signed()])?.as_ref().and_then(read_ban);
                lifted.iter().try_for_each(|ban| record(link, &ServerAction::lift(ban, by.clone(), at)).map(drop))?;
                Ok::<_, LinkError>(lifted.is_some())
            })
        })
    }

    fn record(&self, action: &ServerAction) -> Result<u64, StoreFailed> {
        self.pool.write(|link| link.transact("", |link| record(link, action)))
    }

    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<Option<RetentionOverride>, StoreFailed> {
        self.pool.write(|link| link.transact("", |link| retain(link, room, change))).map(Some)
    }

    fn messages_of(&self, user: &UserName, after: HistoryPosition) -> Result<AuthoredPart, StoreFailed> {
        self.pool.read(|link| link.snapshot(|link| erasure::messages_of(link, user, after)))
    }

    fn rename_deleted(
        &self,
        user: &UserName,
        alias: &UserName,
        part: (HistoryPosition, Option<HistoryPosition>),
    ) -> Result<(), StoreFailed> {
        self.pool.write(|link| erasure::rename_deleted(link, user, alias, part))
    }

    fn marks_of(&self, user: &UserName) -> Result<u64, StoreFailed> {
        self.pool.read(|link| erasure::marks_of(link, user))
    }

    fn forget(&self, user: &UserName, alias: &UserName) -> Result<u64, StoreFailed> {
        self.store_marks()?;
        self.pool.write(|link| link.transact("", |link| erasure::forget(link, user, alias)))
    }

    fn server_audit(&self, before: u64, count: usize) -> Result<Vec<ServerAuditEntry>, StoreFailed> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.pool.read(|link| {
            let sql = "SELECT entry, what, about, until, note, author, at FROM server_audit
                WHERE entry < $1 ORDER BY entry DESC LIMIT $2";
            Ok(link.query(sql, &[&number(before), &count])?.iter().map(read_entry).collect())
        })
    }
}

/// See [`ServerStore::retain`]. In a transaction.
///
/// # Errors
/// The transaction must be rolled back.
pub fn retain(
    link: &mut DatabaseLink,
    room: &RoomName,
    change: RetentionChange,
) -> Result<RetentionOverride, LinkError> {
    let sql = "SELECT retain_ms, retain_count FROM rooms WHERE name = $1 FOR UPDATE";
    let before = link.row(sql, &[&room.as_str()])?;
    let before = before.map(|row| RetentionOverride { age_ms: row.get(0), count: row.get(1) }).unwrap_or_default();
    let after = before.changed(change);
    if after != before {
        let sql = "INSERT INTO rooms (name, epoch, retain_ms, retain_count) VALUES ($1, first_epoch_1($1), $2, $3)
            ON CONFLICT (name) DO UPDATE SET retain_ms = $2, retain_count = $3";
        link.query(sql, &[&room.as_str(), &after.age_ms, &after.count])?;
    }
    Ok(after)
}

/// The entry of the audit of this number, if there is one.
///
/// # Errors
/// It cannot be read now.
pub fn entry(link: &mut DatabaseLink, number: i64) -> Result<Option<ServerAuditEntry>, LinkError> {
    let sql = "SELECT entry, what, about, until, note, author, at FROM server_audit WHERE entry = $1";
    Ok(link.row(sql, &[&number])?.as_ref().map(read_entry))
}

/// The ban of this number, if there is one.
///
/// # Errors
/// It cannot be read now.
pub fn ban(link: &mut DatabaseLink, number: i64) -> Result<Option<ServerBan>, LinkError> {
    let row = link.row(&format!("SELECT {BAN} FROM bans WHERE ban = $1"), &[&number])?;
    Ok(row.as_ref().and_then(read_ban))
}

fn insert(link: &mut DatabaseLink, ban: &NewServerBan) -> Result<Option<u64>, LinkError> {
    // Two at once count one after the other.
    link.query("SELECT pg_advisory_xact_lock(hashtextextended('bans', 2))", &[])?;
    link.execute("DELETE FROM bans WHERE until <= $1", &[&ms(ban.at)])?;
    let in_force = link.row("SELECT count(*) FROM bans", &[])?.map_or(0, |row| row.get::<_, i64>(0));
    if in_force >= BANS_MAX as i64 {
        return Ok(None);
    }
    let (kind, subject) = target_columns(&ban.target);
    let NewServerBan { until, note, by, at, .. } = ban;
    let sql = "INSERT INTO bans (kind, subject, until, note, author, at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING ban";
    let row = link.row(sql, &[&kind, &subject, &until.map(ms), &note.as_deref(), &by.as_str(), &ms(*at)])?;
    record(link, &ServerAction::ban(ban))?;
    Ok(row.map(|row| row.get::<_, i64>(0).cast_unsigned()))
}

fn record(link: &mut DatabaseLink, action: &ServerAction) -> Result<u64, LinkError> {
    let ServerAction { kind, about, until, note, by, at } = action;
    let sql = "INSERT INTO server_audit (what, about, until, note, author, at) VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING entry";
    let (about, until, note) = (about.as_deref(), until.map(ms), note.as_deref());
    let row = link.row(sql, &[&kind.as_str(), &about, &until, &note, &by.as_str(), &ms(*at)])?;
    let number: i64 = row.ok_or_else(|| LinkError::Invalid("no number of an entry".to_owned()))?.get(0);
    link.execute("DELETE FROM server_audit WHERE entry <= $1", &[&(number - AUDIT_MAX as i64)])?;
    Ok(number.cast_unsigned())
}

fn read_ban(row: &Row) -> Option<ServerBan> {
    let row = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5), row.get(6));
    server_columns::ban(row)
}

fn read_entry(row: &Row) -> ServerAuditEntry {
    server_columns::entry((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5), row.get(6)))
}
