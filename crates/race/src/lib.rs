//! Tries the orders in which concurrent actors can take their steps, and draws one that fails.
//!
//! For anybody's actors: a [`World`] says which of them are enabled, and takes their steps; [`Search`] tries the orders.
//! Nothing here starts a thread, reads a clock or opens a file.
#![doc = include_str!("usage.md")]

mod diagram;
mod page;
mod program;
mod random;
mod run;
mod search;
mod shrink;
mod sleep_set;
mod step;
mod trace;
mod tree;
mod world;

pub use diagram::diagram;
pub use page::page;
pub use program::{Goto, Line, Program};
pub use run::{Failure, replay};
pub use search::{Search, Tried};
pub use shrink::{Shrunk, shrink};
pub use step::Step;
pub use trace::{Trace, TracedStep};
pub use tree::Tree;
pub use world::World;
