//! Exact resume: who comes back has each message once, in order, whenever the connection broke.
//!
//! What is delivered to a connection that is lost is lost; the room learns of that later. The client says what it has
//! seen last, and the room gives it what comes behind that, in the same step in which it takes the new connection.

use std::collections::VecDeque;

use stateright::{Checker as _, Model, Property};

use crate::transitions::{Facts, Specification, hold_together};

/// `A`, a member, loses its connection and resumes, while `B` says two things.
#[derive(Clone, Debug)]
struct Resuming {
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// A client is given what comes behind what it has seen.
    BehindWhatWasSeen,
    /// A mistake: it is given what was said since the room learned of the loss.
    SinceTheLoss,
    /// A mistake: it is given what was said since it entered.
    SinceItEntered,
}

const SAID: usize = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    /// Messages that B has said, and those that are stored.
    said: usize,
    stored: usize,
    inbox: VecDeque<Command>,
    /// Steps that A has taken.
    taken: usize,
    is_connection_lost: bool,
    is_answered: bool,
    /// What was stored when the room learned of the loss.
    stored_at_loss: usize,
    /// The messages that A has got.
    seen: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Command {
    Request,
    Interruption,
    Resume { seen: usize },
}

impl State {
    fn step_member(&mut self) {
        self.taken += 1;
        match self.taken {
            1 => {
                self.is_connection_lost = true;
                self.inbox.push_back(Command::Interruption);
            }
            2 => self.inbox.push_back(Command::Resume { seen: self.seen.last().copied().unwrap_or(0) }),
            _ => {}
        }
    }

    fn step_room(&mut self, rule: Rule) {
        match self.inbox.pop_front().unwrap() {
            Command::Request => {
                self.stored += 1;
                self.seen.extend(Some(self.stored).filter(|_| !self.is_connection_lost));
            }
            Command::Interruption => self.stored_at_loss = self.stored,
            Command::Resume { seen } => {
                let after = match rule {
                    Rule::BehindWhatWasSeen => seen,
                    Rule::SinceTheLoss => self.stored_at_loss,
                    Rule::SinceItEntered => 0,
                };
                self.seen.extend(after + 1..=self.stored);
                (self.is_connection_lost, self.is_answered) = (false, true);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.taken == 3 && self.stored == SAID
    }
}

impl Model for Resuming {
    type State = State;
    type Action = char;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<char>) {
        let can_go_on = state.taken < 2 || (state.taken == 2 && state.is_answered);
        actions.extend(can_go_on.then_some('A'));
        actions.extend((state.said < SAID).then_some('B'));
        actions.extend((!state.inbox.is_empty()).then_some('1'));
    }

    fn next_state(&self, state: &State, actor: char) -> Option<State> {
        let mut next = state.clone();
        match actor {
            'A' => next.step_member(),
            'B' => {
                next.said += 1;
                next.inbox.push_back(Command::Request);
            }
            _ => next.step_room(self.rule),
        }
        Some(next)
    }

    // ANCHOR: properties
    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what was seen has no gap and no double", |_, state: &State| {
                state.seen.iter().copied().eq(1..=state.seen.len())
            }),
            Property::always("who has the answer has missed nothing", |_, state: &State| {
                state.taken < 3 || state.seen.len() == state.stored
            }),
            Property::eventually("A is back, and has all of it", |_, state: &State| {
                state.is_over() && state.seen.len() == SAID
            }),
            Property::sometimes("a message is lost with the connection", |_, state: &State| {
                state.is_connection_lost && state.seen.len() < state.stored_at_loss
            }),
        ]
    }
    // ANCHOR_END: properties
}

impl Specification for Resuming {
    fn facts(&self, state: &State) -> Facts {
        let list = |items: Vec<String>, none: &str| if items.is_empty() { none.to_owned() } else { items.join(", ") };
        let inbox = state.inbox.iter().map(|command| match command {
            Command::Request => "request of B".to_owned(),
            Command::Interruption => "interruption of A".to_owned(),
            Command::Resume { .. } => "resume of A".to_owned(),
        });
        let seen = state.seen.iter().map(|number| format!("B{number}"));
        let acknowledged = (1..=state.stored).map(|number| format!("sent {number}, B{number}"));
        Facts::from([
            ("room 1: inbox".to_owned(), list(inbox.collect(), "empty")),
            ("A: told".to_owned(), list(seen.collect(), "nothing")),
            ("B: told".to_owned(), list(acknowledged.collect(), "nothing")),
        ])
    }
}

#[test]
fn resuming_is_as_specified() {
    hold_together("resume-beside-messages", &Resuming { rule: Rule::BehindWhatWasSeen });
}

#[test]
fn a_resume_that_is_not_exact_is_found() {
    for rule in [Rule::SinceTheLoss, Rule::SinceItEntered] {
        let checker = Resuming { rule }.checker().spawn_bfs().join();
        checker.assert_any_discovery("what was seen has no gap and no double");
    }
}
