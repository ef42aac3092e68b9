//! Tries every order in which actors can take their steps.
//!
//! Called by the tests beside it, on one thread. A world is made anew for each order and driven by
//! a list of choices; the last choice that has an alternative is changed until none is left. What
//! it keeps: an order is a text with one character a step, so that one that fails can be pasted
//! into a test and replayed.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What actors do to each other, one step at a time.
pub trait World {
    /// The actors that can take a step, in an order that depends on the steps taken alone.
    fn able(&self) -> Vec<char>;

    /// One of them takes its step.
    ///
    /// # Errors
    /// What is wrong in the world now.
    fn step(&mut self, actor: char) -> Result<(), String>;

    /// No actor can take a step any more.
    ///
    /// # Errors
    /// What should be otherwise.
    fn finish(self) -> Result<(), String>;
}

/// An order that leads to something wrong.
#[derive(Debug)]
pub struct Found {
    /// The steps.
    pub order: String,
    /// What is wrong.
    pub why: String,
}

/// Steps of one order, at most: more means that it does not end.
const STEPS_MAX: usize = 200;

/// Tries every order; how many there are, or the first that leads to something wrong.
///
/// # Errors
/// There is such an order.
pub fn search<W: World>(make: impl Fn() -> W, orders_max: usize) -> Result<usize, Found> {
    let mut choices: Vec<(usize, usize)> = Vec::new();
    for orders in 1..=orders_max {
        let mut depth = 0;
        run(&make, |able| {
            if depth == choices.len() {
                choices.push((0, able.len()));
            }
            let (choice, count) = choices[depth];
            assert_eq!(count, able.len(), "the world is not deterministic");
            depth += 1;
            able[choice]
        })?;
        while choices.pop_if(|(choice, count)| *choice + 1 == *count).is_some() {}
        match choices.last_mut() {
            Some((choice, _)) => *choice += 1,
            None => return Ok(orders),
        }
    }
    panic!("more than {orders_max} orders: the scenario is too large to be tried whole");
}

/// Takes the steps of `order`; after its end, the first actor that can take one does.
///
/// # Errors
/// What is wrong on the way or at the end.
pub fn replay<W: World>(make: impl Fn() -> W, order: &str) -> Result<(), String> {
    let mut steps = order.chars();
    let chosen = |able: &[char]| {
        let actor = steps.next().unwrap_or(able[0]);
        assert!(able.contains(&actor), "{actor} can take no step here; these can: {able:?}");
        actor
    };
    run(&make, chosen).map_err(|found| found.why)
}

fn run<W: World>(make: &impl Fn() -> W, mut choose: impl FnMut(&[char]) -> char) -> Result<(), Found> {
    let mut order = String::new();
    // What panics where nothing may is found like any other wrong.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut world = make();
        loop {
            let able = world.able();
            if able.is_empty() {
                return world.finish();
            }
            if order.len() == STEPS_MAX {
                return Err(format!("it goes on after {STEPS_MAX} steps"));
            }
            let actor = choose(&able);
            order.push(actor);
            world.step(actor)?;
        }
    }));
    let why = match result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(panic) => match panic.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without words".to_owned()),
        },
    };
    Err(Found { order, why })
}
