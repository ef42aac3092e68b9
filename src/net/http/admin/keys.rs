//! The routes of the keys that sign the server's tokens.
//!
//! Called by the routes on the connection's thread; wait for the store.

use crate::chat::Refusal;
use crate::net::context::ServerContext;
use crate::net::http::api_request::ApiRequest;
use crate::net::http::response::Response;
use crate::wire::json;

/// Lists them, the one that signs first: `GET /api/v1/admin/keys`.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let keys = context.engine.keys(&request.identity(context))?;
    Ok(Response::json(200, json::keys_body(&keys)))
}

/// Makes another one, which signs from now on: `POST /api/v1/admin/keys`.
///
/// # Errors
/// Why not.
pub fn rotate(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let key = context.engine.rotate_keys(&request.identity(context))?;
    Ok(Response::json(201, json::key_body(&key)))
}

/// Revokes one: `DELETE /api/v1/admin/keys/KEY`.
///
/// # Errors
/// Why it is not revoked.
pub fn revoke(context: &ServerContext, request: &ApiRequest<'_>, key: &str) -> Result<Response, Refusal> {
    context.engine.revoke_key(&request.identity(context), key)?;
    Ok(Response::empty(204))
}
