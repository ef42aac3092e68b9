//! The store by itself: what every store promises, and what a file goes through.
//!
//! One binary. `contract` is one set of claims for all stores; the rest is about the file: how it is
//! opened and refused, what is found in it, what goes and what stays, the commands that work on it,
//! and what happens when the disk is full, the file locked, or the process killed. Each test has a
//! directory of its own. Every wait is for a message or a state, under one deadline.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
#[cfg(feature = "sqlite")]
mod commands;
#[cfg(feature = "sqlite")]
mod ends;
#[cfg(feature = "sqlite")]
mod harness;
#[cfg(feature = "sqlite")]
mod kept;
#[cfg(feature = "sqlite")]
mod opening;
#[cfg(feature = "sqlite")]
mod policies;
#[cfg(feature = "sqlite")]
mod retention;
#[cfg(feature = "sqlite")]
mod searching;
#[cfg(feature = "sqlite")]
mod trouble;
