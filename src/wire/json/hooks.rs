//! Printing the hooks of a room, as bodies over HTTP.
//!
//! Used by the routes. A token is printed once, in the answer to who makes the hook.

use super::object::Object;
use crate::chat::RoomName;
use crate::chat::hook::{Hook, NewHook};

/// The body of `GET /api/v1/rooms/R/hooks`: `{room, hooks: [{hook, name, by?, created, revoked?, revoked_by?}]}`.
#[must_use]
pub fn hooks_body(room: &RoomName, hooks: &[Hook]) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).field("room", room.as_str()).list("hooks", hooks, hook_fields).end();
    out
}

/// The body of the answer to who makes a hook: its fields, and the `path` at which it takes messages.
#[must_use]
pub fn hook_body(hook: &Hook, path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    hook_fields(Object::bare(&mut out).field("room", hook.made.room.as_str()), hook).field("path", path).end();
    out
}

fn hook_fields<'a>(object: Object<'a>, hook: &Hook) -> Object<'a> {
    let Hook { number, made: NewHook { name, by, created, .. }, revoked } = hook;
    let object = object.field("hook", number).field("name", name.as_str());
    let object = object.maybe("by", by.as_ref().map(|by| by.as_str())).shown("created", created);
    match revoked {
        Some((at, by)) => object.shown("revoked", at).maybe("revoked_by", by.as_ref().map(|by| by.as_str())),
        None => object,
    }
}
