//! What an admin says to all: to every connection of every server that shares the store.
//!
//! An announcement is an entry of the audit. Where servers share a store, the others hear of it by its number, and so does the
//! one that made it; each tells it once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check;
use crate::chat::admin::{Announcement, ServerActionKind, ServerAuditEntry};
use crate::chat::{Event, Identity, Refusal};
use crate::engine::Engine;

/// Numbers of announcements that are remembered, at most: more than are told twice.
const TOLD_MAX: usize = 1_000;

impl Engine {
    /// Says something to everybody who is connected. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, it cannot be said, or it is not stored.
    pub fn announce(&self, who: &Identity, text: &str) -> Result<(), Refusal> {
        check(who)?;
        let announcement = Announcement::parse(text, who.user.clone(), self.clock.now().at)?;
        let number = self.record(who, ServerActionKind::Announced, text)?;
        self.tell_announcement(number, announcement);
        Ok(())
    }

    /// Tells what another server has told, or this one.
    pub(in crate::engine) fn announced(&self, entry: &ServerAuditEntry) {
        let text = entry.about.as_deref().unwrap_or_default();
        if let Ok(announcement) = Announcement::parse(text, entry.by.clone(), entry.at) {
            self.tell_announcement(entry.number, announcement);
        }
    }

    fn tell_announcement(&self, number: u64, announcement: Announcement) {
        let is_new = remember(&mut self.announcements.lock(), number);
        if is_new {
            self.directory.tell_all(&Arc::new(Event::Announced(announcement)));
        }
    }
}

/// Whether a number is new; the oldest are forgotten.
fn remember(told: &mut BTreeSet<u64>, number: u64) -> bool {
    let is_new = told.insert(number);
    if told.len() > TOLD_MAX {
        told.pop_first();
    }
    is_new
}
