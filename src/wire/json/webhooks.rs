//! Printing webhooks, as bodies over HTTP, and what is delivered to them.
//!
//! Used by the routes and by the threads that deliver. A secret is printed once, in the answer to who makes the webhook.

use super::object::Object;
use super::print::print;
use crate::chat::webhook::{DueDelivery, LoggedDelivery, NewWebhook, Webhook};
use crate::chat::{Event, RoomName, UserName};

/// Bytes of a delivery, at most: a longer one comes without its message.
const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// The body of a list of webhooks: `{room?, webhooks: […]}`.
#[must_use]
pub fn webhooks_body(room: Option<&RoomName>, webhooks: &[Webhook]) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).maybe("room", room.map(RoomName::as_str));
    object.list("webhooks", webhooks, webhook_fields).end();
    out
}

/// The body of the answer to who makes a webhook: its fields, and the `secret` that its deliveries are signed with.
#[must_use]
pub fn webhook_body(webhook: &Webhook) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).maybe("room", webhook.made.room.as_ref().map(RoomName::as_str));
    webhook_fields(object, webhook).field("secret", webhook.secret.reveal()).end();
    out
}

/// The body of the log of a webhook: `{webhook, deliveries: […]}`, the oldest first.
#[must_use]
pub fn deliveries_body(webhook: u64, deliveries: &[LoggedDelivery]) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("webhook", &webhook).list("deliveries", deliveries, delivery_fields).end();
    out
}

/// The body of a delivery: `{type, timestamp, epoch, data}`, where `data` is the event as the dialect prints it.
#[must_use]
pub fn webhook_payload(due: &DueDelivery) -> Vec<u8> {
    let mut data = Vec::new();
    print(&due.event, None, "room", &mut data);
    let is_long = data.len() > PAYLOAD_BYTES_MAX;
    if is_long {
        data.clear();
        outline(&due.event, &mut data);
    }
    let data = String::from_utf8(data).unwrap_or_default();
    let mut out = Vec::with_capacity(data.len() + 128);
    let object =
        Object::begin(due.kind.as_str(), None, &mut out).shown("timestamp", due.at).field("epoch", &*due.epoch);
    object.maybe("too_large", is_long.then_some(true)).raw("data", &data).end();
    out
}

/// What is left of an event that is too long: which message it is.
fn outline(event: &Event, out: &mut Vec<u8>) {
    let (kind, room, seq, user, at) = match event {
        Event::Message(message) => ("message", &message.room, message.seq, &message.user, message.at),
        Event::Edit { room, seq, user, at, .. } => ("edit", room, *seq, user, *at),
        // No other event has a text of any length.
        _ => return Object::bare(out).end(),
    };
    let object = Object::begin(kind, None, out).field("room", room.as_str()).field("seq", &seq);
    object.field("user", user.as_str()).shown("at", at).end();
}

fn webhook_fields<'a>(object: Object<'a>, webhook: &Webhook) -> Object<'a> {
    let Webhook { number, made, waiting, failures, failing, due, off, removed, .. } = webhook;
    let NewWebhook { url, events, by, created, .. } = made;
    let object = object.field("webhook", number).field("url", url.as_str()).field("events", &events.names());
    let object = object.maybe("by", by.as_ref().map(UserName::as_str)).shown("created", created);
    let object = object.field("waiting", waiting);
    let object = match failing.filter(|_| removed.is_none()) {
        Some(since) => object.field("failures", failures).shown("failing_since", since),
        None => object,
    };
    let object = match off {
        Some((at, reason)) => object.shown("off", at).field("off_because", reason.as_str()),
        None if failing.is_some() && removed.is_none() => object.shown("next_attempt", due),
        None => object,
    };
    match removed {
        Some((at, by)) => object.shown("removed", at).maybe("removed_by", by.as_ref().map(UserName::as_str)),
        None => object,
    }
}

fn delivery_fields<'a>(object: Object<'a>, delivery: &LoggedDelivery) -> Object<'a> {
    let LoggedDelivery { number, id, kind, room, at, attempts, tried, delivered } = delivery;
    let object = object.field("delivery", number).field("id", id).field("event", kind.as_str());
    let object = object.field("room", room.as_str()).shown("at", at).field("attempts", attempts);
    let object = match tried {
        Some((at, outcome)) => object.shown("tried", at).field("outcome", outcome),
        None => object,
    };
    object.field("delivered", delivered)
}
