//! The newest message of each key, in memory: for a room whose store keeps nothing.
//!
//! A part of the room, which puts what was stored here. Where a store keeps the history it keeps these too, and then this
//! is empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::key::Key;
use super::message::{Body, Message};
use super::ring::Ring;
use super::time::Time;
use roomd_protocol::UserName;

/// See the module.
#[derive(Debug, Default)]
pub struct LastValues {
    messages: BTreeMap<Key, Arc<Message>>,
    /// What they count: see [`Ring::size`].
    bytes: usize,
}

impl LastValues {
    /// What they count, in bytes, once this is the value of that key.
    #[must_use]
    pub fn bytes_with(&self, key: &Key, body: &Body) -> usize {
        let replaced = self.messages.get(key).map_or(0, |message| Ring::size(message));
        self.bytes - replaced + body.len()
    }

    /// Takes a message in, if it has a key; a tombstone removes it.
    pub fn put(&mut self, message: &Arc<Message>) {
        let Some(key) = &message.key else { return };
        self.remove(key);
        if !message.body.is_deleted() {
            self.bytes += Ring::size(message);
            self.messages.insert(key.clone(), Arc::clone(message));
        }
    }

    /// A message has another content; one that was deleted is the value of no key any more.
    pub fn change(&mut self, seq: u64, body: &Body, at: Time) {
        let Some(message) = self.messages.values().find(|message| message.seq == seq) else { return };
        let changed = Message { body: body.clone(), edited: Some(at), ..Message::clone(message) };
        self.put(&Arc::new(changed));
    }

    /// Removes the values that a user has published.
    pub fn forget(&mut self, user: &UserName) {
        let theirs = self.messages.values().filter(|message| message.user == *user);
        let keys: Vec<_> = theirs.filter_map(|message| message.key.clone()).collect();
        keys.iter().for_each(|key| self.remove(key));
    }

    fn remove(&mut self, key: &Key) {
        if let Some(gone) = self.messages.remove(key) {
            self.bytes -= Ring::size(&gone);
        }
    }

    /// The values after the number `after`, oldest first.
    #[must_use]
    pub fn after(&self, after: u64) -> Vec<Arc<Message>> {
        let mut found: Vec<_> = self.messages.values().filter(|message| message.seq > after).cloned().collect();
        found.sort_by_key(|message| message.seq);
        found
    }
}
