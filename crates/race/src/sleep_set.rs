//! Sleep sets: which steps need not be tried here, because an order with them was tried that leads to the same.
//!
//! When all orders that begin with a step of A have been tried, and B goes first instead, A's step sleeps: as long as
//! only steps come that are independent of it, taking it now leads where an earlier order led. A step that depends on it
//! wakes it. Every state that can be reached is still reached (Godefroid, "Partial-Order Methods for the Verification of
//! Concurrent Systems", 1996, section 5), so what is checked after each step is checked as without them.

use super::step::Step;

/// The actors whose next steps sleep, with these steps.
#[derive(Clone, Debug, Default)]
pub struct SleepSet(Vec<(char, Step)>);

// ANCHOR: sleep_set
impl SleepSet {
    /// Whether the next step of this actor sleeps.
    pub fn contains(&self, actor: char) -> bool {
        self.0.iter().any(|(asleep, _)| *asleep == actor)
    }

    /// All orders that go on with this step have been tried.
    pub fn insert(&mut self, actor: char, step: Step) {
        self.0.push((actor, step));
    }

    /// Those that still sleep after this step.
    pub fn after(&self, step: &Step) -> Self {
        Self(self.0.iter().filter(|(_, asleep)| asleep.is_independent_of(step)).cloned().collect())
    }
}
// ANCHOR_END: sleep_set
