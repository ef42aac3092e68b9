//! Each example finds the mistake that it is about.
#![allow(clippy::duplicate_mod, reason = "each example has what they share as its own module")]

#[path = "../examples/bank.rs"]
mod bank;
#[path = "../examples/bounded_queue.rs"]
mod bounded_queue;
#[path = "../examples/last_leave.rs"]
mod last_leave;

#[test]
fn the_bank_overdraws_an_account_and_deadlocks() {
    bank::main();
}

#[test]
fn the_bounded_queue_loses_a_wake_up() {
    bounded_queue::main();
}

#[test]
fn a_join_is_lost_in_a_race_with_the_last_leave() {
    last_leave::main();
}
