//! The route of announcements: saying something to all.
//!
//! Called by the routes on the connection's thread; waits for the store.

use serde::Deserialize;

use crate::chat::Refusal;
use crate::net::context::ServerContext;
use crate::net::http::api_request::ApiRequest;
use crate::net::http::response::Response;

#[derive(Deserialize)]
struct NewAnnouncement {
    text: String,
}

/// Says something to everybody who is connected: `POST /api/v1/admin/announcements`.
///
/// # Errors
/// Why it is not said.
pub fn announce(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let who = request.identity(context);
    crate::engine::admin::check(&who)?;
    let NewAnnouncement { text } = request.json()?;
    context.engine.announce(&who, &text)?;
    Ok(Response::empty(204))
}
