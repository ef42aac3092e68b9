//! A device: one place where the owner of a claimed name is signed in, with a token of its own.
//!
//! The first one is made by the claim; each further one by a code that a device of the name has asked for. A device is
//! named by its token and kept by the account store; one that was ended is no longer there.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::refusal::Refusal;
use super::time::Time;
use roomd_protocol::shows_something;

/// Devices of one name, at most.
pub const DEVICES_MAX: usize = 32;

/// The id of a device, which no other device of the name ever has: 64 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u64);

impl DeviceId {
    /// The device of tokens that name none: they were issued before a name could have several.
    pub const FIRST: Self = Self(0);
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for DeviceId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| Refusal::bad_request("A device is named by 16 hexadecimal digits"))
    }
}

/// What a device is, for people to read, such as `Chromium on Linux`: at most [`DeviceLabel::CHARACTERS_MAX`] characters,
/// without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLabel(Arc<str>);

impl DeviceLabel {
    /// Characters of a label, at most.
    pub const CHARACTERS_MAX: usize = 64;

    /// Checks a label from outside; an empty one is none.
    ///
    /// # Errors
    /// `bad_request`: it is too long, shows nothing, or has control characters.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > Self::CHARACTERS_MAX || !shows_something(text) || text.chars().any(char::is_control) {
            let message = format!("A label has 1 to {} characters, and no control characters", Self::CHARACTERS_MAX);
            return Err(Refusal::bad_request(message));
        }
        Ok(Some(Self(text.into())))
    }

    /// A label that was checked when it entered, as a store returns it.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }
}

impl Deref for DeviceLabel {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A device of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What its client said it is.
    pub label: Option<DeviceLabel>,
    /// Since when there is such a device.
    pub created: Time,
    /// When its token was last shown, to an hour; `None`: never.
    pub seen: Option<Time>,
}

/// A device as its owner is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// The device.
    pub device: Device,
    /// How many connections it has now.
    pub connections: usize,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// What the owner of a name asks of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceRequest {
    /// List them.
    List,
    /// Make a code that signs in a further device.
    Add,
    /// End one: its token is void, and its connections end.
    End(DeviceId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_nothing_else_is_one() {
        for id in [DeviceId::FIRST, DeviceId(0xfeed), DeviceId(u64::MAX)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "0", "00000000000000000", "000000000000000G", "000000000000000A", "+00000000000000a"] {
            assert!(text.parse::<DeviceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_label_shows_something_in_a_few_bytes() {
        assert_eq!(DeviceLabel::parse(""), Ok(None));
        assert_eq!(DeviceLabel::parse("nc on a Pi").unwrap().as_deref(), Some("nc on a Pi"));
        for text in [" ", "a\nb", "\u{200b}", &"x".repeat(65)] {
            assert!(DeviceLabel::parse(text).is_err(), "{text:?}");
        }
    }
}
