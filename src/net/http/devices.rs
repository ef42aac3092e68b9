//! The routes of devices: the owner's list, a code for a further one, and signing in with a code.
//!
//! Called by the routes on the connection's thread. Adding and ending wait for the store. Codes that are not valid count
//! as failed logins of their address.

use serde::Deserialize;

use super::api_request::ApiRequest;
use super::bearer;
use super::response::Response;
use crate::chat::device::{DeviceId, DeviceLabel};
use crate::chat::{Code, Identity, Refusal, Secret};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct NewDevice {
    code: String,
    label: Option<String>,
}

/// The devices of the user whom the token names: `GET /api/v1/devices`.
///
/// # Errors
/// `unauthorized` without a token.
pub fn list(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    request.count_question(context, 1)?;
    let devices = context.engine.devices(&owner(context, request)?)?;
    Ok(Response::json(200, json::devices_body(&devices)))
}

/// A code that signs in a further device: `POST /api/v1/devices/codes`.
///
/// # Errors
/// `unauthorized` without a token, `forbidden` with one that was not issued for a claim, `rate_limited`.
pub fn add(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    request.count_message(context)?;
    let added = context.engine.add_device(&owner(context, request)?)?;
    Ok(Response::json(201, json::code_body(&added.code, added.expires)))
}

/// Signs in the device that a code is for: `POST /api/v1/devices`. The answer is that to a claim.
///
/// # Errors
/// `unauthorized` for a code that is not valid, `forbidden` when the name has too many devices, `rate_limited`,
/// `unavailable`.
pub fn redeem(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    let wanted: NewDevice = request.json()?;
    let label = label(wanted.label.as_deref())?;
    let claimed =
        context.engine.redeem_device_code(&Secret::from(wanted.code.as_str()), label, request.address.counted)?;
    Ok(Response::json(201, json::claimed_body(&claimed.identity, &claimed.token)))
}

/// Ends a device: `DELETE /api/v1/devices/DEVICE`.
///
/// # Errors
/// `unauthorized` without a token, `not_found`, `unavailable`.
pub fn end(context: &ServerContext, request: &ApiRequest<'_>, device: &str) -> Result<Response, Refusal> {
    let device: DeviceId = device.parse()?;
    context.engine.end_device(&owner(context, request)?, None, device)?;
    Ok(Response::empty(204))
}

/// The label of a device, from a body.
///
/// # Errors
/// `bad_request`.
pub fn label(text: Option<&str>) -> Result<Option<DeviceLabel>, Refusal> {
    Ok(text.map(DeviceLabel::parse).transpose()?.flatten())
}

fn owner(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Identity, Refusal> {
    let owner = bearer::authenticate(context, request.head, request.address.counted)?;
    owner.ok_or_else(|| Refusal::new(Code::Unauthorized, "Devices are shown to the owner of a name: show a token"))
}
