//! The addresses of names: claiming a free one, and asking who one is.
//!
//! Called by the routes on the connection's thread. A claim waits for the store. Claims are counted by
//! the address they come from, so that nobody takes all the names.

use serde::Deserialize;

use super::incoming::ServerContext;
use super::response::Response;
use super::routes::{ApiRequest, bad, body};
use super::{bearer, query};
use crate::chat::{Code, Refusal, UserName};
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
    let wanted: NewClaim = body(request)?;
    let name = UserName::parse(&wanted.name).map_err(|error| bad(format!("name {error}")))?;
    let owner = match bearer::shown(request.head)? {
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

/// Who the token says one is, or who one would be under a name: `GET /api/v1/me`. A browser does not tell
/// a page why a WebSocket was refused; here it can ask.
///
/// # Errors
/// `unauthorized` without a token, unless it is a name that a guest may have; else as a WebSocket.
pub fn me(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let name = query::value(request.head.query, "user")?;
    let who = match name.map(|name| UserName::parse(&name)) {
        Some(name) => {
            let name = name.map_err(|error| bad(format!("user {error}")))?;
            bearer::entrant(context, bearer::shown(request.head)?, Some(name), None, request.address)?
        }
        None => bearer::who(context, request.head, request.address)?,
    };
    let who =
        who.ok_or_else(|| Refusal::new(Code::Unauthorized, "Without a token you are a guest of any free name"))?;
    Ok(Response::json(200, json::me_body(&who)))
}
