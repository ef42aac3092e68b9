//! Printing the JSON dialect: one object an event.
//!
//! Called by brokers once an event and encoding, and by readers for answers. It prints straight
//! into the buffer that is sent: no tree in between.

use std::sync::Arc;
use std::time::Duration;

use super::devices::{code_fields, device_fields};
use super::memberships::{invitation_fields, memberships_fields};
use super::moderation::{self, appointed_fields, moderated_fields, subject_fields};
use super::object::Object;
use crate::chat::admin::Announcement;
use crate::chat::receipt_counts::Counts;
use crate::chat::refusal::UnsentMessage;
use crate::chat::room_summary::RoomSummary;
use crate::chat::{
    About, AuthLevel, Body, Bookmark, DisplayName, End, Event, Id, Identity, Message, Mid, Position, Presence, Rate,
    ReceiptMark, Recovery, Refusal, ResumedRoom, RoomName, SearchPosition, Span, Time, UserName, Welcome,
};

/// Appends the object of `event` to `out`; false when the dialect has no form for it. `place` is
/// what a room is called: `room` or `topic`.
pub fn print(event: &Event, id: Option<&Id>, place: &str, out: &mut Vec<u8>) -> bool {
    print_object(event, id, (place, false), out)
}

/// Appends the object of an event with data, as [`print`] does, without the data: the head of a binary frame.
pub fn print_head(event: &Event, id: Option<&Id>, place: &str, out: &mut Vec<u8>) -> bool {
    print_object(event, id, (place, true), out)
}

fn print_object(event: &Event, id: Option<&Id>, (place, data_apart): (&str, bool), out: &mut Vec<u8>) -> bool {
    let object = |kind: &str, out| Object::begin(kind, id, out).with_data_apart(data_apart);
    match event {
        // An audit log is for HTTP, which has a body for it; the others are for the text dialect.
        Event::Audit { .. }
        | Event::Greeting { .. }
        | Event::Entered { .. }
        | Event::Session { .. }
        | Event::Named { .. }
        | Event::Help
        | Event::EndAsked { .. }
        | Event::ReceiptsAsked { .. }
        | Event::Reached { .. } => return false,
        Event::Welcome(welcome) => welcome_fields(object("welcome", out), welcome),
        Event::Joined { room, epoch, seq, read, members, count, recovery, rate, .. } => {
            let object = object("joined", out).field(place, room.as_str()).field("epoch", &**epoch);
            joined_fields(object.field("seq", seq).field("read", read), members, *count, *recovery, *rate)
        }
        Event::Left { room } => object("left", out).field(place, room.as_str()),
        Event::Subscribed { pattern } => object("subscribed", out).field("pattern", pattern.as_str()),
        Event::Unsubscribed { pattern } => object("unsubscribed", out).field("pattern", pattern.as_str()),
        Event::Sent { .. } => sent_fields(object("sent", out), event, place),
        Event::History { room, epoch, messages, complete } => {
            history_fields(object("history", out), place, room, epoch, messages).field("complete", complete)
        }
        Event::Found { messages, complete, next } => found_fields(object("found", out), messages, *next, *complete),
        Event::Members { room, members, count, appointed } => {
            let object = object("members", out).field(place, room.as_str());
            appointed_fields(object.list("members", members, presence_fields).field("count", count), appointed)
        }
        Event::About { room, subject } => subject_fields(object("about", out).field(place, room.as_str()), subject),
        Event::Rooms { .. }
        | Event::Resumed { .. }
        | Event::TokenExpiring { .. }
        | Event::Draining { .. }
        | Event::Announced(_)
        | Event::Bookmarks { .. }
        | Event::DisplayNames { .. }
        | Event::DisplayName { .. }
        | Event::Bookmarked(_)
        | Event::Unbookmarked { .. }
        | Event::ReadTo { .. }
        | Event::Watched { .. }
        | Event::Devices { .. }
        | Event::DeviceCode { .. }
        | Event::Memberships(_)
        | Event::Invitation { .. }
        | Event::Invitations { .. } => return print_own(event, id, out),
        Event::Created { room, .. } => object("created", out).field(place, room.as_str()),
        Event::Pong => object("pong", out),
        Event::Time { at } => time_fields(object("time", out), *at),
        Event::Done => object("ok", out),
        Event::Refused(refusal) => unsent_fields(refused(object("error", out), refusal, place), refusal),
        Event::Message(message) => message_fields(object(kind_of(message), out), message, place),
        Event::Assigned { .. } => assigned_fields(object("message", out), event, place),
        Event::Edit { body, .. } => edit_fields(object(kind_of_edit(body), out), event, place),
        Event::Join { room, user, at, .. } => moved_fields(object("join", out), (place, room), user, *at),
        Event::Leave { room, user, at, .. } => moved_fields(object("leave", out), (place, room), user, *at),
        Event::Moderated { room, by, action, at, .. } | Event::InvitedTo { room, by, action, at } => {
            let object = object(moderation::kind_of(&action.change), out);
            moderated_fields(object.field(place, room.as_str()), by, action, *at)
        }
        Event::Receipt { room, mark } => mark_fields(object("receipt", out).field(place, room.as_str()), mark),
        Event::ReceiptCounts { .. } => counts_fields(object("receipt_counts", out), event, place),
        Event::Typing { room, user, typing } => typing_fields(object("typing", out), (place, room), user, *typing),
        Event::Presence(presence) => presence_fields(object("presence", out), presence),
        Event::Lagged { room, missed, conflated } => lagged(object("lagged", out), (place, room), *missed, *conflated),
        Event::Signal { kind, from, payload } => signal_fields(object(kind.as_str(), out), from, payload),
        Event::Goodbye { end, retry_after } => goodbye_fields(object("goodbye", out), *end, *retry_after),
    }
    .end();
    true
}

fn lagged<'o>(object: Object<'o>, (place, room): (&str, &RoomName), missed: u64, conflated: u64) -> Object<'o> {
    let object = object.field(place, room.as_str()).field("missed", &missed);
    object.maybe("conflated", (conflated > 0).then_some(conflated))
}

fn edit_fields<'o>(object: Object<'o>, edit: &Event, place: &str) -> Object<'o> {
    let Event::Edit { room, seq, user, body, at } = edit else { return object };
    let object = object.field(place, room.as_str()).field("seq", seq);
    body_field(object.field("user", user.as_str()), body).shown("at", at)
}

fn assigned_fields<'o>(object: Object<'o>, assigned: &Event, place: &str) -> Object<'o> {
    let Event::Assigned { message, group, redelivered, missed } = assigned else { return object };
    let object = message_fields(object, message, place).field("group", group.as_str());
    object.maybe("redelivered", redelivered.then_some(true)).maybe("missed", (*missed > 0).then_some(missed))
}

fn kind_of_edit(body: &Body) -> &'static str {
    if body.is_deleted() { "delete" } else { "edit" }
}

fn typing_fields<'o>(
    object: Object<'o>,
    (place, room): (&str, &RoomName),
    user: &UserName,
    typing: bool,
) -> Object<'o> {
    let object = object.field(place, room.as_str());
    object.field("user", user.as_str()).field("username", user.as_str()).field("typing", &typing)
}

/// The same, of what is a user's own and of no room.
fn print_own(event: &Event, id: Option<&Id>, out: &mut Vec<u8>) -> bool {
    let object = |kind: &str, out| Object::begin(kind, id, out);
    match event {
        Event::Resumed { user, session, resume, rooms } => object("resumed", out)
            .field("user", user.as_str())
            .shown("session", format_args!("s-{session:x}"))
            .field("resume", &**resume)
            .map("rooms", rooms, |resumed| resumed.room.as_str(), returned_fields),
        Event::Rooms { rooms } => object("rooms", out).list("rooms", rooms, summary_fields),
        Event::TokenExpiring { expires, left } => {
            object("token_expiring", out).shown("expires", expires).field("expires_in_ms", &ms(*left))
        }
        Event::Announced(Announcement { text, by, at }) => {
            object("announcement", out).field("text", &**text).field("by", by.as_str()).shown("at", at)
        }
        Event::Draining { left } => object("draining", out).field("ends_in_ms", &ms(*left)),
        Event::Bookmarks { bookmarks } => object("bookmarks", out).list("bookmarks", bookmarks, bookmark_fields),
        Event::DisplayNames { names } => object("display_names", out).list("names", names, |object, (user, name)| {
            object.field("user", user.as_str()).field("name", name.as_str())
        }),
        Event::DisplayName { user, name } => {
            let object = object("display_name", out).field("user", user.as_str());
            object.maybe("name", name.as_ref().map(DisplayName::as_str))
        }
        Event::Bookmarked(bookmark) => bookmark_fields(object("bookmark", out), bookmark),
        Event::Unbookmarked { room } => object("unbookmark", out).field("room", room.as_str()),
        Event::Devices { devices } => object("devices", out).list("devices", devices, device_fields),
        Event::DeviceCode { code, expires } => code_fields(object("device_code", out), code, *expires),
        Event::Memberships(memberships) => memberships_fields(object("memberships", out), memberships),
        Event::Invitation { room, invitation } => {
            invitation_fields(object("invitation", out).field("room", room.as_str()), invitation)
        }
        Event::Invitations { room, invitations } => {
            let object = object("invitations", out).field("room", room.as_str());
            object.list("invitations", invitations, invitation_fields)
        }
        _ => return false,
    }
    .end();
    true
}

fn welcome_fields<'a>(object: Object<'a>, welcome: &Welcome) -> Object<'a> {
    let Welcome { who, session, resume, limits, ice_servers } = welcome;
    let mut limits_object = serde_json::json!({
        "message_bytes": limits.message_bytes,
        "rooms": limits.rooms_per_connection,
        "rate": rate_object(limits.rate_of(Some(who))),
    });
    if limits.room_rate_per_s > 0 {
        limits_object["room_rate"] = rate_object(Rate { burst: limits.room_rate_per_s, per_s: limits.room_rate_per_s });
    }
    let object = object
        .field("server", concat!("roomd/", env!("CARGO_PKG_VERSION")))
        .field("user", who.user.as_str())
        .shown("session", format_args!("s-{session:x}"))
        .maybe("resume", resume.as_deref())
        .field("guest", &who.is_guest());
    identity_fields(object, who)
        .field("limits", &limits_object)
        .field("ping_ms", &ms(limits.ping))
        .field("pong_timeout_ms", &ms(limits.pong_timeout))
        .maybe("ice_servers", Some(&**ice_servers).filter(|servers| !servers.is_empty()))
}

/// The claims of a token; nothing for a guest.
fn identity_fields<'a>(object: Object<'a>, who: &Identity) -> Object<'a> {
    let Some(claims) = &who.claims else { return object };
    let object = match who.auth_level {
        AuthLevel::Admin => object.field("admin", &true),
        AuthLevel::Guest | AuthLevel::Registered => object,
    };
    let rooms = claims.rooms.as_ref().map(|rooms| rooms.iter().map(RoomName::as_str).collect::<Vec<_>>());
    let device = claims.device.map(|device| device.to_string());
    let object = object.maybe("name", claims.display.as_deref()).shown("expires", claims.expires);
    object.maybe("device", device).maybe("allowed_rooms", rooms)
}

fn rate_object(Rate { burst, per_s }: Rate) -> serde_json::Value {
    serde_json::json!({"burst": burst, "per_s": per_s})
}

/// The body of `GET /api/v1/me`; with the rate at which the user may send.
#[must_use]
pub fn me_body(who: &Identity, rate: Rate) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("user", who.user.as_str()).field("guest", &who.is_guest());
    identity_fields(object, who).field("rate", &rate_object(rate)).end();
    out
}

/// Where a user of the page may log in.
#[derive(Clone, Copy, Debug)]
pub struct LoginOffer<'a> {
    /// It begins at `/login/ID`.
    pub id: &'a str,
    /// What it is called, for people to read.
    pub label: Option<&'a str>,
    /// Whether the page goes there without being asked.
    pub at_once: bool,
}

/// The body of `GET /api/v1/server`: its name and welcome, whether guests are admitted, and free names registered, and where the user
/// of a page may log in.
#[must_use]
pub fn server_body(
    name: &str,
    welcome: Option<&str>,
    (guests, claims): (bool, bool),
    logins: &[LoginOffer<'_>],
) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("name", name).maybe("welcome", welcome);
    let object = object.field("guests", &guests).field("claims", &claims);
    let object = if logins.is_empty() {
        object
    } else {
        object.list("logins", logins, |object, LoginOffer { id, label, at_once }| {
            object.field("id", *id).maybe("label", *label).maybe("at_once", at_once.then_some(true))
        })
    };
    object.end();
    out
}

/// The body of `GET /api/v1/time`.
#[must_use]
pub fn time_body(at: Time) -> Vec<u8> {
    let mut out = Vec::new();
    time_fields(Object::bare(&mut out), at).end();
    out
}

fn time_fields(object: Object<'_>, at: Time) -> Object<'_> {
    object.shown("time", at).field("epoch_ms", &at.0)
}

/// The body of the answer to a claim.
#[must_use]
pub fn claimed_body(who: &Identity, token: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("token", token).field("user", who.user.as_str());
    identity_fields(object, who).end();
    out
}

/// The body of the answer to a request for a ticket.
#[must_use]
pub fn ticket_body(ticket: &str, lifetime: Duration) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("ticket", ticket).field("expires_in_ms", &ms(lifetime)).end();
    out
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The body of a history over HTTP: `{room, epoch, messages, next, complete}`; `next` is where to go
/// on with `before`, or with `after`, and absent when nothing lies beyond.
///
/// # Panics
/// When the event is no history.
#[must_use]
pub fn history_body(history: &Event, span: Span) -> Vec<u8> {
    let Event::History { room, epoch, messages, complete } = history else { panic!("not a history: {history:?}") };
    let mut out = Vec::new();
    let edge = match span {
        Span::Before(_) => messages.first(),
        Span::After(_) | Span::Latest(_) => messages.last(),
    };
    history_fields(Object::bare(&mut out), "room", room, epoch, messages)
        .maybe("next", edge.filter(|_| !complete).map(|message| message.seq))
        .field("complete", complete)
        .end();
    out
}

fn history_fields<'a>(
    object: Object<'a>,
    place: &str,
    room: &RoomName,
    epoch: &str,
    messages: &[Arc<Message>],
) -> Object<'a> {
    let object = object.field(place, room.as_str()).field("epoch", epoch);
    object.list("messages", messages, |object, message| message_fields(object, message, place))
}

/// The body of a search in several rooms over HTTP: `{messages, next, complete}`, the newest message first; `next` is
/// absent when nothing lies beyond.
#[must_use]
pub fn found_body(messages: &[Message], next: Option<SearchPosition>, complete: bool) -> Vec<u8> {
    let mut out = Vec::new();
    found_fields(Object::bare(&mut out), messages, next, complete).end();
    out
}

fn found_fields<'a>(
    object: Object<'a>,
    messages: &[Message],
    next: Option<SearchPosition>,
    complete: bool,
) -> Object<'a> {
    object
        .list("messages", messages, |object, message| message_fields(object, message, "room"))
        .maybe("next", next.map(|next| next.to_string()))
        .field("complete", &complete)
}

/// The body of a message's receipts over HTTP: `{room, seq, receipts: [{user, status, seq, at}]}`.
#[must_use]
pub fn receipts_body(room: &RoomName, seq: u64, marks: &[ReceiptMark]) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("room", room.as_str()).field("seq", &seq).list("receipts", marks, mark_fields).end();
    out
}

fn joined_fields<'a>(
    object: Object<'a>,
    members: &[UserName],
    count: usize,
    recovery: Recovery,
    rate: Option<u32>,
) -> Object<'a> {
    object
        .field("members", &members.iter().map(UserName::as_str).collect::<Vec<_>>())
        .field("count", &count)
        .field("recovered", &recovery.reason().is_none())
        .maybe("reason", recovery.reason())
        .maybe("room_rate", rate.map(|per_s| rate_object(Rate { burst: per_s, per_s })))
}

fn returned_fields<'a>(object: Object<'a>, resumed: &ResumedRoom) -> Object<'a> {
    let ResumedRoom { recovery, missed, position, read, .. } = resumed;
    let reason = recovery.reason();
    let object = object.field("recovered", &reason.is_none()).field("missed", missed).maybe("reason", reason);
    match position {
        Some(Position { epoch, seq }) => object.field("epoch", &**epoch).field("seq", seq).field("read", read),
        None => object,
    }
}

fn counts_fields<'o>(object: Object<'o>, event: &Event, place: &str) -> Object<'o> {
    let Event::ReceiptCounts { room, seq, counts: Counts { written, received, read } } = event else { return object };
    let object = object.field(place, room.as_str()).field("seq", seq);
    object.field("written", written).field("received", received).field("read", read)
}

fn mark_fields<'a>(object: Object<'a>, mark: &ReceiptMark) -> Object<'a> {
    let ReceiptMark { user, receipt, seq, at } = mark;
    object.field("user", user.as_str()).field("status", receipt.as_str()).field("seq", seq).shown("at", at)
}

/// The body of an HTTP error: `{"error":{"code","message"}}`.
#[must_use]
pub fn error_body(refusal: &Refusal) -> Vec<u8> {
    let mut out = b"{\"error\":".to_vec();
    refused(Object::bare(&mut out), refusal, "room").end();
    out.push(b'}');
    out
}

fn goodbye_fields(object: Object<'_>, end: End, retry_after: Duration) -> Object<'_> {
    let wait = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
    object
        .maybe("code", end.close_code())
        .field("reason", end.word())
        .field("reconnect", &end.reconnect())
        .maybe("retry_after_ms", end.reconnect().then_some(wait))
}

fn refused<'a>(object: Object<'a>, refusal: &Refusal, place: &str) -> Object<'a> {
    let wait = refusal.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    let room = refusal.room.as_ref().map(RoomName::as_str);
    object
        .field("code", refusal.code.as_str())
        .field("message", &*refusal.message)
        .maybe("retry_after_ms", wait)
        .maybe(place, room)
        .maybe("seq", refusal.seq)
}

/// What names the message that was refused.
fn unsent_fields<'a>(object: Object<'a>, refusal: &Refusal) -> Object<'a> {
    let Some(UnsentMessage { mid, excerpt }) = refusal.unsent.as_deref() else { return object };
    object.maybe("mid", mid.as_deref()).maybe("excerpt", excerpt.as_deref())
}

/// The fields of a user who joined or left.
fn moved_fields<'a>(object: Object<'a>, (place, room): (&str, &RoomName), user: &UserName, at: Time) -> Object<'a> {
    object.field(place, room.as_str()).field("user", user.as_str()).shown("at", at)
}

fn signal_fields<'a>(object: Object<'a>, from: &UserName, payload: &str) -> Object<'a> {
    object.field("user", from.as_str()).field("from", from.as_str()).raw("payload", payload)
}

fn summary_fields<'a>(object: Object<'a>, room: &RoomSummary) -> Object<'a> {
    let private = room.private.then_some(true);
    object.field("room", room.room.as_str()).field("members", &room.members).maybe("private", private)
}

fn bookmark_fields<'a>(object: Object<'a>, bookmark: &Bookmark) -> Object<'a> {
    object.field("room", bookmark.room.as_str()).field("notify", bookmark.notify.as_str()).maybe("read", bookmark.read)
}

fn kind_of(message: &Message) -> &'static str {
    if message.to.is_some() { "private" } else { "message" }
}

fn message_fields<'a>(object: Object<'a>, message: &Message, place: &str) -> Object<'a> {
    let Message { room, user, to, body, about, seq, ephemeral, mid, key, at, edited } = message;
    let (reply_to, react_to) = About::fields(*about);
    let object = object.field(place, room.as_str());
    let object = match to {
        None => object.field("user", user.as_str()),
        Some(to) => object.field("user", user.as_str()).field("from", user.as_str()).field("to", to.as_str()),
    };
    let object = number_fields(body_field(object, body), (*seq, *ephemeral), mid.as_ref());
    let object = object.maybe("key", key.as_ref().map(|key| key.as_str()));
    let object = object.maybe("reply_to", reply_to).maybe("react_to", react_to).shown("at", at);
    let object = object.maybe("deleted", body.is_deleted().then_some(true));
    match edited {
        Some(at) => object.shown("edited", at),
        None => object,
    }
}

fn sent_fields<'a>(object: Object<'a>, sent: &Event, place: &str) -> Object<'a> {
    let Event::Sent { room, epoch, seq, ephemeral, mid, at, duplicate } = sent else { return object };
    let object = object.field(place, room.as_str()).field("epoch", &**epoch);
    number_fields(object, (*seq, *ephemeral), mid.as_ref()).shown("at", at).field("duplicate", duplicate)
}

/// The number of a message, and of one that is not stored also that among its like.
fn number_fields<'a>(object: Object<'a>, (seq, ephemeral): (u64, Option<u64>), mid: Option<&Mid>) -> Object<'a> {
    let object = object.field("seq", &seq).maybe("store", ephemeral.map(|_| false)).maybe("number", ephemeral);
    object.maybe("mid", mid.map(Mid::as_str))
}

fn body_field<'a>(object: Object<'a>, body: &Body) -> Object<'a> {
    match body {
        Body::Text(text) => object.field("message", &**text),
        Body::Cipher(json) => object.raw("cipher", json),
        Body::Data(bytes) => object.data(bytes),
        Body::Deleted(note) => object.maybe("note", note.as_deref()),
    }
}

pub(super) fn presence_fields<'a>(object: Object<'a>, presence: &Presence) -> Object<'a> {
    object
        .field("user", presence.user.as_str())
        .field("status", &presence.status)
        .maybe("note", presence.note.as_deref())
        .shown("lastSeen", presence.last_seen)
}
