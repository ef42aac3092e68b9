//! Moderation as values: the request, the change that the policy allows, and the entry of the audit log.
//!
//! A request has durations; a change, which the room makes of it, has points in
//! time, and is what the store keeps; an entry is a change with user, time and note, and is
//! never altered.

use std::time::Duration;

use super::{Description, InvitationOptions, Role};
use crate::chat::note::Note;
use crate::chat::time::Time;
use crate::chat::{Secret, UserName};

/// The options of a new room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomOptions {
    /// Whether only users on the member list may join.
    pub private: bool,
    /// The users on it from the beginning, beside the owner.
    pub members: Vec<UserName>,
}

/// A request to moderate a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModerationRequest {
    /// Put a user on the list of members.
    Invite { user: UserName },
    /// Take a user off the list, and evict them. Oneself: to resign.
    Remove { user: UserName },
    /// Evict a user, who may join again.
    Kick { user: UserName },
    /// Take a user off the list, evict them, and refuse that name from now on; `None`: forever.
    Ban { user: UserName, lasts: Option<Duration> },
    /// Lift a ban.
    Unban { user: UserName },
    /// Refuse a user's messages; `None`: forever.
    Mute { user: UserName, lasts: Option<Duration> },
    /// Lift a mute.
    Unmute { user: UserName },
    /// Give a user a role.
    Role { user: UserName, role: Role },
    /// Give a user in the room, who is on no list since they are a guest, a role until they leave.
    Appoint { user: UserName, role: Role },
    /// Change the settings that are given.
    Settings(RoomSettings),
    /// Change the subject, or the description.
    Describe(Description),
    /// Pin a message.
    Pin { seq: u64 },
    /// Pin a message no longer.
    Unpin { seq: u64 },
    /// Make an invitation, of this code.
    CreateInvitation { code: Secret, options: InvitationOptions },
    /// Revoke an invitation.
    RevokeInvitation { number: u64 },
    /// Put oneself on the list by an invitation.
    Admit { code: Secret },
    /// Enter for the first time since one was invited.
    Accept,
    /// End the room: all members are evicted, and its messages deleted.
    End,
}

/// Settings of a room; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomSettings {
    /// Seconds between two messages of one user; 0: none.
    pub slow_mode_s: Option<u32>,
    /// Whether only moderators speak, and users with a voice.
    pub announcement: Option<bool>,
    /// Users who may be in the room, at most; 0: as many as in any. It does not bind moderators.
    pub members_max: Option<u32>,
    /// Whether everybody who speaks may set the subject.
    pub open_subject: Option<bool>,
}

/// A change of a room's policy or membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModerationChange {
    /// The room was created.
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
    /// See [`ModerationRequest::Role`]. What was before is in no store: who shows the change as it happens knows it.
    Role { user: UserName, role: Role, was: Option<Role>, former_owner: Option<UserName> },
    /// See [`ModerationRequest::Settings`].
    Settings(RoomSettings),
    /// See [`ModerationRequest::Describe`].
    Described(Description),
    /// See [`ModerationRequest::Pin`].
    Pinned { seq: u64 },
    /// See [`ModerationRequest::Unpin`].
    Unpinned { seq: u64 },
    /// See [`ModerationRequest::CreateInvitation`]. In the audit log the code is empty.
    InvitationCreated { number: u64, code: Secret, until: Time, uses: u32 },
    /// See [`ModerationRequest::RevokeInvitation`].
    InvitationRevoked { number: u64 },
    /// See [`ModerationRequest::Admit`].
    Admitted { user: UserName, invitation: u64 },
    /// See [`ModerationRequest::Accept`].
    Accepted { user: UserName },
    /// See [`ModerationRequest::End`].
    Ended,
    /// A moderator deleted a message of this user's.
    Deleted { user: UserName, seq: u64 },
}

/// A change with its note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationAction {
    /// A change of a room's policy or membership.
    pub change: ModerationChange,
    /// What the moderator says about it.
    pub note: Option<Note>,
}

/// An entry of a room's audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number in the room: 1, 2, 3, …
    pub number: u64,
    /// When the change was decided.
    pub at: Time,
    /// The user who made the change.
    pub by: UserName,
    /// The change and its note.
    pub action: ModerationAction,
}

impl ModerationChange {
    /// Its name in the audit log.
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
            Self::Described(_) => "described",
            Self::Pinned { .. } => "pinned",
            Self::Unpinned { .. } => "unpinned",
            Self::InvitationCreated { .. } => "invitation",
            Self::InvitationRevoked { .. } => "revoked",
            Self::Admitted { .. } => "admitted",
            Self::Accepted { .. } => "accepted",
            Self::Ended => "ended",
            Self::Deleted { .. } => "deleted",
        }
    }

    /// The user it is about, if it is about one.
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
            | Self::Admitted { user, .. }
            | Self::Accepted { user }
            | Self::Deleted { user, .. } => Some(user),
            Self::Settings(_) | Self::Described(_) | Self::Pinned { .. } | Self::Unpinned { .. } | Self::Ended => None,
            Self::InvitationCreated { .. } | Self::InvitationRevoked { .. } => None,
        }
    }

    /// The same, to be replaced.
    pub(in crate::chat) fn user_mut(&mut self) -> Option<&mut UserName> {
        match self {
            Self::Created { owner, .. } => owner.as_mut(),
            Self::Invited { user }
            | Self::Removed { user }
            | Self::Kicked { user }
            | Self::Banned { user, .. }
            | Self::Unbanned { user }
            | Self::Muted { user, .. }
            | Self::Unmuted { user }
            | Self::Role { user, .. }
            | Self::Admitted { user, .. }
            | Self::Accepted { user }
            | Self::Deleted { user, .. } => Some(user),
            Self::Settings(_) | Self::Described(_) | Self::Pinned { .. } | Self::Unpinned { .. } | Self::Ended => None,
            Self::InvitationCreated { .. } | Self::InvitationRevoked { .. } => None,
        }
    }

    /// When it ends, if it ends by itself.
    #[must_use]
    pub fn until(&self) -> Option<Time> {
        match self {
            Self::Banned { until, .. } | Self::Muted { until, .. } => *until,
            Self::InvitationCreated { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Whether it evicts its user.
    #[must_use]
    pub fn evicts(&self) -> bool {
        matches!(self, Self::Removed { .. } | Self::Kicked { .. } | Self::Banned { .. })
    }
}
