//! Tickets for what a browser opens by itself: `POST /api/v1/tickets`.
//!
//! Called by the routes on the connection's thread, with a token. A ticket is good for one conversation, which names it
//! in its address.

use super::api_request::ApiRequest;
use super::bearer;
use super::response::Response;
use crate::chat::{Code, Refusal};
use crate::engine::guards::tickets::LIFETIME;
use crate::net::context::ServerContext;
use crate::wire::json;

/// Issues a ticket to the bearer of a token.
///
/// # Errors
/// `unauthorized` without a valid token, `rate_limited`, `unavailable`.
pub fn issue(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let identity = bearer::authenticate(context, request.head, request.address.counted)?;
    let identity = identity.ok_or_else(|| Refusal::new(Code::Unauthorized, "A ticket stands for a token: show one"))?;
    let engine = &context.engine;
    let ticket = engine.tickets.issue(identity, request.address.counted, engine.clock.now().since_start)?;
    Ok(Response::json(201, json::ticket_body(ticket.reveal(), LIFETIME)))
}
