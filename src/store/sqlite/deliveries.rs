//! What is to be delivered to webhooks, as rows: written with what it tells of.
//!
//! The journal writes a message's delivery in the message's own transaction, so that there is one exactly if there is the
//! other. Read on behalf of `webhooks.rs`. A message that is deleted is deleted from what waits for webhooks, too.

use std::sync::Arc;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::row::{body_of, columns_of, shared};
use super::sequence::Sequence;
use super::webhooks;
use crate::chat::policy::{ModerationAction, ModerationChange};
use crate::chat::webhook::{
    BACKLOG_BYTES_MAX, BACKLOG_MAX, DueDelivery, LoggedDelivery, Movement, WebhookEvent, WebhookOff,
};
use crate::chat::{
    About, Body, Draft, Event, LeaveReason, Message, Mid, Note, Operation, Outcome, Publication, RoomName, Time,
    UserName,
};
use crate::store::audit_value::{change_of, value_of};
use crate::store::columns::{about_columns, about_of, ms, time};

/// The columns of an event.
const COLUMNS: &str = "id, event, room, epoch, seq, at, user, kind, body, mid, reply, reaction, what, about, until, value, \
                       note, data";

/// How many bytes a delivery counts, as an expression over its columns.
pub const BYTES: &str = "coalesce(length(CAST(body AS BLOB)), 0) + coalesce(length(data), 0)";

/// Something that webhooks are told of.
struct Told<'a> {
    kind: WebhookEvent,
    room: &'a RoomName,
    epoch: &'a str,
    at: Time,
    user: &'a UserName,
    seq: Option<u64>,
    body: Option<&'a Body>,
    mid: Option<&'a Mid>,
    about: Option<About>,
    action: Option<&'a ModerationAction>,
}

/// Writes what the drafts of a room, which began at `before`, are to webhooks; whether any of them is told.
///
/// # Errors
/// The transaction must be rolled back.
pub fn of_drafts(
    connection: &Connection,
    before: &Sequence,
    drafts: &[Draft],
    outcomes: &[Outcome],
) -> rusqlite::Result<bool> {
    let room = &before.name;
    if room.is_conversation() {
        return Ok(false);
    }
    let (mut epoch, mut any) = (Arc::clone(&before.epoch), false);
    for (draft, outcome) in drafts.iter().zip(outcomes) {
        let (user, at) = (&draft.speaker.user, draft.at);
        let plain = |kind| Told {
            kind,
            room,
            epoch: &epoch,
            at,
            user,
            seq: None,
            body: None,
            mid: None,
            about: None,
            action: None,
        };
        any |= match (&draft.operation, outcome) {
            (Operation::Publish { publication: Publication { body, about, mid, .. }, .. }, Outcome::Stored { seq }) => {
                let told = plain(WebhookEvent::Message);
                let (seq, body, mid) = (Some(*seq), Some(body), mid.as_ref());
                tell(connection, &Told { seq, body, mid, about: *about, ..told })?
            }
            (Operation::Edit { seq, body, .. }, Outcome::Changed) => {
                let deletes = body.is_deleted();
                if deletes {
                    forget_content(connection, room, *seq, &epoch)?;
                }
                let told = plain(if deletes { WebhookEvent::Delete } else { WebhookEvent::Edit });
                tell(connection, &Told { seq: Some(*seq), body: Some(body), ..told })?
            }
            (Operation::Moderate(action), Outcome::Changed) => {
                let created = matches!(action.change, ModerationChange::Created { .. });
                let told = plain(if created { WebhookEvent::Created } else { WebhookEvent::Moderated });
                tell(connection, &Told { action: Some(action), ..told })?
            }
            (Operation::Moderate(action), Outcome::Ended { epoch: next }) => {
                let told = tell(connection, &Told { action: Some(action), ..plain(WebhookEvent::Ended) })?;
                webhooks::end(connection, room, user, at)?;
                epoch = next.to_string().into();
                told
            }
            _ => false,
        };
    }
    Ok(any)
}

/// A message was deleted: nothing of it is told any more, or counts.
fn forget_content(connection: &Connection, room: &RoomName, seq: u64, epoch: &str) -> rusqlite::Result<()> {
    let of_message = "room = ?1 AND seq = ?2 AND epoch = ?3";
    let values = params![room.as_str(), seq.cast_signed(), epoch];
    let sql = format!(
        "UPDATE webhooks SET bytes = bytes - waits.size
            FROM (SELECT webhook, sum({BYTES}) AS size FROM deliveries
                WHERE {of_message} AND delivered IS NULL GROUP BY webhook) AS waits
            WHERE webhooks.webhook = waits.webhook"
    );
    connection.prepare_cached(&sql)?.execute(values)?;
    let sql = format!("UPDATE deliveries SET kind = 2, body = '', data = NULL WHERE {of_message}");
    connection.prepare_cached(&sql)?.execute(values).map(|_| ())
}

/// Writes who entered or left a room; whether anybody is told.
///
/// # Errors
/// The transaction must be rolled back.
pub fn of_movement(
    connection: &Connection,
    room: &RoomName,
    epoch: &str,
    movement: &Movement,
) -> rusqlite::Result<bool> {
    let Movement { joins, user, at } = movement;
    let kind = if *joins { WebhookEvent::Join } else { WebhookEvent::Leave };
    let (seq, body, mid, about, action) = (None, None, None, None, None);
    tell(connection, &Told { kind, room, epoch, at: *at, user, seq, body, mid, about, action })
}

/// Writes a delivery for each webhook that is told of this.
fn tell(connection: &Connection, told: &Told<'_>) -> rusqlite::Result<bool> {
    let Told { kind, room, epoch, at, user, seq, body, mid, about, action } = told;
    let sql = format!(
        "INSERT INTO deliveries (webhook, {COLUMNS})
            SELECT webhook, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18
            FROM webhooks WHERE removed IS NULL AND off IS NULL AND coalesce(room = ?3, 1) AND events >> ?2 & 1
            ORDER BY webhook"
    );
    let drawn = |error: getrandom::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(drawn)?;
    let id = format!("msg_{:032x}", u128::from_be_bytes(id));
    let (body_kind, text, data) =
        body.map(columns_of).map_or((None, None, None), |(kind, text, data)| (Some(kind), Some(text), data));
    let (reply, reaction) = about_columns(*about);
    let change = action.map(|action| &action.change);
    let (room, kind) = (room.as_str(), *kind as i64);
    let values = params![
        id,
        kind,
        room,
        epoch,
        seq.map(u64::cast_signed),
        ms(*at),
        user.as_str(),
        body_kind,
        text,
        mid.map(Mid::as_str),
        reply,
        reaction,
        change.map(ModerationChange::as_str),
        change.and_then(ModerationChange::user).map(UserName::as_str),
        change.and_then(ModerationChange::until).map(ms),
        change.and_then(value_of),
        action.and_then(|action| action.note.as_deref()),
        data,
    ];
    if connection.prepare_cached(&sql)?.execute(values)? == 0 {
        return Ok(false);
    }
    let bytes = i64::try_from(body.map_or(0, Body::len)).unwrap_or(i64::MAX);
    let full = WebhookOff::Full.as_str();
    let sql = "UPDATE webhooks SET waiting = waiting + 1, bytes = bytes + ?4,
            off = CASE WHEN waiting + 1 >= ?5 OR bytes + ?4 >= ?6 THEN ?3 END,
            reason = CASE WHEN waiting + 1 >= ?5 OR bytes + ?4 >= ?6 THEN ?7 END
        WHERE removed IS NULL AND off IS NULL AND coalesce(room = ?1, 1) AND events >> ?2 & 1";
    let (most, most_bytes) = (BACKLOG_MAX.cast_signed(), BACKLOG_BYTES_MAX.cast_signed());
    connection.prepare_cached(sql)?.execute(params![room, kind, ms(*at), bytes, most, most_bytes, full])?;
    Ok(true)
}

/// Writes a delivery of a webhook once more; false: there is none, or the webhook is off.
///
/// # Errors
/// The transaction must be rolled back.
pub fn again(connection: &Connection, webhook: u64, delivery: u64) -> rusqlite::Result<bool> {
    let (webhook, delivery) = (webhook.cast_signed(), delivery.cast_signed());
    let sql = format!(
        "INSERT INTO deliveries (webhook, {COLUMNS}) SELECT webhook, {COLUMNS} FROM deliveries
            WHERE delivery = ?2 AND webhook = ?1 AND delivered IS NOT NULL
                AND (SELECT off IS NULL AND removed IS NULL FROM webhooks w WHERE w.webhook = ?1)"
    );
    if connection.prepare_cached(&sql)?.execute([webhook, delivery])? == 0 {
        return Ok(false);
    }
    let sql = format!(
        "UPDATE webhooks SET waiting = waiting + 1,
            bytes = bytes + (SELECT {BYTES} FROM deliveries WHERE delivery = ?2) WHERE webhook = ?1"
    );
    connection.prepare_cached(&sql)?.execute([webhook, delivery]).map(|_| true)
}

/// The oldest delivery of a webhook that waits.
///
/// # Errors
/// It cannot be read.
pub fn next(connection: &Connection, webhook: u64) -> rusqlite::Result<Option<DueDelivery>> {
    let sql = format!(
        "SELECT delivery, {COLUMNS} FROM deliveries WHERE webhook = ?1 AND delivered IS NULL ORDER BY delivery LIMIT 1"
    );
    let found = connection.prepare_cached(&sql)?.query_row([webhook.cast_signed()], |row| {
        let (kind, at) = (kind_of(row, 2)?, time(row.get(6)?));
        let id = row.get(1)?;
        Ok(DueDelivery { number: number(row)?, id, kind, epoch: shared(row, 4)?, at, event: event(row, kind, at)? })
    });
    found.optional()
}

/// A delivery of the log.
///
/// # Errors
/// It is none.
pub fn logged(row: &Row<'_>) -> rusqlite::Result<LoggedDelivery> {
    let tried = row.get::<_, Option<i64>>(6)?.map(time);
    Ok(LoggedDelivery {
        number: number(row)?,
        id: row.get(1)?,
        kind: kind_of(row, 2)?,
        room: room_of(row, 3)?,
        at: time(row.get(4)?),
        attempts: row.get(5)?,
        tried: tried.zip(row.get(7)?),
        delivered: row.get::<_, Option<i64>>(8)?.is_some(),
    })
}

/// The event in a row of its number and [`COLUMNS`].
fn event(row: &Row<'_>, kind: WebhookEvent, at: Time) -> rusqlite::Result<Event> {
    let room = room_of(row, 3)?;
    let user = UserName::stored(row.get_ref(7)?.as_str()?);
    let seq = || Ok::<_, rusqlite::Error>(row.get::<_, i64>(5)?.cast_unsigned());
    let body = || body_of(row, [8, 9, 18]);
    Ok(match kind {
        WebhookEvent::Message => {
            let mid = row.get_ref(10)?.as_str_or_null()?.map(Mid::stored);
            let about = about_of(row.get(11)?, row.get(12)?);
            Event::Message(Arc::new(Message { mid, about, ..Message::new(room, user, body()?, seq()?, at) }))
        }
        WebhookEvent::Edit | WebhookEvent::Delete => Event::Edit { room, seq: seq()?, user, body: body()?, at },
        WebhookEvent::Join => Event::Join { room, user, registered: false, was: None, at },
        WebhookEvent::Leave => Event::Leave { room, user, reason: LeaveReason::Left(None), at },
        WebhookEvent::Created | WebhookEvent::Ended | WebhookEvent::Moderated => {
            let (about, until) = (row.get_ref(14)?.as_str_or_null()?, row.get::<_, Option<i64>>(15)?);
            let (what, value) = (row.get_ref(13)?.as_str()?, row.get_ref(16)?.as_str_or_null()?.unwrap_or_default());
            let change = match what {
                "ended" => Some(ModerationChange::Ended),
                _ => change_of(what, about.map(UserName::stored), until.map(time), value),
            };
            let unknown = || rusqlite::Error::InvalidColumnName(format!("a delivery: {what}"));
            let note = row.get_ref(17)?.as_str_or_null()?.map(Note::stored);
            let action = ModerationAction { change: change.ok_or_else(unknown)?, note };
            Event::Moderated { room, by: user, action, evicted: false, at }
        }
    })
}

fn number(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn kind_of(row: &Row<'_>, column: usize) -> rusqlite::Result<WebhookEvent> {
    let number = row.get(column)?;
    WebhookEvent::numbered(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn room_of(row: &Row<'_>, column: usize) -> rusqlite::Result<RoomName> {
    let room = RoomName::parse(row.get_ref(column)?.as_str()?);
    Ok(room.map_err(|error| FromSqlError::Other(Box::new(error)))?)
}
