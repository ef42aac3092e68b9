//! Who somebody is: the names that belong to somebody.
//!
//! The engine asks on its readers' threads; nothing here blocks. What decides is made once at start
//! and shared.

pub mod names;

pub use names::Names;
