//! The client library and the terminal client against a real server, over connections that break.
//!
//! One binary, one module a concept. Each test has a server of its own on a free port and, where a
//! connection has to break, a proxy before it that cuts at chosen bytes. Every wait is for a message,
//! under the one deadline of the harness.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod harness;

#[cfg(all(feature = "chat", feature = "jwt"))]
mod devices;
#[cfg(all(feature = "chat", feature = "jwt"))]
mod display_names;
#[cfg(feature = "e2ee")]
mod encrypted;
mod examples;
mod reconnect;
mod rename;
mod reporting;
mod requests;
#[cfg(feature = "chat")]
mod resizing;
mod restart;
mod resume;
#[cfg(feature = "chat")]
mod script;
#[cfg(feature = "chat")]
mod terminal;
#[cfg(all(feature = "chat", feature = "tls"))]
mod tls;
#[cfg(all(feature = "chat", feature = "jwt", feature = "sqlite"))]
mod top;
