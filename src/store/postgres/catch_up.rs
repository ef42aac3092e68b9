//! What others have stored in a room since it was last told: read from the database, and merged into the room's order.
//!
//! Called by the room log, on the broker's thread. A change stands behind the message that was the newest when it was
//! made; where the part that is read ends before that message, the change waits for the next part.

use tokio_postgres::Row;

use super::hexadecimal;
use super::history::Standing;
use super::link::{DatabaseLink, LinkError};
use super::policy::action_of;
use super::row::{body_of, number, read as read_message, text};
use crate::chat::policy::{ModerationAction, ModerationChange};
use crate::chat::{Epoch, Message, Note, RemoteEvent, RoomName, Time, UserName};
use crate::store::columns::time;

/// Messages of one part, at most.
pub const MESSAGES: i32 = 300;
/// Bytes of their bodies, at most, but always one message.
pub const BYTES: i64 = 4 * 1024 * 1024;

/// Something that others did, and where the room stands behind it.
pub struct Change {
    pub event: RemoteEvent,
    pub newest: u64,
    pub version: u64,
}

impl Change {
    /// A new message of a room that has this version.
    pub fn message(message: Message, version: u64) -> Self {
        Self { newest: message.seq, version, event: RemoteEvent::Message(message) }
    }
}

/// Changes in the room's order.
pub struct Part {
    pub changes: Vec<Change>,
    /// Whether the database had no more.
    pub is_last: bool,
}

/// The changes after where the room stands, up to a number and a version. `None`: the room in the database is of another
/// epoch, or gone.
///
/// # Errors
/// They cannot be read now.
pub fn read(
    link: &mut DatabaseLink,
    room: &RoomName,
    known: &Standing,
    (newest_max, version_max): (u64, u64),
) -> Result<Option<Part>, LinkError> {
    let Standing { id, newest, version, .. } = *known;
    let sql = "SELECT a, kind, at, edited, usr, recipient, mid, body, reply, reaction, key, what, b, c
        FROM news_1($1, $2, $3, $4, $5)";
    let rows = link.query(sql, &[&id, &number(newest), &number(version), &MESSAGES, &BYTES])?;
    let is_state = |row: &&Row| row.get::<_, i16>(11) == 4;
    if rows.iter().find(is_state).and_then(|row| row.get::<_, Option<&str>>(4)) != Some(&*known.epoch) {
        return Ok(None);
    }
    let (mut messages, mut edits, mut end, mut log_end) = (Vec::new(), Vec::new(), None, (newest, version));
    for row in &rows {
        match row.get::<_, i16>(11) {
            1 => messages.push(read_message(row, 0, room)?),
            2 | 3 => edits.push(edit_of(row)?),
            _ => {
                log_end = (row.get::<_, i64>(0).cast_unsigned(), row.get::<_, i64>(12).cast_unsigned());
                end = row.get::<_, Option<&[u8]>>(7).map(text).transpose()?.map(str::to_owned);
            }
        }
    }
    edits.sort_by_key(|(_, _, version)| *version);
    let standing = Standing { id, epoch: "".into(), newest, version, pruned: 0 };
    let mut merged = Merge { standing, changes: Vec::new() };
    let mut messages = messages.into_iter().take_while(|message| message.seq <= newest_max).peekable();
    for (event, after, version) in edits.into_iter().take_while(|(_, _, version)| *version <= version_max) {
        while let Some(message) = messages.next_if(|message| message.seq <= after) {
            merged.message(message);
        }
        if merged.standing.newest < after {
            // The messages before it are in the next part.
            return Ok(Some(Part { changes: merged.changes, is_last: false }));
        }
        merged.edit(event, version);
    }
    messages.for_each(|message| merged.message(message));
    // Of an edit of a message that retention has deleted there is nothing to read. Behind an end there is another history.
    let is_at_end = (merged.standing.newest, merged.standing.version) == log_end && end.is_none();
    if let Some(end) = end.filter(|_| version_max == u64::MAX && merged.standing.newest == log_end.0) {
        merged.edit(ended(&end)?, 0);
    }
    let is_last = is_at_end || merged.changes.is_empty();
    Ok(Some(Part { changes: merged.changes, is_last }))
}

struct Merge {
    standing: Standing,
    changes: Vec<Change>,
}

impl Merge {
    fn message(&mut self, message: Message) {
        self.standing.newest = message.seq;
        self.changes.push(Change::message(message, self.standing.version));
    }

    fn edit(&mut self, event: RemoteEvent, version: u64) {
        self.standing.version = version;
        self.changes.push(Change { event, newest: self.standing.newest, version });
    }
}

/// An edit or a change of the policy, with the number behind which it stands, and its version.
fn edit_of(row: &Row) -> Result<(RemoteEvent, u64, u64), LinkError> {
    let (a, b) = (row.get::<_, i64>(0).cast_unsigned(), row.get::<_, Option<i64>>(12));
    let version = row.get::<_, i64>(13).cast_unsigned();
    let (by, at) = (UserName::stored(row.get(4)), time(row.get(2)));
    if row.get::<_, i16>(11) == 2 {
        let body = body_of(row.get(1), row.get(7))?;
        return Ok((RemoteEvent::Edited { seq: a, body, by, at }, b.unwrap_or(0).cast_unsigned(), version));
    }
    let (what, about) = row.get::<_, &str>(5).split_once(' ').unwrap_or_default();
    // An invitation is about nobody, and its code is not in the audit.
    let (about, shown) = if what == "invitation" { ("", about) } else { (about, "") };
    let about = Some(about).filter(|about| !about.is_empty());
    let mut action = action_of(what, about, b, row.get(7), row.get(6))?;
    if let ModerationChange::InvitationCreated { code, .. } = &mut action.change {
        *code = shown.into();
    }
    Ok((RemoteEvent::Moderated { by, action, at }, a, version))
}

/// How a room ended.
fn ended(json: &str) -> Result<RemoteEvent, LinkError> {
    #[derive(serde::Deserialize)]
    struct Ended {
        by: String,
        at: u64,
        note: Option<String>,
        epoch: String,
    }
    let invalid = || LinkError::Invalid("an end of a room that is none".to_owned());
    let Ended { by, at, note, epoch } = serde_json::from_str(json).map_err(|_| invalid())?;
    let epoch = epoch.strip_prefix('e').and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(invalid)?;
    let note = note.map(|digits| hexadecimal::read(&digits).ok_or_else(invalid)).transpose()?;
    let note = note.map(|bytes| text(&bytes).map(Note::stored)).transpose()?;
    let action = ModerationAction { change: ModerationChange::Ended, note };
    Ok(RemoteEvent::Ended { by: UserName::stored(&by), action, at: Time(at), epoch: Epoch(epoch) })
}
