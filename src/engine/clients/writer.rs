//! The writer thread of a client: writes what did not fit into the socket, and pings.
//!
//! It waits in one place, for its outbox, and writes while there is a backlog. Nearly always it
//! sleeps: brokers write by themselves while the socket takes everything.

use std::io::IoSlice;
use std::sync::Arc;

use crate::engine::clients::outbox::Outbox;

/// Runs until the last words are written, the connection breaks or they take too long.
/// The body of a writer's thread.
pub fn run(outbox: Arc<Outbox>) {
    // Whatever happens here, the reader that waits for the end gets to know it.
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
