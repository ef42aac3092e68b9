//! The store by itself: the contract that every backend keeps, and what is SQLite's own.
//!
//! One binary. `contract` is written over the traits and runs against a table of backends; the rest is about the file:
//! how it is opened and refused, what is found in it and what is deleted, the commands that work on it, and a disk that
//! is full, a file that is locked, a process that is killed. Each test has a directory of its own. Every wait is for a
//! message or a state, under one deadline.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "sqlite")]
mod archives;
#[cfg(feature = "sqlite")]
mod backing_up;
#[cfg(feature = "sqlite")]
mod buffering;
#[cfg(feature = "sqlite")]
mod commands;
mod contract;
#[cfg(feature = "sqlite")]
mod database;
mod drafts;
mod harness;
#[cfg(feature = "sqlite")]
mod kills;
#[cfg(feature = "sqlite")]
mod opening;
#[cfg(feature = "sqlite")]
mod policies;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod restoring;
#[cfg(feature = "sqlite")]
mod retention;
#[cfg(feature = "sqlite")]
mod searching;
#[cfg(feature = "sqlite")]
mod trouble;
