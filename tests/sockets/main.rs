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
#[cfg(feature = "jwt")]
mod admin;
mod admission;
mod asked_receipts;
mod base_path;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod binary;
#[cfg(feature = "jwt")]
mod bookmarks;
mod calls;
#[cfg(feature = "jwt")]
mod claims;
mod closes;
#[cfg(all(feature = "jwt", feature = "postgres"))]
mod clusters;
mod crowds;
#[cfg(feature = "jwt")]
mod devices;
#[cfg(feature = "jwt")]
mod display_names;
mod draining;
#[cfg(feature = "sqlite")]
mod durable;
mod embedded;
mod embedded_replays;
mod ending;
#[cfg(not(feature = "sqlite"))]
mod ephemeral;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod events;
mod failing;
mod groups;
mod history;
#[cfg(feature = "jwt")]
mod hooks;
mod http;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod invitations;
mod irc;
mod keep_alive;
mod keys;
mod limits;
#[cfg(feature = "jwt")]
mod logins;
mod metrics;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod moderation;
mod names;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod offline_messages;
mod operators;
mod origins;
#[cfg(feature = "jwt")]
mod patterns;
#[cfg(feature = "jwt")]
mod private;
mod programs;
mod protocols;
mod publishing;
#[cfg(feature = "jwt")]
mod rates;
mod receipts;
mod reloading;
mod resuming;
mod rooms;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod searching;
mod shared_limits;
mod slow;
mod smuggling;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod subjects;
mod telnet;
#[cfg(feature = "jwt")]
mod tickets;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "jwt")]
mod tokens;
mod upgrade;
mod users;
#[cfg(feature = "jwt")]
mod voices;
#[cfg(all(feature = "jwt", feature = "sqlite"))]
mod webhooks;
