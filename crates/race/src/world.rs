//! What is tried: actors, and the steps that they can take.
//!
//! Implemented by the program whose races are looked for; what it says of its next steps, and of its state, is for the
//! reduction and for the pictures, and may be left out.

use super::step::Step;

/// Actors that act on each other, one step at a time.
///
/// A world is made anew for each order, and must be deterministic: which actors are enabled, and what their steps do,
/// follows from the steps taken alone (no clock, no random numbers, no map whose order differs from run to run).
///
/// An actor is a character, so that an order is a text. An actor that waits for something (a lock, a message, an
/// answer) is not enabled until it is there; if none is enabled and one still waits, [`finish`](Self::finish) says so.
// ANCHOR: world
pub trait World {
    /// The actors that can take a step now.
    fn enabled(&self) -> Vec<char>;

    /// One of them takes its step.
    ///
    /// # Errors
    /// What is wrong in the world now.
    fn step(&mut self, actor: char) -> Result<(), String>;

    /// No actor can take a step any more.
    ///
    /// # Errors
    /// What should be otherwise: a result, or that an actor waits for ever.
    fn finish(self) -> Result<(), String>;
    // ANCHOR_END: world

    /// The next step of an actor that is enabled: what it does, and what it touches. Where nothing is said of it, it is
    /// taken to touch everything.
    fn next_step(&self, _actor: char) -> Step {
        Step::default()
    }

    /// What a reader would like to see of the world: names and values, always with the same names in the same order.
    fn state(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
