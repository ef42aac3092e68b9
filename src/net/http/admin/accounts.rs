//! The routes of accounts and of the people behind names.
//!
//! Called by the routes on the connection's thread; wait for the store, and for rooms.

use super::parameters::limit;
use crate::chat::{Refusal, UserName};
use crate::engine::admin::check;
use crate::net::context::ServerContext;
use crate::net::http::api_request::{ApiRequest, bad, user_of};
use crate::net::http::query;
use crate::net::http::response::Response;
use crate::wire::json;

/// Lists the registered names: `GET /api/v1/admin/accounts`.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let after = query::value(request.head.query, "after")?.map(|name| UserName::parse(&name)).transpose();
    let after = after.map_err(|error| bad(format!("after {error}")))?;
    let accounts = context.engine.accounts(&who, after.as_ref(), limit(request)?)?;
    Ok(Response::json(200, json::accounts_body(&accounts.entries, accounts.next.as_ref())))
}

/// Gives a name back: `DELETE /api/v1/admin/accounts/NAME`.
///
/// # Errors
/// Why it is not given back.
pub fn give_back(context: &ServerContext, request: &ApiRequest<'_>, name: &str) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    context.engine.give_back(&who, &user_of(name)?)?;
    Ok(Response::empty(204))
}

/// Says how much there is of a person: `GET /api/v1/admin/people/NAME`.
///
/// # Errors
/// Why it is not shown.
pub fn describe(context: &ServerContext, request: &ApiRequest<'_>, name: &str) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let data = context.engine.personal_data(&who, &user_of(name)?)?;
    Ok(Response::json(200, json::personal_data_body(&data)))
}

/// Erases a person, or a part of what there is of them: `DELETE /api/v1/admin/people/NAME`.
///
/// # Errors
/// Why nothing, or no more, is erased.
pub fn erase(context: &ServerContext, request: &ApiRequest<'_>, name: &str) -> Result<Response, Refusal> {
    let who = request.identity(context);
    check(&who)?;
    let erased = context.engine.erase(&who, &user_of(name)?)?;
    Ok(Response::json(200, json::erased_body(erased)))
}
