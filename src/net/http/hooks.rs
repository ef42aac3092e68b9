//! The routes of hooks: making, listing and revoking those of a room, and taking what comes in.
//!
//! Called by the routes on the connection's thread; waits for the store, and for the room. What comes in has no token but
//! the one in its address.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad, number_of};
use super::response::Response;
use crate::chat::{Mid, Publication, Refusal, RoomRequest, Secret, UserName};
use crate::net::context::ServerContext;
use crate::wire::{hook, json};

#[derive(Deserialize)]
struct HookBody {
    name: String,
}

/// Makes a hook: `POST /api/v1/rooms/R/hooks`.
///
/// # Errors
/// Why it is not made.
pub fn add(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let wanted: HookBody = request.json()?;
    let name = UserName::parse(&wanted.name).map_err(|error| bad(format!("name {error}")))?;
    let (hook, token) = context.engine.add_hook(&request.identity(context), &room, name)?;
    let path = format!("{}/hooks/{}", request.base_path, token.reveal());
    Ok(Response::json(201, json::hook_body(&hook, &path)))
}

/// Lists the hooks of a room: `GET /api/v1/rooms/R/hooks`.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let hooks = context.engine.hooks_of(&request.identity(context), &room)?;
    Ok(Response::json(200, json::hooks_body(&room, &hooks)))
}

/// Revokes a hook: `DELETE /api/v1/rooms/R/hooks/HOOK`.
///
/// # Errors
/// Why it is not revoked.
pub fn revoke(context: &ServerContext, request: &ApiRequest<'_>, room: &str, hook: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let number = number_of("hook", hook)?;
    context.engine.revoke_hook(&request.identity(context), &room, number)?;
    Ok(Response::empty(204))
}

/// Takes what comes in: `POST /hooks/TOKEN`.
///
/// # Errors
/// Why it is not published.
pub fn deliver(context: &ServerContext, request: &ApiRequest<'_>, token: &str) -> Result<Response, Refusal> {
    let opened = context.engine.open_hook(&Secret::from(token), request.address.counted)?;
    let came = hook::parse(&request.body)?;
    let mid = request.head.value("Idempotency-Key").map(Mid::parse).transpose()?;
    let message = RoomRequest::from(Publication { mid, ..Publication::text(&came.text) });
    message.check(context.settings.load().limits.message_bytes)?;
    context.engine.publish_by_hook(&opened, came.user, message, request.address.counted)?;
    Ok(Response::new(200, "text/plain; charset=utf-8", "ok"))
}
