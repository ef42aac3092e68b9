//! Every blocking primitive that the engine uses, named in one place.
//!
//! Ordinarily parking_lot and crossbeam-channel, untouched. Under `--cfg shuttle` the same names
//! over shuttle's primitives, so that the real code runs under its scheduler. Deadlines never pass
//! there: no invariant of the engine may rest on one.

#[cfg(not(shuttle))]
mod real {
    pub use crossbeam_channel as channel;
    pub use parking_lot::{Condvar, Mutex, MutexGuard};
    pub use std::thread;
}
#[cfg(not(shuttle))]
pub use real::*;

#[cfg(shuttle)]
pub mod checked;
#[cfg(shuttle)]
pub use checked::*;
