//! Orders that shuttle's schedulers choose: each actor is a thread of shuttle's.
//!
//! Shuttle runs threads one at a time, and its scheduler chooses the next wherever one takes the world's lock, releases it
//! or waits. Everything here happens on the caller's thread.

#[allow(clippy::duplicate_mod, reason = "the same over the machine's threads")]
#[path = "actors.rs"]
mod actors;

use std::cell::RefCell;
use std::panic;
use std::rc::Rc;
use std::sync::{Once, mpsc};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, Runner, sync, thread};

use super::random::Random;
use super::run::Failure;
use super::world::World;

/// Of a thread. A step is the program's own code, as deep as that is.
const STACK_BYTES: usize = 1024 * 1024;

/// A source of orders that a scheduler of shuttle's chooses among the threads of the actors; each call of
/// [`order`](Self::order) tries one.
#[derive(Debug)]
pub struct ShuttleSample(Choice);

#[derive(Debug)]
enum Choice {
    /// A seed for each order.
    Random(Random),
    Pct(Rc<RefCell<Priorities>>),
}

impl ShuttleSample {
    /// Orders of shuttle's `RandomScheduler`: whoever can go on, each as likely as another. The same ones for the same
    /// seed.
    ///
    /// # Errors
    /// A sentence: the crate was built without its feature `shuttle`.
    pub fn random(seed: u64) -> Result<Self, String> {
        keep_panic_hook();
        Ok(Self(Choice::Random(Random::new(seed))))
    }

    /// Orders of shuttle's `PctScheduler`: whoever has the highest priority goes on, and priorities change at so many
    /// places. The first order is that in which the threads began; the others are the same for the same seed.
    ///
    /// # Errors
    /// A sentence: the crate was built without its feature `shuttle`.
    pub fn pct(seed: u64, changes: usize) -> Result<Self, String> {
        keep_panic_hook();
        Ok(Self(Choice::Pct(Rc::new(RefCell::new(Priorities::new(seed, changes))))))
    }

    /// Tries one order.
    ///
    /// # Errors
    /// It fails.
    ///
    /// # Panics
    /// The caller is a thread of shuttle's.
    pub fn order<W: World + Send + 'static>(
        &mut self,
        make: impl Fn() -> W + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let (found, result) = mpsc::channel();
        // The receiver waits until this has returned.
        let work = move || _ = found.send(actors::on_threads(&make));
        match &mut self.0 {
            Choice::Random(seeds) => {
                let seed = seeds.below(usize::MAX) as u64;
                Runner::new(RandomScheduler::new_from_seed(seed, 1), config()).run(work)
            }
            Choice::Pct(priorities) => {
                let one = OneOrder { priorities: Rc::clone(priorities), has_begun: false };
                Runner::new(one, config()).run(work)
            }
        };
        result.recv().expect("the work was done once")
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    // An order that fails is a text of our own.
    config.failure_persistence = FailurePersistence::None;
    config
}

/// Shuttle puts a hook in the place of the program's with its first run, which prints something for each panic. A world
/// that panics is a failure that is returned, so the program's own stays.
fn keep_panic_hook() {
    static KEPT: Once = Once::new();
    KEPT.call_once(|| {
        let own = panic::take_hook();
        Runner::new(RandomScheduler::new_from_seed(0, 1), config()).run(|| ());
        panic::set_hook(own);
    });
}

/// Shuttle's PCT, over many runs of one order each: it learns how long orders are.
#[derive(Debug)]
struct Priorities {
    seed: u64,
    changes: usize,
    scheduler: PctScheduler,
    /// Whether there was anything to choose in the last order, without which it has learned nothing and refuses to go on.
    has_chosen: bool,
}

impl Priorities {
    fn new(seed: u64, changes: usize) -> Self {
        let scheduler = PctScheduler::new_from_seed(seed, changes + 1, usize::MAX);
        Self { seed, changes, scheduler, has_chosen: true }
    }
}

struct OneOrder {
    priorities: Rc<RefCell<Priorities>>,
    has_begun: bool,
}

impl Scheduler for OneOrder {
    fn new_execution(&mut self) -> Option<Schedule> {
        if std::mem::replace(&mut self.has_begun, true) {
            return None;
        }
        let mut priorities = self.priorities.borrow_mut();
        if !std::mem::take(&mut priorities.has_chosen) {
            let Priorities { seed, changes, .. } = *priorities;
            *priorities = Priorities { has_chosen: false, ..Priorities::new(seed, changes) };
        }
        priorities.scheduler.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        let mut priorities = self.priorities.borrow_mut();
        priorities.has_chosen |= runnable.len() > 1;
        priorities.scheduler.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.priorities.borrow_mut().scheduler.next_u64()
    }
}
