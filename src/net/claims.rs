//! The addresses of names: claiming a free one, and asking who one is.
//!
//! Called by the routes on the connection's thread. A claim waits for the store. Claims are counted by
//! the address they come from, so that nobody takes all the names.

use serde::Deserialize;

use super::bearer;
use super::callers::House;
use super::response::Response;
use super::routes::{Visit, bad, body};
use crate::chat::{Code, Refusal, UserName};
use crate::wire::json_out;

#[derive(Deserialize)]
struct NewClaim {
    name: String,
}

/// Registers a free name, or gives its owner another token: `POST /api/v1/claims`.
///
/// # Errors
/// `name_taken`, `forbidden`, `rate_limited`, `unavailable`.
pub fn claim(house: &House, visit: &Visit<'_>) -> Result<Response, Refusal> {
    let wanted: NewClaim = body(visit)?;
    let name = UserName::parse(&wanted.name).map_err(|error| bad(format!("name {error}")))?;
    let owner = match bearer::shown(visit.request)? {
        Some(token) => Some(house.engine.identify(&token, visit.address)?),
        None => None,
    };
    let now = house.engine.clock.now();
    house.engine.doorman.claim(visit.address, now.since_start)?;
    let claimed = match owner {
        Some(owner) if owner.user == name => house.engine.auth.renew(&owner, now.at)?,
        Some(owner) => {
            let message = format!("The token is {}'s, who has a name", owner.user);
            return Err(Refusal::new(Code::Forbidden, message));
        }
        None => house.engine.claim(&name)?,
    };
    log::info!(user = claimed.identity.user.as_str(); "name claimed");
    Ok(Response::json(201, json_out::claimed_body(&claimed.identity, &claimed.token)))
}

/// Who the token says one is: `GET /api/v1/me`.
///
/// # Errors
/// `unauthorized` without a token.
pub fn me(house: &House, visit: &Visit<'_>) -> Result<Response, Refusal> {
    match bearer::who(house, visit.request, visit.address)? {
        Some(who) => Ok(Response::json(200, json_out::me_body(&who))),
        None => Err(Refusal::new(Code::Unauthorized, "Without a token you are a guest of any free name")),
    }
}
