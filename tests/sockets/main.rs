//! The server through its sockets: every claim here is checked by clients, over TCP, against a server
//! in this process.
//!
//! One binary, one module a concept. Each test starts a server of its own on a free port, so they
//! run at once; the harness stops it and asserts that it left no thread, no room and no panic, and
//! that its delivery counts balance. Every wait is for a message, under the one deadline of the harness.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod harness;

#[cfg(feature = "jwt")]
mod access;
mod addresses;
mod admission;
mod calls;
#[cfg(feature = "jwt")]
mod claims;
mod closes;
mod crowds;
#[cfg(feature = "sqlite")]
mod durable;
mod embedded;
mod ending;
#[cfg(not(feature = "sqlite"))]
mod ephemeral;
mod failing;
mod history;
mod http;
mod keep_alive;
mod limits;
#[cfg(feature = "jwt")]
mod logins;
mod metrics;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod moderation;
mod names;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod offline_messages;
mod origins;
mod protocols;
mod publishing;
mod receipts;
mod resuming;
mod rooms;
mod slow;
mod smuggling;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "jwt")]
mod tokens;
mod upgrade;
mod users;
