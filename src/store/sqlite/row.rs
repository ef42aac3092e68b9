//! A message as a row: its columns, written and read.
//!
//! Shared by the journal, which writes, and by everything that reads. The columns are named here once, in the order in
//! which `read` takes them.

use std::sync::Arc;

use rusqlite::Row;

use super::message_key::seq_of;
use crate::chat::{About, Body, Key, Message, Mid, RoomName, Time, UserName};

/// The columns that `read` takes, in its order.
pub const COLUMNS: &str = "place, kind, at, edited, user, friend, mid, body, reply, reaction, key";

/// The column `messages.kind`: a text.
pub const TEXT: i64 = 0;
/// Ciphertext.
pub const CIPHER: i64 = 1;
/// A message that was deleted.
pub const DELETED: i64 = 2;

/// The columns `kind` and `body`.
pub fn columns_of(body: &Body) -> (i64, &str) {
    match body {
        Body::Text(text) => (TEXT, text),
        Body::Cipher(json) => (CIPHER, json),
        Body::Deleted => (DELETED, ""),
    }
}

/// The columns `reply` and `reaction`.
pub fn about_columns(about: Option<About>) -> (Option<i64>, Option<i64>) {
    let (reply, reaction) = About::fields(about);
    (reply.map(u64::cast_signed), reaction.map(u64::cast_signed))
}

/// A time as a column: milliseconds since 1970.
pub fn ms(at: Time) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// The time in a column.
pub fn time(ms: i64) -> Time {
    Time(u64::try_from(ms).unwrap_or(0))
}

/// The message of `room` in a row of [`COLUMNS`].
///
/// # Errors
/// The row is no message: the file is damaged.
pub fn read(row: &Row<'_>, room: &RoomName) -> rusqlite::Result<Message> {
    let text = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
    let optional = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str_or_null()?);
    let number = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned));
    let kind: i64 = row.get(1)?;
    let body = || Ok::<Arc<str>, rusqlite::Error>(text(7)?.into());
    Ok(Message {
        room: room.clone(),
        user: UserName::stored(text(4)?),
        to: optional(5)?.map(UserName::stored),
        body: match kind {
            TEXT => Body::Text(body()?),
            CIPHER => Body::Cipher(body()?),
            DELETED => Body::Deleted,
            other => return Err(rusqlite::Error::IntegralValueOutOfRange(1, other)),
        },
        about: match (number(8)?, number(9)?) {
            (Some(seq), _) => Some(About::Reply(seq)),
            (None, seq) => seq.map(About::Reaction),
        },
        seq: seq_of(row.get(0)?),
        mid: optional(6)?.map(Mid::stored),
        key: optional(10)?.map(Key::stored),
        at: time(row.get(2)?),
        edited: row.get::<_, Option<i64>>(3)?.map(time),
    })
}
