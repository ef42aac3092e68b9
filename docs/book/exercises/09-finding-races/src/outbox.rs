//! An outbox and its writer, one step at a time. Nothing is to be changed here.
//!
//! The room (`R`) adds messages to the backlog, and starts a writer (`W`) if there is none. The writer looks at the backlog,
//! takes what is there and writes it; when nothing is there it ends. Each look is under the outbox's lock, and so is each
//! addition; to write takes no lock.

use roomd_race::{Step, World};

/// Messages that the room adds.
const MESSAGES: usize = 2;

/// What is behind the outbox's lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Messages that wait.
    pub backlog: usize,
    /// Whether there is a writer: where there is none, the room starts one.
    pub has_writer: bool,
}

/// What a writer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Takes the lock, and looks at the backlog.
    Look,
    /// Writes so many messages.
    Write(usize),
    /// Takes the lock, and retires.
    Retire,
    /// Nothing: its thread has ended.
    End,
}

/// What a writer does under the lock.
#[derive(Clone, Copy)]
pub struct Rule {
    /// It looks at the backlog.
    pub look: fn(&mut State) -> Next,
    /// It retires, when it was told to.
    pub retire: fn(&mut State) -> Next,
}

// ANCHOR: wrong
/// A writer that finds nothing, and then says that it goes.
pub const WRONG: Rule = Rule {
    look: |state| match std::mem::take(&mut state.backlog) {
        0 => Next::Retire,
        messages => Next::Write(messages),
    },
    retire: |state| {
        state.has_writer = false;
        Next::End
    },
};
// ANCHOR_END: wrong

/// The outbox, with a writer of this rule.
pub struct Outbox {
    rule: Rule,
    state: State,
    added: usize,
    written: usize,
    writer: Next,
}

impl Outbox {
    /// Nothing waits, and there is no writer.
    pub fn new(rule: Rule) -> Self {
        Self { rule, state: State::default(), added: 0, written: 0, writer: Next::End }
    }
}

impl World for Outbox {
    fn enabled(&self) -> Vec<char> {
        let can = [('R', self.added < MESSAGES), ('W', self.writer != Next::End)];
        can.into_iter().filter(|(_, can)| *can).map(|(actor, _)| actor).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        if actor == 'R' {
            self.added += 1;
            self.state.backlog += 1;
            if !self.state.has_writer {
                if self.writer != Next::End {
                    return Err("there are two writers".to_owned());
                }
                (self.state.has_writer, self.writer) = (true, Next::Look);
            }
            return Ok(());
        }
        self.writer = match self.writer {
            Next::Look => (self.rule.look)(&mut self.state),
            Next::Retire => (self.rule.retire)(&mut self.state),
            Next::Write(messages) => {
                self.written += messages;
                Next::Look
            }
            Next::End => unreachable!("it is not enabled"),
        };
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        if self.written == MESSAGES {
            Ok(())
        } else {
            Err("a message waits, and nobody is going to write it".to_owned())
        }
    }

    fn next_step(&self, actor: char) -> Step {
        match (actor, self.writer) {
            ('R', _) => Step::new("adds a message, and starts a writer if there is none").locks("outbox"),
            (_, Next::Look) => Step::new("looks at the backlog").locks("outbox"),
            (_, Next::Retire) => Step::new("retires").locks("outbox"),
            _ => Step::new("writes").writes("socket"),
        }
    }

    fn state(&self) -> Vec<(String, String)> {
        let State { backlog, has_writer } = &self.state;
        [
            ("backlog", backlog.to_string()),
            ("has_writer", has_writer.to_string()),
            ("written", self.written.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}
