//! The base of the engine: threads, locks, queues and clocks, which know nothing of chat.
//!
//! `sync` names every blocking primitive, so that a checker can replace them. `queue` is a room's
//! inbox, `oneshot` an answer that is sent once, `worker` a thread for work that takes much stack.

pub mod clock;
pub mod queue;
pub mod threads;
pub mod worker;

pub use crate::sync::{self, oneshot};
