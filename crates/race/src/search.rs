//! Tries every order, until one fails.
//!
//! A world is made anew for each order and driven by a list of choices; the last choice that has an alternative is
//! changed until none is left.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::run::{Failure, follow, run};
use super::sleep_set::SleepSet;
use super::step::Step;
use super::world::World;

/// A search for an order that fails.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    orders_max: usize,
    reduces: bool,
    steps_max: usize,
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Orders that were tried to their end.
    pub orders: usize,
    /// Orders that were given up on the way, since they only exchange independent steps of one that was tried. Each
    /// stands for all orders that begin as it does.
    pub given_up: usize,
    /// Whether no order is left.
    pub whole: bool,
}

impl Default for Search {
    /// At most a million orders, without those that only exchange independent steps.
    fn default() -> Self {
        Self { orders_max: 1_000_000, reduces: true, steps_max: usize::MAX }
    }
}

/// What was chosen at one place of the order.
struct Place {
    enabled: Vec<char>,
    /// The next step of each of them; empty where nothing is reduced.
    steps: Vec<Step>,
    asleep: SleepSet,
    /// Which of them takes its step.
    chosen: usize,
}

impl Place {
    /// Chooses the next that is awake, from the given one on. False: none is.
    fn choose_from(&mut self, from: usize) -> bool {
        match (from..self.enabled.len()).find(|at| !self.asleep.contains(self.enabled[*at])) {
            Some(at) => {
                self.chosen = at;
                true
            }
            None => false,
        }
    }

    /// Chooses another, all orders with the one that is chosen having been tried. False: none is left.
    fn choose_next(&mut self) -> bool {
        if let Some(step) = self.steps.get(self.chosen) {
            self.asleep.insert(self.enabled[self.chosen], step.clone());
        }
        self.choose_from(self.chosen + 1)
    }
}

impl Search {
    /// Tries at most so many orders, those that are given up included.
    #[must_use]
    pub fn orders_max(self, orders_max: usize) -> Self {
        Self { orders_max, ..self }
    }

    /// Tries all orders, those too that only exchange independent steps.
    #[must_use]
    pub fn without_reduction(self) -> Self {
        Self { reduces: false, ..self }
    }

    /// Looks no further than so many steps: an order that is longer counts as right.
    #[must_use]
    pub(super) fn steps_max(self, steps_max: usize) -> Self {
        Self { steps_max, ..self }
    }

    /// Tries the orders, until one fails. [`Tried::whole`] says whether those were all.
    ///
    /// # Errors
    /// The first that fails.
    pub fn run<W: World>(&self, make: impl Fn() -> W) -> Result<Tried, Failure> {
        let mut found = None;
        let tried = self.visit(make, |_, result| match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                found = Some(failure.clone());
                ControlFlow::Break(())
            }
        });
        found.map_or(Ok(tried), Err)
    }

    /// Tries the orders, and shows each with its result; goes on after a failure, unless it is told to stop.
    pub fn visit<W: World>(
        &self,
        make: impl Fn() -> W,
        mut show: impl FnMut(&str, &Result<(), Failure>) -> ControlFlow<()>,
    ) -> Tried {
        let mut places: Vec<Place> = Vec::new();
        let mut tried = Tried::default();
        while tried.orders + tried.given_up < self.orders_max {
            let mut depth = 0;
            let mut given_up = false;
            let mut order = String::new();
            let result = run(&make, |world: &W, enabled: &[char]| {
                if enabled.is_empty() || depth == self.steps_max {
                    return Ok(None);
                }
                if depth == places.len() {
                    let mut place = self.place(world, enabled, places.last());
                    if !place.choose_from(0) {
                        given_up = true;
                        return Ok(None);
                    }
                    places.push(place);
                }
                let place = &places[depth];
                if place.enabled != enabled {
                    return Err(format!(
                        "The world is not deterministic: {enabled:?} here, before {:?}",
                        place.enabled
                    ));
                }
                depth += 1;
                let actor = place.enabled[place.chosen];
                order.push(actor);
                Ok(Some(actor))
            });
            if given_up {
                tried.given_up += 1;
            } else {
                tried.orders += 1;
                if show(&order, &result).is_break() {
                    return tried;
                }
            }
            // A world that is not deterministic may have ended before.
            places.truncate(depth);
            while places.last_mut().is_some_and(|place| !place.choose_next()) {
                places.pop();
            }
            if places.is_empty() {
                tried.whole = true;
                return tried;
            }
        }
        tried
    }

    fn place<W: World>(&self, world: &W, enabled: &[char], before: Option<&Place>) -> Place {
        let steps =
            if self.reduces { enabled.iter().map(|actor| world.next_step(*actor)).collect() } else { Vec::new() };
        let asleep = before.filter(|_| self.reduces).map(|place| place.asleep.after(&place.steps[place.chosen]));
        Place { enabled: enabled.to_vec(), steps, asleep: asleep.unwrap_or_default(), chosen: 0 }
    }

    /// Whether steps that are said to be independent are: wherever two of them are enabled, both orders must lead to the
    /// same state, and leave the other enabled. Compares [`World::state`], so it is as good as what that shows.
    ///
    /// # Errors
    /// An order after which two steps are not independent.
    pub fn check_independence<W: World>(&self, make: impl Fn() -> W) -> Result<Tried, Failure> {
        let mut wrong = None;
        let mut checked = BTreeSet::new();
        let all = self.without_reduction();
        let tried = all.visit(&make, |order, _| {
            let beginnings = order.char_indices().map(|(at, _)| &order[..at]);
            wrong =
                beginnings.filter(|order| checked.insert(order.to_string())).find_map(|order| dependent(&make, order));
            if wrong.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        wrong.map_or(Ok(tried), Err)
    }
}

/// Two steps after this order that are said to be independent and are not.
fn dependent<W: World>(make: &impl Fn() -> W, order: &str) -> Option<Failure> {
    let next = after(make, order, |world| {
        world.enabled().into_iter().map(|actor| (actor, world.next_step(actor))).collect::<Vec<_>>()
    })?;
    for (at, (a, step)) in next.iter().enumerate() {
        for (b, other) in &next[at + 1..] {
            let both = [format!("{order}{a}{b}"), format!("{order}{b}{a}")];
            if step.is_independent_of(other) && state_after(make, &both[0]) != state_after(make, &both[1]) {
                let why = format!("The order of {:?} and {:?} makes a difference", step.text(), other.text());
                return Some(Failure { order: order.to_owned(), why });
            }
        }
    }
    None
}

/// The state after an order; `None` if it fails on the way.
fn state_after<W: World>(make: &impl Fn() -> W, order: &str) -> Option<Vec<(String, String)>> {
    after(make, order, World::state)
}

/// What there is to see of the world after an order; `None` if it fails on the way.
fn after<W: World, T>(make: &impl Fn() -> W, order: &str, look: impl Fn(&W) -> T) -> Option<T> {
    let steps = order.chars().count();
    let (mut looks, mut seen) = (0, None);
    let (is_followed, _) = follow(make, order, |world| {
        if looks == steps {
            seen = Some(look(world));
        }
        looks += 1;
    });
    seen.filter(|_| is_followed)
}
