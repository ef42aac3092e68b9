//! A world that is written down step by step: threads, each a list of steps, over something that they share.
//!
//! For what fits on a page, where the list is the program. What jumps, waits or looks at more than its own place is in
//! the steps' functions; whoever needs more implements `World`.

use std::fmt::Debug;

use super::step::Step;
use super::world::World;

/// Where a thread goes on after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goto {
    /// With the next step of its list.
    Next,
    /// With this one, counted from 0.
    Step(usize),
    /// Nowhere: it has ended.
    End,
}

/// A step of a list: what a reader is told, when it can be taken, and what it does to what is shared.
pub struct Line<S> {
    text: &'static str,
    lock: Option<&'static str>,
    to: Option<char>,
    when: fn(&S) -> bool,
    act: Act<S>,
}

enum Act<S> {
    Then(fn(&mut S)),
    Branch(fn(&mut S) -> Goto),
}

impl<S> Clone for Act<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Act<S> {}

impl<S> Clone for Line<S> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<S> Line<S> {
    /// A step that can always be taken; the next of the list follows.
    #[must_use]
    pub fn new(text: &'static str, act: fn(&mut S)) -> Self {
        Self { text, lock: None, to: None, when: |_| true, act: Act::Then(act) }
    }

    /// A step that says where its thread goes on.
    #[must_use]
    pub fn branch(text: &'static str, act: fn(&mut S) -> Goto) -> Self {
        Self { text, lock: None, to: None, when: |_| true, act: Act::Branch(act) }
    }

    /// It waits until this holds.
    #[must_use]
    pub fn when(self, when: fn(&S) -> bool) -> Self {
        Self { when, ..self }
    }

    /// It is a critical section under this lock. Drawn as a box.
    #[must_use]
    pub fn locks(self, lock: &'static str) -> Self {
        Self { lock: Some(lock), ..self }
    }

    /// It sends something to this thread. Drawn as an arrow.
    #[must_use]
    pub fn sends_to(self, to: char) -> Self {
        Self { to: Some(to), ..self }
    }
}

/// Threads that run lists of steps.
///
/// ```
/// use roomd_race::{Line, Program, Search};
///
/// #[derive(Clone, Debug, Default)]
/// struct Counter {
///     value: u32,
///     a: u32,
///     b: u32,
/// }
///
/// let program = Program::new(Counter::default())
///     .thread('A', [
///         Line::new("reads", |s: &mut Counter| s.a = s.value),
///         Line::new("writes", |s| s.value = s.a + 1),
///     ])
///     .thread('B', [
///         Line::new("reads", |s: &mut Counter| s.b = s.value),
///         Line::new("writes", |s| s.value = s.b + 1),
///     ])
///     .at_end(|s| if s.value == 2 { Ok(()) } else { Err(format!("the value is {}", s.value)) });
/// assert_eq!(Search::default().run(|| program.clone()).unwrap_err().order, "ABAB");
/// ```
pub struct Program<S> {
    shared: S,
    threads: Vec<Thread<S>>,
    always: fn(&S) -> Result<(), String>,
    at_end: fn(&S) -> Result<(), String>,
}

struct Thread<S> {
    name: char,
    lines: Vec<Line<S>>,
    /// The line that comes next; behind the last it has ended.
    at: usize,
}

impl<S: Clone> Clone for Program<S> {
    fn clone(&self) -> Self {
        let threads = self.threads.iter();
        let threads = threads.map(|thread| Thread { name: thread.name, lines: thread.lines.clone(), at: thread.at });
        Self { shared: self.shared.clone(), threads: threads.collect(), always: self.always, at_end: self.at_end }
    }
}

impl<S> Program<S> {
    /// Without threads.
    #[must_use]
    pub fn new(shared: S) -> Self {
        Self { shared, threads: Vec::new(), always: |_| Ok(()), at_end: |_| Ok(()) }
    }

    /// A thread that runs these steps from the first on.
    #[must_use]
    pub fn thread(mut self, name: char, lines: impl IntoIterator<Item = Line<S>>) -> Self {
        self.threads.push(Thread { name, lines: lines.into_iter().collect(), at: 0 });
        self
    }

    /// What must hold after each step.
    #[must_use]
    pub fn always(self, always: fn(&S) -> Result<(), String>) -> Self {
        Self { always, ..self }
    }

    /// What must hold when all threads have ended.
    #[must_use]
    pub fn at_end(self, at_end: fn(&S) -> Result<(), String>) -> Self {
        Self { at_end, ..self }
    }

    fn next(&self, actor: char) -> Option<&Line<S>> {
        let thread = self.threads.iter().find(|thread| thread.name == actor)?;
        thread.lines.get(thread.at)
    }
}

impl<S: Debug> World for Program<S> {
    fn enabled(&self) -> Vec<char> {
        let is_enabled =
            |thread: &&Thread<S>| thread.lines.get(thread.at).is_some_and(|line| (line.when)(&self.shared));
        self.threads.iter().filter(is_enabled).map(|thread| thread.name).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        let thread = self.threads.iter_mut().find(|thread| thread.name == actor).expect("an actor is a thread");
        let goto = match thread.lines[thread.at].act {
            Act::Then(act) => {
                act(&mut self.shared);
                Goto::Next
            }
            Act::Branch(act) => act(&mut self.shared),
        };
        thread.at = match goto {
            Goto::Next => thread.at + 1,
            Goto::Step(at) => at,
            Goto::End => thread.lines.len(),
        };
        (self.always)(&self.shared)
    }

    fn finish(self) -> Result<(), String> {
        let waits = self.threads.iter().filter_map(|thread| {
            let line = thread.lines.get(thread.at)?;
            Some(format!("{} waits for ever, before it {}", thread.name, line.text))
        });
        let waits: Vec<_> = waits.collect();
        if waits.is_empty() { (self.at_end)(&self.shared) } else { Err(waits.join("; ")) }
    }

    fn next_step(&self, actor: char) -> Step {
        let Some(line) = self.next(actor) else { return Step::default() };
        let step = Step::new(line.text).writes("shared");
        let step = if let Some(lock) = line.lock { step.locks(lock) } else { step };
        if let Some(to) = line.to { step.sends_to(to) } else { step }
    }

    /// The fields of what is shared, as its `Debug` has them: one a line.
    fn state(&self) -> Vec<(String, String)> {
        let text = format!("{:#?}", self.shared);
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            let depth = line.len() - line.trim_start().len();
            match (depth, line.trim().split_once(": "), fields.last_mut()) {
                (4, Some((name, value)), _) => fields.push((name.to_owned(), value.trim_end_matches(',').to_owned())),
                (4.., _, Some((_, value))) => value.push_str(line.trim()),
                _ => {}
            }
        }
        for (_, value) in &mut fields {
            let tidy = value.trim_end_matches(',').replace(",]", "]").replace(",}", "}").replace(",)", ")");
            *value = tidy.replace(',', ", ").replace(",  ", ", ");
        }
        fields
    }
}
