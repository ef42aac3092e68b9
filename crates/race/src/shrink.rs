//! Makes a failing order short: fewer steps first, then fewer changes from one actor to another.
//!
//! Steps are left out while the order still fails, which is quick; whether a shorter one fails is then decided by trying
//! all of them, the shortest first. A reader follows an order more easily where an actor's steps stand together.

use std::ops::ControlFlow;

use super::run::{Failure, follow};
use super::search::Search;
use super::world::World;

/// What a failing order was made into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The order that is left. It may fail in another way than the first.
    pub failure: Failure,
    /// Whether no shorter order fails; otherwise there were too many to try.
    pub is_shortest: bool,
}

/// Shrinks the order of a failure: leaves out what it fails without, and tries all shorter orders, at most
/// `orders_max`; then puts the steps of an actor together where it still fails.
pub fn shrink<W: World>(make: impl Fn() -> W, failure: &Failure, orders_max: usize) -> Shrunk {
    let mut best = failure.clone();
    while let Some(shorter) = without_some(&make, &best) {
        best = shorter;
    }
    let (shortest, is_shortest) = shorter_than(&make, &best, orders_max);
    best = shortest.unwrap_or(best);
    while let Some(calmer) = with_fewer_changes(&make, &best) {
        best = calmer;
    }
    Shrunk { failure: best, is_shortest }
}

/// The failure of an order that can be followed.
fn fails<W: World>(make: &impl Fn() -> W, order: &[char]) -> Option<Failure> {
    let (is_followed, result) = follow(make, &order.iter().collect::<String>(), |_| ());
    result.err().filter(|_| is_followed)
}

fn len(failure: &Failure) -> usize {
    failure.order.chars().count()
}

/// A shorter order that fails, and is this one without some steps that follow each other.
fn without_some<W: World>(make: &impl Fn() -> W, failure: &Failure) -> Option<Failure> {
    let order: Vec<char> = failure.order.chars().collect();
    let sizes = std::iter::successors(Some(order.len() / 2), |size| (*size > 1).then_some(size / 2));
    for size in sizes.filter(|size| *size > 0) {
        for at in 0..=order.len() - size {
            let rest = [&order[..at], &order[at + size..]].concat();
            let shorter = fails(make, &rest).filter(|found| len(found) < order.len());
            if shorter.is_some() {
                return shorter;
            }
        }
    }
    None
}

/// The shortest order that fails and is shorter than this one; and whether all of those were tried.
fn shorter_than<W: World>(make: &impl Fn() -> W, failure: &Failure, orders_max: usize) -> (Option<Failure>, bool) {
    let mut left = orders_max;
    for steps in 1..len(failure) {
        let mut found = None;
        let tried = Search::default().orders_max(left).steps_max(steps).visit(make, |_, result| match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                found = Some(failure.clone());
                ControlFlow::Break(())
            }
        });
        if found.is_some() {
            return (found, true);
        }
        if !tried.whole {
            return (None, false);
        }
        left -= tried.orders + tried.given_up;
    }
    (None, true)
}

/// An order that is no longer, fails, and changes less often from one actor to another: a step of this one is taken
/// earlier, right behind another of its actor's.
fn with_fewer_changes<W: World>(make: &impl Fn() -> W, failure: &Failure) -> Option<Failure> {
    let changes = |order: &[char]| order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let order: Vec<char> = failure.order.chars().collect();
    for at in 1..order.len() {
        for to in (1..at).filter(|to| order[to - 1] == order[at]) {
            let mut moved = order.clone();
            moved[to..=at].rotate_right(1);
            let calmer = fails(make, &moved).filter(|found| {
                let found: Vec<char> = found.order.chars().collect();
                found.len() <= order.len() && changes(&found) < changes(&order)
            });
            if calmer.is_some() {
                return calmer;
            }
        }
    }
    None
}
