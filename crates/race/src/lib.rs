//! Tries the orders in which concurrent actors can take their steps, and draws one that fails.
//!
//! For anybody's actors: a [`World`] says which of them are enabled, and takes their steps; [`Search`] tries the orders.
//! Nothing here reads a clock or opens a file, and but for [`on_threads`] nothing starts a thread. With the feature
//! `shuttle` the schedulers of that crate choose among threads ([`ShuttleSample`]).
#![doc = include_str!("usage.md")]

mod diagram;
mod machine_threads;
mod page;
mod program;
mod random;
mod run;
mod sample;
mod search;
mod shrink;
#[cfg(feature = "shuttle")]
mod shuttle_threads;
#[cfg(not(feature = "shuttle"))]
#[path = "no_shuttle.rs"]
mod shuttle_threads;
mod sleep_set;
mod step;
mod trace;
mod tree;
mod world;

pub use diagram::diagram;
pub use machine_threads::on_threads;
pub use page::page;
pub use program::{Goto, Line, Program};
pub use run::{Failure, replay};
pub use sample::Sample;
pub use search::{Search, Tried};
pub use shrink::{Shrunk, shrink};
pub use shuttle_threads::ShuttleSample;
pub use step::Step;
pub use trace::{Trace, TracedStep};
pub use tree::Tree;
pub use world::World;
