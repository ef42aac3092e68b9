//! A race to be found and mended: see the README. Here is what is to be changed.

pub mod outbox;

use outbox::{Next, Rule};

/// An order in which a message is left behind by `WRONG`: a letter for each step, `R` or `W`. The second message comes
/// between the look that finds nothing and the step that says so.
pub const ORDER: &str = "RWWWRW";

/// How many changes of priority it takes to find that at random: the writer runs until it has looked, and then the room
/// comes first, once.
pub const CHANGES: usize = 1;

/// A writer that leaves nothing behind in any order: that nothing is there and that there is no writer is one step.
pub const RIGHT: Rule = Rule {
    look: |state| match std::mem::take(&mut state.backlog) {
        0 => {
            state.has_writer = false;
            Next::End
        }
        messages => Next::Write(messages),
    },
    retire: |_| Next::End,
};
