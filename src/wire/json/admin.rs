//! Printing what an admin sees of the server, as bodies over HTTP.
//!
//! Used by the routes below `/api/v1/admin`. A list that goes on has `next`, which the request for the next part says as
//! `after`.

use super::object::Object;
use crate::chat::admin::{
    AccountInfo, BanTarget, Connected, ConnectionInfo, Erased, KeyInfo, NewServerBan, PersonalData, RoomOverview,
    ServerAuditEntry, ServerBan,
};
use crate::chat::{DisplayName, RoomName, Time, UserName};

/// The body of a list of connections: `{connections: […], next?}`.
#[must_use]
pub fn connections_body(connections: &[ConnectionInfo], next: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).list("connections", connections, connection_fields).maybe("next", next).end();
    out
}

/// The body of a list of bans: `{bans: […], next?}`.
#[must_use]
pub fn bans_body(bans: &[ServerBan], next: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).list("bans", bans, ban_fields).maybe("next", next).end();
    out
}

/// The body of the answer to who bans somebody.
#[must_use]
pub fn ban_body(ban: &ServerBan) -> Vec<u8> {
    let mut out = Vec::new();
    ban_fields(Object::bare(&mut out), ban).end();
    out
}

/// The body of the server's audit: `{audit: […], next?}`, the newest entry first.
#[must_use]
pub fn server_audit_body(entries: &[ServerAuditEntry], next: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).list("audit", entries, audit_fields).maybe("next", next).end();
    out
}

/// The body of a list of rooms: `{rooms: […], next?}`.
#[must_use]
pub fn room_overviews_body(rooms: &[RoomOverview], next: Option<&RoomName>) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).list("rooms", rooms, overview_fields);
    object.maybe("next", next.map(RoomName::as_str)).end();
    out
}

/// The body of a room's own retention: what is absent is the server's setting, and 0 is no bound.
#[must_use]
pub fn retention_body(room: &RoomName, age_s: Option<u64>, messages: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("room", room.as_str()).maybe("age_s", age_s).maybe("messages", messages).end();
    out
}

/// The body of a list of accounts: `{accounts: […], next?}`.
#[must_use]
pub fn accounts_body(accounts: &[AccountInfo], next: Option<&UserName>) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::bare(&mut out).list("accounts", accounts, account_fields);
    object.maybe("next", next.map(UserName::as_str)).end();
    out
}

/// The body of a list of keys: `{keys: […]}`, the one that signs first.
#[must_use]
pub fn keys_body(keys: &[KeyInfo]) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).list("keys", keys, key_fields).end();
    out
}

/// The body of the answer to who makes a key.
#[must_use]
pub fn key_body(key: &KeyInfo) -> Vec<u8> {
    let mut out = Vec::new();
    key_fields(Object::bare(&mut out), key).end();
    out
}

/// The body of what there is of a person.
#[must_use]
pub fn personal_data_body(data: &PersonalData) -> Vec<u8> {
    let PersonalData { user, since, connections, messages, rooms, marks, listed, owns } = data;
    let owns: Vec<_> = owns.iter().map(RoomName::as_str).collect();
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("user", user.as_str());
    let object = match since {
        Some(since) => object.shown("since", since),
        None => object,
    };
    let object = object.field("connections", connections).field("messages", messages).field("rooms", rooms);
    object.field("receipts", marks).field("listed", listed).field("owns", &owns).end();
    out
}

/// The body of what was erased of a person.
#[must_use]
pub fn erased_body(erased: Erased) -> Vec<u8> {
    let Erased { messages, marks, complete } = erased;
    let mut out = Vec::new();
    let object = Object::bare(&mut out).field("messages", &messages).field("receipts", &marks);
    object.field("complete", &complete).end();
    out
}

fn key_fields<'a>(object: Object<'a>, info: &KeyInfo) -> Object<'a> {
    let KeyInfo { key, made, until, signs } = info;
    ending(object.field("key", &**key).shown("made", made), *until).field("signs", signs)
}

fn account_fields<'a>(object: Object<'a>, account: &AccountInfo) -> Object<'a> {
    let AccountInfo { user, since, used, display_name, devices } = account;
    let object = object.field("user", user.as_str()).shown("since", since).shown("used", used);
    object.maybe("name", display_name.as_ref().map(DisplayName::as_str)).field("devices", devices)
}

fn overview_fields<'a>(object: Object<'a>, overview: &RoomOverview) -> Object<'a> {
    let RoomOverview { room, members, private, owner, listed, settings, last } = overview;
    let object = object.field("room", room.as_str()).field("members", members).field("private", private);
    let object = object.maybe("owner", owner.as_ref().map(UserName::as_str)).field("listed", listed);
    let object = object.maybe("slow_mode_s", settings.slow_mode_s).maybe("announcement", settings.announcement);
    match last {
        Some((seq, at, user)) => object.field("seq", seq).shown("last_at", at).field("last_by", user.as_str()),
        None => object,
    }
}

fn ban_fields<'a>(object: Object<'a>, ban: &ServerBan) -> Object<'a> {
    let NewServerBan { target, until, note, by, at } = &ban.made;
    let object = object.field("ban", &ban.number);
    let object = match target {
        BanTarget::User(user) => object.field("user", user.as_str()),
        BanTarget::Network(_) => object.shown("address", target),
    };
    let object = object.field("by", by.as_str()).shown("at", at);
    ending(object, *until).maybe("note", note.as_deref())
}

fn audit_fields<'a>(object: Object<'a>, entry: &ServerAuditEntry) -> Object<'a> {
    let ServerAuditEntry { number, what, about, until, note, by, at } = entry;
    let object = object.field("entry", number).shown("at", at).field("by", by.as_str()).field("what", what);
    ending(object.maybe("about", about.as_deref()), *until).maybe("note", note.as_deref())
}

fn ending(object: Object<'_>, until: Option<Time>) -> Object<'_> {
    match until {
        Some(until) => object.shown("until", until),
        None => object,
    }
}

fn connection_fields<'a>(object: Object<'a>, info: &ConnectionInfo) -> Object<'a> {
    let ConnectionInfo { number, user, auth_level, ip, door, since, rooms, connected } = info;
    let object = object.field("connection", number).field("user", user.as_str());
    let object = object.field("level", auth_level.as_str()).maybe("address", *ip).field("door", door);
    let rooms: Vec<_> = rooms.iter().map(RoomName::as_str).collect();
    let object = object.shown("since", since).field("rooms", &rooms);
    match connected {
        Connected::Yes { events, bytes } => object.field("waiting", events).field("waiting_bytes", bytes),
        Connected::Detached => object.field("detached", &true),
    }
}
