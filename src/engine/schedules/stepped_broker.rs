//! A room's broker between its steps: opened, alive, broken or ended.
//!
//! Stepped by the world, on the test's thread. A broker that panics drops what it held in two
//! steps, its members and then its inbox, as when the stack of its thread unwinds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::chat::{Code, Limits, Refusal};
use crate::engine::base::clock::Clock;
use crate::engine::base::queue::{InboxReceiver, TryRecvError};
use crate::engine::rooms::broker::{self, Broker};
use crate::engine::rooms::hub::Opening;
use crate::engine::rooms::inbox::BrokerCommand;
use crate::store::Memory;

enum Life {
    Opening(Opening),
    Live(Broker),
    /// It found no history, and refuses everybody.
    Refusing,
    /// It has panicked.
    Broken(Option<Broker>),
    Ended,
}

/// See the module.
pub struct SteppedBroker {
    opening: Opening,
    /// Whether it finds no history, so that it never runs and refuses everybody.
    stillborn: bool,
    life: Life,
    inbox: Option<InboxReceiver<BrokerCommand>>,
    /// Seats in its inbox.
    pub queued: usize,
}

impl SteppedBroker {
    /// What the hub's opener was given.
    pub fn new(opening: Opening, inbox: InboxReceiver<BrokerCommand>, stillborn: bool) -> Self {
        Self { life: Life::Opening(opening.clone()), opening, stillborn, inbox: Some(inbox), queued: 0 }
    }

    pub fn lives(&self) -> bool {
        matches!(self.life, Life::Live(_))
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.life, Life::Ended)
    }

    /// The members that the list of rooms is told.
    pub fn population(&self) -> usize {
        self.opening.view.population()
    }

    /// Takes its next step.
    pub fn step(&mut self) {
        self.life = match std::mem::replace(&mut self.life, Life::Ended) {
            Life::Opening(_) if self.stillborn => Life::Refusing,
            Life::Opening(opening) => Life::Live(broker(opening)),
            Life::Refusing => self.refuse(),
            Life::Live(broker) => self.run(broker),
            Life::Broken(Some(broker)) => {
                drop(broker);
                Life::Broken(None)
            }
            Life::Broken(None) => {
                self.discard();
                Life::Ended
            }
            Life::Ended => unreachable!("it is not able"),
        };
    }

    pub fn is_able(&self) -> bool {
        match self.life {
            Life::Live(_) | Life::Refusing => self.inbox.as_ref().is_some_and(is_ready),
            Life::Opening(_) | Life::Broken(_) => true,
            Life::Ended => false,
        }
    }

    pub fn members(&self) -> usize {
        self.broker().map_or(0, Broker::members)
    }

    /// The seats that its broker holds.
    pub fn seats(&self) -> usize {
        self.broker().map_or(0, Broker::seats)
    }

    fn broker(&self) -> Option<&Broker> {
        match &self.life {
            Life::Live(broker) | Life::Broken(Some(broker)) => Some(broker),
            _ => None,
        }
    }

    /// The next command; `None` when nobody can send any more.
    fn receive(&mut self) -> Option<BrokerCommand> {
        let command = self.inbox.as_ref().expect("it lives").try_recv().ok()?;
        self.queued -= usize::from(matches!(command, BrokerCommand::Join(_) | BrokerCommand::Keep(_)));
        Some(command)
    }

    fn refuse(&mut self) -> Life {
        let Some(command) = self.receive() else {
            self.discard();
            return Life::Ended;
        };
        broker::refuse(command, &Refusal::new(Code::Unavailable, "no history"));
        Life::Refusing
    }

    fn run(&mut self, mut broker: Broker) -> Life {
        match self.receive() {
            Some(command) => match catch_unwind(AssertUnwindSafe(|| broker.step(command))) {
                Ok(()) => Life::Live(broker),
                Err(_) => Life::Broken(Some(broker)),
            },
            None => {
                assert_eq!(broker.members(), 0, "a broker ends when nobody can send");
                drop(broker);
                self.discard();
                Life::Ended
            }
        }
    }

    /// With the receiver goes what is queued.
    fn discard(&mut self) {
        self.inbox = None;
        self.queued = 0;
    }
}

/// Whether a receive would not block. Takes nothing.
fn is_ready<T>(receiver: &InboxReceiver<T>) -> bool {
    !receiver.is_empty() || matches!(receiver.try_recv(), Err(TryRecvError::Disconnected))
}

fn broker(opening: Opening) -> Broker {
    broker::open(opening, Clock::start(), &Limits::default(), &Memory).expect("memory is always there")
}
