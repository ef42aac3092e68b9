//! Webhooks and their deliveries, as rows.
//!
//! Asked and changed through the pool, or by a command beside the server; `append_3` writes what is to be delivered, with
//! what it tells of. Whoever changes a delivery has the lock of its webhook first, as `append_3` has.
//!
//! Several servers deliver, one at a time to an origin: the one that has its lease, a row that ends by the database's
//! clock five seconds after the last heartbeat of its server (`beat_2`). A lease has a number that is never granted again,
//! and its row is locked before the webhook's: what is noted under a lease that another server has taken is refused.

use std::ops::Deref;
use std::sync::Arc;

use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use super::policy::action_of;
use super::row::{body_of, number, text};
use crate::chat::policy::{ModerationAction, ModerationChange};
use crate::chat::webhook::{
    AfterAttempt, Attempt, DELIVERED_MAX, DueDelivery, LoggedDelivery, Movement, NewWebhook, REMOVED_MAX,
    ROOM_WEBHOOKS_MAX, USER_WEBHOOKS_MAX, WEBHOOKS_MAX, Webhook, WebhookEvent, WebhookEvents, WebhookOff, WebhookUrl,
};
use crate::chat::{Event, LeaveReason, Message, Mid, Note, RoomName, Secret, Time, UserName};
use crate::store::columns::{about_of, ms, time};
use crate::store::webhooks::{WebhookLease, WebhookStore};

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "webhook, url, secret, room, events, author, created, waiting, failures, failing, due, off, reason, \
                       removed, remover, ended";
/// The columns of an event.
const EVENT: &str =
    "id, event, room, epoch, seq, at, usr, kind, body, mid, reply, reaction, what, about, until, value, note";

/// A way to the rows: that of the server, or that of a command.
pub trait PostgresWebhookRows: Send + Sync {
    /// Why it fails.
    type Error;

    /// Reads.
    ///
    /// # Errors
    /// It cannot be read now.
    fn read_rows<T>(&self, read: impl Fn(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, Self::Error>;

    /// Writes, in a transaction.
    ///
    /// # Errors
    /// Nothing has changed, or that is in doubt.
    fn write_rows<T>(&self, write: impl FnOnce(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, Self::Error>;

    /// Takes notice of whether a webhook wants to know who enters and leaves.
    fn movements_wanted(&self, wanted: bool);

    /// The number of the server whose heartbeat renews a lease.
    fn server(&self) -> i64;
}

/// The webhooks, over a way to the rows.
pub struct PostgresWebhooks<R>(pub R);

impl<T: PostgresWebhookRows, R: Deref<Target = T> + Send + Sync> WebhookStore for PostgresWebhooks<R> {
    type Error = T::Error;

    fn add_webhook(&self, webhook: &NewWebhook, secret: &Secret) -> Result<Option<u64>, T::Error> {
        self.0.write_rows(|link| add(link, webhook, secret))
    }

    fn webhooks(&self) -> Result<Vec<Webhook>, T::Error> {
        let sql = format!("SELECT {COLUMNS} FROM webhooks ORDER BY webhook");
        let webhooks =
            self.0.read_rows(|link| link.query(&sql, &[])?.iter().map(read).collect::<Result<Vec<_>, _>>())?;
        let mut told = webhooks.iter().filter(|webhook| webhook.off.is_none() && webhook.removed.is_none());
        self.0.movements_wanted(told.any(|webhook| {
            let events = webhook.made.events;
            events.has(WebhookEvent::Join) || events.has(WebhookEvent::Leave)
        }));
        Ok(webhooks)
    }

    fn remove_webhook(&self, webhook: u64, by: Option<&UserName>, at: Time) -> Result<bool, T::Error> {
        self.0.write_rows(|link| {
            let sql = "UPDATE webhooks SET removed = $2, remover = $3, waiting = 0, bytes = 0
                WHERE webhook = $1 AND removed IS NULL";
            let removed = link.execute(sql, &[&number(webhook), &ms(at), &by.map(UserName::as_str)])? > 0;
            if removed {
                link.execute("DELETE FROM deliveries WHERE webhook = $1", &[&number(webhook)])?;
            }
            Ok(removed)
        })
    }

    fn deliveries(&self, webhook: u64, count: usize) -> Result<Vec<LoggedDelivery>, T::Error> {
        self.0.read_rows(|link| {
            let sql = "SELECT delivery, id, event, room, at, attempts, tried, outcome, delivered FROM deliveries
                WHERE webhook = $1 ORDER BY delivery DESC LIMIT $2";
            link.query(sql, &[&number(webhook), &(count as i64)])?.iter().rev().map(logged).collect()
        })
    }

    fn resend(&self, webhook: u64, delivery: u64) -> Result<bool, T::Error> {
        self.0.write_rows(|link| {
            let sql = "SELECT 1 FROM webhooks WHERE webhook = $1 AND off IS NULL AND removed IS NULL FOR UPDATE";
            if link.row(sql, &[&number(webhook)])?.is_none() {
                return Ok(false);
            }
            let sql = format!(
                "INSERT INTO deliveries (webhook, {EVENT}) SELECT webhook, {EVENT} FROM deliveries
                    WHERE delivery = $2 AND webhook = $1 AND delivered IS NOT NULL"
            );
            if link.execute(&sql, &[&number(webhook), &number(delivery)])? == 0 {
                return Ok(false);
            }
            let sql = "UPDATE webhooks SET waiting = waiting + 1,
                bytes = bytes + (SELECT coalesce(length(body), 0) FROM deliveries WHERE delivery = $2) WHERE webhook = $1";
            link.execute(sql, &[&number(webhook), &number(delivery)]).map(|_| true)
        })
    }

    fn resume_webhook(&self, webhook: u64, now: Time) -> Result<bool, T::Error> {
        self.0.write_rows(|link| {
            let sql = "UPDATE webhooks SET off = NULL, reason = NULL, failing = NULL, failures = 0, due = $2
                WHERE webhook = $1 AND removed IS NULL";
            Ok(link.execute(sql, &[&number(webhook), &ms(now)])? > 0)
        })
    }

    fn take_lease(&self, origin: &str) -> Result<Option<WebhookLease>, T::Error> {
        let server = self.0.server();
        self.0.write_rows(|link| {
            let lease = getrandom::u64().map_err(|error| LinkError::System(error.into()))?;
            let sql = "INSERT INTO webhook_leases (origin, lease, server) VALUES ($1, $2, $3)
                ON CONFLICT (origin) DO UPDATE SET lease = excluded.lease, server = excluded.server, until = lease_end_1()
                    WHERE webhook_leases.until < clock_timestamp()";
            let taken = link.execute(sql, &[&origin, &lease.cast_signed(), &server])? > 0;
            Ok(taken.then_some(WebhookLease(lease)))
        })
    }

    fn return_lease(&self, WebhookLease(lease): WebhookLease) -> Result<(), T::Error> {
        let sql = "DELETE FROM webhook_leases WHERE lease = $1";
        self.0.write_rows(|link| link.execute(sql, &[&lease.cast_signed()]).map(|_| ()))
    }

    fn next_delivery(&self, webhook: u64, WebhookLease(lease): WebhookLease) -> Result<Option<DueDelivery>, T::Error> {
        // It does not end while the attempt begins.
        let sql = format!(
            "WITH held AS (UPDATE webhook_leases SET until = lease_end_1() WHERE lease = $2 RETURNING lease)
            SELECT delivery, {EVENT} FROM deliveries
                WHERE webhook = $1 AND delivered IS NULL AND EXISTS (SELECT FROM held) ORDER BY delivery LIMIT 1"
        );
        let values: [i64; 2] = [number(webhook), lease.cast_signed()];
        self.0.write_rows(|link| link.row(&sql, &[&values[0], &values[1]])?.as_ref().map(due).transpose())
    }

    fn note_attempt(
        &self,
        webhook: u64,
        delivery: u64,
        attempt: &Attempt,
        WebhookLease(lease): WebhookLease,
    ) -> Result<bool, T::Error> {
        self.0.write_rows(|link| {
            let sql = "SELECT 1 FROM webhook_leases WHERE lease = $1 FOR UPDATE";
            if link.row(sql, &[&lease.cast_signed()])?.is_none() {
                return Ok(false);
            }
            note(link, number(webhook), number(delivery), attempt).map(|()| true)
        })
    }

    fn forget_deliveries(&self, before: Time) -> Result<(), T::Error> {
        self.0.write_rows(|link| {
            // Of servers that have ended, at addresses that nobody has a webhook at any more, perhaps.
            link.execute("DELETE FROM webhook_leases WHERE until < clock_timestamp() - interval '1 hour'", &[])?;
            link.execute("DELETE FROM deliveries WHERE delivered < $1", &[&ms(before)]).map(|_| ())
        })
    }

    fn end_webhooks(&self, room: &RoomName, by: &UserName, at: Time) -> Result<(), T::Error> {
        let sql = "SELECT end_webhooks_1($1, $2, $3)";
        self.0.write_rows(|link| link.query(sql, &[&room.as_str(), &ms(at), &by.as_str()]).map(|_| ()))
    }
}

/// Writes who entered or left rooms; whether anybody is told.
///
/// # Errors
/// Nothing is written, or that is in doubt.
pub fn tell_movements(
    link: &mut DatabaseLink,
    movements: &[(RoomName, Arc<str>, Movement)],
) -> Result<bool, LinkError> {
    let rooms: Vec<_> = movements.iter().map(|(room, ..)| room.as_str()).collect();
    let epochs: Vec<_> = movements.iter().map(|(_, epoch, _)| &**epoch).collect();
    let kind = |joins| if joins { WebhookEvent::Join } else { WebhookEvent::Leave } as i32;
    let kinds: Vec<_> = movements.iter().map(|(.., movement)| kind(movement.joins)).collect();
    let users: Vec<_> = movements.iter().map(|(.., movement)| movement.user.as_str()).collect();
    let times: Vec<_> = movements.iter().map(|(.., movement)| ms(movement.at)).collect();
    link.transact("", |link| {
        let before = link.row("SELECT lock_webhooks_1()", &[])?.map_or(0, |row| row.get::<_, i64>(0));
        let sql = "SELECT tell_1(t.kind, t.room, t.epoch, NULL, t.at, t.usr, NULL, NULL, NULL, NULL, NULL, NULL) FROM
            unnest($1::int[], $2::text[], $3::text[], $4::bigint[], $5::text[]) AS t (kind, room, epoch, at, usr)";
        link.query(sql, &[&kinds, &rooms, &epochs, &times, &users])?;
        Ok(link.row("SELECT count_told_1($1)", &[&before])?.is_some_and(|row| row.get(0)))
    })
}

fn add(link: &mut DatabaseLink, webhook: &NewWebhook, secret: &Secret) -> Result<Option<u64>, LinkError> {
    let NewWebhook { url, room, events, by, created } = webhook;
    // Two at once count one after the other.
    link.query("SELECT pg_advisory_xact_lock(hashtextextended('webhooks', 2))", &[])?;
    let (room, by) = (room.as_ref().map(RoomName::as_str), by.as_ref().map(UserName::as_str));
    let sql = "SELECT count(*), count(*) FILTER (WHERE room = $1), count(*) FILTER (WHERE author = $2)
        FROM webhooks WHERE removed IS NULL";
    let counts = link.row(sql, &[&room, &by])?.map_or([0; 3], |row| [0, 1, 2].map(|column| row.get::<_, i64>(column)));
    let most = [WEBHOOKS_MAX, ROOM_WEBHOOKS_MAX, USER_WEBHOOKS_MAX].map(|most| most as i64);
    if counts.iter().zip(most).any(|(count, most)| *count >= most) {
        return Ok(None);
    }
    let forgotten = "SELECT webhook FROM webhooks WHERE removed IS NOT NULL ORDER BY webhook DESC OFFSET $1";
    for table in ["deliveries", "webhooks"] {
        let sql = format!("DELETE FROM {table} WHERE webhook IN ({forgotten})");
        link.execute(&sql, &[&(REMOVED_MAX as i64)])?;
    }
    let sql = "INSERT INTO webhooks (url, secret, room, events, author, created) VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING webhook";
    let events = i32::from(events.0);
    let row = link.row(sql, &[&url.as_str(), &secret.reveal(), &room, &events, &by, &ms(*created)])?;
    Ok(row.map(|row| row.get::<_, i64>(0).cast_unsigned()))
}

fn note(link: &mut DatabaseLink, webhook: i64, delivery: i64, attempt: &Attempt) -> Result<(), LinkError> {
    let Attempt { at, outcome, after } = attempt;
    link.query("SELECT 1 FROM webhooks WHERE webhook = $1 FOR UPDATE", &[&webhook])?;
    let delivered = (*after == AfterAttempt::Delivered).then(|| ms(*at));
    let sql = "UPDATE deliveries SET attempts = attempts + 1, tried = $3, outcome = $4, delivered = $5
        WHERE delivery = $2 AND webhook = $1 AND delivered IS NULL";
    if link.execute(sql, &[&webhook, &delivery, &ms(*at), outcome, &delivered])? == 0 {
        // The webhook was removed meanwhile.
        return Ok(());
    }
    match after {
        AfterAttempt::Delivered => {
            let sql = "UPDATE webhooks SET waiting = waiting - 1, failures = 0, failing = NULL, due = 0,
                bytes = bytes - (SELECT coalesce(length(body), 0) FROM deliveries WHERE delivery = $2) WHERE webhook = $1";
            link.execute(sql, &[&webhook, &delivery])?;
            let sql = "DELETE FROM deliveries WHERE delivery IN (SELECT delivery FROM deliveries
                WHERE webhook = $1 AND delivered IS NOT NULL ORDER BY delivery DESC OFFSET $2)";
            link.execute(sql, &[&webhook, &(DELIVERED_MAX as i64)]).map(|_| ())
        }
        AfterAttempt::Again(due) => {
            let sql = "UPDATE webhooks SET failures = failures + 1, failing = coalesce(failing, $2), due = $3
                WHERE webhook = $1";
            link.execute(sql, &[&webhook, &ms(*at), &ms(*due)]).map(|_| ())
        }
        AfterAttempt::Off(reason) => {
            let sql =
                "UPDATE webhooks SET failures = failures + 1, failing = coalesce(failing, $2), off = $2, reason = $3
                WHERE webhook = $1 AND off IS NULL";
            link.execute(sql, &[&webhook, &ms(*at), &reason.as_str()]).map(|_| ())
        }
    }
}

fn read(row: &Row) -> Result<Webhook, LinkError> {
    let name = |column: usize| row.get::<_, Option<&str>>(column).map(UserName::stored);
    let at = |column: usize| row.get::<_, Option<i64>>(column).map(time);
    let made = NewWebhook {
        url: WebhookUrl::stored(row.get(1)),
        room: row.get::<_, Option<&str>>(3).map(room_of).transpose()?,
        events: WebhookEvents(u8::try_from(row.get::<_, i32>(4)).unwrap_or_default()),
        by: name(5),
        created: time(row.get(6)),
    };
    Ok(Webhook {
        number: row.get::<_, i64>(0).cast_unsigned(),
        made,
        secret: Secret::from(row.get::<_, &str>(2)),
        waiting: row.get::<_, i64>(7).cast_unsigned(),
        failures: row.get::<_, i32>(8).cast_unsigned(),
        failing: at(9),
        due: time(row.get(10)),
        off: at(11).zip(row.get::<_, Option<&str>>(12).and_then(WebhookOff::parse)),
        removed: at(13).map(|at| (at, name(14))),
        ended: row.get(15),
    })
}

fn logged(row: &Row) -> Result<LoggedDelivery, LinkError> {
    let tried = row.get::<_, Option<i64>>(6).map(time);
    Ok(LoggedDelivery {
        number: row.get::<_, i64>(0).cast_unsigned(),
        id: row.get(1),
        kind: kind_of(row.get(2))?,
        room: room_of(row.get(3))?,
        at: time(row.get(4)),
        attempts: row.get::<_, i32>(5).cast_unsigned(),
        tried: tried.zip(row.get(7)),
        delivered: row.get::<_, Option<i64>>(8).is_some(),
    })
}

/// A delivery in a row of its number and [`EVENT`].
fn due(row: &Row) -> Result<DueDelivery, LinkError> {
    let (kind, at) = (kind_of(row.get(2))?, time(row.get(6)));
    let event = event(row, kind, at)?;
    let number = row.get::<_, i64>(0).cast_unsigned();
    Ok(DueDelivery { number, id: row.get(1), kind, epoch: row.get::<_, &str>(4).into(), at, event })
}

fn event(row: &Row, kind: WebhookEvent, at: Time) -> Result<Event, LinkError> {
    let (room, user) = (room_of(row.get(3))?, UserName::stored(row.get(7)));
    let seq = || row.get::<_, Option<i64>>(5).unwrap_or_default().cast_unsigned();
    let body = || body_of(row.get(8), row.get(9));
    Ok(match kind {
        WebhookEvent::Message => {
            let mid = row.get::<_, Option<&[u8]>>(10).map(|mid| text(mid).map(Mid::stored)).transpose()?;
            let about = about_of(row.get(11), row.get(12));
            Event::Message(Arc::new(Message { mid, about, ..Message::new(room, user, body()?, seq(), at) }))
        }
        WebhookEvent::Edit | WebhookEvent::Delete => Event::Edit { room, seq: seq(), user, body: body()?, at },
        WebhookEvent::Join => Event::Join { room, user, registered: false, was: None, at },
        WebhookEvent::Leave => Event::Leave { room, user, reason: LeaveReason::Left(None), at },
        WebhookEvent::Ended => {
            let note = row.get::<_, Option<&[u8]>>(17).map(text).transpose()?.map(Note::stored);
            let action = ModerationAction { change: ModerationChange::Ended, note };
            Event::Moderated { room, by: user, action, evicted: false, at }
        }
        WebhookEvent::Created | WebhookEvent::Moderated => {
            let action = action_of(row.get(13), row.get(14), row.get(15), row.get(16), row.get(17))?;
            Event::Moderated { room, by: user, action, evicted: false, at }
        }
    })
}

fn kind_of(number: i16) -> Result<WebhookEvent, LinkError> {
    let kind = WebhookEvent::numbered(number.into());
    kind.ok_or_else(|| LinkError::Invalid(format!("a delivery of the kind {number}")))
}

fn room_of(name: &str) -> Result<RoomName, LinkError> {
    RoomName::parse(name).map_err(|_| LinkError::Invalid("a webhook of no room".to_owned()))
}
