//! One order, recorded: each step with what it did, and the state behind it.
//!
//! What the pictures are made of. A step that panicked has the state before it.

use super::run::{Driver, Order, run};
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
        let mut recorder = Recorder { order: Order::new(order), initial: None, steps: Vec::new() };
        let result = run(&make, &mut recorder).map_err(|failure| failure.why);
        Self { initial: recorder.initial.unwrap_or_default(), steps: recorder.steps, result }
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

/// Follows an order, and notes each step.
struct Recorder<'a> {
    order: Order<'a>,
    initial: Option<State>,
    steps: Vec<TracedStep>,
}

type State = Vec<(String, String)>;

impl<W: World> Driver<W> for &mut Recorder<'_> {
    fn choose(&mut self, world: &W, enabled: &[char]) -> Result<Option<char>, String> {
        self.initial.get_or_insert_with(|| world.state());
        let chosen = self.order.next(enabled)?;
        self.steps.extend(chosen.map(|actor| TracedStep { actor, step: world.next_step(actor), state: world.state() }));
        Ok(chosen)
    }

    fn stepped(&mut self, world: &W) {
        if let Some(last) = self.steps.last_mut() {
            last.state = world.state();
        }
    }
}
