//! Outages, with `--outages`: servers that fall silent, and messages that they cannot store for a while.
//!
//! Part of the generator, on its thread, once a second. A server that was stopped, or whose machine is gone, ends no
//! connection: a client finds that by its silence.

use std::io;
use std::time::Duration;

use crate::generator::Generator;
use crate::session::Stage;

/// A client that has heard nothing for so long asks whether the server is there.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// A client that has heard nothing for so long looks for another server.
const SILENCE_MAX: Duration = Duration::from_secs(6);

impl Generator<'_> {
    /// Gives up the servers that are silent, and sends again what was refused for the moment.
    pub fn see_to_outages(&mut self) {
        if !self.state.plan.outages {
            return;
        }
        for number in 0..self.clients.all.len() {
            let client = &mut self.clients.all[number];
            let silence = client.session.heard_at.elapsed();
            if client.socket.is_none() {
                continue;
            }
            if silence > SILENCE_MAX {
                self.end_connection(number, &io::ErrorKind::TimedOut.into());
                continue;
            }
            if client.session.stage == Stage::Joined {
                client.session.send_unavailable_again(&mut self.state);
                if silence > ASK_AFTER {
                    client.session.ping();
                }
                if let Err(error) = self.clients.flush(number, &mut self.state) {
                    self.end_connection(number, &error);
                }
            }
        }
    }
}
