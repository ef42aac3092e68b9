//! A blocking client library for the roomd chat and publish/subscribe server.
//!
//! [`Client`] is a connection of one user, driven by the caller's thread; a second thread reads. Inside,
//! `state_machine.rs` is a value, with `subscription.rs` for rooms, `pending.rs` for requests and
//! `backoff.rs` for delays; `client.rs` drives it, and `connection.rs` is the thread that reads.
#![doc = include_str!("usage.md")]

mod address;
mod backoff;
mod client;
mod command;
mod connection;
mod disconnect;
#[cfg(feature = "e2ee")]
pub mod e2ee;
mod error;
mod event;
mod event_queue;
mod group;
mod message;
mod options;
mod pending;
mod presence;
mod refusal;
mod request;
mod response;
/// The first program of the README is compiled as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
#[cfg(test)]
mod scripts;
mod server_event;
mod socket;
mod state_machine;
mod subscription;
mod throttle;

pub use client::{Client, Waker};
pub use command::Command;
pub use disconnect::CloseReason;
pub use error::Error;
pub use event::{Event, Gap};
pub use group::Group;
pub use message::Message;
pub use options::Options;
pub use presence::Presence;
pub use refusal::Refusal;
pub use request::{
    AdminAccess, RequestError, accept_invitation, ask_as_admin, check_readiness, claim_name, create_invitation,
    is_token_accepted, list_rooms, read_figures, read_figures_as_admin, sign_in,
};
pub use response::{History, Joined, Members, RequestId, Response, RoomSummary, Sent};

pub use roomd_protocol::Secret;
pub use roomd_tls::Trust;

/// Checks the form of a server's address: `ws://HOST[:PORT][/PATH]`, or the same with `wss`, `http` or
/// `https`. Does not connect, and does not block.
///
/// # Errors
/// A sentence that says what an address must be.
pub fn check_address(url: &str) -> Result<(), String> {
    address::Address::parse(url).map(|_| ())
}
