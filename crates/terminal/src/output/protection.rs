//! How a message is protected, as people and programs are told.
//!
//! A value: determined by `encryption.rs` for each message that is shown, printed by `text.rs` and
//! `json.rs`.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The room has no key: there is nothing to print.
    None,
    /// It is not encrypted, although the room has a key.
    Missing,
    /// It is encrypted, and signed by the first device that was seen under this name.
    Encrypted,
    /// It is encrypted, and its device was verified.
    Verified,
    /// It is encrypted, and signed by a device that was not seen first under this name.
    NewDevice,
    /// It is encrypted with a key that had been replaced.
    Late,
    /// It cannot be read, for this reason.
    Unreadable(&'static str),
    /// It is meant for devices, and people do not see it.
    DeviceOnly,
    /// It replaces the room's key; true if this device has the new one.
    Rekey(bool),
}

impl Protection {
    /// The word for programs, and for people where there is something to say.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Missing => Some("not encrypted"),
            Self::Encrypted | Self::DeviceOnly | Self::Rekey(_) => Some("encrypted"),
            Self::Verified => Some("verified"),
            Self::NewDevice => Some("new device"),
            Self::Late => Some("late"),
            Self::Unreadable(_) => Some("unreadable"),
        }
    }

    /// Why it cannot be read.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            _ => None,
        }
    }
}
