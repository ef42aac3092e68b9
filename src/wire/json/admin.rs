//! Printing what an admin sees of the server, as bodies over HTTP.
//!
//! Used by the routes below `/api/v1/admin`. A list that goes on has `next`, which the request for the next part says as
//! `after`.

use super::object::Object;
use crate::chat::RoomName;
use crate::chat::admin::{Connected, ConnectionInfo};

/// The body of a list of connections: `{connections: […], next?}`.
#[must_use]
pub fn connections_body(connections: &[ConnectionInfo], next: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    Object::bare(&mut out).list("connections", connections, connection_fields).maybe("next", next).end();
    out
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
