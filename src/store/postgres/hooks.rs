//! The hooks of rooms, as rows.
//!
//! Read and written through the pool, each change in one statement or one short transaction; or by a command beside the
//! server.

use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use super::row::number;
use super::store::PostgresStore;
use crate::chat::hook::{HOOKS_MAX, Hook, HookDigest, NewHook, REVOKED_MAX};
use crate::chat::{RoomName, StoreFailed, Time, UserName};
use crate::store::columns::{ms, time};
use crate::store::hooks::HookStore;

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "hook, room, name, author, created, revoked, revoker";

impl HookStore for PostgresStore {
    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, StoreFailed> {
        self.pool.write(|link| link.transact("", |link| add(link, hook, digest)))
    }

    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, StoreFailed> {
        self.pool.read(|link| of_room(link, room))
    }

    fn hook(&self, digest: &HookDigest) -> Result<Option<Hook>, StoreFailed> {
        let sql = format!("SELECT {COLUMNS} FROM hooks WHERE digest = $1 AND revoked IS NULL");
        self.pool.read(|link| link.row(&sql, &[&&digest[..]])?.as_ref().map(read).transpose())
    }

    fn revoke_hook(&self, room: &RoomName, number: u64, by: Option<&UserName>, at: Time) -> Result<bool, StoreFailed> {
        self.pool.write(|link| revoke(link, room, number, by, at))
    }

    fn delete_hooks(&self, room: &RoomName) -> Result<(), StoreFailed> {
        self.pool.write(|link| link.execute("DELETE FROM hooks WHERE room = $1", &[&room.as_str()]).map(|_| ()))
    }
}

/// See [`HookStore::add_hook`]. In a transaction.
///
/// # Errors
/// The transaction must be rolled back.
pub fn add(link: &mut DatabaseLink, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, LinkError> {
    let NewHook { room, name, by, created } = hook;
    // Two at once count one after the other.
    link.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", &[&room.as_str()])?;
    let sql = "SELECT count(*) FROM hooks WHERE room = $1 AND revoked IS NULL";
    let in_force = link.row(sql, &[&room.as_str()])?.map_or(0, |row| row.get::<_, i64>(0));
    if in_force >= HOOKS_MAX as i64 {
        return Ok(None);
    }
    let sql = "DELETE FROM hooks WHERE hook IN
        (SELECT hook FROM hooks WHERE room = $1 AND revoked IS NOT NULL ORDER BY hook DESC OFFSET $2)";
    link.query(sql, &[&room.as_str(), &(REVOKED_MAX as i64)])?;
    let sql = "INSERT INTO hooks (digest, room, name, author, created) VALUES ($1, $2, $3, $4, $5) RETURNING hook";
    let author = by.as_ref().map(UserName::as_str);
    let row = link.row(sql, &[&&digest[..], &room.as_str(), &name.as_str(), &author, &ms(*created)])?;
    Ok(row.map(|row| row.get::<_, i64>(0).cast_unsigned()))
}

/// See [`HookStore::hooks`].
///
/// # Errors
/// They cannot be read.
pub fn of_room(link: &mut DatabaseLink, room: &RoomName) -> Result<Vec<Hook>, LinkError> {
    let sql = format!("SELECT {COLUMNS} FROM hooks WHERE room = $1 ORDER BY hook");
    link.query(&sql, &[&room.as_str()])?.iter().map(read).collect()
}

/// See [`HookStore::revoke_hook`].
///
/// # Errors
/// Nothing has changed, or that is in doubt.
pub fn revoke(
    link: &mut DatabaseLink,
    room: &RoomName,
    hook: u64,
    by: Option<&UserName>,
    at: Time,
) -> Result<bool, LinkError> {
    let sql = "UPDATE hooks SET revoked = $3, revoker = $4 WHERE hook = $1 AND room = $2 AND revoked IS NULL";
    Ok(link.execute(sql, &[&number(hook), &room.as_str(), &ms(at), &by.map(UserName::as_str)])? > 0)
}

fn read(row: &Row) -> Result<Hook, LinkError> {
    let name = |column: usize| row.get::<_, Option<&str>>(column).map(UserName::stored);
    let room = RoomName::parse(row.get(1)).map_err(|_| LinkError::Invalid("a hook of no room".to_owned()))?;
    let made = NewHook { room, name: UserName::stored(row.get(2)), by: name(3), created: time(row.get(4)) };
    let revoked = row.get::<_, Option<i64>>(5).map(|at| (time(at), name(6)));
    Ok(Hook { number: row.get::<_, i64>(0).cast_unsigned(), made, revoked })
}
