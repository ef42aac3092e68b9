//! A race to be found and mended: see the README. Here is what is to be changed.

pub mod outbox;

use outbox::{Rule, WRONG};

/// An order in which a message is left behind by [`WRONG`]: a letter for each step, `R` or `W`.
pub const ORDER: &str = "";

/// How many changes of priority it takes to find that at random.
pub const CHANGES: usize = 0;

/// A writer that leaves nothing behind in any order.
pub const RIGHT: Rule = WRONG;
