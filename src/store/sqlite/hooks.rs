//! The hooks of rooms, as rows.
//!
//! Read through the pool, written by the journal in transactions of their own, or by a command beside the server.

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::store::SqliteStore;
use crate::chat::hook::{HOOKS_MAX, Hook, HookDigest, NewHook, REVOKED_MAX};
use crate::chat::{RoomName, StoreFailed, Time, UserName};
use crate::store::columns::{ms, time};
use crate::store::hooks::HookStore;

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "hook, room, name, author, created, revoked, revoker";

impl HookStore for SqliteStore {
    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, StoreFailed> {
        let (hook, digest) = (hook.clone(), *digest);
        self.write(move |connection| add(connection, &hook, &digest))
    }

    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, StoreFailed> {
        self.read(|connection| of_room(connection, room))
    }

    fn hook(&self, digest: &HookDigest) -> Result<Option<Hook>, StoreFailed> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM hooks WHERE digest = ?1 AND revoked IS NULL");
            connection.prepare_cached(&sql)?.query_row([&digest[..]], read).optional()
        })
    }

    fn revoke_hook(&self, room: &RoomName, number: u64, by: Option<&UserName>, at: Time) -> Result<bool, StoreFailed> {
        let (room, by) = (room.clone(), by.cloned());
        self.write(move |connection| revoke(connection, &room, number, by.as_ref(), at))
    }

    fn delete_hooks(&self, room: &RoomName) -> Result<(), StoreFailed> {
        let room = room.clone();
        self.write(move |connection| {
            connection.prepare_cached("DELETE FROM hooks WHERE room = ?1")?.execute([room.as_str()]).map(|_| ())
        })
    }
}

/// See [`HookStore::add_hook`].
///
/// # Errors
/// The transaction must be rolled back.
pub fn add(connection: &Connection, hook: &NewHook, digest: &HookDigest) -> rusqlite::Result<Option<u64>> {
    let NewHook { room, name, by, created } = hook;
    let sql = "SELECT count(*) FROM hooks WHERE room = ?1 AND revoked IS NULL";
    let in_force: i64 = connection.prepare_cached(sql)?.query_row([room.as_str()], |row| row.get(0))?;
    if in_force >= HOOKS_MAX as i64 {
        return Ok(None);
    }
    let sql = "DELETE FROM hooks WHERE hook IN
        (SELECT hook FROM hooks WHERE room = ?1 AND revoked IS NOT NULL ORDER BY hook DESC LIMIT -1 OFFSET ?2)";
    connection.prepare_cached(sql)?.execute(params![room.as_str(), REVOKED_MAX as i64])?;
    let sql = "INSERT INTO hooks (digest, room, name, author, created) VALUES (?1, ?2, ?3, ?4, ?5)";
    let author = by.as_ref().map(UserName::as_str);
    connection.prepare_cached(sql)?.execute(params![
        &digest[..],
        room.as_str(),
        name.as_str(),
        author,
        ms(*created)
    ])?;
    Ok(Some(connection.last_insert_rowid().cast_unsigned()))
}

/// See [`HookStore::hooks`].
///
/// # Errors
/// They cannot be read.
pub fn of_room(connection: &Connection, room: &RoomName) -> rusqlite::Result<Vec<Hook>> {
    let sql = format!("SELECT {COLUMNS} FROM hooks WHERE room = ?1 ORDER BY hook");
    let mut statement = connection.prepare_cached(&sql)?;
    let hooks = statement.query_map([room.as_str()], read)?;
    hooks.collect()
}

/// See [`HookStore::revoke_hook`].
///
/// # Errors
/// The transaction must be rolled back.
pub fn revoke(
    connection: &Connection,
    room: &RoomName,
    number: u64,
    by: Option<&UserName>,
    at: Time,
) -> rusqlite::Result<bool> {
    let sql = "UPDATE hooks SET revoked = ?3, revoker = ?4 WHERE hook = ?1 AND room = ?2 AND revoked IS NULL";
    let values = params![number.cast_signed(), room.as_str(), ms(at), by.map(UserName::as_str)];
    Ok(connection.prepare_cached(sql)?.execute(values)? > 0)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Hook> {
    let name = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str_or_null()?.map(UserName::stored));
    let room = RoomName::parse(row.get_ref(1)?.as_str()?);
    let made = NewHook {
        room: room.map_err(|error| FromSqlError::Other(Box::new(error)))?,
        name: UserName::stored(row.get_ref(2)?.as_str()?),
        by: name(3)?,
        created: time(row.get(4)?),
    };
    let revoked = row.get::<_, Option<i64>>(5)?.map(|at| Ok::<_, rusqlite::Error>((time(at), name(6)?))).transpose()?;
    Ok(Hook { number: row.get::<_, i64>(0)?.cast_unsigned(), made, revoked })
}
