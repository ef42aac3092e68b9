//! A bounded queue with one condition variable for two conditions: a wake-up reaches the wrong waiter, and is lost.
//!
//!     cargo run -p roomd-race --example bounded_queue -- --html pages

use std::collections::VecDeque;

use roomd_race::{Step, World};

mod support;

/// What a notification wakes.
#[derive(Clone, Copy, PartialEq)]
enum Notify {
    /// One waiter, whichever came first.
    One,
    /// All waiters.
    All,
}

/// A queue with room for one item; letters put an item into it, digits take one out.
struct Queue {
    notify: Notify,
    items: VecDeque<char>,
    /// Who waits to be woken, in the order of coming.
    waiting: VecDeque<char>,
    /// Who has still something to do.
    busy: Vec<char>,
}

impl Queue {
    fn new(notify: Notify, actors: &str) -> Self {
        Self { notify, items: VecDeque::new(), waiting: VecDeque::new(), busy: actors.chars().collect() }
    }

    fn puts(actor: char) -> bool {
        actor.is_alphabetic()
    }
}

impl World for Queue {
    fn enabled(&self) -> Vec<char> {
        self.busy.iter().filter(|actor| !self.waiting.contains(actor)).copied().collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        // One critical section: look, and go to sleep or do it and notify.
        if self.items.is_empty() != Self::puts(actor) {
            self.waiting.push_back(actor);
            return Ok(());
        }
        if Self::puts(actor) {
            self.items.push_back(actor);
        } else {
            self.items.pop_front();
        }
        self.busy.retain(|other| *other != actor);
        match self.notify {
            Notify::One => _ = self.waiting.pop_front(),
            Notify::All => self.waiting.clear(),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        match self.busy.first() {
            Some(actor) => Err(format!("{actor} sleeps for ever, with {} items in the queue", self.items.len())),
            None => Ok(()),
        }
    }

    fn next_step(&self, actor: char) -> Step {
        let can = self.items.is_empty() == Self::puts(actor);
        let text = match (Self::puts(actor), can) {
            (true, true) => "puts an item in, and notifies",
            (true, false) => "finds the queue full, and sleeps",
            (false, true) => "takes an item out, and notifies",
            (false, false) => "finds the queue empty, and sleeps",
        };
        Step::new(text).locks("queue")
    }

    fn state(&self) -> Vec<(String, String)> {
        let names = |actors: &VecDeque<char>| actors.iter().map(char::to_string).collect::<Vec<_>>().join(" ");
        vec![("queue".to_owned(), format!("[{}]", names(&self.items))), ("asleep".to_owned(), names(&self.waiting))]
    }
}

pub fn main() {
    support::show_mistake("A lost wake-up", || Queue::new(Notify::One, "AB12"));
    support::show_right("Notifying all", || Queue::new(Notify::All, "AB12"));
}
