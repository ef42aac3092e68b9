//! Tokens, good and bad: whatever is wrong with one, it is refused, and for the right reason.
//!
//! No server and no clock: time is an argument. The keys in `keys/` are for these tests alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attacks;
mod harness;
mod issuers;
mod own;
