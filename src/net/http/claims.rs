//! The routes of names: claiming a free one, and asking for one's own.
//!
//! Called by the routes on the connection's thread. A claim waits for the store. Claims are limited by
//! address, so that no client takes every name.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad, user_of};
use super::response::Response;
use super::{bearer, devices, query};
use crate::chat::{AuthLevel, Code, Refusal, UserName};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct NewClaim {
    name: String,
    label: Option<String>,
}

/// Registers a free name, or gives its owner another token: `POST /api/v1/claims`.
///
/// # Errors
/// `name_taken`, `forbidden`, `rate_limited`, `unavailable`.
pub fn claim(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let wanted: NewClaim = request.json()?;
    let name = UserName::parse(&wanted.name).map_err(|error| bad(format!("name {error}")))?;
    let label = devices::label(wanted.label.as_deref())?;
    let owner = match bearer::token(request.head)? {
        Some(token) => match context.engine.identify(&token, request.address.counted) {
            // Whoever gave a name up may still have a token of it, and claims it as anybody does.
            Err(refused) if refused.code == Code::Unauthorized && !context.engine.registered(&name) => None,
            identified => Some(identified?),
        },
        None => None,
    };
    let owner = bearer::beside_proxy(context, request.head, owner)?;
    let now = context.engine.clock.now();
    context.engine.address_limits.claim(request.address.counted, now.since_start)?;
    let claimed = match owner {
        Some(owner) if owner.user == name => context.engine.auth.renew(&owner, now.at)?,
        Some(owner) => {
            let message = format!("The token is {}'s, who has a name", owner.user);
            return Err(Refusal::new(Code::Forbidden, message));
        }
        None => context.engine.claim(&name, label)?,
    };
    log::info!(user = claimed.identity.user.as_str(); "name claimed");
    Ok(Response::json(201, json::claimed_body(&claimed.identity, &claimed.token)))
}

/// Gives a registered name up: `DELETE /api/v1/claims/NAME`, with a token of its owner, or of an admin. Blocks on the
/// rooms on whose lists the name is, and on the store.
///
/// # Errors
/// `unauthorized` without a token, `forbidden` with another user's, or for a name that owns rooms, `not_found`,
/// `unavailable`.
pub fn unclaim(context: &ServerContext, request: &ApiRequest<'_>, name: &str) -> Result<Response, Refusal> {
    let name = user_of(name)?;
    let who = bearer::authenticate(context, request.head, request.address.counted)?;
    let who = who.ok_or_else(|| Refusal::new(Code::Unauthorized, "A registered name is given up by its owner"))?;
    if who.user != name && who.auth_level != AuthLevel::Admin {
        return Err(Refusal::new(Code::Forbidden, format!("The token is {}'s, not {name}'s", who.user)));
    }
    context.engine.release_name(&name, None)?;
    Ok(Response::empty(204))
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
            bearer::client(context, request.head, Some(name), None, request.address.counted)?
        }
        None => bearer::authenticate(context, request.head, request.address.counted)?,
    };
    let identity =
        identity.ok_or_else(|| Refusal::new(Code::Unauthorized, "Without a token you are a guest of any free name"))?;
    let rate = context.settings.load().limits.rate_of(Some(&identity));
    Ok(Response::json(200, json::me_body(&context.engine.with_display_name(identity), rate)))
}
