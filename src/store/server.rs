//! What admins have decided for the whole server: bans, and the audit of it.
//!
//! The bans are read at the start, and kept in memory by the engine; what outlives the process is here. Written on the
//! thread of the connection of an admin, which waits.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::administration::{RetentionChange, RetentionOverride};
use crate::chat::admin::audit::AUDIT_MAX;
use crate::chat::admin::ban::BANS_MAX;
use crate::chat::admin::{NewServerBan, ServerAction, ServerAuditEntry, ServerBan};
use crate::chat::{RoomName, StoreFailed, Time, UserName};

/// See the module. Each call may block on a disk.
pub trait ServerStore: Send + Sync {
    /// The bans, in the order of their numbers; also such as have ended.
    ///
    /// # Errors
    /// They cannot be read now.
    fn bans(&self) -> Result<Vec<ServerBan>, StoreFailed>;

    /// Makes a ban, and enters that in the audit; its number. Those that ended before it was made are removed. `None`: there
    /// are as many as there may be, and nothing has changed.
    ///
    /// # Errors
    /// It is not made.
    fn ban(&self, ban: &NewServerBan) -> Result<Option<u64>, StoreFailed>;

    /// Lifts a ban, and enters that in the audit; false: there is none of this number.
    ///
    /// # Errors
    /// Nothing has changed.
    fn lift_ban(&self, number: u64, by: &UserName, at: Time) -> Result<bool, StoreFailed>;

    /// Enters an action in the audit, of which the newest [`AUDIT_MAX`] entries are kept; its number there.
    ///
    /// # Errors
    /// It is not entered.
    fn record(&self, action: &ServerAction) -> Result<u64, StoreFailed>;

    /// Changes the room's own retention and returns it; `None`: no history is kept here. A room that does not exist is
    /// created, without messages, unless nothing changes.
    ///
    /// # Errors
    /// Nothing has changed.
    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<Option<RetentionOverride>, StoreFailed>;

    /// Looks through a part of the history, of all rooms and private conversations, for what a user wrote; the part has a bound,
    /// so that no look takes long.
    ///
    /// # Errors
    /// It cannot be read now.
    fn messages_of(&self, user: &UserName, after: HistoryPosition) -> Result<AuthoredPart, StoreFailed>;

    /// Puts another name in the place of the user's at what is left of their deleted messages in this part of the history;
    /// one without an end goes on to the last message.
    ///
    /// # Errors
    /// Nothing has changed.
    fn rename_deleted(
        &self,
        user: &UserName,
        alias: &UserName,
        part: (HistoryPosition, Option<HistoryPosition>),
    ) -> Result<(), StoreFailed>;

    /// How many receipts of a user are kept.
    ///
    /// # Errors
    /// They cannot be read now.
    fn marks_of(&self, user: &UserName) -> Result<u64, StoreFailed>;

    /// Removes the receipts of a user, what their messages were called by them (`mid`), their bookmarks and what waits for
    /// them, and puts another name in the place of theirs in the audits of rooms and as the author of invitations, hooks and
    /// webhooks; how many receipts there were. The history and the registered name are not touched.
    ///
    /// # Errors
    /// Nothing has changed.
    fn forget(&self, user: &UserName, alias: &UserName) -> Result<u64, StoreFailed>;

    /// The entries of the audit before this number, the newest first; at most `count`.
    ///
    /// # Errors
    /// They cannot be read now.
    fn server_audit(&self, before: u64, count: usize) -> Result<Vec<ServerAuditEntry>, StoreFailed>;
}

/// A place in the history of all rooms, in an order that is the store's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryPosition {
    /// The number that the store has given the room.
    pub room: i64,
    /// The message's number in it.
    pub seq: u64,
}

/// What a user wrote, in a part of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthoredPart {
    /// Their messages that are not deleted, by room and number.
    pub messages: Vec<(RoomName, u64)>,
    /// Where the part ends; `None`: the history has no more.
    pub end: Option<HistoryPosition>,
}

/// What lasts as long as the process.
#[derive(Default)]
pub struct MemoryServer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest_ban: u64,
    bans: Vec<ServerBan>,
    newest_entry: u64,
    entries: VecDeque<ServerAuditEntry>,
}

impl State {
    fn record(&mut self, action: ServerAction) -> u64 {
        self.newest_entry += 1;
        if self.entries.len() >= AUDIT_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(ServerAuditEntry::of(self.newest_entry, action));
        self.newest_entry
    }
}

impl ServerStore for MemoryServer {
    fn bans(&self) -> Result<Vec<ServerBan>, StoreFailed> {
        Ok(self.state.lock().bans.clone())
    }

    fn ban(&self, ban: &NewServerBan) -> Result<Option<u64>, StoreFailed> {
        let mut state = self.state.lock();
        state.bans.retain(|known| known.made.is_in_force(ban.at));
        if state.bans.len() >= BANS_MAX {
            return Ok(None);
        }
        state.newest_ban += 1;
        let number = state.newest_ban;
        state.bans.push(ServerBan { number, made: ban.clone() });
        state.record(ServerAction::ban(ban));
        Ok(Some(number))
    }

    fn lift_ban(&self, number: u64, by: &UserName, at: Time) -> Result<bool, StoreFailed> {
        let mut state = self.state.lock();
        let Some(place) = state.bans.iter().position(|ban| ban.number == number) else { return Ok(false) };
        let lifted = state.bans.remove(place);
        state.record(ServerAction::lift(&lifted, by.clone(), at));
        Ok(true)
    }

    fn record(&self, action: &ServerAction) -> Result<u64, StoreFailed> {
        Ok(self.state.lock().record(action.clone()))
    }

    fn retain(&self, _: &RoomName, _: RetentionChange) -> Result<Option<RetentionOverride>, StoreFailed> {
        Ok(None)
    }

    fn messages_of(&self, _: &UserName, _: HistoryPosition) -> Result<AuthoredPart, StoreFailed> {
        Ok(AuthoredPart::default())
    }

    fn rename_deleted(
        &self,
        _: &UserName,
        _: &UserName,
        _: (HistoryPosition, Option<HistoryPosition>),
    ) -> Result<(), StoreFailed> {
        Ok(())
    }

    fn marks_of(&self, _: &UserName) -> Result<u64, StoreFailed> {
        Ok(0)
    }

    fn forget(&self, _: &UserName, _: &UserName) -> Result<u64, StoreFailed> {
        Ok(0)
    }

    fn server_audit(&self, before: u64, count: usize) -> Result<Vec<ServerAuditEntry>, StoreFailed> {
        let state = self.state.lock();
        Ok(state.entries.iter().rev().filter(|entry| entry.number < before).take(count).cloned().collect())
    }
}
