//! A room's broker between its steps: opened, alive, broken or ended.
//!
//! Stepped by its server's `Rooms`, on the one thread that there is. A broker that panics drops what it held in two
//! steps, its members and then its inbox, as when the stack of its thread unwinds. Where the scenario has it so, a
//! client that sends to a live broker runs the round itself, within its own step.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::{Code, Limits, Refusal, UserName};
use crate::engine::base::clock::Clock;
use crate::engine::base::queue::{Handled, InboxReceiver, Pending, Shortcut, TryRecvError};
use crate::engine::base::sync::Mutex;
use crate::engine::rooms::broker::{self, Broker, SharedBroker};
use crate::engine::rooms::hub::Opening;
use crate::engine::rooms::inbox::{Asker, BrokerCommand};
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

/// What senders to a room meet before its inbox: notes what is queued, and passes commands to the broker where senders
/// may run its rounds.
#[derive(Default)]
pub struct Entrance {
    broker: Mutex<Option<Arc<SharedBroker>>>,
    /// What is in the inbox; `None` when the inbox is gone.
    queued: Mutex<Option<VecDeque<Queued>>>,
}

/// A command in an inbox.
#[derive(Clone, Debug)]
pub struct Queued {
    /// What it is, as a noun.
    pub what: &'static str,
    /// Who sent it.
    pub who: SentBy,
    /// Whether a seat is in it.
    has_seat: bool,
}

/// Who sent a command.
#[derive(Clone, Debug)]
pub enum SentBy {
    /// A user.
    User(UserName),
    /// The member of this number.
    Member(MemberId),
    /// The server.
    Server,
}

impl Queued {
    /// `None` of what no client sends.
    fn of(command: &BrokerCommand) -> Option<Self> {
        let (what, who) = match command {
            BrokerCommand::Join(join) => ("join", SentBy::User(join.request.user.clone())),
            BrokerCommand::Keep(_) => ("seat", SentBy::Server),
            BrokerCommand::Leave { member, .. } => ("leave", SentBy::Member(*member)),
            BrokerCommand::Detach { member } => ("interruption", SentBy::Member(*member)),
            BrokerCommand::Resume(resume) => ("resume", SentBy::Member(resume.member)),
            BrokerCommand::Request { member, .. } => ("request", SentBy::Member(*member)),
            BrokerCommand::Ask(awaited) => match &awaited.asker {
                Asker::NonMember(speaker) => ("request", SentBy::User(speaker.user.clone())),
                Asker::Member(member, _) => ("request", SentBy::Member(*member)),
            },
            BrokerCommand::Match { .. } => ("match", SentBy::Server),
            BrokerCommand::Flush(_) | BrokerCommand::CatchUp | BrokerCommand::Wake => return None,
        };
        let has_seat = matches!(command, BrokerCommand::Join(_) | BrokerCommand::Keep(_) | BrokerCommand::Match { .. });
        Some(Self { what, who, has_seat })
    }
}

impl Entrance {
    /// The entrance of a new inbox.
    pub fn new(inbox: &InboxReceiver<BrokerCommand>) -> Arc<Self> {
        let entrance = Arc::new(Self { broker: Mutex::default(), queued: Mutex::new(Some(VecDeque::new())) });
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
            queued.extend(Queued::of(command));
        }
        handled
    }
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
    /// Those who looked it up to join or ask, and were answered.
    pub answered: usize,
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
            answered: 0,
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

    /// The seats that its broker holds.
    pub fn held_seats(&self) -> usize {
        self.ask(Broker::seats)
    }

    /// The seats in its inbox.
    pub fn queued_seats(&self) -> usize {
        self.entrance.queued.lock().iter().flatten().filter(|queued| queued.has_seat).count()
    }

    /// What is in its inbox.
    pub fn queued(&self) -> Vec<Queued> {
        self.entrance.queued.lock().iter().flatten().cloned().collect()
    }

    /// What has become of it, in a word.
    pub fn life(&self) -> &'static str {
        match self.life {
            Life::Opening(_) => "not open yet",
            Life::Live(_) => "open",
            Life::Refusing => "without a history",
            Life::Broken(_) => "failed",
            Life::Ended => "ended",
        }
    }

    /// What it does next.
    pub fn next(&self) -> &'static str {
        match self.life {
            Life::Opening(_) => "reads its history, and opens",
            Life::Live(_) if self.inbox.as_ref().is_some_and(InboxReceiver::is_empty) => {
                "finds that nobody can send any more, and ends"
            }
            Life::Live(_) => "runs a round",
            Life::Refusing => "refuses what comes",
            Life::Broken(Some(_)) => "has failed, and takes its members' seats with it",
            Life::Broken(None) => "has failed, and takes its inbox with it",
            Life::Ended => "has ended",
        }
    }

    /// Whether its inbox has nothing in it.
    pub fn is_inbox_empty(&self) -> bool {
        self.inbox.as_ref().is_none_or(InboxReceiver::is_empty)
    }

    /// Ends it, whatever is in its inbox: what no room does.
    pub fn end_early(&mut self) {
        if let Life::Live(broker) = std::mem::replace(&mut self.life, Life::Ended) {
            broker.end();
        }
        self.discard();
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
        if let (Some(_), Some(queued)) = (Queued::of(&command), &mut *self.entrance.queued.lock()) {
            queued.pop_front();
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
                let answers =
                    matches!(command, BrokerCommand::Join(_) | BrokerCommand::Ask(_) | BrokerCommand::Keep(_));
                let stepped = catch_unwind(AssertUnwindSafe(|| broker.step(command)));
                self.inbox.iter().for_each(InboxReceiver::settle);
                self.answered += usize::from(answers && stepped.is_ok());
                if stepped.is_ok() { Life::Live(broker) } else { Life::Broken(Some(broker)) }
            }
            None => {
                assert_eq!(broker.ask(Broker::members), Some(0), "a broker ends when nobody can send");
                broker.close();
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
