//! What roomd's commands share: values with units, whose certificates a client trusts, and signals.
//!
//! Used by the server's command line, by `roomd chat` and by `roomd load`, on the main thread.

pub mod signals;
pub mod trust;
pub mod value;
