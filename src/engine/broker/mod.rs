//! The thread of a room: takes commands from its inbox, steps the room, writes to its members.
//!
//! It receives one command, drains what else is there, applies it all, has the store number what
//! was published in **one** call, and then gives each member what is new for it in **one** write.
//! It waits for its inbox and for the store, and for nothing else: never for a client.
//! It ends when nobody holds a sender to its inbox.

pub mod delivery;
mod ghosts;
pub mod linger;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ghosts::Ghosts;
use linger::{Round, linger_until};

use crate::chat::receipts::GATHERED_FOR;
use crate::chat::record::Draft;
use crate::chat::room::{Effect, Input, Recall, Room, Said};
use crate::chat::roster::MemberId;
use crate::chat::{Event, Id, Refusal, Slow, UserName};
use crate::engine::batch::Batch;
use crate::engine::clock::Clock;
use crate::engine::hub::Seat;
use crate::engine::inbox::{Admission, Answer, ComeBack, Command, Entry, Question};
use crate::engine::queue::{Receiver, RecvTimeoutError};
use crate::engine::recipient::{Absent, Form};
use crate::engine::register::Face;
use crate::engine::reply::Reply;
use crate::engine::sync::thread;
use crate::engine::table::{Member, Table};
use crate::store::Ledger;

/// Commands of one round, at most.
const ROUND_COMMANDS_MAX: usize = 256;
/// Bytes of one round after which no further command is taken into it.
const ROUND_BYTES_MAX: usize = 128 * 1024;
/// How often a member that lagged is tried again when the room is quiet.
const LAGGED_RETRY: Duration = Duration::from_secs(1);

/// A room with its members.
pub struct Broker {
    room: Room,
    ledger: Box<dyn Ledger>,
    clock: Clock,
    slow: Slow,
    linger_max: Duration,
    face: Face,
    table: Table,
    ghosts: Ghosts,
    batch: Batch,
    /// Members that were given something of their own in this round.
    own: Vec<MemberId>,
    /// Typing notices of this round, with the user that is not told.
    fleeting: Vec<(UserName, Event)>,
    /// The one who is being let in, between its command and the room's word on it.
    entering: Option<Entry>,
    /// Those who were let in, to be told so when they have been given what comes with it.
    admitted: Vec<(Reply<Result<Admission, Refusal>>, Admission)>,
    /// The room's word on the one who is coming back.
    answer: Option<Answer>,
    /// Those who are back, likewise.
    returned: Vec<(Reply<Answer>, Answer)>,
    /// The server's own seats.
    kept: Vec<Seat>,
    /// Who asked without being a member, until the answer.
    visitors: HashMap<MemberId, Reply<Event>>,
    /// Bytes of this round's messages that are not stored yet.
    draft_bytes: usize,
    effects: Vec<Effect>,
    /// Whether a member has missed something that it was not told of.
    lagging: bool,
    /// Whether a member was given messages that have not reached its socket yet.
    unwritten: bool,
    /// Receipts of this round, and who is told.
    receipts: (Vec<MemberId>, Vec<Event>),
    previous: Option<Round>,
}

/// Refuses all who come to a room that cannot be opened, until nobody is left who could.
pub fn refuse_all(inbox: &Receiver<Command>, refusal: &Refusal) {
    while let Ok(command) = inbox.recv() {
        match command {
            Command::Join(entry) => entry.reply.send(Err(refusal.clone())),
            Command::Ask(question) => question.reply.send(Event::Refused(refusal.clone())),
            _ => {}
        }
    }
}

impl Broker {
    /// The broker of `room`. `slow` and `linger_max`: see [`crate::chat::Limits`].
    #[must_use]
    pub fn new(
        room: Room,
        ledger: Box<dyn Ledger>,
        clock: Clock,
        slow: Slow,
        linger_max: Duration,
        face: Face,
    ) -> Self {
        Self {
            room,
            ledger,
            clock,
            slow,
            linger_max,
            face,
            table: Table::default(),
            ghosts: Ghosts::default(),
            batch: Batch::default(),
            own: Vec::new(),
            fleeting: Vec::new(),
            entering: None,
            admitted: Vec::new(),
            answer: None,
            returned: Vec::new(),
            kept: Vec::new(),
            visitors: HashMap::new(),
            draft_bytes: 0,
            effects: Vec::new(),
            lagging: false,
            unwritten: false,
            receipts: Default::default(),
            previous: None,
        }
    }

    /// Runs until nobody can send any more. The body of a room's thread.
    pub fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            match self.next(inbox) {
                Ok(command) => {
                    self.linger();
                    self.round(command, inbox);
                }
                Err(RecvTimeoutError::Timeout) => self.finish(),
                Err(RecvTimeoutError::Disconnected) => return self.ledger.mark(&self.room.close()),
            }
        }
    }

    /// Applies one command and delivers: a round of one, for schedules.
    pub fn step(&mut self, command: Command) {
        self.apply(command);
        self.finish();
    }

    /// Connections in the room.
    #[must_use]
    pub fn members(&self) -> usize {
        self.table.count()
    }

    /// Seats that it holds: those of its members, of those that were put out, and of the server itself.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.table.count() + self.ghosts.count() + self.kept.len()
    }

    fn next(&self, inbox: &Receiver<Command>) -> Result<Command, RecvTimeoutError> {
        let due = self.room.wakes_at().map(|at| self.clock.instant(at));
        let lagged = self.lagging.then(|| Instant::now() + LAGGED_RETRY);
        let unwritten = self.unwritten.then(|| Instant::now() + GATHERED_FOR);
        match due.into_iter().chain(lagged).chain(unwritten).min() {
            Some(deadline) => inbox.recv_deadline(deadline),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn linger(&self) {
        let Some(until) = linger_until(self.previous, self.linger_max) else { return };
        let wait = until.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    fn round(&mut self, first: Command, inbox: &Receiver<Command>) {
        self.apply(first);
        for _ in 1..ROUND_COMMANDS_MAX {
            if self.batch.bytes() + self.draft_bytes > ROUND_BYTES_MAX {
                break;
            }
            let Ok(command) = inbox.try_recv() else { break };
            self.apply(command);
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.settle();
        // A room in which somebody always speaks has its times too.
        if self.room.wakes_at().is_some_and(|at| at <= self.clock.now().since_start) {
            self.step_room(Input::Tick);
        }
        // Who said what a room does not answer waits for nothing.
        self.visitors.clear();
        // Before anybody hears of who came: they may look at the list at once.
        self.face.show(self.table.count());
        let messages = self.batch.messages();
        let began = Instant::now();
        self.deliver();
        let ended = Instant::now();
        for (reply, admission) in self.admitted.drain(..) {
            // If the guest's thread is gone, its handle has sent the leave already.
            reply.send(Ok(admission));
        }
        for (reply, answer) in self.returned.drain(..) {
            reply.send(answer);
        }
        self.previous = Some(Round { messages, took: ended - began, ended });
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Join(entry) => {
                self.settle_for_the_past();
                let input =
                    Input::Join { member: entry.seat.number(), guest: entry.entrant.clone(), id: entry.id.clone() };
                self.entering = Some(*entry);
                self.step_room(input);
            }
            Command::Keep(seat) => self.kept.push(seat),
            Command::Leave { member, departure, id, done } => {
                self.kept.retain(|seat| seat.number() != member);
                self.settle();
                self.ghosts.leave(member, departure, id.as_ref(), self.room.name());
                self.step_room(Input::Leave { member, departure, id });
                if let Some(done) = done {
                    done.send(());
                }
            }
            Command::Park { member } => {
                self.settle();
                if let Some(member) = self.table.get_mut(member) {
                    member.recipient = Arc::new(Absent);
                }
                self.ghosts.park(member);
                self.step_room(Input::Park { member });
            }
            Command::Resume(back) => {
                self.settle_for_the_past();
                self.come_back(*back);
            }
            Command::Said { member, said, id } => {
                self.settle_before(&said);
                match self.room.speaker(member) {
                    Some(speaker) => self.step_room(Input::Said { speaker, said, id }),
                    None => self.ghosts.refuse(member, &said, id.as_ref(), self.room.name()),
                }
            }
            Command::Ask(question) => {
                let Question { speaker, said, reply } = *question;
                self.settle_before(&said);
                self.visitors.insert(speaker.member, reply);
                let ruling = matches!(said, Said::Found(_) | Said::Govern { .. });
                self.step_room(Input::Said { speaker, said, id: None });
                if ruling {
                    // What is said from now on is judged by what was decided.
                    self.settle();
                }
            }
        }
    }

    fn step_room(&mut self, input: Input) {
        let before = self.room.drafts().len();
        let mut effects = std::mem::take(&mut self.effects);
        self.room.step(input, self.clock.now(), &mut effects);
        self.draft_bytes += self.room.drafts()[before..].iter().map(Draft::bytes).sum::<usize>();
        self.carry_out(&mut effects);
        self.effects = effects;
    }

    /// A question is answered, and a change decided, after everything that was said before it.
    fn settle_before(&mut self, said: &Said) {
        match said {
            Said::History { .. } | Said::Members | Said::Session { .. } => self.settle_for_the_past(),
            Said::Audit { .. } | Said::Found(_) | Said::Govern { .. } => self.settle(),
            _ => {}
        }
    }

    /// Before the past is shown: what was said is in it, and what retention has taken away is not.
    fn settle_for_the_past(&mut self) {
        self.settle();
        self.room.forget(self.ledger.pruned());
    }

    /// Has the store number what was published, and takes its answer into the room.
    fn settle(&mut self) {
        if self.room.drafts().is_empty() {
            return;
        }
        self.draft_bytes = 0;
        let outcomes = self.ledger.append(self.room.drafts());
        let mut effects = std::mem::take(&mut self.effects);
        self.room.settle(outcomes, &mut effects);
        self.carry_out(&mut effects);
        self.effects = effects;
    }

    fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Admitted(_) => self.admit(),
                Effect::Present(_, member) => self.turn_away(Ok(Admission { member, recall: None })),
                Effect::Refused(_, refusal) => self.turn_away(Err(refusal)),
                Effect::Recall(_, recall) => self.recall(recall),
                Effect::Returned(_, returned, recall) => self.answer = Some((returned, recall)),
                Effect::Dismissed(id) => drop(self.dismiss(id)),
                Effect::PutOut(id) => {
                    // Before its client hears of it: what it says after that, its reader knows to refuse.
                    if let Some(member) = self.table.get_mut(id) {
                        member.revoke();
                    }
                    let ghost = self.dismiss(id).map(Member::ghost);
                    self.ghosts.add(ghost);
                }
                Effect::Chartered(charter) => self.face.enter(self.room.name(), charter),
                Effect::Everyone(event) => self.everyone(event, None),
                Effect::Others(id, event) => self.everyone(event, Some(id)),
                Effect::One(id, mark, event) => self.one(id, mark.as_ref(), event),
                Effect::Advanced { marks, to, events } => {
                    self.ledger.mark(&marks);
                    self.receipts = (to, events);
                }
                Effect::Fleeting(user, event) => self.fleeting.push((user, event)),
            }
        }
    }

    fn admit(&mut self) {
        let entry = self.entering.take().expect("the room admits the one who is entering");
        let Entry { seat, recipient, form, entrant, reply, .. } = entry;
        let mark = self.batch.enter(form);
        let member = seat.number();
        self.table.insert(Member::new(seat, entrant.user, recipient, form, mark));
        self.admitted.push((reply, Admission { member, recall: None }));
    }

    /// Gives a member another client. What the last one was still to get, the past has too.
    fn come_back(&mut self, back: ComeBack) {
        let ComeBack { member: id, recipient, form, since, reply } = back;
        let Some(member) = self.table.get_mut(id) else {
            if let Some(answer) = self.ghosts.answer(id, self.room.name()) {
                // An error means that the one who comes back is gone again.
                reply.send(answer);
            }
            return;
        };
        if let Form::Bytes(encoding) = member.form {
            self.batch.readers(encoding, -1);
        }
        let mark = self.batch.enter(form);
        member.come_back(recipient, form, mark);
        self.step_room(Input::Resume { member: id, seen: since });
        if let Some(answer) = self.answer.take() {
            self.returned.push((reply, answer));
        }
    }

    fn recall(&mut self, recall: Recall) {
        let (_, admission) = self.admitted.last_mut().expect("only one who was just let in is given the past");
        admission.recall = Some(Box::new(recall));
    }

    fn turn_away(&mut self, answer: Result<Admission, Refusal>) {
        let Entry { seat, reply, .. } = self.entering.take().expect("the room answers the one who is entering");
        // As in `finish`.
        reply.send(answer);
        drop(seat);
    }

    /// Takes a member out, and gives it what it has coming. Its seat goes with what is returned.
    fn dismiss(&mut self, id: MemberId) -> Option<Member> {
        let mut member = self.table.remove(id)?;
        if let Form::Bytes(encoding) = member.form {
            member.cut(self.batch.end(encoding));
            let pieces = member.take_cuts(|part| self.batch.copy(encoding, part));
            self.batch.readers(encoding, -1);
            member.give(&pieces, self.slow, self.room.name());
        }
        Some(member)
    }

    fn everyone(&mut self, event: Event, but: Option<MemberId>) {
        if let Event::Message(message) = &event {
            // A message says that its author has stopped typing; a notice after it would be wrong.
            self.fleeting.retain(|(user, _)| *user != message.user);
        }
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
            member.mark = self.batch.end(encoding);
        }
        for member in self.table.taking_events() {
            if Some(member.id()) != but {
                member.hand(&event, self.slow);
            }
        }
    }

    fn one(&mut self, id: MemberId, mark: Option<&Id>, event: Event) {
        if let Some(member) = self.table.get_mut(id) {
            match member.form {
                Form::Bytes(encoding) => {
                    if let Some(piece) = self.batch.own(&event, mark, encoding) {
                        member.cut(self.batch.end(encoding));
                        member.own(piece);
                        self.own.push(id);
                    }
                }
                Form::Events => member.hand(&Arc::new(event), self.slow),
            }
        } else if let Some(reply) = self.visitors.remove(&id) {
            reply.send(event);
        }
    }
}
