//! A message as a row: its columns, written and read.
//!
//! Shared by the journal, which writes, and by everything that reads. The columns are named here once, in the order in
//! which `read` takes them.

use std::sync::Arc;

use rusqlite::Row;

use super::message_key::seq_of;
use crate::chat::{Body, Key, Message, Mid, Note, RoomName, UserName};
use crate::store::columns::{about_of, time};

/// The columns that `read` takes, in its order.
pub const COLUMNS: &str = "place, kind, at, edited, user, friend, mid, body, reply, reaction, key, data";

/// The column `messages.kind`: a text.
pub const TEXT: i64 = 0;
/// What the server does not read: ciphertext in `body`, or bytes in `data`.
const UNREAD: i64 = 1;
/// A message that was deleted.
pub const DELETED: i64 = 2;

/// The columns `kind`, `body` and `data`.
pub fn columns_of(body: &Body) -> (i64, &str, Option<&[u8]>) {
    match body {
        Body::Text(text) => (TEXT, text, None),
        Body::Cipher(json) => (UNREAD, json, None),
        Body::Data(bytes) => (UNREAD, "", Some(bytes)),
        Body::Deleted(note) => (DELETED, note.as_deref().unwrap_or_default(), None),
    }
}

/// What the columns `kind`, `body` and `data` say, of which these are the places in a row.
///
/// # Errors
/// They are those of no message: the file is damaged.
pub fn body_of(row: &Row<'_>, [kind, body, data]: [usize; 3]) -> rusqlite::Result<Body> {
    match row.get(kind)? {
        TEXT => Ok(Body::Text(shared(row, body)?)),
        UNREAD => match row.get_ref(data)?.as_blob_or_null()? {
            Some(bytes) => Ok(Body::Data(bytes.into())),
            None => Ok(Body::Cipher(shared(row, body)?)),
        },
        DELETED => {
            let note = row.get_ref(body)?.as_str()?;
            Ok(Body::Deleted((!note.is_empty()).then(|| Note::stored(note))))
        }
        other => Err(rusqlite::Error::IntegralValueOutOfRange(kind, other)),
    }
}

/// The text in a column, as it is shared.
///
/// # Errors
/// It is no text.
pub fn shared(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

/// The message of `room` in a row of [`COLUMNS`].
///
/// # Errors
/// The row is no message: the file is damaged.
pub fn read(row: &Row<'_>, room: &RoomName) -> rusqlite::Result<Message> {
    let text = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str()?);
    let optional = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str_or_null()?);
    Ok(Message {
        room: room.clone(),
        user: UserName::stored(text(4)?),
        to: optional(5)?.map(UserName::stored),
        body: body_of(row, [1, 7, 11])?,
        about: about_of(row.get(8)?, row.get(9)?),
        seq: seq_of(row.get(0)?),
        ephemeral: None,
        mid: optional(6)?.map(Mid::stored),
        key: optional(10)?.map(Key::stored),
        at: time(row.get(2)?),
        edited: row.get::<_, Option<i64>>(3)?.map(time),
    })
}
