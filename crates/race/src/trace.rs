//! One order, recorded: each step with what it did, and the state behind it.
//!
//! What the pictures are made of. A step that panicked has the state before it.

use super::run::{STEPS_MAX, caught};
use super::step::Step;
use super::world::World;

/// One step of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedStep {
    /// Who took it.
    pub actor: char,
    /// What it did.
    pub step: Step,
    /// The state behind it; the one before it if it panicked.
    pub state: Vec<(String, String)>,
}

/// An order, recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The state at the beginning.
    pub initial: Vec<(String, String)>,
    /// The steps.
    pub steps: Vec<TracedStep>,
    /// How it ended: what is wrong, if something is.
    pub result: Result<(), String>,
}

impl Trace {
    /// Records an order: its steps, and behind its end those of the first actor that is enabled, until none is or
    /// something is wrong.
    pub fn of<W: World>(make: impl Fn() -> W, order: &str) -> Self {
        let mut given = order.chars();
        let (mut initial, mut steps) = (Vec::new(), Vec::<TracedStep>::new());
        let result = caught(|| {
            let mut world = make();
            initial = world.state();
            loop {
                let enabled = world.enabled();
                let Some(first) = enabled.first() else { return world.finish() };
                let actor = given.next().unwrap_or(*first);
                if !enabled.contains(&actor) {
                    return Err(format!("{actor} can take no step here; these can: {enabled:?}"));
                }
                if steps.len() == STEPS_MAX {
                    return Err(format!("It goes on after {STEPS_MAX} steps"));
                }
                let state = world.state();
                steps.push(TracedStep { actor, step: world.next_step(actor), state });
                let result = world.step(actor);
                if let Some(last) = steps.last_mut() {
                    last.state = world.state();
                }
                result?;
            }
        });
        Self { initial, steps, result }
    }

    /// The actors, in the order in which they first do something or have something sent to them.
    #[must_use]
    pub fn actors(&self) -> Vec<char> {
        let mut actors = Vec::new();
        for traced in &self.steps {
            for actor in [Some(traced.actor), traced.step.from(), traced.step.to()].into_iter().flatten() {
                if !actors.contains(&actor) {
                    actors.push(actor);
                }
            }
        }
        actors
    }

    /// What the step at this place changed in the state: names and new values.
    #[must_use]
    pub fn changes(&self, at: usize) -> Vec<(&str, &str)> {
        let before = match at {
            0 => &self.initial,
            _ => &self.steps[at - 1].state,
        };
        let is_new = |entry: &&(String, String)| !before.contains(entry);
        self.steps[at].state.iter().filter(is_new).map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}
