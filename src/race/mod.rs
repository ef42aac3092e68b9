//! Scenarios of races, in every order of their steps: the real hub and real rooms, stepped by hand on one thread.
//!
//! Each interaction between threads is one critical section of the hub or one operation of a channel, and each is one
//! function, so it can be taken as one step; the orders are tried by `roomd-race`. Clients are letters, rooms are digits in
//! the order in which they were opened. `roomd race` and the tests run the same scenarios, which are text files
//! (`scenario.rs`); with a mistake (`mistakes.rs`) something of the server is replaced by what is wrong. Nothing of the server
//! imports this.

mod catalogue;
mod checks;
mod expectation;
#[cfg(test)]
mod groups;
pub mod mistakes;
pub mod moves;
mod requests;
mod rooms;
mod scenario;
mod servers;
mod shared_store;
mod stepped_broker;
mod stepped_client;
mod wrong_hub;

use roomd_race::Failure;

pub use catalogue::{Entry, SCENARIOS, find};
pub use scenario::{Rounds, Scenario, ScenarioError};
pub use servers::Servers;

/// Orders of one scenario that are tried, at most, unless more are asked for.
pub const ORDERS_MAX: usize = 200_000;

/// Takes the steps of an order of a scenario that comes with the program, with a mistake or without: the regression test
/// of an order that was found.
///
/// # Errors
/// What is wrong on the way or at the end.
///
/// # Panics
/// There is no such scenario, or no such mistake.
pub fn replay(name: &str, rounds: Rounds, mistake: Option<&str>, order: &str) -> Result<(), Failure> {
    let text = find(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let named = |name| mistakes::find(name).unwrap_or_else(|| panic!("there is no mistake {name}")).mistake;
    let mistake = mistake.map(named);
    roomd_race::replay(|| scenario.world(rounds, mistake), order)
}
