//! The IRC door: raw lines against RFC 2812 and modern.ircdocs.horse, and one conversation with the other doors.

mod channels;
mod extensions;
mod history;
mod identity;
mod messages;
#[cfg(feature = "jwt")]
mod moderation;
mod modes;
mod operators;
mod registration;

use crate::harness::{TestServer, free};
use roomd::Settings;

/// A server with an IRC port.
fn server() -> TestServer {
    server_with(|_| ())
}

/// The same, with other settings.
fn server_with(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(|settings| {
        settings.irc = Some(free());
        change(settings);
    })
}
