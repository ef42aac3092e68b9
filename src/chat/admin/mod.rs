//! What an admin sees of a server, and does with it: values alone.
//!
//! Made by the engine, printed by `wire`. What concerns one room and its policy is in `policy`; here is what
//! concerns the server as a whole.

pub mod connection;

pub use connection::{Connected, ConnectionInfo};
