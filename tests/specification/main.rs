//! What seats, publishing and resuming promise, as models small enough to be read, and held against the code.
//!
//! Each model is checked whole by `stateright`: every state that it can reach has its properties. Then each of its
//! transitions is taken by the server's own hub and rooms, in the scenario of the same name (`roomd race list`), and
//! afterwards both must be in the same state, and be able to take the same steps. So a promise that holds in a model holds in the code, as
//! far as the scenario goes; and a model that leaves something out does not pass. A protocol with a mistake in it must
//! be found by its properties.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod publishing;
mod resuming;
mod seats;
mod transitions;
