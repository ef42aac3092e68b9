//! Guards: which connections are admitted, the limits by address, and the expiry of tokens.
//!
//! `admission` decides which connections are served and runs the thread pool, `address_limits` counts
//! by address, `expiry` ends connections whose token has expired, `tickets` stand for tokens once, `memory_watch`
//! acts when memory is short, and `draining` knows whether the server is about to end.

pub mod address;
pub mod address_limits;
pub mod admission;
pub mod draining;
pub mod expiry;
pub mod memory_watch;
pub mod tickets;
