//! One order that the machine chooses: each actor is a thread of the operating system.
//!
//! What repetition finds. A test that starts threads and hopes is compared with a search by this: the world is the same,
//! and the scheduler of the operating system decides.

#[allow(clippy::duplicate_mod, reason = "the same over shuttle's threads")]
#[path = "actors.rs"]
mod actors;

use std::{sync, thread};

pub use actors::on_threads;
