//! Every blocking primitive that the engine and the store's journal wait with, named in one place, the oneshot
//! channel made of them, and a cell whose value is exchanged whole.
//!
//! Ordinarily parking_lot's mutex, crossbeam-channel and a condition variable of our own. Under `--cfg shuttle` the
//! same names over shuttle's primitives, so that the real code runs under its scheduler. Deadlines never pass there: no
//! invariant of the engine may rest on one.

mod arc_cell;
#[cfg(not(shuttle))]
mod condvar;
pub mod oneshot;

pub use arc_cell::ArcCell;

#[cfg(not(shuttle))]
mod real {
    pub use crate::sync::condvar::Condvar;
    pub use crossbeam_channel as channel;
    pub use parking_lot::{Mutex, MutexGuard};
    pub use std::sync::atomic;
    pub use std::thread;
}
#[cfg(not(shuttle))]
pub use real::*;

#[cfg(shuttle)]
pub mod checked;
#[cfg(shuttle)]
pub use checked::*;
