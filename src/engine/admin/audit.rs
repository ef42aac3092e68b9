//! The server's own audit: entering what an admin does, and reading it.
//!
//! An action that the store has no part in is entered before it is done: what an admin did is in the audit, or was not
//! done.

use super::bans::unavailable;
use super::{Listed, PAGE_MAX, check};
use crate::chat::admin::{ServerAction, ServerActionKind, ServerAuditEntry};
use crate::chat::{Identity, Refusal};
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
