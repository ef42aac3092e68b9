//! Each example finds the mistake that it is about.
#![allow(clippy::duplicate_mod, reason = "each example has what they share as its own module")]

#[path = "../examples/bank.rs"]
mod bank;
#[path = "../examples/bounded_queue.rs"]
mod bounded_queue;
#[path = "../examples/museum/main.rs"]
mod museum;

#[test]
fn the_bank_overdraws_an_account_and_deadlocks() {
    bank::main();
}

#[test]
fn the_bounded_queue_loses_a_wake_up() {
    bounded_queue::main();
}

#[test]
fn each_mistake_of_the_museum_is_found_and_what_is_right_has_none() {
    assert_eq!(museum::NAMES.len(), 10);
    museum::all();
}
