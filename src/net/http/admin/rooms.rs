//! The routes of rooms, for admins: listing, creating, ending and handing over, and how much is kept.
//!
//! Called by the routes on the connection's thread; wait for the store, and for the room that is changed.

use serde::Deserialize;
use serde_json::Value;

use super::parameters::limit;
use crate::chat::policy::RoomOptions;
use crate::chat::{Refusal, RoomName, UserName};
use crate::engine::admin::check;
use crate::engine::admin::rooms::{BoundChange, RetentionChange};
use crate::engine::rooms::moderation::NewRoom;
use crate::net::context::ServerContext;
use crate::net::http::api_request::{ApiRequest, bad, room_of};
use crate::net::http::query;
use crate::net::http::response::Response;
use crate::wire::json;
use crate::wire::json::whole::Whole;

#[derive(Deserialize)]
struct NewOwnedRoom {
    room: String,
    private: Option<bool>,
    owner: Option<String>,
}

#[derive(Deserialize)]
struct NewOwner {
    user: String,
}

#[derive(Deserialize)]
struct Retention {
    age_s: Option<Value>,
    messages: Option<Value>,
}

/// The largest bound: as milliseconds, a number that every client reads exactly.
const BOUND_MAX: u64 = 9_007_199_254_740;

/// Lists the rooms: `GET /api/v1/admin/rooms`.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let after = query::value(request.head.query, "after")?.map(|room| RoomName::parse(&room)).transpose();
    let after = after.map_err(|error| bad(format!("after {error}")))?;
    let rooms = context.engine.room_overviews(&who, after.as_ref(), limit(request)?)?;
    Ok(Response::json(200, json::room_overviews_body(&rooms.entries, rooms.next.as_ref())))
}

/// Creates a room: `POST /api/v1/admin/rooms`.
///
/// # Errors
/// Why it is not created.
pub fn create(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let NewOwnedRoom { room, private, owner } = request.json()?;
    let room = RoomName::parse(&room).map_err(|error| bad(format!("room {error}")))?;
    let owner = owner.map(|owner| UserName::parse(&owner)).transpose();
    let owner = owner.map_err(|error| bad(format!("owner {error}")))?;
    if owner.is_none() && request.operator.is_some() {
        return Err(bad("owner is missing: an admin of this machine is nobody to whom a room can belong"));
    }
    let options = RoomOptions { private: private.unwrap_or(false), members: Vec::new() };
    context.engine.create_for(&who, NewRoom { room, durable: true, options }, owner)?;
    Ok(Response::empty(204))
}

/// Ends a room: `DELETE /api/v1/admin/rooms/R`.
///
/// # Errors
/// Why it does not end.
pub fn end(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    context.engine.end_room(&request.identity(context), &room_of(room)?)?;
    Ok(Response::empty(204))
}

/// Gives a room to another owner: `PUT /api/v1/admin/rooms/R/owner`.
///
/// # Errors
/// Why it is not given.
pub fn hand_over(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let NewOwner { user } = request.json()?;
    let user = UserName::parse(&user).map_err(|error| bad(format!("user {error}")))?;
    context.engine.hand_over(&who, &room_of(room)?, user)?;
    Ok(Response::empty(204))
}

/// Changes how much of a room is kept: `PUT /api/v1/admin/rooms/R/retention`.
///
/// # Errors
/// Why it is not changed.
pub fn retain(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let (room, Retention { age_s, messages }) = (room_of(room)?, request.json()?);
    let change = RetentionChange { age_ms: bound("age_s", age_s, 1_000)?, count: bound("messages", messages, 1)? };
    let bounds = context.engine.retain_room(&who, &room, change)?;
    let number = |bound: Option<i64>| bound.map(i64::cast_unsigned);
    let body = json::retention_body(&room, number(bounds.age_ms).map(|ms| ms / 1_000), number(bounds.count));
    Ok(Response::json(200, body))
}

/// A bound, or `server` for the server's setting.
fn bound(name: &str, bound: Option<Value>, scale: u64) -> Result<Option<BoundChange>, Refusal> {
    match bound {
        None => Ok(None),
        Some(Value::String(word)) if word == "server" => Ok(Some(BoundChange::Clear)),
        Some(value) => {
            let number = Whole::deserialize(value).ok().filter(|Whole(number)| *number <= BOUND_MAX);
            let Some(Whole(number)) = number else {
                let what = "a number, 0 for no bound, or \"server\" for the server's setting";
                return Err(bad(format!("{name} is {what}, and at most {BOUND_MAX}")));
            };
            Ok(Some(BoundChange::Set((number * scale).cast_signed())))
        }
    }
}
