//! The broker of a room, on the room's thread: takes commands from its inbox, steps the room, writes to its members.
//!
//! In a round it receives one command, drains the rest of the inbox, applies them all, has the store number the new
//! messages in **one** call, and then gives each member what is new for it in **one** write. It blocks on its inbox
//! and on the store, never on a client, and ends when no sender to its inbox is left. Where a round would have a single
//! command, its sender runs it: see `shared.rs`.

mod asking;
mod catch_up;
mod delivery;
mod evicted;
mod joining;
pub mod linger;
mod matching;
mod opening;
pub mod pace;
mod shared;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asking::Asked;
use evicted::Evicted;
use linger::{Round, SEVERAL, linger_until};
pub use opening::{open, refuse, thread_per_room};
pub use shared::SharedBroker;
use shared::brings_foreign;

use crate::chat::members::MemberId;
use crate::chat::receipts::GATHERED_FOR;
use crate::chat::room::{Effect, Input, Room};
use crate::chat::{
    Appended, Draft, Event, Id, Moment, Recovery, Refusal, RemoteAttendance, RoomRequest, Slow, StoreFailed, UserName,
};
use crate::engine::base::clock::Clock;
use crate::engine::base::oneshot;
use crate::engine::base::queue::InboxReceiver;
use crate::engine::base::sync::thread;
use crate::engine::clients::recipient::{Absent, Form};
use crate::engine::rooms::batch::Batch;
use crate::engine::rooms::hub::Seat;
use crate::engine::rooms::inbox::{Admitted, BrokerCommand, PendingJoin, ResumeAnswer};
use crate::engine::rooms::policy_index::RoomView;
use crate::engine::rooms::table::{Subscriber, Table};
use crate::store::RoomLog;

/// Commands of one round, at most.
const ROUND_COMMANDS_MAX: usize = 256;
/// Bytes of one round after which no further command is taken into it.
const ROUND_BYTES_MAX: usize = 128 * 1024;
/// How often a lagging member is tried again while the room is idle.
const LAGGED_RETRY: Duration = Duration::from_secs(1);
/// How often drafts are given to the store that are stale each time, because others change the policy meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// A room with its members.
pub struct Broker {
    room: Room,
    room_log: Box<dyn RoomLog>,
    clock: Clock,
    slow: Slow,
    linger_max: Duration,
    view: RoomView,
    table: Table,
    evicted: Evicted,
    batch: Batch,
    /// Members that have events of their own in this round.
    own: Vec<MemberId>,
    /// Typing notices of this round, with the user who types and gets none.
    best_effort: Vec<(UserName, Event)>,
    /// Joins that the room has not answered yet.
    joining: HashMap<MemberId, Box<PendingJoin>>,
    /// Joins that were answered, to be sent when the member has been given what comes with it.
    admitted: Vec<(oneshot::Sender<Result<Admitted, Refusal>>, Admitted)>,
    /// Members whose resume the room has not answered yet.
    resuming: HashMap<MemberId, oneshot::Sender<ResumeAnswer>>,
    /// Resumes that were answered, likewise.
    resumed: Vec<(oneshot::Sender<ResumeAnswer>, ResumeAnswer)>,
    /// Requests whose senders wait for the answer.
    asked: Vec<Asked>,
    /// Readers that wait for the end of the round.
    flushing: Vec<oneshot::Sender<()>>,
    /// The server's own seats.
    server_seats: Vec<Seat>,
    /// Seats that were given up in this round, where there are members by a pattern: they are delivered to first.
    left: Vec<Seat>,
    /// Answers of this round to those who hold seats of their own, likewise.
    answers: Vec<(oneshot::Sender<Event>, Event)>,
    /// Whether the room has ended in this round, and begins again.
    begins_again: bool,
    /// Bytes of this round's messages that are not stored yet.
    draft_bytes: usize,
    effects: Vec<Effect>,
    /// Whether a member has missed messages that were not reported to it yet.
    lagging: bool,
    /// Whether a member's messages are not all written to its socket yet.
    unwritten: bool,
    /// Receipts of this round, and the members that get them.
    receipts: (Vec<MemberId>, Vec<Event>),
    /// The last round, if it had [`SEVERAL`] messages.
    previous: Option<Round>,
    /// Whether it ever had a recipient whose code has to run on the room's thread.
    has_foreign: bool,
    /// Whether it was told in this round that other servers have gone on.
    has_news: bool,
    /// Whether it has shown in this round what other servers did.
    is_current: bool,
    /// What was heard of members on other servers, until the history is up to date.
    heard: Vec<RemoteAttendance>,
}

impl Broker {
    /// The broker of `room`. `slow` and `linger_max`: see [`crate::chat::Limits`].
    #[must_use]
    pub fn new(
        room: Room,
        room_log: Box<dyn RoomLog>,
        clock: Clock,
        slow: Slow,
        linger_max: Duration,
        view: RoomView,
    ) -> Self {
        view.open(clock.now().at);
        Self {
            room,
            room_log,
            clock,
            slow,
            linger_max,
            table: Table::default(),
            evicted: Evicted::default(),
            batch: Batch::new(Arc::clone(&view.metrics.outbox_total), slow, view.authors.clone()),
            view,
            own: Vec::new(),
            best_effort: Vec::new(),
            joining: HashMap::new(),
            admitted: Vec::new(),
            resuming: HashMap::new(),
            resumed: Vec::new(),
            asked: Vec::new(),
            flushing: Vec::new(),
            server_seats: Vec::new(),
            left: Vec::new(),
            answers: Vec::new(),
            begins_again: false,
            draft_bytes: 0,
            effects: Vec::new(),
            lagging: false,
            unwritten: false,
            receipts: Default::default(),
            previous: None,
            has_foreign: false,
            has_news: false,
            is_current: false,
            heard: Vec::new(),
        }
    }

    /// Runs until no sender to its inbox is left.
    pub fn run(self, inbox: &InboxReceiver<BrokerCommand>) {
        SharedBroker::run(self, inbox);
    }

    /// Applies one command and delivers: a round of one.
    pub fn step(&mut self, command: BrokerCommand) {
        self.apply(command);
        self.finish();
    }

    /// The connections that have joined the room, without those that are in it by a pattern.
    #[must_use]
    pub fn members(&self) -> usize {
        self.table.count() - self.table.by_pattern()
    }

    /// The seats that it holds: those of its members, of evicted members, and of the server itself.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.members() + self.evicted.count() + self.server_seats.len()
    }

    /// When it has something to do though no command comes.
    fn due(&self) -> Option<Instant> {
        let due = self.room.wakes_at().map(|at| self.clock.instant(at));
        let lagged = self.lagging.then(|| self.clock.instant_now() + LAGGED_RETRY);
        let unwritten = self.unwritten.then(|| self.clock.instant_now() + GATHERED_FOR);
        due.into_iter().chain(lagged).chain(unwritten).min()
    }

    /// Whether the room is over, since its history goes on in another epoch: its members are told that the server failed, and come
    /// back to a new room.
    fn is_superseded(&self) -> bool {
        self.room_log.is_superseded()
    }

    /// The last thing that it does: no sender is left, and nobody in the room but by a pattern.
    fn close(&mut self) {
        self.table = Table::default();
        self.room_log.mark(&self.room.close());
    }

    fn linger(&self) {
        let Some(until) = linger_until(self.previous, self.linger_max) else { return };
        let wait = until.saturating_duration_since(self.clock.instant_now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    // ANCHOR: round
    /// Applies a command and those that follow it, and delivers; how many they were.
    fn round(&mut self, first: BrokerCommand, inbox: &InboxReceiver<BrokerCommand>) -> usize {
        let mut count = 1;
        self.apply(first);
        for _ in 1..ROUND_COMMANDS_MAX {
            if self.batch.bytes() + self.draft_bytes > ROUND_BYTES_MAX {
                break;
            }
            let Ok(command) = inbox.try_recv() else { break };
            self.apply(command);
            count += 1;
        }
        self.finish();
        count
    }
    // ANCHOR_END: round

    fn finish(&mut self) {
        self.hear_news();
        self.settle();
        // A room that is never idle has deadlines too.
        if self.room.wakes_at().is_some_and(|at| at <= self.clock.now().since_start) {
            self.step_room(Input::Tick);
        }
        if std::mem::take(&mut self.begins_again) {
            self.match_all();
        }
        self.is_current = false;
        // What the room has not answered by now it never will.
        self.asked.clear();
        self.resuming.clear();
        self.tell_attendance();
        // Before a member is told of a join: it may query the list of rooms at once.
        self.view.show(self.room.users());
        let messages = self.batch.messages();
        if messages > 0 {
            self.view.metrics.delivered(messages);
        }
        // Behind fewer there is no wait: nobody asks how long they took.
        let began = (messages >= SEVERAL).then(|| self.clock.instant_now());
        self.deliver();
        self.previous = began.map(|began| {
            let ended = self.clock.instant_now();
            Round { messages, took: ended - began, ended }
        });
        self.left.clear();
        self.answers.drain(..).for_each(|(reply, answer)| reply.send(answer));
        for (reply, admission) in self.admitted.drain(..) {
            // If the client's reader is gone, its handle has sent the leave already.
            reply.send(Ok(admission));
        }
        for (reply, answer) in self.resumed.drain(..) {
            reply.send(answer);
        }
        self.flushing.drain(..).for_each(|done| done.send(()));
    }

    fn apply(&mut self, command: BrokerCommand) {
        self.has_foreign |= brings_foreign(&command);
        match command {
            BrokerCommand::Join(join) => self.join(join),
            // The round itself is what it asks for.
            BrokerCommand::Wake => {}
            // After what was read before in this round, perhaps.
            BrokerCommand::CatchUp => (self.has_news, self.is_current) = (true, false),
            BrokerCommand::Flush(done) => self.flushing.push(done),
            BrokerCommand::Keep(seat) => self.server_seats.push(seat),
            BrokerCommand::Match { seat, connection, done, .. } => {
                self.match_again(connection);
                self.left.push(seat);
                self.flushing.push(done);
            }
            BrokerCommand::Leave { member, reason, id, done } => {
                self.server_seats.retain(|seat| seat.number() != member);
                self.settle();
                self.evicted.leave(member, &reason, id.as_ref(), self.room.name());
                let connection = self.room.connection(member);
                self.step_room(Input::Leave { member, reason, id });
                connection.into_iter().for_each(|connection| self.match_again(connection));
                if let Some(done) = done {
                    done.send(());
                }
            }
            BrokerCommand::Detach { member } => {
                self.settle();
                if let Some(member) = self.table.get_mut(member) {
                    member.recipient = Arc::new(Absent);
                }
                self.evicted.detach(member);
                self.step_room(Input::Detach { member });
            }
            BrokerCommand::Resume(resume) => {
                // A member that is not up to date is not refused for it: it is in already.
                let seq = resume.since.seq();
                let is_behind = self.settle_history(Some(seq)).is_err() && seq > self.room.newest();
                let before = self.resumed.len();
                self.resume(*resume);
                // It has seen more than is known here: that is no other history.
                for (_, (resumed, _)) in self.resumed.iter_mut().skip(before).filter(|_| is_behind) {
                    resumed.recovery = Recovery::Unavailable;
                }
            }
            BrokerCommand::Request { member, request, id } => {
                self.settle_before(&request);
                match self.room.speaker(member) {
                    Some(speaker) => self.step_room(Input::Request { speaker, request, id }),
                    None => self.evicted.refuse(member, &request, id.as_ref(), self.room.name()),
                }
            }
            BrokerCommand::Ask(awaited) => self.ask(*awaited),
        }
    }

    // ANCHOR: step_room
    fn step_room(&mut self, input: Input) {
        self.step_room_at(self.clock.now(), input);
    }

    fn step_room_at(&mut self, now: Moment, input: Input) {
        let before = self.room.drafts().len();
        let mut effects = std::mem::take(&mut self.effects);
        self.room.step(input, now, &mut effects);
        self.draft_bytes += self.room.drafts()[before..].iter().map(Draft::bytes).sum::<usize>();
        self.carry_out(&mut effects);
        self.effects = effects;
    }
    // ANCHOR_END: step_room

    /// A query, a change of the policy and an ephemeral message come after every message that was sent before them. What names a message that
    /// the room does not know of comes after what other servers have stored.
    fn settle_before(&mut self, request: &RoomRequest) {
        // If what others did cannot be had, the room goes by what it knows.
        match request {
            RoomRequest::History { .. } | RoomRequest::Members | RoomRequest::Session { .. } => {
                _ = self.settle_history(None);
            }
            RoomRequest::Audit { .. } | RoomRequest::Create(_) | RoomRequest::Moderate { .. } => self.settle(),
            RoomRequest::Publish { publication, .. } if !publication.store => {
                self.settle();
                self.hear_news();
            }
            _ => {}
        }
        if request.seq().is_some_and(|seq| seq > self.room.newest()) {
            _ = self.settle_history(request.seq());
        }
    }

    /// Has the store number the drafts, and lets the room show them. A draft that is stale and allowed all the same is
    /// stored in the next attempt.
    fn settle(&mut self) {
        for _ in 0..ATTEMPTS_MAX {
            if self.room.drafts().is_empty() {
                return;
            }
            let appended = self.room_log.append(self.room.drafts());
            self.answer_drafts(appended);
        }
        if !self.room.drafts().is_empty() {
            self.answer_drafts(Err(StoreFailed));
        }
    }

    fn answer_drafts(&mut self, appended: Result<Appended, StoreFailed>) {
        self.draft_bytes = 0;
        let mut effects = std::mem::take(&mut self.effects);
        self.room.settle(appended, &mut effects);
        self.carry_out(&mut effects);
        self.effects = effects;
    }

    fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Admitted(id) => self.admit(id),
                Effect::AlreadyJoined(id, member) => {
                    let entered = self.position_of(member);
                    self.answer_join(id, Ok(Admitted { member, entered, replay: None }));
                }
                Effect::Refused(id, refusal) => self.answer_join(id, Err(refusal)),
                Effect::Replay(id, replay) => self.replay(id, replay),
                Effect::Resumed(id, resumed, replay) => self.answer_resume(id, (resumed, replay)),
                Effect::Left(id) => {
                    if self.table.count() == 1 {
                        // With its seat the room may end; who opens it again finds what was delivered marked.
                        self.room_log.mark(&self.room.close());
                    }
                    let left = self.remove_member(id).map(|member| member.into_evicted().0);
                    self.left.extend(left.filter(|_| self.table.by_pattern() > 0));
                }
                Effect::Evicted(id) => {
                    // Before its client is told, so that its reader refuses whatever the client sends after that.
                    if let Some(member) = self.table.get_mut(id) {
                        member.revoke();
                    }
                    // One by a pattern sends nothing.
                    let member = self.remove_member(id).filter(|member| !member.is_by_pattern());
                    self.evicted.add(member.map(Subscriber::into_evicted));
                }
                Effect::PolicyChanged(policy) => {
                    self.begins_again |= policy.is_none();
                    self.view.enter(self.room.name(), policy, self.room_log.policy_version());
                }
                Effect::Everyone(event) => self.everyone(event, None),
                Effect::Elsewhere(event) => self.show(event, None),
                Effect::Others(id, event) => self.everyone(event, Some(id)),
                Effect::One(id, mark, event) => self.one(id, mark.as_ref(), event),
                Effect::Advanced { marks, to, events } => {
                    self.room_log.mark(&marks);
                    self.receipts = (to, events);
                }
                Effect::BestEffort(user, event) => self.best_effort.push((user, event)),
                Effect::TellTyping(user, typing) => self.room_log.typed(user, typing),
            }
        }
    }

    /// Removes a member, after delivering what this round has for it. Its seat is dropped with what is returned.
    fn remove_member(&mut self, id: MemberId) -> Option<Subscriber> {
        let mut member = self.table.remove(id)?;
        if let Form::Bytes(encoding) = member.form {
            member.cut(self.batch.end(encoding));
            let segments = member.take_cuts(|part| self.batch.copy(encoding, part));
            self.batch.readers(encoding, -1);
            member.give(&segments, self.slow, (self.room.name(), &self.view.authors));
        }
        Some(member)
    }

    fn everyone(&mut self, event: Event, but: Option<MemberId>) {
        self.note_consequences(&event);
        self.show(event, but);
    }

    fn show(&mut self, event: Event, but: Option<MemberId>) {
        let event = Arc::new(event);
        let skipped = but.and_then(|id| self.table.get_mut(id));
        let resumed = skipped.and_then(|member| match member.form {
            Form::Bytes(encoding) => {
                member.cut(self.batch.end(encoding));
                Some((member.id(), encoding))
            }
            Form::Events => None,
        });
        self.batch.append(&event);
        if let Some((id, encoding)) = resumed
            && let Some(member) = self.table.get_mut(id)
        {
            member.offset = self.batch.end(encoding);
        }
        for member in self.table.taking_events() {
            if Some(member.id()) != but && member.is_given(&event) {
                member.hand(&event, self.slow);
            }
        }
    }

    fn one(&mut self, id: MemberId, mark: Option<&Id>, event: Event) {
        let Some(event) = self.answer(id, mark, event) else { return };
        if let Some(member) = self.table.get_mut(id) {
            if let Event::Refused(refusal) = &event {
                self.view.metrics.refused(refusal.code.as_str());
            }
            match member.form {
                Form::Bytes(encoding) => {
                    if let Some(segment) = self.batch.own(&event, mark, encoding) {
                        member.cut(self.batch.end(encoding));
                        member.own(segment);
                        self.own.push(id);
                    }
                }
                Form::Events => member.hand(&Arc::new(event), self.slow),
            }
        } else {
            self.evicted.refuse_draft(id, mark, event);
        }
    }
}
