//! What other servers change in a history that several have, handed to whom it concerns here.
//!
//! The thread `subscriber`, where the store is shared: it blocks in the change feed alone, and ends when the store is
//! closed. A room that has gone on is told to read; its broker shows what it reads, in the room's order. Policies and
//! registered names go where this server has them in memory; what it has changed itself comes back here, too, and
//! changes nothing.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::chat::End;
use crate::chat::RoomName;
use crate::chat::device::DeviceId;
use crate::chat::policy::Policy;
use crate::engine::Engine;
use crate::store::PolicyVersion;
use crate::store::change_feed::{AccountState, ChangeFeed, StoreChange};

/// The thread's role.
const ROLE: &str = "subscriber";

/// The body of the thread.
fn run(engine: &Engine, mut feed: Box<dyn ChangeFeed>) {
    while let Some(changes) = feed.wait() {
        for change in changes {
            // One that panics does not make the server deaf to the others.
            if catch_unwind(AssertUnwindSafe(|| engine.hear(change))).is_err() {
                engine.threads.record_panic(ROLE);
            }
        }
    }
}

impl Engine {
    /// Starts the thread, where the store is shared.
    pub(in crate::engine) fn start_subscriber(self: &Arc<Self>) -> io::Result<()> {
        let Some(feed) = self.store.change_feed() else { return Ok(()) };
        self.start_remote_conversations()?;
        let engine = Arc::clone(self);
        self.threads.spawn(ROLE, move || run(&engine, feed))
    }

    fn hear(&self, change: StoreChange) {
        match change {
            StoreChange::Room(room) => self.hub.catch_up(&room),
            StoreChange::User(user) => self.directory.came_or_went_elsewhere(&user),
            StoreChange::Signal(signal) => _ = self.deliver_signal(&signal),
            StoreChange::SessionTaken(key, moved) => self.sessions.let_go(key, moved),
            StoreChange::Conversation(room) => self.remote_conversations.tell(room),
            StoreChange::Policy(room, policy, version) => self.policy_changed(&room, policy, version),
            StoreChange::Account(state) => self.account_changed(&state),
            StoreChange::DeviceEnded(device) => self.device_ended(device),
            StoreChange::Key(id, key) => self.key_changed(&id, key),
            StoreChange::Announced(entry) => self.announced(&entry),
            StoreChange::Ban(number, ban) => self.ban_changed(number, ban.as_deref()),
        }
    }

    fn policy_changed(&self, room: &RoomName, policy: Option<Box<Policy>>, version: PolicyVersion) {
        if policy.is_none() {
            let seat = self.created.lock().as_mut().and_then(|created| created.remove(room));
            // A leave may wait for the room, and waits for no broker that waits for this thread.
            drop(seat);
        }
        self.policies.enter(room, policy.map(Arc::from), version);
        // A room that is open here has a policy of its own, which is changed in its order.
        self.hub.catch_up(room);
    }

    fn account_changed(&self, state: &AccountState) {
        let before = self.auth.take_over(state);
        if before == state.account {
            return;
        }
        self.directory.displace(&state.name);
        if let Some(before) = before {
            // The name is nobody's, or somebody else's.
            for connection in self.directory.connections(&before.name) {
                if !connection.who.is_guest() && connection.who.since() == Some(before.since) {
                    connection.endpoint().recipient.end(End::Unidentified);
                }
            }
        }
    }

    fn device_ended(&self, device: DeviceId) {
        let Some(name) = self.auth.devices().forget_device(device) else { return };
        for connection in self.directory.connections_of(&name) {
            if connection.who.device() == Some(device) {
                connection.endpoint().recipient.end(End::SignedOut);
            }
        }
    }
}
