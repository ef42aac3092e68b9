//! What can be changed in a room: as it is asked for, as it was decided, and as it is remembered.
//!
//! A motion is what somebody wants, in relative time; a change is what the room made of it, in
//! absolute time, and is what the store keeps; an entry is a change with who, when and why, and is
//! never altered.

use std::time::Duration;

use super::Role;
use crate::chat::UserName;
use crate::chat::note::Note;
use crate::chat::time::Time;

/// How a room is to begin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomOptions {
    /// Whether only those on the list may enter.
    pub private: bool,
    /// Who is on it from the beginning, beside the owner.
    pub members: Vec<UserName>,
}

/// What somebody wants changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModerationRequest {
    /// Put a user on the list of members.
    Invite { user: UserName },
    /// Take a user off the list, and out of the room. Oneself: to resign.
    Remove { user: UserName },
    /// Put a user out of the room, who may come back.
    Kick { user: UserName },
    /// Take a user off the list and out of the room, and let nobody of that name in; `None`: for ever.
    Ban { user: UserName, lasts: Option<Duration> },
    /// Let a user in again.
    Unban { user: UserName },
    /// Let a user say nothing; `None`: for ever.
    Mute { user: UserName, lasts: Option<Duration> },
    /// Let a user speak again.
    Unmute { user: UserName },
    /// Give a user a role.
    Role { user: UserName, role: Role },
    /// Change the settings that are given.
    Settings(RoomSettings),
    /// End the room: everybody leaves, and what was said goes.
    End,
}

/// Settings of a room; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomSettings {
    /// Seconds between two messages of one user; 0: none.
    pub slow_mode_s: Option<u32>,
    /// Whether only moderators speak.
    pub announcement: Option<bool>,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModerationChange {
    /// The room began.
    Created { private: bool, owner: Option<UserName>, members: Vec<UserName> },
    /// See [`ModerationRequest::Invite`].
    Invited { user: UserName },
    /// See [`ModerationRequest::Remove`].
    Removed { user: UserName },
    /// See [`ModerationRequest::Kick`].
    Kicked { user: UserName },
    /// See [`ModerationRequest::Ban`].
    Banned { user: UserName, until: Option<Time> },
    /// See [`ModerationRequest::Unban`].
    Unbanned { user: UserName },
    /// See [`ModerationRequest::Mute`].
    Muted { user: UserName, until: Option<Time> },
    /// See [`ModerationRequest::Unmute`].
    Unmuted { user: UserName },
    /// See [`ModerationRequest::Role`].
    Role { user: UserName, role: Role },
    /// See [`ModerationRequest::Settings`].
    Settings(RoomSettings),
    /// See [`ModerationRequest::End`].
    Ended,
    /// A moderator deleted a message of this user's.
    Deleted { user: UserName, seq: u64 },
}

/// A change, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationAction {
    /// What has changed.
    pub change: ModerationChange,
    /// What the one who did it says about it,
    pub note: Option<Note>,
}

/// What is remembered of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number in the room: 1, 2, 3, …
    pub number: u64,
    /// When it was decided.
    pub at: Time,
    /// By whom.
    pub by: UserName,
    /// What, and why.
    pub action: ModerationAction,
}

impl ModerationChange {
    /// Its name in the audit.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Created { .. } => "founded",
            Self::Invited { .. } => "invited",
            Self::Removed { .. } => "removed",
            Self::Kicked { .. } => "kicked",
            Self::Banned { .. } => "banned",
            Self::Unbanned { .. } => "unbanned",
            Self::Muted { .. } => "muted",
            Self::Unmuted { .. } => "unmuted",
            Self::Role { .. } => "role",
            Self::Settings(_) => "settings",
            Self::Ended => "ended",
            Self::Deleted { .. } => "deleted",
        }
    }

    /// Whom it is about, if it is about one user.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Created { owner, .. } => owner.as_ref(),
            Self::Invited { user }
            | Self::Removed { user }
            | Self::Kicked { user }
            | Self::Banned { user, .. }
            | Self::Unbanned { user }
            | Self::Muted { user, .. }
            | Self::Unmuted { user }
            | Self::Role { user, .. }
            | Self::Deleted { user, .. } => Some(user),
            Self::Settings(_) | Self::Ended => None,
        }
    }

    /// Until when it holds, if it ends by itself.
    #[must_use]
    pub fn until(&self) -> Option<Time> {
        match self {
            Self::Banned { until, .. } | Self::Muted { until, .. } => *until,
            _ => None,
        }
    }

    /// Whether it puts its user out of the room.
    #[must_use]
    pub fn evicts(&self) -> bool {
        matches!(self, Self::Removed { .. } | Self::Kicked { .. } | Self::Banned { .. })
    }
}
