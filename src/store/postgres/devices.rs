//! The devices of claimed names, as rows.
//!
//! Read when the server starts and when another has changed them, written in statements of their own, on behalf of `accounts.rs`.

use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use crate::chat::device::{Device, DeviceId, DeviceLabel};
use crate::chat::{FoldedName, UserName};
use crate::store::columns::{ms, time};

/// The devices of all names, in any order.
pub fn all(link: &mut DatabaseLink) -> Result<Vec<(UserName, Device)>, LinkError> {
    let sql = "SELECT device, label, created, seen, name FROM devices JOIN names USING (folded)";
    Ok(link.query(sql, &[])?.iter().map(|row| (UserName::stored(row.get(4)), device(row))).collect())
}

/// The devices of a name, in any order.
pub fn of(link: &mut DatabaseLink, name: &UserName) -> Result<Vec<Device>, LinkError> {
    let sql = "SELECT device, label, created, seen FROM devices WHERE folded = $1";
    Ok(link.query(sql, &[&FoldedName::of(name).as_str()])?.iter().map(device).collect())
}

fn device(row: &Row) -> Device {
    Device {
        id: DeviceId(row.get::<_, i64>(0).cast_unsigned()),
        label: row.get::<_, Option<&str>>(1).map(DeviceLabel::stored),
        created: time(row.get(2)),
        seen: row.get::<_, Option<i64>>(3).map(time),
    }
}

/// Adds a device of a registered name, or replaces the one of its id; whether the name is registered.
pub fn put(link: &mut DatabaseLink, name: &UserName, device: &Device) -> Result<bool, LinkError> {
    let Device { id, label, created, seen } = device;
    let sql = "INSERT INTO devices (folded, device, label, created, seen)
        SELECT folded, $2, $3, $4, $5 FROM names WHERE folded = $1
        ON CONFLICT (folded, device) DO UPDATE SET label = excluded.label, created = excluded.created, seen = excluded.seen";
    let (folded, label, seen) = (FoldedName::of(name), label.as_deref(), seen.map(ms));
    Ok(link.execute(sql, &[&folded.as_str(), &id.0.cast_signed(), &label, &ms(*created), &seen])? > 0)
}

/// Removes a device; whether there was one.
pub fn remove(link: &mut DatabaseLink, name: &UserName, id: DeviceId) -> Result<bool, LinkError> {
    let sql = "DELETE FROM devices WHERE folded = $1 AND device = $2";
    Ok(link.execute(sql, &[&FoldedName::of(name).as_str(), &id.0.cast_signed()])? > 0)
}

/// Removes all devices of a name.
pub fn clear(link: &mut DatabaseLink, name: &UserName) -> Result<(), LinkError> {
    link.execute("DELETE FROM devices WHERE folded = $1", &[&FoldedName::of(name).as_str()]).map(|_| ())
}
