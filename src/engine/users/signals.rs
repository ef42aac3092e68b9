//! Signals of calls: given to every connection of their user, on whatever server.
//!
//! On the reader's thread of whoever signals, and on `subscriber` for what users of other servers signal.

use std::sync::Arc;

use crate::chat::{CallSignal, Event};
use crate::engine::Engine;
use crate::engine::clients::recipient::Undelivered;

impl Engine {
    /// Sends a signal to its user's connections; whether it reached one, or was sent to another server. May wait for the
    /// store.
    pub(in crate::engine) fn send_signal(&self, signal: CallSignal) -> bool {
        let is_delivered = self.deliver_signal(&signal);
        let Some(users) = self.directory.shared_users().filter(|users| users.is_reachable_elsewhere(&signal.to)) else {
            return is_delivered;
        };
        let users = Arc::clone(users);
        let is_sent = self.login_worker.run(move || users.signal(&signal)).is_some_and(|sent| sent.is_ok());
        is_delivered || is_sent
    }

    /// Delivers a signal to the connections that its user has here; whether there is one. Does not block.
    pub(in crate::engine) fn deliver_signal(&self, signal: &CallSignal) -> bool {
        let CallSignal { kind, from, to, payload } = signal;
        let event = Arc::new(Event::Signal { kind: *kind, from: from.clone(), payload: Arc::clone(payload) });
        let mut is_delivered = false;
        for connection in self.directory.reachable(to) {
            let given = connection.endpoint().send(None, &event, self.limits.load().slow);
            // An outbox that cannot take it ends its connection; a connection that is closed is not reached.
            is_delivered |= given != Err(Undelivered::Closed);
        }
        is_delivered
    }
}
