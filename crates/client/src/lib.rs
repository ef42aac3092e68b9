//! A blocking client of a roomd server, for programs and for `roomd chat`.
//!
//! The core is a value: what is heard goes in, what is to be said and told comes out (`state_machine.rs`, with
//! `subscription.rs` for rooms, `pending.rs` for what is unanswered, `backoff.rs` for delays). Round it are
//! the caller's thread, which drives it (`client.rs`), and the connection's (`connection.rs`).
//!
//! The promise: a broken connection is repaired, with growing random delays; what was missed is
//! shown, once and in order, or told as a [`Event::Gap`]; and what was sent is neither lost nor
//! doubled, as far as the server remembers its marks. See [`Client`], whose document begins with a
//! program, and the directory `examples`.

mod address;
mod backoff;
mod claim;
mod client;
mod command;
mod connection;
mod disconnect;
#[cfg(feature = "e2ee")]
pub mod e2ee;
mod error;
mod event;
mod options;
mod pending;
#[cfg(test)]
mod scripts;
mod server_event;
mod state_machine;
mod subscription;
mod throttle;

pub use claim::{ClaimError, claim, is_accepted};
pub use client::{Client, Waker};
pub use command::Command;
pub use disconnect::Over;
pub use error::Error;
pub use event::{Answer, Event, Gap, History, Joined, Members, Message, Presence, Refusal, RoomSummary, Sent, Ticket};
pub use options::Options;

pub use roomd_protocol::Secret;
pub use roomd_tls::Trust;

/// Whether a text can be the address of a server: `ws://HOST[:PORT][/PATH]`, or the same with `wss`, `http`
/// or `https`.
///
/// # Errors
/// A sentence that says what an address must be.
pub fn check_address(url: &str) -> Result<(), String> {
    address::Address::parse(url).map(|_| ())
}
