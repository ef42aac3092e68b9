//! Webhooks and their deliveries, as rows.
//!
//! Asked through the pool or by a command beside the server; changed by the journal in transactions of their own, or by
//! such a command. What is to be delivered is written by `deliveries.rs`.

use std::ops::Deref;

use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row, params};

use super::deliveries;
use crate::chat::webhook::{
    AfterAttempt, Attempt, DELIVERED_MAX, DueDelivery, LoggedDelivery, NewWebhook, REMOVED_MAX, ROOM_WEBHOOKS_MAX,
    USER_WEBHOOKS_MAX, WEBHOOKS_MAX, Webhook, WebhookEvent, WebhookEvents, WebhookOff, WebhookUrl,
};
use crate::chat::{RoomName, Secret, Time, UserName};
use crate::store::columns::{ms, time};
use crate::store::webhooks::{WebhookLease, WebhookStore};

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "webhook, url, secret, room, events, author, created, waiting, failures, failing, due, off, reason, \
                       removed, remover, ended";

/// A way to the rows: that of the server, or that of a command.
pub trait SqliteWebhookRows: Send + Sync {
    /// Why it fails.
    type Error;

    /// Reads.
    ///
    /// # Errors
    /// It cannot be read now.
    fn read_rows<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, Self::Error>;

    /// Writes, in a transaction.
    ///
    /// # Errors
    /// Nothing has changed.
    fn write_rows<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Self::Error>;

    /// Takes notice of whether a webhook wants to know who enters and leaves.
    fn movements_wanted(&self, wanted: bool);
}

/// The webhooks, over a way to the rows.
pub struct SqliteWebhooks<R>(pub R);

impl<T: SqliteWebhookRows, R: Deref<Target = T> + Send + Sync> WebhookStore for SqliteWebhooks<R> {
    type Error = T::Error;

    fn add_webhook(&self, webhook: &NewWebhook, secret: &Secret) -> Result<Option<u64>, T::Error> {
        let (webhook, secret) = (webhook.clone(), secret.clone());
        self.0.write_rows(move |connection| add(connection, &webhook, &secret))
    }

    fn webhooks(&self) -> Result<Vec<Webhook>, T::Error> {
        let webhooks = self.0.read_rows(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM webhooks ORDER BY webhook");
            let mut statement = connection.prepare_cached(&sql)?;
            let webhooks = statement.query_map([], read)?;
            webhooks.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut told = webhooks.iter().filter(|webhook| webhook.off.is_none() && webhook.removed.is_none());
        self.0.movements_wanted(told.any(|webhook| {
            let events = webhook.made.events;
            events.has(WebhookEvent::Join) || events.has(WebhookEvent::Leave)
        }));
        Ok(webhooks)
    }

    fn remove_webhook(&self, number: u64, by: Option<&UserName>, at: Time) -> Result<bool, T::Error> {
        let by = by.cloned();
        self.0.write_rows(move |connection| {
            let number = number.cast_signed();
            let sql = "UPDATE webhooks SET removed = ?2, remover = ?3, waiting = 0, bytes = 0
                WHERE webhook = ?1 AND removed IS NULL";
            let values = params![number, ms(at), by.as_ref().map(UserName::as_str)];
            let removed = connection.prepare_cached(sql)?.execute(values)? > 0;
            if removed {
                connection.prepare_cached("DELETE FROM deliveries WHERE webhook = ?1")?.execute([number])?;
            }
            Ok(removed)
        })
    }

    fn deliveries(&self, webhook: u64, count: usize) -> Result<Vec<LoggedDelivery>, T::Error> {
        self.0.read_rows(|connection| {
            let sql = "SELECT delivery, id, event, room, at, attempts, tried, outcome, delivered FROM deliveries
                WHERE webhook = ?1 ORDER BY delivery DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_map(params![webhook.cast_signed(), count as i64], deliveries::logged)?;
            let mut found: Vec<_> = found.collect::<rusqlite::Result<_>>()?;
            found.reverse();
            Ok(found)
        })
    }

    fn resend(&self, webhook: u64, delivery: u64) -> Result<bool, T::Error> {
        self.0.write_rows(move |connection| deliveries::again(connection, webhook, delivery))
    }

    fn resume_webhook(&self, number: u64, now: Time) -> Result<bool, T::Error> {
        self.0.write_rows(move |connection| {
            let sql = "UPDATE webhooks SET off = NULL, reason = NULL, failing = NULL, failures = 0, due = ?2
                WHERE webhook = ?1 AND removed IS NULL";
            Ok(connection.prepare_cached(sql)?.execute(params![number.cast_signed(), ms(now)])? > 0)
        })
    }

    /// The file is this server's: so is each lease.
    fn take_lease(&self, _: &str) -> Result<Option<WebhookLease>, T::Error> {
        Ok(Some(WebhookLease::default()))
    }

    fn return_lease(&self, _: WebhookLease) -> Result<(), T::Error> {
        Ok(())
    }

    fn next_delivery(&self, webhook: u64, _: WebhookLease) -> Result<Option<DueDelivery>, T::Error> {
        self.0.read_rows(|connection| deliveries::next(connection, webhook))
    }

    fn note_attempt(&self, webhook: u64, delivery: u64, attempt: &Attempt, _: WebhookLease) -> Result<bool, T::Error> {
        let attempt = attempt.clone();
        self.0.write_rows(move |connection| {
            note(connection, webhook.cast_signed(), delivery.cast_signed(), &attempt).map(|()| true)
        })
    }

    fn forget_deliveries(&self, before: Time) -> Result<(), T::Error> {
        self.0.write_rows(move |connection| {
            let sql = "DELETE FROM deliveries WHERE delivered < ?1";
            connection.prepare_cached(sql)?.execute([ms(before)]).map(|_| ())
        })
    }

    fn end_webhooks(&self, room: &RoomName, by: &UserName, at: Time) -> Result<(), T::Error> {
        let (room, by) = (room.clone(), by.clone());
        self.0.write_rows(move |connection| end(connection, &room, &by, at))
    }
}

/// Whether there ever was a webhook: otherwise nothing has to be written for any.
///
/// # Errors
/// That cannot be read.
pub fn are_there(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM webhooks)";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Removes the webhooks of a room that ends. What waits is delivered.
///
/// # Errors
/// The transaction must be rolled back.
pub fn end(connection: &Connection, room: &RoomName, by: &UserName, at: Time) -> rusqlite::Result<()> {
    let sql =
        "UPDATE webhooks SET removed = coalesce(removed, ?2), remover = iif(removed IS NULL, ?3, remover), ended = 1
        WHERE room = ?1 AND ended = 0";
    connection.prepare_cached(sql)?.execute(params![room.as_str(), ms(at), by.as_str()]).map(|_| ())
}

fn add(connection: &Connection, webhook: &NewWebhook, secret: &Secret) -> rusqlite::Result<Option<u64>> {
    let NewWebhook { url, room, events, by, created } = webhook;
    let sql = "SELECT count(*), count(*) FILTER (WHERE room = ?1), count(*) FILTER (WHERE author = ?2)
        FROM webhooks WHERE removed IS NULL";
    let (room, by) = (room.as_ref().map(RoomName::as_str), by.as_ref().map(UserName::as_str));
    let counts = |row: &Row<'_>| Ok::<[i64; 3], _>([row.get(0)?, row.get(1)?, row.get(2)?]);
    let counts = connection.prepare_cached(sql)?.query_row([room, by], counts)?;
    let most: [i64; 3] = [WEBHOOKS_MAX, ROOM_WEBHOOKS_MAX, USER_WEBHOOKS_MAX].map(|most| most as i64);
    if counts.iter().zip(most).any(|(count, most)| *count >= most) {
        return Ok(None);
    }
    let forgotten = "SELECT webhook FROM webhooks WHERE removed IS NOT NULL ORDER BY webhook DESC LIMIT -1 OFFSET ?1";
    for table in ["deliveries", "webhooks"] {
        let sql = format!("DELETE FROM {table} WHERE webhook IN ({forgotten})");
        connection.prepare_cached(&sql)?.execute([REMOVED_MAX as i64])?;
    }
    let sql = "INSERT INTO webhooks (url, secret, room, events, author, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        url.as_str(),
        secret.reveal(),
        room,
        events.0,
        by,
        ms(*created)
    ])?;
    Ok(Some(connection.last_insert_rowid().cast_unsigned()))
}

fn note(connection: &Connection, webhook: i64, delivery: i64, attempt: &Attempt) -> rusqlite::Result<()> {
    let Attempt { at, outcome, after } = attempt;
    let delivered = (*after == AfterAttempt::Delivered).then(|| ms(*at));
    let sql = "UPDATE deliveries SET attempts = attempts + 1, tried = ?3, outcome = ?4, delivered = ?5
        WHERE delivery = ?2 AND webhook = ?1 AND delivered IS NULL";
    let values = params![webhook, delivery, ms(*at), outcome, delivered];
    if connection.prepare_cached(sql)?.execute(values)? == 0 {
        // The webhook was removed meanwhile.
        return Ok(());
    }
    match after {
        AfterAttempt::Delivered => {
            let sql = format!(
                "UPDATE webhooks SET waiting = waiting - 1, failures = 0, failing = NULL, due = 0,
                    bytes = bytes - (SELECT {} FROM deliveries WHERE delivery = ?2)
                    WHERE webhook = ?1",
                deliveries::BYTES
            );
            connection.prepare_cached(&sql)?.execute([webhook, delivery])?;
            let sql = "DELETE FROM deliveries WHERE delivery IN
                (SELECT delivery FROM deliveries WHERE webhook = ?1 AND delivered IS NOT NULL
                    ORDER BY delivery DESC LIMIT -1 OFFSET ?2)";
            connection.prepare_cached(sql)?.execute(params![webhook, DELIVERED_MAX as i64]).map(|_| ())
        }
        AfterAttempt::Again(due) => {
            let sql = "UPDATE webhooks SET failures = failures + 1, failing = coalesce(failing, ?2), due = ?3
                WHERE webhook = ?1";
            connection.prepare_cached(sql)?.execute(params![webhook, ms(*at), ms(*due)]).map(|_| ())
        }
        AfterAttempt::Off(reason) => {
            let sql = "UPDATE webhooks SET failures = failures + 1, failing = coalesce(failing, ?2), off = ?2,
                reason = ?3 WHERE webhook = ?1 AND off IS NULL";
            connection.prepare_cached(sql)?.execute(params![webhook, ms(*at), reason.as_str()]).map(|_| ())
        }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let name = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_str_or_null()?.map(UserName::stored));
    let at = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(time));
    let room = row.get_ref(3)?.as_str_or_null()?.map(RoomName::parse).transpose();
    let made = NewWebhook {
        url: WebhookUrl::stored(row.get_ref(1)?.as_str()?),
        room: room.map_err(|error| FromSqlError::Other(Box::new(error)))?,
        events: WebhookEvents(row.get(4)?),
        by: name(5)?,
        created: time(row.get(6)?),
    };
    let reason = row.get_ref(12)?.as_str_or_null()?.and_then(WebhookOff::parse);
    let removed = at(13)?.map(|at| Ok::<_, rusqlite::Error>((at, name(14)?))).transpose()?;
    Ok(Webhook {
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        made,
        secret: Secret::from(row.get_ref(2)?.as_str()?),
        waiting: row.get::<_, i64>(7)?.cast_unsigned(),
        failures: row.get(8)?,
        failing: at(9)?,
        due: time(row.get(10)?),
        off: at(11)?.zip(reason),
        removed,
        ended: row.get(15)?,
    })
}
