//! One order that a scheduler chooses: each actor is a thread, and takes a step when it gets the world's lock.
//!
//! Compiled over the primitives of the module that it is in, which have the names of those in `std`: these themselves
//! (`machine_threads.rs`), and shuttle's (`shuttle_threads.rs`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use super::thread::{self, Scope};
use crate::run::{Failure, STEPS_MAX, panic_text};
use crate::world::World;

/// Runs a world once, with a thread for each actor. Blocks until no actor can take a step.
///
/// # Errors
/// What is wrong on the way or at the end, with the order that it was.
pub fn on_threads<W: World + Send>(make: impl Fn() -> W) -> Result<(), Failure> {
    let world = caught(|| Ok(make())).map_err(|why| Failure { order: String::new(), why })?;
    let run = Run { state: Mutex::new(State::new(world)), changed: Condvar::new() };
    thread::scope(|scope| run.start_actors(&mut run.lock(), scope));
    let State { world, order, wrong, .. } = run.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let ended = wrong.map_or_else(|| caught(|| world.finish()), Err);
    ended.map_err(|why| Failure { order, why })
}

struct Run<W> {
    state: Mutex<State<W>>,
    /// Somebody has taken a step.
    changed: Condvar,
}

struct State<W> {
    world: W,
    order: String,
    /// The actors that have a thread.
    started: Vec<char>,
    wrong: Option<String>,
}

impl<W: World> State<W> {
    fn new(world: W) -> Self {
        Self { world, order: String::new(), started: Vec::new(), wrong: None }
    }

    fn enabled(&self) -> Vec<char> {
        if self.wrong.is_some() { Vec::new() } else { self.world.enabled() }
    }

    fn step(&mut self, actor: char) {
        if self.order.chars().count() == STEPS_MAX {
            self.wrong = Some(format!("It goes on after {STEPS_MAX} steps"));
            return;
        }
        self.order.push(actor);
        self.wrong = caught(|| self.world.step(actor)).err();
    }
}

impl<W: World + Send> Run<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread for each actor that is enabled for the first time.
    fn start_actors<'scope>(&'scope self, state: &mut State<W>, scope: &'scope Scope<'scope, '_>) {
        for actor in state.enabled() {
            if !state.started.contains(&actor) {
                state.started.push(actor);
                scope.spawn(move || self.act(actor, scope));
            }
        }
    }

    /// Takes the steps of an actor, until nobody can take one.
    fn act<'scope>(&'scope self, actor: char, scope: &'scope Scope<'scope, '_>) {
        let mut state = self.lock();
        loop {
            let enabled = state.enabled();
            if enabled.is_empty() {
                return;
            }
            if enabled.contains(&actor) {
                state.step(actor);
                self.start_actors(&mut state, scope);
                self.changed.notify_all();
                drop(state);
                state = self.lock();
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_text(&*panic)))
}
