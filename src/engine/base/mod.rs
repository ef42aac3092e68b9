//! The base of the engine: threads, locks, queues and clocks, independent of chat.
//!
//! `sync` names every blocking primitive, so that a checker can replace them. `queue` is a room's
//! inbox, `oneshot` a single reply.

pub mod clock;
pub mod control_groups;
pub mod memory;
pub mod process;
pub mod queue;
mod spare_threads;
pub mod threads;

pub use crate::sync::{self, oneshot};
