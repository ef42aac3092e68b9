//! The claims of a token, as JSON.
//!
//! The names are those of RFC 7519 §4.1, `name` of OpenID Connect, and our own: `admin`, `rooms`, `rate`, `claim`,
//! `device`.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::super::tokens::texts;
use super::super::{Claims, Invalid};
use super::LEEWAY_MS;
use crate::chat::device::DeviceId;
use crate::chat::rate::TOKEN_RATE_MAX;
use crate::chat::{RoomName, Time, UserName};
use roomd_protocol::{DISPLAY_BYTES_MAX, NameError, TOKEN_ROOMS_MAX, shows_something};

/// Characters of a subject, at most: OpenID Connect Core 1.0 §2.
const SUBJECT_CHARS_MAX: usize = 255;

/// Why a token is refused, for the client and for the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the client is told.
    pub invalid: Invalid,
    /// What the operator is told, which contains neither the token nor a key.
    pub why: Cow<'static, str>,
}

impl Refused {
    /// A refusal, with its reason for the log.
    pub fn new(invalid: Invalid, why: impl Into<Cow<'static, str>>) -> Self {
        Self { invalid, why: why.into() }
    }

    fn not_understood(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Invalid::NotUnderstood, why)
    }
}

/// The claims of a token of our own.
#[derive(Debug, Serialize)]
pub struct OwnClaims<'a> {
    sub: &'a str,
    #[serde(serialize_with = "whole_seconds")]
    exp: f64,
    /// When we have signed it.
    iat: u64,
    iss: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    /// Whether the token was issued for a claim, and may be renewed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    claim: bool,
    /// The device that it was issued to; absent: the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// When the name was registered by that claim, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    registered: Option<u64>,
}

impl<'a> OwnClaims<'a> {
    /// Claims that `issuer` signs for itself.
    pub fn of(claims: &'a Claims, issuer: &'a str, now: Time) -> Self {
        let Claims { user, expires, admin, display, rooms, device, rate, registered, .. } = claims;
        Self {
            sub: user.as_str(),
            exp: seconds(*expires),
            iat: now.0 / 1_000,
            iss: issuer,
            aud: issuer,
            name: display.as_deref(),
            admin: *admin,
            rooms: rooms.as_ref().map(|rooms| rooms.iter().map(RoomName::as_str).collect()),
            rate: *rate,
            claim: device.is_some(),
            device: device.filter(|device| *device != DeviceId::FIRST).map(|device| device.to_string()),
            registered: registered.map(|at| at.0),
        }
    }
}

/// The claims of a token whose signature was verified. An optional one is absent if it is null or an empty text as
/// well: issuers send a claim of which they know nothing in each of these ways.
pub struct TokenFields(Map<String, Value>);

impl TokenFields {
    /// The claims of a token.
    pub fn new(mut fields: Map<String, Value>) -> Self {
        fields.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        Self(fields)
    }

    /// Checks that the token is valid already, and has not expired.
    ///
    /// # Errors
    /// It is not.
    pub fn check_time(&self, now: Time) -> Result<(), Refused> {
        let expires = self.time("exp")?.ok_or(Refused::not_understood("it has no exp"))?;
        if expires.0.saturating_add(LEEWAY_MS) <= now.0 {
            let ago = (now.0 - expires.0) / 1_000;
            return Err(Refused::new(Invalid::Expired, format!("it expired {ago} s ago")));
        }
        match self.time("nbf")? {
            Some(begin) if begin.0 > now.0.saturating_add(LEEWAY_MS) => {
                let left = (begin.0 - now.0).div_ceil(1_000);
                Err(Refused::new(Invalid::NotYet, format!("its nbf is in {left} s")))
            }
            _ => Ok(()),
        }
    }

    /// The claims as they are.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// Whether it names an audience.
    pub fn has_audience(&self) -> bool {
        self.0.get("aud").is_some_and(|audience| audience.as_array().is_none_or(|all| !all.is_empty()))
    }

    /// The claims, parsed. The user is named by `name_claim`, if there is one; then `sub` is the identity behind the
    /// name, and otherwise the name itself.
    ///
    /// # Errors
    /// A name is invalid, or something has another type or is too long.
    pub fn claims(&self, name_claim: Option<&str>) -> Result<Claims, Refused> {
        let user = self.user(name_claim.unwrap_or("sub"))?;
        let subject = name_claim.map(|_| self.subject()).transpose()?;
        let display = self.text("name")?.filter(|name| shows_something(name));
        if display.is_some_and(|name| name.len() > DISPLAY_BYTES_MAX || name.chars().any(char::is_control)) {
            let why = format!("its name has more than {DISPLAY_BYTES_MAX} bytes, or control characters");
            return Err(Refused::not_understood(why));
        }
        let expires = self.time("exp")?.ok_or(Refused::not_understood("it has no exp"))?;
        Ok(Claims {
            user,
            expires,
            admin: self.flag("admin")?,
            display: display.map(Into::into),
            rooms: self.rooms()?,
            device: self.device()?,
            rate: self.rate()?,
            subject: subject.map(Into::into),
            registered: self.0.get("registered").and_then(Value::as_u64).map(Time),
            key: None,
        })
    }

    /// The device that a token of a claim was issued to.
    fn device(&self) -> Result<Option<DeviceId>, Refused> {
        let wrong = |_| Refused::not_understood("its device is no id of a device");
        let named = self.text("device")?.map(str::parse).transpose().map_err(wrong)?;
        Ok(self.flag("claim")?.then(|| named.unwrap_or(DeviceId::FIRST)))
    }

    fn user(&self, claim: &str) -> Result<UserName, Refused> {
        let claim_shown = claim.escape_debug();
        let name = self.text(claim)?;
        let name =
            name.ok_or_else(|| Refused::not_understood(format!("it has no {claim_shown}, which names the user")))?;
        UserName::parse(name).map_err(|error| {
            let mut why = format!("its {claim_shown}, which names the user, {error}");
            if let NameError::Length(_) = error {
                why.push_str(&format!(", and has {}; see --jwt-name-claim", name.chars().count()));
            }
            Refused::not_understood(why)
        })
    }

    pub(super) fn subject(&self) -> Result<&str, Refused> {
        let subject = self.text("sub")?.ok_or(Refused::not_understood("it has no sub"))?;
        if subject.chars().count() > SUBJECT_CHARS_MAX || subject.chars().any(char::is_control) {
            let why = format!("its sub has more than {SUBJECT_CHARS_MAX} characters, or control characters");
            return Err(Refused::not_understood(why));
        }
        Ok(subject)
    }

    fn rooms(&self) -> Result<Option<Vec<RoomName>>, Refused> {
        let wrong =
            || Refused::not_understood(format!("its rooms is no list of at most {TOKEN_ROOMS_MAX} names of rooms"));
        let Some(rooms) = self.0.get("rooms") else { return Ok(None) };
        let rooms = rooms.as_array().filter(|rooms| rooms.len() <= TOKEN_ROOMS_MAX).ok_or_else(wrong)?;
        let parse = |room: &Value| room.as_str().and_then(|name| RoomName::parse(name).ok()).ok_or_else(wrong);
        rooms.iter().map(parse).collect::<Result<_, _>>().map(Some)
    }

    fn rate(&self) -> Result<Option<u32>, Refused> {
        let wrong = || Refused::not_understood(format!("its rate is no whole number from 1 to {TOKEN_RATE_MAX}"));
        let parse = |value: &Value| value.as_u64().and_then(|rate| rate.try_into().ok());
        let is_rate = |rate: &u32| (1..=TOKEN_RATE_MAX).contains(rate);
        self.0.get("rate").map(|value| parse(value).filter(is_rate).ok_or_else(wrong)).transpose()
    }

    pub(super) fn text(&self, claim: &str) -> Result<Option<&str>, Refused> {
        let wrong = || Refused::not_understood(format!("its {} is no text", claim.escape_debug()));
        self.0.get(claim).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    fn flag(&self, claim: &str) -> Result<bool, Refused> {
        let wrong = || Refused::not_understood(format!("its {claim} is neither true nor false"));
        self.0.get(claim).map_or(Ok(false), |value| value.as_bool().ok_or_else(wrong))
    }

    /// Those of this name: a text, or a list of texts.
    pub(super) fn texts(&self, claim: &str) -> Vec<&str> {
        texts(self.0.get(claim))
    }

    /// Seconds since 1970, perhaps with a fraction (RFC 7519 §2).
    fn time(&self, claim: &str) -> Result<Option<Time>, Refused> {
        let wrong = || Refused::not_understood(format!("its {claim} is no number of seconds"));
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        // Year 9999: a number beyond it is a mistake, such as milliseconds.
        let seconds = value.as_f64().filter(|seconds| (0.0..=253_402_300_799.0).contains(seconds)).ok_or_else(wrong)?;
        Ok(Some(Time((seconds * 1_000.0) as u64)))
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
