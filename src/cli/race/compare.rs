//! `roomd race compare`: how often each way of choosing orders finds one that fails.
//!
//! Called on the main thread. A way that is not built in (shuttle) is left out.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use clap::Args;
use roomd_race::{Failure, Sample, Search, ShuttleSample, on_threads};

use super::{Chosen, Subject, print, wrapped};
use crate::race::{ORDERS_MAX, Rounds};

/// Changes of priorities that are compared, at most.
const CHANGES_MAX: usize = 2;

/// What is compared.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CompareOptions {
    #[command(flatten)]
    chosen: Chosen,
    /// How many orders each way tries, but for the one that tries every order
    #[arg(long, value_name = "COUNT", default_value_t = NonZeroUsize::new(1_000).expect("it is not zero"))]
    orders: NonZeroUsize,
    /// Where the random orders begin
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// How often a way finds an order that fails.
#[derive(Default)]
struct Tally {
    orders: usize,
    failed: usize,
    /// As which of them the first fails.
    first: Option<usize>,
}

impl Tally {
    fn note(&mut self, result: &Result<(), Failure>) {
        self.orders += 1;
        if result.is_err() {
            self.failed += 1;
            self.first.get_or_insert(self.orders);
        }
    }

    fn of(orders: usize, mut order: impl FnMut() -> Result<(), Failure>) -> Self {
        let mut tally = Self::default();
        (0..orders).for_each(|_| tally.note(&order()));
        tally
    }

    fn line(&self, way: &str) -> String {
        let first = self.first.map_or("-".to_owned(), |first| first.to_string());
        format!("  {way:28}{:>8}{:>8}{first:>8}\n", self.orders, self.failed)
    }
}

/// Prints a line for each way. Whether an order fails.
///
/// # Errors
/// A sentence: there is no such scenario, or nobody takes what is printed.
pub fn compare(options: &CompareOptions) -> Result<bool, String> {
    let subject = Subject::read(&options.chosen)?;
    let (orders, seed) = (options.orders.get(), options.seed);
    let make = subject.make(Rounds::Rooms);
    let mut every = Tally::default();
    Search::default().orders_max(ORDERS_MAX).visit(&make, |_, result| {
        every.note(result);
        ControlFlow::Continue(())
    });
    let mut text = format!("{}\n{}\n\n", subject.title(), wrapped(&subject.scenario.about));
    _ = writeln!(text, "  {:28}{:>8}{:>8}{:>8}", "", "orders", "failed", "first");
    text.push_str(&every.line("every order"));
    let mut even = Sample::even(seed);
    text.push_str(&Tally::of(orders, || even.order(&make)).line("steps at random"));
    for changes in 0..=CHANGES_MAX {
        let mut sample = Sample::by_priorities(seed, changes);
        let way = format!("priorities, {}", counted(changes));
        text.push_str(&Tally::of(orders, || sample.order(&make)).line(&way));
    }
    text.push_str(&Tally::of(orders, || on_threads(&make)).line("a thread for each actor"));
    if let Ok(mut sample) = ShuttleSample::random(seed) {
        text.push_str(&Tally::of(orders, || sample.order(make.clone())).line("shuttle's threads at random"));
    }
    for changes in 0..=CHANGES_MAX {
        if let Ok(mut sample) = ShuttleSample::pct(seed, changes) {
            let way = format!("shuttle's PCT, {}", counted(changes));
            text.push_str(&Tally::of(orders, || sample.order(make.clone())).line(&way));
        }
    }
    print(&text)?;
    Ok(every.failed > 0)
}

fn counted(changes: usize) -> String {
    format!("{changes} change{}", if changes == 1 { "" } else { "s" })
}
