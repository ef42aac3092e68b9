//! The claims of a token, as JSON.
//!
//! The names are those of RFC 7519 §4.1, `name` of OpenID Connect, and our own: `admin`, `rooms`, `claim`.

use serde::{Deserialize, Serialize, Serializer};

use super::super::{Claims, Invalid};
use super::LEEWAY_MS;
use crate::chat::{RoomName, Time, UserName};
use roomd_protocol::{DISPLAY_BYTES_MAX, TOKEN_ROOMS_MAX};

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub struct JwtClaims {
    sub: String,
    /// Seconds since 1970, perhaps with a fraction (RFC 7519 §2).
    #[serde(serialize_with = "whole_seconds")]
    exp: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<f64>,
    /// When we have signed it; of others' tokens it is ignored.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rooms: Option<Vec<String>>,
    /// Whether the token was issued for a claim, and may be renewed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    claim: bool,
}

impl JwtClaims {
    /// The claims of a token of our own.
    pub fn ours(claims: &Claims, issuer: &str, now: Time) -> Self {
        let Claims { user, expires, admin, display, rooms, renewable } = claims;
        Self {
            sub: user.to_string(),
            exp: seconds(*expires),
            nbf: None,
            iat: Some(now.0 / 1_000),
            iss: Some(issuer.into()),
            aud: Some(issuer.into()),
            name: display.as_ref().map(|name| name.to_string()),
            admin: *admin,
            rooms: rooms.as_ref().map(|rooms| rooms.iter().map(RoomName::to_string).collect()),
            claim: *renewable,
        }
    }

    /// Checks that the token is valid already, and has not expired.
    ///
    /// # Errors
    /// It is not.
    pub fn check_time(&self, now: Time) -> Result<(), Invalid> {
        if time(self.exp)?.0.saturating_add(LEEWAY_MS) <= now.0 {
            return Err(Invalid::Expired);
        }
        match self.nbf.map(time).transpose()? {
            Some(begin) if begin.0 > now.0.saturating_add(LEEWAY_MS) => Err(Invalid::NotYet),
            _ => Ok(()),
        }
    }

    /// The claims, parsed.
    ///
    /// # Errors
    /// A name is invalid, or something is too long.
    pub fn claims(self) -> Result<Claims, Invalid> {
        let user = UserName::parse(&self.sub).map_err(|_| Invalid::NotUnderstood)?;
        let too_long = |name: &String| name.len() > DISPLAY_BYTES_MAX || name.chars().any(char::is_control);
        let rooms = self.rooms.as_ref();
        if self.name.as_ref().is_some_and(too_long) || rooms.is_some_and(|rooms| rooms.len() > TOKEN_ROOMS_MAX) {
            return Err(Invalid::NotUnderstood);
        }
        let parse = |room: &String| RoomName::parse(room).map_err(|_| Invalid::NotUnderstood);
        let rooms = rooms.map(|rooms| rooms.iter().map(parse).collect::<Result<_, _>>()).transpose()?;
        let display = self.name.filter(|name| !name.is_empty()).map(Into::into);
        Ok(Claims { user, expires: time(self.exp)?, admin: self.admin, display, rooms, renewable: self.claim })
    }
}

/// As other libraries write it: without a fraction.
fn whole_seconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(*seconds as u64)
}

/// Whole seconds, rounded down: a token is not valid for longer than it was to be.
fn seconds(at: Time) -> f64 {
    // Exact up to 2^53 seconds.
    (at.0 / 1_000) as f64
}

fn time(seconds: f64) -> Result<Time, Invalid> {
    // Year 9999: a number beyond it is a mistake, such as milliseconds.
    if !(0.0..=253_402_300_799.0).contains(&seconds) {
        return Err(Invalid::NotUnderstood);
    }
    Ok(Time((seconds * 1_000.0) as u64))
}
