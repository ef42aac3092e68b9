//! Hooks that come in: addresses by which other software speaks in a room, without a user of its own.
//!
//! Made by those who moderate the room, or by the operator; kept by the store, without the token that opens it. One that
//! was revoked stays in the list, which tells who made and who revoked what.

use super::time::Time;
use roomd_protocol::{RoomName, UserName};

/// Hooks of one room that are in force, at most.
pub const HOOKS_MAX: usize = 20;
/// Revoked hooks of one room that are remembered, at most: beyond it the one that was made first is forgotten.
pub const REVOKED_MAX: usize = 100;
/// What a hook may say at once, and as often again in each minute.
pub const MESSAGES_A_MINUTE: u32 = 60;

/// What a store keeps of a hook's token: its SHA-256.
pub type HookDigest = [u8; 32];

/// A hook that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHook {
    /// The room in which it speaks.
    pub room: RoomName,
    /// The name under which it speaks, unless what comes in names another.
    pub name: UserName,
    /// Who makes it; `None` for the operator.
    pub by: Option<UserName>,
    /// When it is made.
    pub created: Time,
}

/// A hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its number, unique in the history.
    pub number: u64,
    /// How it was made.
    pub made: NewHook,
    /// When it was revoked, and by whom (`None` for the operator).
    pub revoked: Option<(Time, Option<UserName>)>,
}
