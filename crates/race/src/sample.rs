//! Orders that are chosen by chance, where there are too many to try every one.
//!
//! The same ones for the same seed. Each failing order is a text, as those of a search are.

use super::random::Random;
use super::run::{Failure, run};
use super::world::World;

/// A source of orders; each call of [`order`](Self::order) tries one.
#[derive(Debug)]
pub struct Sample {
    random: Random,
    choice: Choice,
}

#[derive(Debug)]
enum Choice {
    Even,
    Priorities {
        changes: usize,
        /// Steps of the longest order so far: where a change may be.
        steps: usize,
    },
}

impl Sample {
    /// Each step is one of the actors that are enabled, each as likely as another.
    #[must_use]
    pub fn even(seed: u64) -> Self {
        Self { random: Random::new(seed), choice: Choice::Even }
    }

    /// Of the actors that are enabled the one with the highest priority takes the step. Priorities are drawn; at so many
    /// places of an order, drawn as well, the actor that is next becomes the last of all.
    ///
    /// Probabilistic concurrency testing (Burckhardt and others, *A Randomized Scheduler with Probabilistic Guarantees of
    /// Finding Bugs*, 2010): a failure that needs `changes + 1` steps in a certain order is found in an order of `n` actors
    /// and `k` steps with a probability of at least `1 / (n * k.pow(changes))`, while even choices may find it more seldom
    /// the longer the order is.
    #[must_use]
    pub fn by_priorities(seed: u64, changes: usize) -> Self {
        Self { random: Random::new(seed), choice: Choice::Priorities { changes, steps: 1 } }
    }

    /// Tries one order.
    ///
    /// # Errors
    /// It fails.
    pub fn order<W: World>(&mut self, make: impl Fn() -> W) -> Result<(), Failure> {
        let Self { random, choice } = self;
        match choice {
            Choice::Even => run(&make, |_: &W, enabled: &[char]| {
                Ok((!enabled.is_empty()).then(|| enabled[random.below(enabled.len())]))
            }),
            Choice::Priorities { changes, steps } => {
                let mut priorities = Priorities::draw(random, *changes, *steps);
                let result = run(&make, |_: &W, enabled: &[char]| Ok(priorities.choose(enabled)));
                *steps = priorities.steps.max(*steps);
                result
            }
        }
    }
}

/// The priorities in one order.
struct Priorities<'a> {
    random: &'a mut Random,
    /// The actors that were seen, the highest first.
    actors: Vec<char>,
    /// Before which steps the actor that is next becomes the last.
    changes: Vec<usize>,
    steps: usize,
}

impl<'a> Priorities<'a> {
    fn draw(random: &'a mut Random, changes: usize, steps: usize) -> Self {
        let changes = (0..changes).map(|_| random.below(steps)).collect();
        Self { random, actors: Vec::new(), changes, steps: 0 }
    }

    fn choose(&mut self, enabled: &[char]) -> Option<char> {
        for actor in enabled {
            if !self.actors.contains(actor) {
                let at = self.random.below(self.actors.len() + 1);
                self.actors.insert(at, *actor);
            }
        }
        let first = |actors: &[char]| actors.iter().position(|actor| enabled.contains(actor));
        if self.changes.contains(&self.steps)
            && let Some(at) = first(&self.actors)
        {
            let demoted = self.actors.remove(at);
            self.actors.push(demoted);
        }
        self.steps += 1;
        first(&self.actors).map(|at| self.actors[at])
    }
}
