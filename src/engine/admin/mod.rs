//! What an admin sees of the server, and does with it, as a whole.
//!
//! Called on the asker's own thread. Who asks is checked here, so every door has the same answer: an admin whose token is
//! for all rooms, and nobody else. One file a concern.

mod accounts;
mod announcements;
mod audit;
mod bans;
pub mod connections;
mod erasure;
mod keys;
pub mod rooms;

use crate::chat::{AuthLevel, Code, Identity, Refusal};

/// Entries of one answer, at most.
pub const PAGE_MAX: usize = 1_000;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T, K = u64> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where the next part begins; `None`: there is no further one.
    pub next: Option<K>,
}

impl<T, K> Listed<T, K> {
    /// The first `count` of these entries, with these numbers or names.
    fn of(mut all: impl Iterator<Item = T>, count: usize, key: impl Fn(&T) -> K) -> Self {
        let entries: Vec<_> = all.by_ref().take(count).collect();
        let next = all.next().and(entries.last()).map(key);
        Self { entries, next }
    }
}

/// Checks that a user may do what concerns the whole server.
///
/// # Errors
/// `unauthorized` for a guest, `forbidden` for anybody else but an admin of all rooms.
pub fn check(who: &Identity) -> Result<(), Refusal> {
    match who.auth_level {
        AuthLevel::Guest => Err(Refusal::new(Code::Unauthorized, "This is for an admin of the server: show a token")),
        AuthLevel::Admin if who.may_enter_all() => Ok(()),
        _ => Err(Refusal::new(Code::Forbidden, "This is for an admin of the server")),
    }
}
