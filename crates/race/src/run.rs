//! One order: a world from its beginning to its end.
//!
//! Everything else runs worlds through this: the searches, which choose each step, and a replay, which follows a text. What
//! panics in a world is a failure of it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::world::World;

/// An order that leads to something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The steps up to it: an actor for each.
    pub order: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in the order {:?}", self.why, self.order)
    }
}

impl std::error::Error for Failure {}

/// Steps of one order, at most: an order that goes on is one that does not end.
pub const STEPS_MAX: usize = 1_000;

/// Takes the steps of `order`; after its end, the first actor that is enabled does, until none is.
///
/// # Errors
/// What is wrong on the way or at the end, or that an actor of the order cannot take a step where it stands there.
pub fn replay<W: World>(make: impl Fn() -> W, order: &str) -> Result<(), Failure> {
    follow(&make, order, |_| ()).1
}

/// The same, with a look at the world before each step and at its end; and whether the order could be followed: false
/// if one of its actors was not enabled where it stands there.
pub fn follow<W: World>(make: &impl Fn() -> W, order: &str, mut look: impl FnMut(&W)) -> (bool, Result<(), Failure>) {
    let mut steps = order.chars();
    let mut is_followed = true;
    let result = run(make, |world, enabled| {
        look(world);
        match steps.next() {
            Some(actor) if enabled.contains(&actor) => Ok(Some(actor)),
            Some(actor) => {
                is_followed = false;
                Err(format!("{actor} can take no step here; these can: {enabled:?}"))
            }
            None => Ok(enabled.first().copied()),
        }
    });
    (is_followed, result)
}

/// Runs a world: before each step `choose` is asked which of the enabled actors takes it, and at the end once more,
/// when none is. If it chooses none before the end, the run is over and nothing is wrong with it.
pub fn run<W: World>(
    make: &impl Fn() -> W,
    mut choose: impl FnMut(&W, &[char]) -> Result<Option<char>, String>,
) -> Result<(), Failure> {
    let mut order = String::new();
    let mut steps = 0;
    let result = caught(|| {
        let mut world = make();
        loop {
            let enabled = world.enabled();
            let chosen = choose(&world, &enabled)?;
            if enabled.is_empty() {
                return world.finish();
            }
            let Some(actor) = chosen else { return Ok(()) };
            if steps == STEPS_MAX {
                return Err(format!("It goes on after {STEPS_MAX} steps"));
            }
            steps += 1;
            order.push(actor);
            world.step(actor)?;
        }
    });
    result.map_err(|why| Failure { order, why })
}

/// The result of this work. What panics where nothing may is found like any other wrong.
pub fn caught(work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(match panic.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "A panic without words".to_owned()),
        })
    })
}
