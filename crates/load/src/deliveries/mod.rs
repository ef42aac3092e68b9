//! Delivery accounting: what each member of a room must receive, what it received, and what is missing.
//!
//! Called by the generator, on its thread. Nothing is sampled: `room` knows every message and `member`
//! every position that one member received; `order` is the order on which all members must agree;
//! `last_values` knows the newest message of each key, `group`
//! who has which message of a group's, and `reconciliation` compares them when a member leaves and when the run is over.

pub mod group;
pub mod last_values;
pub mod member;
pub mod order;
pub mod reconciliation;
pub mod room;
