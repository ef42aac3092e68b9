//! A blocking client of a roomd server, for programs and for `roomd chat`.
//!
//! The core is a value: what is heard goes in, what is to be said and told comes out (`core.rs`, with
//! `place.rs` for rooms, `errands.rs` for what is unanswered, `backoff.rs` for delays). Round it are
//! the caller's thread, which drives it (`blocking.rs`), and the connection's (`socket.rs`).
//!
//! The promise: a broken connection is repaired, with growing random delays; what was missed is
//! shown, once and in order, or told as a [`Event::Gap`]; and what was sent is neither lost nor
//! doubled, as far as the server remembers its marks. See [`Client`], whose document begins with a
//! program, and the directory `examples`.

mod address;
mod backoff;
mod blocking;
mod claim;
mod command;
mod core;
#[cfg(feature = "e2ee")]
pub mod e2ee;
mod ended;
mod errands;
mod error;
mod event;
mod incoming;
mod options;
mod pauses;
mod place;
#[cfg(test)]
mod scripts;
mod socket;

pub use blocking::{Client, Waker};
pub use claim::{ClaimError, claim, is_accepted};
pub use command::Command;
pub use ended::Over;
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
