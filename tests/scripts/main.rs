//! The pure machines: played from scripts, and held against models that a reader believes at sight.
//!
//! A script is lines of input for a machine, and under each what follows from it; the machine
//! plays it again and both must say the same. No thread, no clock, no socket: a script means the
//! same on every machine and in every run. What scripts cannot enumerate, `properties` draws.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod printed;
mod properties;
mod remote_attendance;
mod room;
mod session;
mod stage;
mod transcript;
