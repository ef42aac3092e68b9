//! The server's own audit: entering what an admin does, and reading it.
//!
//! An action that the store has no part in is entered before it is done: what an admin did is in the audit, or was not
//! done.

use super::bans::unavailable;
use super::{Listed, PAGE_MAX, check};
use crate::chat::admin::{ServerAction, ServerActionKind, ServerAuditEntry};
use crate::chat::policy::{Actor, ModerationRequest, Policy};
use crate::chat::{AuthLevel, Identity, Refusal, RoomName, UserName};
use crate::engine::Engine;

impl Engine {
    /// Enters that an admin is about to do something, to whom or to what; the number of the entry. Waits for the store.
    ///
    /// # Errors
    /// It is not entered, and must not be done.
    pub(super) fn record(&self, who: &Identity, kind: ServerActionKind, about: &str) -> Result<u64, Refusal> {
        let (by, at) = (who.user.clone(), self.clock.now().at);
        let action = ServerAction { kind, about: Some(about.into()), until: None, note: None, by, at };
        self.server_store.record(&action).map_err(|_| unavailable())
    }

    /// Enters a moderation that its author may carry out as an admin of the server, and not as who they are in the room. Waits
    /// for the store in that case alone.
    ///
    /// # Errors
    /// It is not entered, and must not be done.
    pub(in crate::engine) fn record_moderation(
        &self,
        who: &Identity,
        room: &RoomName,
        policy: &Policy,
        request: &ModerationRequest,
    ) -> Result<(), Refusal> {
        if who.auth_level < AuthLevel::Admin {
            return Ok(());
        }
        let now = self.clock.now().at;
        let decided =
            |auth_level| policy.decide(room, Actor { user: &who.user, auth_level, appointed: None }, request, now);
        let Ok(Some(change)) = decided(AuthLevel::Admin) else { return Ok(()) };
        if decided(AuthLevel::Registered).is_ok() {
            return Ok(());
        }
        let of = change.user().map(|user| format!(" {user}")).unwrap_or_default();
        self.record(who, ServerActionKind::RoomModerated, &format!("{room} {}{of}", change.as_str())).map(drop)
    }

    /// Enters that a user became an operator of the server. Waits for the store.
    ///
    /// # Errors
    /// It is not entered, and the user must not become one.
    pub fn record_operator(&self, operator: &Identity, user: &UserName) -> Result<(), Refusal> {
        check(operator)?;
        self.record(operator, ServerActionKind::OperatorSignedIn, user.as_str()).map(drop)
    }

    /// The entries of the server's audit behind this one, the newest first; at most `count`. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, or it cannot be read now.
    pub fn server_audit(
        &self,
        who: &Identity,
        after: Option<u64>,
        count: usize,
    ) -> Result<Listed<ServerAuditEntry>, Refusal> {
        check(who)?;
        let count = count.clamp(1, PAGE_MAX);
        let found = self.server_store.server_audit(after.unwrap_or(u64::MAX), count + 1);
        Ok(Listed::of(found.map_err(|_| unavailable())?.into_iter(), count, |entry| entry.number))
    }
}
