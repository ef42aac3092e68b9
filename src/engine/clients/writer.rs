//! The writer thread of a client: writes what did not fit into the socket, and pings.
//!
//! It blocks on its outbox, and writes while there is a backlog. Nearly always it sleeps: brokers write to the socket
//! themselves while it takes everything.

use std::io::IoSlice;
use std::sync::Arc;

use crate::engine::clients::outbox::Outbox;

/// The body of a writer's thread: ends when the farewell is written or takes too long, or the connection breaks.
pub fn run(outbox: Arc<Outbox>) {
    // Also after a panic the reader that waits for the end is notified.
    let done = Done(outbox);
    let outbox = &*done.0;
    while let Some(parts) = outbox.next_parts() {
        let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        if !outbox.wrote(outbox.transport().write(&slices)) {
            return;
        }
    }
}

struct Done(Arc<Outbox>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.done();
    }
}
