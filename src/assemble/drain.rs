//! The drain of a server, before it is stopped: its clients are told, and then told goodbye a part at a time.
//!
//! Called on the thread that owns the server. From the beginning on it is not ready and lets nobody in. A fifth of
//! `--drain` later the first connections end, the oldest, and after three fifths the last; what is left is for the stop.
//! Nothing here waits by itself: the caller does, and may do something else meanwhile.

use std::time::{Duration, Instant};

use super::Server;

/// Steps of the time before the first connections end: a server without clients need not wait for it.
const NOTICE_STEPS: u32 = 20;
/// Parts in which connections end, at most.
const PARTS: u32 = 20;
/// Connections that end together, at least where there are so many.
const PART_MIN: usize = 50;

/// How far a drain has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainProgress {
    /// Connections that were there when the first ended.
    pub clients: usize,
    /// Connections that were ended; 0 while clients have only been told.
    pub ended: usize,
    /// Connections that are still there.
    pub connections: usize,
}

/// How many of so many connections end together.
fn part(clients: usize) -> usize {
    clients.div_ceil(PARTS as usize).max(PART_MIN)
}

impl Server {
    /// Drains the server, to be stopped next. `pause` is called between the steps: it waits for about as long as it is
    /// told, and returns whether to go on; otherwise the rest is for [`Server::stop`]. Blocks as `pause` does, for three
    /// fifths of `drain` in all.
    pub fn drain(&self, mut pause: impl FnMut(DrainProgress, Duration) -> bool) {
        let limit = self.settings().limits.drain;
        let (now, notice, step) = (Instant::now(), limit / 5, limit * 2 / 5 / PARTS);
        let clients = self.connections();
        let parts = u32::try_from(clients.div_ceil(part(clients))).unwrap_or(PARTS);
        self.context.engine.begin_drain(clients, (now + notice, now + notice + step * parts), now + limit);
        self.context.admission.drain(&self.context.engine.draining.refusal(0));
        for _ in 0..NOTICE_STEPS {
            let connections = self.connections();
            let told = DrainProgress { clients: connections, ended: 0, connections };
            if connections == 0 || !pause(told, notice / NOTICE_STEPS) {
                return;
            }
        }
        let clients = self.connections();
        let mut ended = 0;
        loop {
            let some = self.context.admission.end_some(part(clients));
            ended += some;
            if some == 0 || !pause(DrainProgress { clients, ended, connections: self.connections() }, step) {
                return;
            }
        }
    }
}
