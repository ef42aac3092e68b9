//! One order: a world from its beginning to its end.
//!
//! Everything else runs worlds through this: the searches, which choose each step, and a replay, which follows a text.
//! What panics in a world is a failure of it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::Chars;

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
    let mut order = Order::new(order);
    let result = run(make, |world: &W, enabled: &[char]| {
        look(world);
        order.next(enabled)
    });
    (order.is_followed, result)
}

/// An order that is followed; behind its end, the first actor that is enabled is next.
pub struct Order<'a> {
    steps: Chars<'a>,
    /// Whether each of its actors was enabled so far.
    pub is_followed: bool,
}

impl<'a> Order<'a> {
    /// From its beginning.
    pub fn new(order: &'a str) -> Self {
        Self { steps: order.chars(), is_followed: true }
    }

    /// Who takes the next step; `None`: nobody is enabled.
    ///
    /// # Errors
    /// The actor that stands there is not enabled.
    pub fn next(&mut self, enabled: &[char]) -> Result<Option<char>, String> {
        match self.steps.next() {
            Some(actor) if !enabled.contains(&actor) => {
                self.is_followed = false;
                Err(format!("{actor} can take no step here; these can: {enabled:?}"))
            }
            Some(actor) => Ok(Some(actor)),
            None => Ok(enabled.first().copied()),
        }
    }
}

/// Drives a world through one order.
pub trait Driver<W> {
    /// Chooses which of the enabled actors takes the next step; asked before each, and once more when none is enabled.
    /// `None` before that: the run is over, and nothing is wrong with it.
    ///
    /// # Errors
    /// The run cannot go on.
    fn choose(&mut self, world: &W, enabled: &[char]) -> Result<Option<char>, String>;

    /// The step was taken, though something may be wrong in the world now.
    fn stepped(&mut self, _world: &W) {}
}

impl<W, F: FnMut(&W, &[char]) -> Result<Option<char>, String>> Driver<W> for F {
    fn choose(&mut self, world: &W, enabled: &[char]) -> Result<Option<char>, String> {
        self(world, enabled)
    }
}

/// Runs a world. What panics in it where nothing may is a failure like any other.
pub fn run<W: World>(make: &impl Fn() -> W, mut driver: impl Driver<W>) -> Result<(), Failure> {
    let mut order = String::new();
    let mut steps = 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut world = make();
        loop {
            let enabled = world.enabled();
            if steps == STEPS_MAX && !enabled.is_empty() {
                return Err(format!("It goes on after {STEPS_MAX} steps"));
            }
            let chosen = driver.choose(&world, &enabled)?;
            if enabled.is_empty() {
                return world.finish();
            }
            let Some(actor) = chosen else { return Ok(()) };
            steps += 1;
            order.push(actor);
            let result = world.step(actor);
            driver.stepped(&world);
            result?;
        }
    }));
    let why = match result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(panic) => panic_text(&*panic),
    };
    Err(Failure { order, why })
}

/// What a panic says.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    match panic.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "A panic without words".to_owned()),
    }
}
