//! The routes of bans from the server, and of the server's audit.
//!
//! Called by the routes on the connection's thread; wait for the store.

use std::time::Duration;

use serde::Deserialize;

use super::parameters::{network, part};
use crate::chat::admin::BanTarget;
use crate::chat::policy::SANCTION_MAX_S;
use crate::chat::{Note, Refusal, UserName};
use crate::net::context::ServerContext;
use crate::net::http::api_request::{ApiRequest, bad, number_of};
use crate::net::http::response::Response;
use crate::wire::json;

#[derive(Deserialize)]
struct NewBan {
    user: Option<String>,
    address: Option<String>,
    #[serde(default, deserialize_with = "json::whole::optional")]
    for_s: Option<u64>,
    note: Option<String>,
}

/// Lists the bans in force: `GET /api/v1/admin/bans`.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let (after, count) = part(request)?;
    let listed = context.engine.bans(&request.identity(context), after, count)?;
    Ok(Response::json(200, json::bans_body(&listed.entries, listed.next)))
}

/// Bans a user, an address or a network: `POST /api/v1/admin/bans`.
///
/// # Errors
/// Why not.
pub fn add(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let who = request.identity(context);
    crate::engine::admin::check(&who)?;
    let NewBan { user, address, for_s, note } = request.json()?;
    let target = match (user, address) {
        (Some(user), None) => BanTarget::User(UserName::parse(&user).map_err(|error| bad(format!("user {error}")))?),
        (None, Some(address)) => BanTarget::Network(network(&address)?),
        _ => return Err(bad("A ban has a user or an address")),
    };
    if for_s.is_some_and(|seconds| !(1..=SANCTION_MAX_S).contains(&seconds)) {
        return Err(bad(format!("for_s is a number of seconds from 1 to {SANCTION_MAX_S}")));
    }
    let note = note.as_deref().filter(|note| !note.is_empty()).map(Note::parse).transpose()?;
    let ban = context.engine.ban(&who, request.address, target, (for_s.map(Duration::from_secs), note))?;
    Ok(Response::json(201, json::ban_body(&ban)))
}

/// Lifts a ban: `DELETE /api/v1/admin/bans/BAN`.
///
/// # Errors
/// Why it is not lifted.
pub fn lift(context: &ServerContext, request: &ApiRequest<'_>, number: &str) -> Result<Response, Refusal> {
    context.engine.lift_ban(&request.identity(context), number_of("ban", number)?)?;
    Ok(Response::empty(204))
}

/// What admins have done: `GET /api/v1/admin/audit`.
///
/// # Errors
/// Why it is not shown.
pub fn audit(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let (_, count) = part(request)?;
    let listed = context.engine.server_audit(&request.identity(context), request.number("after")?, count)?;
    Ok(Response::json(200, json::server_audit_body(&listed.entries, listed.next)))
}
