//! The routes of webhooks: making, listing and removing those of a room or of all, their log, and sending again.
//!
//! Called by the routes on the connection's thread; waits for the store. A room is named by the path; without one it is
//! about the webhooks of all rooms, which are an admin's.

use serde::Deserialize;

use super::api_request::{ApiRequest, number_of};
use super::response::Response;
use crate::chat::webhook::{WebhookEvents, WebhookUrl};
use crate::chat::{Refusal, RoomName};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct WebhookBody {
    url: String,
    events: Option<Vec<String>>,
}

/// Makes a webhook: `POST /api/v1/rooms/R/webhooks`, or `/api/v1/webhooks`.
///
/// # Errors
/// Why it is not made.
pub fn add(context: &ServerContext, request: &ApiRequest<'_>, room: Option<&str>) -> Result<Response, Refusal> {
    let room = scope(request, room)?;
    let WebhookBody { url, events } = request.json()?;
    let url = WebhookUrl::parse(&url)?;
    let events = events.map(|names| WebhookEvents::parse(names.iter().map(String::as_str))).transpose()?;
    let who = request.identity(context);
    let webhook = context.engine.add_webhook(&who, room, url, events.unwrap_or_default())?;
    Ok(Response::json(201, json::webhook_body(&webhook)))
}

/// Lists webhooks, those that were removed too: `GET` of the same.
///
/// # Errors
/// Why they are not shown.
pub fn list(context: &ServerContext, request: &ApiRequest<'_>, room: Option<&str>) -> Result<Response, Refusal> {
    let room = scope(request, room)?;
    let webhooks = context.engine.webhooks_of(&request.identity(context), room.as_ref())?;
    Ok(Response::json(200, json::webhooks_body(room.as_ref(), &webhooks)))
}

/// Removes a webhook: `DELETE …/webhooks/WEBHOOK`.
///
/// # Errors
/// Why it is not removed.
pub fn remove(
    context: &ServerContext,
    request: &ApiRequest<'_>,
    room: Option<&str>,
    webhook: &str,
) -> Result<Response, Refusal> {
    let (room, webhook) = webhook_of(request, room, webhook)?;
    context.engine.remove_webhook(&request.identity(context), room.as_ref(), webhook)?;
    Ok(Response::empty(204))
}

/// Shows the log of a webhook: `GET …/webhooks/WEBHOOK/deliveries`.
///
/// # Errors
/// Why it is not shown.
pub fn deliveries(
    context: &ServerContext,
    request: &ApiRequest<'_>,
    room: Option<&str>,
    webhook: &str,
) -> Result<Response, Refusal> {
    let (room, webhook) = webhook_of(request, room, webhook)?;
    let deliveries = context.engine.deliveries_of(&request.identity(context), room.as_ref(), webhook)?;
    Ok(Response::json(200, json::deliveries_body(webhook, &deliveries)))
}

/// Switches a webhook on again, and tries now what waits: `POST …/webhooks/WEBHOOK/deliveries`.
///
/// # Errors
/// Why not.
pub fn resume(
    context: &ServerContext,
    request: &ApiRequest<'_>,
    room: Option<&str>,
    webhook: &str,
) -> Result<Response, Refusal> {
    let (room, webhook) = webhook_of(request, room, webhook)?;
    context.engine.resume_webhook(&request.identity(context), room.as_ref(), webhook)?;
    Ok(Response::empty(204))
}

/// Delivers once more what was delivered: `POST …/webhooks/WEBHOOK/deliveries/DELIVERY`.
///
/// # Errors
/// Why not.
pub fn resend(
    context: &ServerContext,
    request: &ApiRequest<'_>,
    room: Option<&str>,
    webhook: &str,
    delivery: &str,
) -> Result<Response, Refusal> {
    let (room, webhook) = webhook_of(request, room, webhook)?;
    let delivery = number_of("delivery", delivery)?;
    context.engine.resend(&request.identity(context), room.as_ref(), webhook, delivery)?;
    Ok(Response::empty(204))
}

/// The room that the path names, if it names one and the token is for it.
fn scope(request: &ApiRequest<'_>, room: Option<&str>) -> Result<Option<RoomName>, Refusal> {
    room.map(|room| request.room(room)).transpose()
}

/// The same, and the number of the webhook that the path names.
fn webhook_of(request: &ApiRequest<'_>, room: Option<&str>, webhook: &str) -> Result<(Option<RoomName>, u64), Refusal> {
    Ok((scope(request, room)?, number_of("webhook", webhook)?))
}
