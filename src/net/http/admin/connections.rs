//! The routes of connections: listing them, and ending one.
//!
//! Called by the routes on the connection's thread. Ending blocks on the rooms of a session that is detached.

use std::net::IpAddr;

use ipnet::IpNet;

use super::LIMIT_DEFAULT;
use crate::chat::{Refusal, RoomName, UserName};
use crate::engine::admin::PAGE_MAX;
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

/// The part of a list that a request asks for: what comes behind `after`, and how many.
///
/// # Errors
/// `bad_request`.
pub fn part(request: &ApiRequest<'_>) -> Result<(u64, usize), Refusal> {
    let limit = request.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(PAGE_MAX));
    Ok((request.number("after")?.unwrap_or(0), limit.unwrap_or(LIMIT_DEFAULT).clamp(1, PAGE_MAX)))
}

/// A network, or an address, which is one of a single address.
///
/// # Errors
/// `bad_request`.
pub fn network(text: &str) -> Result<IpNet, Refusal> {
    let address = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    let network = address.or_else(|_| text.parse::<IpNet>().map(|network| network.trunc()));
    network.map_err(|_| bad(format!("{text:?} is no address, such as 192.0.2.7, and no network, such as 192.0.2.0/24")))
}
