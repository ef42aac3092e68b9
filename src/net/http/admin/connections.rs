//! The routes of connections: listing them, and ending one.
//!
//! Called by the routes on the connection's thread. Ending blocks on the rooms of a session that is detached.

use super::parameters::{network, part};
use crate::chat::{Refusal, RoomName, UserName};
use crate::engine::admin::connections::ConnectionFilter;
use crate::net::context::ServerContext;
use crate::net::http::api_request::{ApiRequest, bad, number_of};
use crate::net::http::query;
use crate::net::http::response::Response;
use crate::wire::json;

/// Lists connections: `GET /api/v1/admin/connections`.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let value = |name| query::value(request.head.query, name);
    let user = value("user")?.map(|user| UserName::parse(&user)).transpose();
    let room = value("room")?.map(|room| RoomName::parse(&room)).transpose();
    let filter = ConnectionFilter {
        user: user.map_err(|error| bad(format!("user {error}")))?,
        network: value("address")?.map(|text| network(&text)).transpose()?,
        door: value("door")?.map(Into::into),
        room: room.map_err(|error| bad(format!("room {error}")))?,
    };
    let (after, count) = part(request)?;
    let listed = context.engine.connections(&request.identity(context), &filter, after, count)?;
    Ok(Response::json(200, json::connections_body(&listed.entries, listed.next)))
}

/// Ends a connection: `DELETE /api/v1/admin/connections/CONNECTION`.
///
/// # Errors
/// Why it is not ended.
pub fn end(context: &ServerContext, request: &ApiRequest<'_>, number: &str) -> Result<Response, Refusal> {
    let number = number_of("connection", number)?;
    context.engine.end_connection(&request.identity(context), number)?;
    Ok(Response::empty(204))
}
