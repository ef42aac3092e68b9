//! A message as a row: its columns, written and read; and what other values look like in a column.
//!
//! Shared by the journal, which writes, and by everything that reads. Pure.

use tokio_postgres::Row;

use super::link::LinkError;
use crate::chat::{Body, Key, Message, Mid, Note, Receipt, RoomName, UserName};
use crate::store::columns::{about_of, time};

/// The columns that `read` takes, in its order.
pub const COLUMNS: &str = "seq, kind, at, edited, usr, recipient, mid, body, reply, reaction, key";

/// The column `messages.kind`: a text.
pub const TEXT: i16 = 0;
/// Ciphertext.
const CIPHER: i16 = 1;
/// A message that was deleted.
pub const DELETED: i16 = 2;
/// Bytes that are no text.
const DATA: i16 = 3;

/// The columns `kind` and `body`.
pub fn columns_of(body: &Body) -> (i16, &[u8]) {
    match body {
        Body::Text(text) => (TEXT, text.as_bytes()),
        Body::Cipher(json) => (CIPHER, json.as_bytes()),
        Body::Data(bytes) => (DATA, bytes),
        Body::Deleted(note) => (DELETED, note.as_deref().unwrap_or_default().as_bytes()),
    }
}

/// The body in the columns `kind` and `body`.
///
/// # Errors
/// It is none.
pub fn body_of(kind: i16, body: &[u8]) -> Result<Body, LinkError> {
    match kind {
        TEXT => Ok(Body::Text(text(body)?.into())),
        CIPHER => Ok(Body::Cipher(text(body)?.into())),
        DELETED => Ok(Body::Deleted((!body.is_empty()).then(|| text(body).map(Note::stored)).transpose()?)),
        DATA => Ok(Body::Data(body.into())),
        other => Err(LinkError::Invalid(format!("a message of the kind {other}"))),
    }
}

/// A number of a message as a column; one that is too great for any message is the greatest.
pub fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// The text in a column of bytes.
///
/// # Errors
/// It is no UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, LinkError> {
    std::str::from_utf8(bytes).map_err(|_| LinkError::Invalid("a text that is not UTF-8".to_owned()))
}

/// The column `marks.receipt`.
pub fn receipt_number(receipt: Receipt) -> i16 {
    match receipt {
        Receipt::Written => 0,
        Receipt::Received => 1,
        Receipt::Read => 2,
    }
}

/// The receipt in a column.
///
/// # Errors
/// There is no such receipt.
pub fn receipt_of(number: i16) -> Result<Receipt, LinkError> {
    let all = [Receipt::Written, Receipt::Received, Receipt::Read];
    let receipt = all.into_iter().find(|receipt| receipt_number(*receipt) == number);
    receipt.ok_or_else(|| LinkError::Invalid(format!("a mark of the kind {number}")))
}

/// The message of `room` in a row that has [`COLUMNS`] from `first` on.
///
/// # Errors
/// The row is no message.
pub fn read(row: &Row, first: usize, room: &RoomName) -> Result<Message, LinkError> {
    let mid = row.get::<_, Option<&[u8]>>(first + 6).map(|mid| text(mid).map(Mid::stored)).transpose()?;
    Ok(Message {
        room: room.clone(),
        user: UserName::stored(row.get(first + 4)),
        to: row.get::<_, Option<&str>>(first + 5).map(UserName::stored),
        body: body_of(row.get(first + 1), row.get(first + 7))?,
        about: about_of(row.get(first + 8), row.get(first + 9)),
        seq: row.get::<_, i64>(first).cast_unsigned(),
        ephemeral: None,
        mid,
        key: row.get::<_, Option<&[u8]>>(first + 10).map(|key| text(key).map(Key::stored)).transpose()?,
        at: time(row.get(first + 2)),
        edited: row.get::<_, Option<i64>>(first + 3).map(time),
    })
}
