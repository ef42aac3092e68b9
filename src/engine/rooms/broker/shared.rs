//! A broker and the threads that run its rounds: the room's own, and those of its senders.
//!
//! To hand a command over costs a wake-up of the room's thread, more than a round costs in a small room. So a sender
//! that finds the broker free, and nothing before its command, carries the command out itself: a round of one, under
//! the broker's lock. Whatever cannot go this way at once goes through the inbox, to the room's thread.
//!
//! Why order, the seats and "a room never waits for a client" still hold: see [`SharedBroker`]. Rounds of one would
//! undo what rounds are for where commands come together: [`Pace`] decides.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::Broker;
use super::linger::linger_until;
use super::pace::Pace;
use crate::engine::base::queue::{Handled, InboxReceiver, Pending, RecvTimeoutError, Shortcut};
use crate::engine::base::sync::Mutex;
use crate::engine::rooms::inbox::BrokerCommand;

/// Members of a room whose senders run its rounds, at most.
const SMALL: usize = 16;

/// A broker, and the lock under which its rounds run.
///
/// * **Order.** A round is under the lock, on whichever thread. A sender takes the lock only while nothing is pending,
///   neither in the inbox nor with the room's thread; a command is pending before it is queued, and until the round
///   that handles it is over. So a command never overtakes an earlier one of its sender, nor one that was queued
///   before it was sent; the room's order is that of its rounds, as ever.
/// * **Nobody waits who did not.** A sender tries the lock and never waits for it. The room's thread alone waits for
///   it: for a round, which waits for nothing but the journal. A round neither sends to a room nor waits for one, so
///   who waits for whom has no cycle, and a room still waits for no client: the sender's thread is in the room's code
///   for the round, and nothing of its own connection is between two steps of it. Where a program that embeds the server
///   has brought a recipient of its own, whose code may wait, all rounds are on the room's thread.
/// * **The room's life.** A sender holds a sending end, so the room's thread has not ended, and does not end before the
///   sender is back. Seats are dropped in rounds as ever; the lock of the hub is taken under the broker's, never the
///   other way round. A round that panics on a sender's thread is the failure of the room: the panic is carried to the
///   room's thread, which ends of it, and takes the broker, its members' seats and the inbox with it.
/// * **Time.** The room's thread sleeps until the broker's next deadline; a sender whose round brings that forward
///   wakes it.
pub struct SharedBroker {
    slot: Mutex<Slot>,
}

/// What becomes of the broker.
enum Slot {
    Live(Box<Live>),
    /// A round has panicked: on a sender's thread, if the panic is still here. Nobody runs another; the room's thread
    /// takes away what is left of the broker.
    Failed {
        left: Box<Live>,
        panic: Option<Panic>,
    },
    Ended,
}

type Panic = Box<dyn Any + Send>;

struct Live {
    broker: Broker,
    pace: Pace,
    /// Until when the room's thread sleeps, unless it is sent something.
    sleeps_until: Option<Instant>,
}

impl SharedBroker {
    /// Runs the broker until no sender to its inbox is left, or its history goes on in another epoch. The body of a room's thread.
    pub fn run(broker: Broker, inbox: &InboxReceiver<BrokerCommand>) {
        let shared = Self::new(broker);
        // Also after a panic the broker goes, and with it its members' seats: the inbox keeps the shortcut.
        let _end = End(&shared);
        inbox.set_shortcut(Arc::clone(&shared) as _);
        while shared.turn(inbox) {}
    }

    /// A broker without a thread, for scenarios of races.
    pub fn new(broker: Broker) -> Arc<Self> {
        let live = Live { broker, pace: Pace::default(), sleeps_until: None };
        Arc::new(Self { slot: Mutex::new(Slot::Live(Box::new(live))) })
    }

    /// Waits for a command, or the broker's next deadline, and runs a round. False: the room is over.
    fn turn(&self, inbox: &InboxReceiver<BrokerCommand>) -> bool {
        let deadline = self.with_broker(|live| {
            live.sleeps_until = live.broker.due();
            live.sleeps_until
        });
        let received = match deadline {
            Some(deadline) => inbox.recv_deadline(deadline),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        self.with_broker(|live| match received {
            Ok(command) => {
                let is_woken = matches!(command, BrokerCommand::Wake | BrokerCommand::CatchUp);
                live.broker.linger();
                let commands = live.broker.round(command, inbox) - usize::from(is_woken);
                live.pace.round_of(commands);
                inbox.settle();
                !live.broker.is_superseded()
            }
            Err(RecvTimeoutError::Timeout) => {
                live.broker.finish();
                !live.broker.is_superseded()
            }
            Err(RecvTimeoutError::Disconnected) => {
                live.broker.close();
                false
            }
        })
    }

    /// On the room's thread. A panic goes on, also that of a sender's round.
    fn with_broker<T>(&self, work: impl FnOnce(&mut Live) -> T) -> T {
        let mut slot = self.slot.lock();
        let panic = match &mut *slot {
            Slot::Live(live) => match catch_unwind(AssertUnwindSafe(|| work(live))) {
                Ok(result) => return result,
                Err(panic) => {
                    // Before the lock is released: what is left of the broker is in no state for a round.
                    slot.fail(None);
                    panic
                }
            },
            Slot::Failed { panic, .. } => panic.take().expect("the room's thread ends with the first panic"),
            Slot::Ended => unreachable!("the room's thread ends the broker as the last thing that it does"),
        };
        drop(slot);
        resume_unwind(panic);
    }

    /// Carries out one command: a round of one, for scenarios of races.
    pub fn step(&self, command: BrokerCommand) {
        self.with_broker(|live| live.broker.step(command));
    }

    /// Closes the broker, to whose inbox no sender is left, for scenarios of races.
    pub fn close(&self) {
        self.with_broker(|live| live.broker.close());
    }

    /// What a scenario of races asks of the broker; `None` when it has ended.
    pub fn ask<T>(&self, question: impl FnOnce(&Broker) -> T) -> Option<T> {
        match &*self.slot.lock() {
            Slot::Live(live) | Slot::Failed { left: live, .. } => Some(question(&live.broker)),
            Slot::Ended => None,
        }
    }

    /// Takes the broker away; its members' seats go with it.
    pub fn end(&self) {
        let ended = std::mem::replace(&mut *self.slot.lock(), Slot::Ended);
        match ended {
            Slot::Live(left) | Slot::Failed { left, .. } => drop(left),
            Slot::Ended => {}
        }
    }
}

impl Shortcut<BrokerCommand> for SharedBroker {
    // ANCHOR: shortcut
    fn handle(&self, command: BrokerCommand, pending: &Pending) -> Handled<BrokerCommand> {
        let Some(mut slot) = self.slot.try_lock() else { return Handled::Not(command) };
        let Slot::Live(live) = &mut *slot else { return Handled::Not(command) };
        let is_excluded = live.broker.has_foreign || brings_foreign(&command);
        if is_excluded || !pending.is_none() || live.lingers() || !live.is_worth(&command) {
            return Handled::Not(command);
        }
        carry_out(&mut slot, command)
    }
    // ANCHOR_END: shortcut
}

/// In a frame of its own: a sender whose command is not carried out needs no stack for it.
#[inline(never)]
fn carry_out(slot: &mut Slot, command: BrokerCommand) -> Handled<BrokerCommand> {
    let Slot::Live(live) = slot else { return Handled::Not(command) };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live.broker.step(command))) {
        slot.fail(Some(panic));
        return Handled::Wake(BrokerCommand::Wake);
    }
    if live.broker.is_superseded() {
        // The room's thread ends it.
        return Handled::Wake(BrokerCommand::Wake);
    }
    let due = live.broker.due();
    if due.is_some_and(|due| live.sleeps_until.is_none_or(|until| due < until)) {
        live.sleeps_until = due;
        return Handled::Wake(BrokerCommand::Wake);
    }
    Handled::Here
}

impl Slot {
    fn fail(&mut self, panic: Option<Panic>) {
        if let Self::Live(left) = std::mem::replace(self, Self::Ended) {
            *self = Self::Failed { left, panic };
        }
    }
}

impl Live {
    /// Whether a round of this command alone is worth it. In a large room waking the room's thread costs little beside
    /// the writes, and gathering saves many. In a small one it is worth it for a command whose sender waits for the
    /// answer or goes away, and for a message where messages come one by one.
    fn is_worth(&mut self, command: &BrokerCommand) -> bool {
        let is_small = self.broker.table.count() <= SMALL;
        is_small && (!matches!(command, BrokerCommand::Request { .. }) || self.pace.allows())
    }

    /// Whether the broker waits for more commands before it begins a round.
    fn lingers(&self) -> bool {
        let until = linger_until(self.broker.previous, self.broker.linger_max);
        until.is_some_and(|until| until > self.broker.clock.instant_now())
    }
}

/// Whether the command brings a recipient whose code has to run on the room's thread.
pub(super) fn brings_foreign(command: &BrokerCommand) -> bool {
    match command {
        BrokerCommand::Join(join) => !join.recipient.is_prompt(),
        BrokerCommand::Resume(resume) => !resume.recipient.is_prompt(),
        BrokerCommand::Match { foreign, .. } => *foreign,
        _ => false,
    }
}

struct End<'a>(&'a SharedBroker);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
