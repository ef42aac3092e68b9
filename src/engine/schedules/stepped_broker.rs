//! A room's broker between its steps: opened, alive, broken or ended.
//!
//! Stepped by the world, on the test's thread. A broker that panics drops what it held in two
//! steps, its members and then its inbox, as when the stack of its thread unwinds. Where the scenario has it so, a
//! client that sends to a live broker runs the round itself, within its own step.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::chat::{Code, Limits, Refusal};
use crate::engine::base::clock::Clock;
use crate::engine::base::queue::{Handled, InboxReceiver, Pending, Shortcut, TryRecvError};
use crate::engine::base::sync::Mutex;
use crate::engine::rooms::broker::{self, Broker, SharedBroker};
use crate::engine::rooms::hub::Opening;
use crate::engine::rooms::inbox::BrokerCommand;
use crate::store::Store;

enum Life {
    Opening(Opening),
    Live(Arc<SharedBroker>),
    /// It found no history, and refuses everybody.
    Refusing,
    /// It has panicked.
    Broken(Option<Arc<SharedBroker>>),
    Ended,
}

/// What senders to a room meet before its inbox: counts the seats that are queued, and passes commands to the broker
/// where senders may run its rounds.
#[derive(Default)]
pub struct Entrance {
    broker: Mutex<Option<Arc<SharedBroker>>>,
    /// Seats in the inbox; `None` when the inbox is gone.
    queued: Mutex<Option<usize>>,
}

impl Entrance {
    /// The entrance of a new inbox.
    pub fn new(inbox: &InboxReceiver<BrokerCommand>) -> Arc<Self> {
        let entrance = Arc::new(Self { broker: Mutex::default(), queued: Mutex::new(Some(0)) });
        inbox.set_shortcut(Arc::clone(&entrance) as _);
        entrance
    }
}

impl Shortcut<BrokerCommand> for Entrance {
    fn handle(&self, command: BrokerCommand, pending: &Pending) -> Handled<BrokerCommand> {
        let broker = self.broker.lock().clone();
        let handled = match broker {
            Some(broker) => broker.handle(command, pending),
            None => Handled::Not(command),
        };
        if let (Handled::Not(command), Some(queued)) = (&handled, &mut *self.queued.lock()) {
            *queued += usize::from(has_seat(command));
        }
        handled
    }
}

fn has_seat(command: &BrokerCommand) -> bool {
    matches!(command, BrokerCommand::Join(_) | BrokerCommand::Keep(_))
}

/// See the module.
pub struct SteppedBroker {
    opening: Opening,
    store: Arc<dyn Store>,
    /// Whether it finds no history, so that it never runs and refuses everybody.
    stillborn: bool,
    life: Life,
    inbox: Option<InboxReceiver<BrokerCommand>>,
    entrance: Arc<Entrance>,
    /// Whether senders may run rounds.
    is_shared: bool,
}

impl SteppedBroker {
    /// What the hub's opener was given.
    pub fn new(
        opening: Opening,
        (inbox, entrance): (InboxReceiver<BrokerCommand>, Arc<Entrance>),
        store: Arc<dyn Store>,
        stillborn: bool,
        is_shared: bool,
    ) -> Self {
        Self {
            life: Life::Opening(opening.clone()),
            opening,
            store,
            stillborn,
            inbox: Some(inbox),
            entrance,
            is_shared,
        }
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
            Life::Opening(opening) => {
                let broker = SharedBroker::new(broker(opening, &*self.store));
                if self.is_shared {
                    *self.entrance.broker.lock() = Some(Arc::clone(&broker));
                }
                Life::Live(broker)
            }
            Life::Refusing => self.refuse(),
            Life::Live(broker) => self.run(broker),
            Life::Broken(Some(broker)) => {
                broker.end();
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
        self.ask(Broker::members)
    }

    /// The seats that its broker holds, and those in its inbox.
    pub fn seats(&self) -> usize {
        self.ask(Broker::seats) + self.entrance.queued.lock().unwrap_or(0)
    }

    fn ask(&self, question: impl FnOnce(&Broker) -> usize) -> usize {
        match &self.life {
            Life::Live(broker) | Life::Broken(Some(broker)) => broker.ask(question).unwrap_or(0),
            _ => 0,
        }
    }

    /// The next command; `None` when nobody can send any more.
    fn receive(&mut self) -> Option<BrokerCommand> {
        let command = self.inbox.as_ref().expect("it lives").try_recv().ok()?;
        if let Some(queued) = &mut *self.entrance.queued.lock() {
            *queued -= usize::from(has_seat(&command));
        }
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

    fn run(&mut self, broker: Arc<SharedBroker>) -> Life {
        match self.receive() {
            Some(command) => {
                let stepped = catch_unwind(AssertUnwindSafe(|| broker.step(command)));
                self.inbox.iter().for_each(InboxReceiver::settle);
                if stepped.is_ok() { Life::Live(broker) } else { Life::Broken(Some(broker)) }
            }
            None => {
                assert_eq!(broker.ask(Broker::members), Some(0), "a broker ends when nobody can send");
                broker.end();
                self.discard();
                Life::Ended
            }
        }
    }

    /// With the receiver goes what is queued.
    fn discard(&mut self) {
        self.inbox = None;
        *self.entrance.queued.lock() = None;
        *self.entrance.broker.lock() = None;
    }
}

/// Whether a receive would not block. Takes nothing.
fn is_ready<T>(receiver: &InboxReceiver<T>) -> bool {
    !receiver.is_empty() || matches!(receiver.try_recv(), Err(TryRecvError::Disconnected))
}

fn broker(opening: Opening, store: &dyn Store) -> Broker {
    broker::open(opening, Clock::stopped(), &Limits::default(), store).expect("the store is always there")
}
