//! The devices of claimed names, as rows.
//!
//! Read when the server starts, written by the journal in transactions of their own, on behalf of `accounts.rs`.

use rusqlite::{Connection, params};

use crate::chat::device::{Device, DeviceId, DeviceLabel};
use crate::chat::{FoldedName, UserName};
use crate::store::columns::{ms, time};

/// The devices of all names, in any order.
///
/// # Errors
/// They cannot be read.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<(UserName, Device)>> {
    let sql = "SELECT name, device, label, created, seen FROM devices JOIN names USING (likeness)";
    let mut statement = connection.prepare(sql)?;
    let devices = statement.query_map([], |row| {
        let device = Device {
            id: DeviceId(row.get::<_, i64>(1)?.cast_unsigned()),
            label: row.get_ref(2)?.as_str_or_null()?.map(DeviceLabel::stored),
            created: time(row.get(3)?),
            seen: row.get::<_, Option<i64>>(4)?.map(time),
        };
        Ok((UserName::stored(row.get_ref(0)?.as_str()?), device))
    })?;
    devices.collect()
}

/// Adds a device of a registered name, or replaces the one of its id; whether the name is registered.
///
/// # Errors
/// The transaction must be rolled back.
pub fn put(connection: &Connection, name: &UserName, device: &Device) -> rusqlite::Result<bool> {
    let Device { id, label, created, seen } = device;
    let sql = "INSERT OR REPLACE INTO devices (likeness, device, label, created, seen)
        SELECT likeness, ?2, ?3, ?4, ?5 FROM names WHERE likeness = ?1";
    let folded = FoldedName::of(name);
    let values = params![folded.as_str(), id.0.cast_signed(), label.as_deref(), ms(*created), seen.map(ms)];
    Ok(connection.prepare_cached(sql)?.execute(values)? > 0)
}

/// Removes a device; whether there was one.
///
/// # Errors
/// The transaction must be rolled back.
pub fn remove(connection: &Connection, name: &UserName, id: DeviceId) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM devices WHERE likeness = ?1 AND device = ?2";
    Ok(connection.prepare_cached(sql)?.execute(params![FoldedName::of(name).as_str(), id.0.cast_signed()])? > 0)
}

/// Removes all devices of a name.
///
/// # Errors
/// The transaction must be rolled back.
pub fn clear(connection: &Connection, name: &UserName) -> rusqlite::Result<()> {
    let folded = FoldedName::of(name);
    connection.prepare_cached("DELETE FROM devices WHERE likeness = ?1")?.execute([folded.as_str()]).map(|_| ())
}
