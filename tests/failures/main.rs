//! What the server asks of the world fails at its n-th use, for every n until a scenario passes.
//!
//! A transport, a store and the starting of threads stand in for a broken connection, a full disk and
//! a machine that has no more to give. After each failure the books balance, what was not stored was
//! shown to nobody, what was refused was refused to who asked for it, nothing is left, and the same
//! scenario works again. No sockets but in `admission`, and no waiting but for a thread's end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(not(shuttle))]

mod admission;
mod backlog;
mod client;
mod fault;
mod outbox;
mod pruning;
mod scenario;
mod server;
mod threads;
mod wire;
