//! The route that tells what a code is for: an invitation to a room, or the sign-in of a further device.
//!
//! Called by the routes on the connection's thread; does not block. A client asks before it uses the code, since whoever
//! follows a link should know whose it is before a name is registered or a device signed in. The code is in the body and
//! not in the address, since it is a secret; one that is not valid counts as a failed login of its address.

use serde::Deserialize;

use super::api_request::{ApiRequest, room_of};
use super::response::Response;
use crate::chat::{Refusal, Secret};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct AskedCode {
    code: String,
    /// The room to which it is said to admit; without one, the code signs in a device.
    room: Option<String>,
}

/// What a code is for; it stays valid: `POST /api/v1/codes`.
///
/// # Errors
/// `unauthorized` for a code that is not valid, `rate_limited`.
pub fn describe(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    let AskedCode { code, room } = request.json()?;
    let (code, engine, from) = (Secret::from(code.as_str()), &context.engine, request.address.counted);
    request.count_question(context, 1)?;
    let body = match room {
        Some(room) => {
            let room = room_of(&room)?;
            json::described_invitation_body(&room, &engine.check_invitation(&room, &code, from)?)
        }
        None => {
            let (user, expires) = engine.check_device_code(&code, from)?;
            json::described_code_body(&user, expires)
        }
    };
    Ok(Response::json(200, body))
}
