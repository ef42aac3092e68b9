//! The JSON dialect: each line of the input is a command.
//!
//! Exercises `wire::json`, `chat::session_state`, `chat::room` and, for every event that follows,
//! `wire::Encoder`. What is parsed is heard by the session of a `World`, until it ends the session.

use roomd::wire::{Encoding, json};

use crate::world::World;

/// Feeds one input.
///
/// # Panics
/// When something does not hold that must.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut world = World::new(Encoding::Json);
    for command in text.split('\n') {
        if !world.handle(json::parse(command)) {
            return;
        }
    }
}
