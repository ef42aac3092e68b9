//! The routes of names: claiming a free one, and asking for one's own.
//!
//! Called by the routes on the connection's thread. A claim waits for the store. Claims are limited by
//! address, so that no client takes every name.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad};
use super::response::Response;
use super::{bearer, query};
use crate::chat::{Code, Refusal, UserName};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct NewClaim {
    name: String,
}

/// Registers a free name, or gives its owner another token: `POST /api/v1/claims`.
///
/// # Errors
/// `name_taken`, `forbidden`, `rate_limited`, `unavailable`.
pub fn claim(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let wanted: NewClaim = request.json()?;
    let name = UserName::parse(&wanted.name).map_err(|error| bad(format!("name {error}")))?;
    let owner = match bearer::token(request.head)? {
        Some(token) => Some(context.engine.identify(&token, request.address)?),
        None => None,
    };
    let now = context.engine.clock.now();
    context.engine.address_limits.claim(request.address, now.since_start)?;
    let claimed = match owner {
        Some(owner) if owner.user == name => context.engine.auth.renew(&owner, now.at)?,
        Some(owner) => {
            let message = format!("The token is {}'s, who has a name", owner.user);
            return Err(Refusal::new(Code::Forbidden, message));
        }
        None => context.engine.claim(&name)?,
    };
    log::info!(user = claimed.identity.user.as_str(); "name claimed");
    Ok(Response::json(201, json::claimed_body(&claimed.identity, &claimed.token)))
}

/// The identity that a token names, or that a guest of the name `user` would have: `GET /api/v1/me`. A browser
/// does not tell a page why a WebSocket was refused; here the page can ask.
///
/// # Errors
/// `unauthorized` without a token and without the name of a guest; otherwise as for a WebSocket.
pub fn me(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let name = query::value(request.head.query, "user")?;
    let identity = match name.map(|name| UserName::parse(&name)) {
        Some(name) => {
            let name = name.map_err(|error| bad(format!("user {error}")))?;
            bearer::identify(context, bearer::token(request.head)?, Some(name), None, request.address)?
        }
        None => bearer::authenticate(context, request.head, request.address)?,
    };
    let identity =
        identity.ok_or_else(|| Refusal::new(Code::Unauthorized, "Without a token you are a guest of any free name"))?;
    Ok(Response::json(200, json::me_body(&identity)))
}
