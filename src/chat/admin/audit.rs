//! The server's own audit: what admins have done that concerns the server as a whole, who and when.
//!
//! Beside the audit of each room (`policy`), which has what was decided in it. No content of a message is in it.

use super::ban::{NewServerBan, ServerBan};
use crate::chat::{Note, Time, UserName};

/// Entries that are kept, at most: the newest.
pub const AUDIT_MAX: usize = 10_000;

/// What an admin has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerActionKind {
    /// A connection was ended.
    ConnectionEnded,
    /// Somebody was banned from the server.
    Banned,
    /// A ban was lifted.
    Unbanned,
    /// Something was said to all.
    Announced,
    /// A room was created.
    RoomCreated,
    /// A room was ended.
    RoomEnded,
    /// A room was given to another owner.
    RoomHandedOver,
    /// How much of a room's history is kept was changed.
    RoomRetained,
    /// A room was moderated by an admin who may do so as an admin alone.
    RoomModerated,
    /// Somebody became an operator of the server on IRC.
    OperatorSignedIn,
    /// A registered name was given back.
    NameReleased,
    /// What there is of a person was erased, or a part of it.
    PersonErased,
    /// A new key signs the server's tokens.
    KeyRotated,
    /// A key was revoked, and with it the tokens that it has signed.
    KeyRevoked,
}

impl ServerActionKind {
    /// Each of them.
    pub const ALL: [Self; 14] = [
        Self::ConnectionEnded,
        Self::Banned,
        Self::Unbanned,
        Self::Announced,
        Self::RoomCreated,
        Self::RoomEnded,
        Self::RoomHandedOver,
        Self::RoomRetained,
        Self::RoomModerated,
        Self::OperatorSignedIn,
        Self::NameReleased,
        Self::PersonErased,
        Self::KeyRotated,
        Self::KeyRevoked,
    ];

    /// Its name in the protocol, and in stores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionEnded => "connection_ended",
            Self::Banned => "banned",
            Self::Unbanned => "unbanned",
            Self::Announced => "announced",
            Self::RoomCreated => "room_created",
            Self::RoomEnded => "room_ended",
            Self::RoomHandedOver => "room_handed_over",
            Self::RoomRetained => "room_retained",
            Self::RoomModerated => "room_moderated",
            Self::OperatorSignedIn => "operator_signed_in",
            Self::NameReleased => "name_released",
            Self::PersonErased => "person_erased",
            Self::KeyRotated => "key_rotated",
            Self::KeyRevoked => "key_revoked",
        }
    }
}

/// An action that is to be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAction {
    /// What was done.
    pub kind: ServerActionKind,
    /// To whom or to what.
    pub about: Option<Box<str>>,
    /// Until when it holds, if that is bounded.
    pub until: Option<Time>,
    /// Why, as the admin said.
    pub note: Option<Note>,
    /// The admin.
    pub by: UserName,
    /// When.
    pub at: Time,
}

impl ServerAction {
    /// The making of a ban.
    #[must_use]
    pub fn ban(ban: &NewServerBan) -> Self {
        let NewServerBan { target, until, note, by, at } = ban.clone();
        let about = Some(target.to_string().into());
        Self { kind: ServerActionKind::Banned, about, until, note, by, at }
    }

    /// The lifting of a ban.
    #[must_use]
    pub fn lift(ban: &ServerBan, by: UserName, at: Time) -> Self {
        let about = Some(ban.made.target.to_string().into());
        Self { kind: ServerActionKind::Unbanned, about, until: None, note: None, by, at }
    }
}

/// An entry of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAuditEntry {
    /// Its number, greater than those of all entries before it.
    pub number: u64,
    /// What was done: as [`ServerActionKind::as_str`], or a word of a later version.
    pub what: Box<str>,
    /// To whom or to what.
    pub about: Option<Box<str>>,
    /// Until when it holds, if that is bounded.
    pub until: Option<Time>,
    /// Why, as the admin said.
    pub note: Option<Note>,
    /// The admin.
    pub by: UserName,
    /// When.
    pub at: Time,
}

impl ServerAuditEntry {
    /// The entry of an action under this number.
    #[must_use]
    pub fn of(number: u64, action: ServerAction) -> Self {
        let ServerAction { kind, about, until, note, by, at } = action;
        Self { number, what: kind.as_str().into(), about, until, note, by, at }
    }
}
