//! What roomd's commands share: addresses, values with units, figures for people, parsers of flags, trusted certificates, signals.
//!
//! Used by the server's command line, by `roomd chat` and by `roomd load`, on the main thread.

pub mod address;
pub mod figures;
pub mod parser;
pub mod signals;
pub mod trust;
pub mod value;
