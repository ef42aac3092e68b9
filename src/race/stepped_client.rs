//! A client between its steps, and the events that it got.
//!
//! Stepped by its server's `Rooms`, on the one thread that there is; its recipient records each event.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::moves::Move;
use crate::chat::members::MemberId;
use crate::chat::{End, Event, Refusal, RoomName};
use crate::engine::base::oneshot;
use crate::engine::base::queue::InboxSender;
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Undelivered};
use crate::engine::rooms::hub::Seat;
use crate::engine::rooms::inbox::{self, Admitted, BrokerCommand, RoomHandle};

/// The room that all scenarios are about.
pub fn room_name() -> RoomName {
    RoomName::parse("r").expect("a letter is a name")
}

/// A recipient that records its events: one connection of a client.
pub struct Recorder {
    pub fatal: bool,
    /// How long a round takes for it.
    pub takes: Duration,
    /// What the client has got, through whichever connection.
    pub events: Arc<Mutex<Vec<Arc<Event>>>>,
    pub end: Mutex<Option<End>>,
    /// The connection is lost, and with it what is delivered.
    is_lost: AtomicBool,
}

impl Recorder {
    fn new(fatal: bool, takes: Duration, events: Arc<Mutex<Vec<Arc<Event>>>>) -> Arc<Self> {
        Arc::new(Self { fatal, takes, events, end: Mutex::default(), is_lost: AtomicBool::new(false) })
    }

    pub fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    /// The number of the newest message that the client has got.
    pub fn newest(&self) -> Option<u64> {
        self.events.lock().iter().rev().find_map(|event| match &**event {
            Event::Message(message) => Some(message.seq),
            _ => None,
        })
    }
}

impl Recipient for Recorder {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        if self.fatal {
            resume_unwind(Box::new("this client breaks brokers"));
        }
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(Undelivered::Closed);
        }
        let Delivery::Event(event) = delivery else { return Err(Undelivered::Closed) };
        self.events.lock().push(Arc::clone(event));
        Ok(())
    }

    fn is_drained(&self) -> bool {
        thread::sleep(self.takes);
        true
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, end: End) {
        self.end.lock().get_or_insert(end);
    }
}

/// A client between its steps.
pub struct SteppedClient {
    pub name: char,
    pub moves: Vec<Move>,
    pub recorder: Arc<Recorder>,
    pub seat: Option<Seat>,
    pub member: Option<MemberId>,
    pub inbox: Option<InboxSender<BrokerCommand>>,
    pub handle: Option<RoomHandle>,
    pub reply: Option<oneshot::Receiver<Result<Admitted, Refusal>>>,
    /// The answer to a request that it sent without being a member.
    pub asked: Option<oneshot::Receiver<Event>>,
    /// The answer to its resume.
    pub back: Option<oneshot::Receiver<inbox::ResumeAnswer>>,
    /// Settled when the room has delivered what it owes a client whose input has ended.
    pub delivered: Option<oneshot::Receiver<()>>,
    /// How many events it had been given when it was sent the goodbye.
    pub before_goodbye: Option<usize>,
    /// The room that it is in, or wants to join.
    pub room: usize,
    /// Whether its latest join was refused, so that it has nothing to leave.
    pub is_refused: bool,
}

impl SteppedClient {
    pub fn new(name: char, moves: &[Move], fatal: bool, takes: Duration) -> Self {
        Self {
            name,
            moves: moves.iter().rev().cloned().collect(),
            recorder: Recorder::new(fatal, takes, Arc::default()),
            seat: None,
            member: None,
            inbox: None,
            handle: None,
            reply: None,
            asked: None,
            back: None,
            delivered: None,
            before_goodbye: None,
            room: 0,
            is_refused: false,
        }
    }

    /// Has another connection, by which it goes on.
    pub fn reconnect(&mut self) {
        let Recorder { fatal, takes, ref events, .. } = *self.recorder;
        self.recorder = Recorder::new(fatal, takes, Arc::clone(events));
    }

    /// Whether it is a member whom the room has not removed.
    pub fn is_in(&self) -> bool {
        self.handle.as_ref().is_some_and(|handle| !handle.is_revoked())
    }

    /// Whether its next step has what it waits for.
    pub fn is_enabled(&self) -> bool {
        match self.moves.last() {
            Some(Move::Hear) => self.reply.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(Move::HearOutcome) => self.asked.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(Move::HearResumed) => self.back.as_ref().is_none_or(oneshot::Receiver::is_settled),
            Some(Move::SayGoodbye) => self.delivered.as_ref().is_none_or(oneshot::Receiver::is_settled),
            next => next.is_some(),
        }
    }
}
