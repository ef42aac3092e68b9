//! How a message is protected, as people and programs are told.
//!
//! Found by `seal.rs` for each message that is shown, said by `show.rs` and `json.rs`.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The room has no key: there is nothing to say.
    None,
    /// It is not encrypted, although the room has a key.
    Missing,
    /// It is encrypted and signed by a device that was met first under this name.
    Encrypted,
    /// The same, and its number was compared.
    Verified,
    /// The same, by another device than was met first.
    NewDevice,
    /// It was written with a key after that was replaced.
    Late,
    /// It cannot be read, for this reason.
    Unreadable(&'static str),
    /// It is for devices and not for people.
    Silent,
    /// It replaces the room's key; whether this device has the new one.
    Rekey(bool),
}

impl Protection {
    /// The word for programs, and for people where there is something to say.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Missing => Some("not encrypted"),
            Self::Encrypted | Self::Silent | Self::Rekey(_) => Some("encrypted"),
            Self::Verified => Some("verified"),
            Self::NewDevice => Some("new device"),
            Self::Late => Some("late"),
            Self::Unreadable(_) => Some("unreadable"),
        }
    }
}
