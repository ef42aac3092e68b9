//! The writer of a client: writes what did not fit into the socket.
//!
//! Brokers write to the socket themselves while it takes everything, so most clients never have a writer: its thread
//! begins with the first byte that has to wait, and ends when nothing has waited for a while (`writers.rs` starts it).
//! It blocks on its outbox, and on the socket while there is a backlog. The last bytes of a client without a writer
//! are written by its reader.

use std::io::IoSlice;
use std::sync::Arc;

use crate::engine::clients::delivery_counts::DeliveryCounts;
use crate::engine::clients::outbox::{NextWrite, Outbox};

/// The body of a writer's thread: ends when nothing has waited for a while, when the farewell is written or takes too
/// long, or when the connection breaks.
pub fn run(outbox: Arc<Outbox>) {
    write(&outbox);
}

/// Sends the farewell, and waits until the writer is done, at most as long as the farewell may take; writes it on this
/// thread if there is no writer. The final counts. Called once, by the connection's reader.
pub fn finish(outbox: &Outbox, farewell: Vec<u8>, events: u32) -> DeliveryCounts {
    outbox.finish(farewell, events);
    if outbox.begin_writing() {
        write(outbox);
    }
    outbox.wait_done()
}

fn write(outbox: &Outbox) {
    // Also after a panic the reader that waits for the end is notified.
    let mut done = Done { outbox, is_retired: false };
    loop {
        match outbox.next_write() {
            NextWrite::Parts(parts) => {
                let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
                if !outbox.wrote(outbox.transport().write(&slices)) {
                    return;
                }
            }
            NextWrite::Retire => {
                done.is_retired = true;
                return;
            }
            NextWrite::End => return,
        }
    }
}

struct Done<'a> {
    outbox: &'a Outbox,
    /// It ends since nothing waits, and the client stays.
    is_retired: bool,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if !self.is_retired {
            self.outbox.done();
        }
    }
}
