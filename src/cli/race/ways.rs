//! The ways of `roomd race run` to choose orders: every one, steps or threads at random, or what the machine makes of threads.
//!
//! Called on the main thread. Where shuttle is not built in, its orders are refused with a sentence.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use clap::{Args, ValueEnum};
use roomd_race::{Failure, Sample, Search, ShuttleSample, Tried, on_threads};

use crate::race::{ORDERS_MAX, Servers};

/// Orders of shuttle's that are tried, unless it is said how many.
const THREADS_ORDERS: usize = 1_000;
/// Changes of priorities in those, unless it is said how many.
const THREADS_CHANGES: usize = 2;
/// Orders that were not tried and are counted, at most.
const SAVED_MAX: usize = 10_000;

/// How the orders are chosen.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Try so many orders at random instead of every order
    #[arg(long, value_name = "COUNT", group = "drawn")]
    random: Option<NonZeroUsize>,
    /// Where random orders begin: the same ones for the same seed
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "drawn")]
    seed: u64,
    /// At random: whoever has the highest priority goes on, and priorities change at so many places (PCT)
    #[arg(long, value_name = "COUNT", requires = "drawn")]
    changes: Option<usize>,
    /// Run it so often with a thread for each actor, in the order that the machine chooses
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["random", "orders_max"])]
    repeat: Option<NonZeroUsize>,
    /// With a thread for each actor, let a scheduler of shuttle's choose, --repeat times (1000)
    #[arg(long, value_name = "SCHEDULER", value_enum, group = "drawn", conflicts_with = "orders_max")]
    threads: Option<Scheduler>,
    /// Try so many orders at most
    #[arg(long, value_name = "COUNT", default_value_t = NonZeroUsize::new(ORDERS_MAX).expect("it is not zero"), conflicts_with = "random")]
    orders_max: NonZeroUsize,
}

/// A scheduler of shuttle's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheduler {
    /// Whoever can go on, each as likely as another
    Random,
    /// Whoever has the highest priority, with --changes (2)
    Pct,
}

impl Way {
    /// Whether it can be gone.
    ///
    /// # Errors
    /// A sentence: the arguments do not fit together, or shuttle is not built in.
    pub fn check(&self) -> Result<(), String> {
        if self.changes.is_some() && self.threads == Some(Scheduler::Random) {
            return Err("--changes is about priorities: with --random or --threads pct".to_owned());
        }
        self.threads.map_or(Ok(()), |scheduler| self.of_shuttle(scheduler).map(|_| ()))
    }

    /// Tries orders until one fails.
    ///
    /// # Errors
    /// A sentence: shuttle is not built in.
    pub fn tries(
        &self,
        make: &(impl Fn() -> Servers + Clone + Send + Sync + 'static),
    ) -> Result<Result<Tried, Failure>, String> {
        Ok(match (self.threads, self.random, self.repeat) {
            (Some(scheduler), ..) => {
                let mut sample = self.of_shuttle(scheduler)?;
                let orders = self.repeat.map_or(THREADS_ORDERS, NonZeroUsize::get);
                several(orders, || sample.order(make.clone()))
            }
            (None, Some(orders), _) => {
                let mut sample = match self.changes {
                    Some(changes) => Sample::by_priorities(self.seed, changes),
                    None => Sample::even(self.seed),
                };
                several(orders.get(), || sample.order(make))
            }
            (None, None, Some(orders)) => several(orders.get(), || on_threads(make)),
            (None, None, None) => Search::default().orders_max(self.orders_max.get()).run(make),
        })
    }

    fn of_shuttle(&self, scheduler: Scheduler) -> Result<ShuttleSample, String> {
        match scheduler {
            Scheduler::Random => ShuttleSample::random(self.seed),
            Scheduler::Pct => ShuttleSample::pct(self.seed, self.changes.unwrap_or(THREADS_CHANGES)),
        }
    }

    /// What was tried, when none failed.
    pub fn line(&self, tried: Tried, make: impl Fn() -> Servers) -> String {
        let (orders, seed) = (tried.orders, self.seed);
        match (self.threads, self.random, self.repeat) {
            (Some(_), ..) => format!("{orders} orders of shuttle's threads from seed {seed}, none fails"),
            (None, Some(_), _) => format!("{orders} random orders from seed {seed}, none fails"),
            (None, None, Some(_)) => format!("{orders} orders of this machine's, none fails"),
            (None, None, None) => every(tried, make),
        }
    }
}

fn several(orders: usize, mut order: impl FnMut() -> Result<(), Failure>) -> Result<Tried, Failure> {
    (0..orders).try_for_each(|_| order())?;
    Ok(Tried { orders, ..Tried::default() })
}

/// How many orders were tried, and how many were not.
fn every(tried: Tried, make: impl Fn() -> Servers) -> String {
    let Tried { orders, given_up, whole } = tried;
    if !whole {
        return format!(
            "{orders} orders tried and {given_up} given up, none fails; there are more (see --orders-max and --random)"
        );
    }
    if given_up == 0 {
        return format!("every order tried, {orders} in all, and none fails");
    }
    let most = orders + SAVED_MAX;
    let mut all = 0;
    let counted = Search::default().without_reduction().orders_max(most).visit(make, |_, _| {
        all += 1;
        ControlFlow::Continue(())
    });
    let saved = if counted.whole { (all - orders).to_string() } else { format!("more than {}", most - orders) };
    format!(
        "every order tried: {orders}, and none fails; {saved} others only exchange steps whose order makes no difference"
    )
}
