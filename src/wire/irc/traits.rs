//! What an IRC client has negotiated, as far as it changes the lines that it gets.
//!
//! A part of the encoding: clients with the same traits share the bytes of a room's events.

/// A set of traits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(u16);

impl Traits {
    /// A client of RFC 1459.
    pub const NONE: Self = Self(0);
    /// `message-tags`: ids of messages, replies, reactions, typing.
    pub const TAGS: Self = Self(1);
    /// `server-time`: when something was said.
    pub const TIME: Self = Self(1 << 1);
    /// `away-notify`: who is away, and back.
    pub const AWAY: Self = Self(1 << 2);
    /// `invite-notify`: who was invited.
    pub const INVITES: Self = Self(1 << 3);
    /// `draft/message-redaction`: which message was deleted.
    pub const REDACTION: Self = Self(1 << 4);
    /// `extended-join`: the account of who joins.
    pub const JOINS: Self = Self(1 << 5);
    /// `setname`: what users call themselves.
    pub const NAMES: Self = Self(1 << 6);
    /// `draft/read-marker`: how far the user has read on another device.
    pub const READ: Self = Self(1 << 7);
    /// `account-tag`: which account a user has.
    pub const ACCOUNTS: Self = Self(1 << 8);
    /// All of them.
    pub const ALL: Self = Self(u16::MAX);

    /// These and the others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether it has all of the others.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}
