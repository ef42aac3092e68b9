//! One server: the real hub and real brokers on one thread, with clients that take one step at a time.
//!
//! The opener stores what a broker is made of, so that opening, each command, each panic and each end of a broker is a
//! step of its own, beside those of the clients: taking a seat, sending the join, receiving the answer, leaving, dropping
//! the sender to the inbox. What must be true after each step and at the end is in `checks.rs`.

use std::sync::Arc;
use std::time::Duration;

use roomd_race::Step;

use super::mistakes::Mistake;
use super::moves::Move::{self, Ban, Create, Enter, Hear, Reserve};
use super::stepped_broker::{Entrance, SentBy, SteppedBroker};
use super::stepped_client::{SteppedClient, room_name};
use super::wrong_hub::{Observed, WrongHub};
use crate::auth::Auth;
use crate::chat::room::JoinRequest;
use crate::chat::{AuthLevel, Code, LeaveReason, Limits, Recovery, Refusal, RoomRequest, UserName};
use crate::engine::Engine;
use crate::engine::base::clock::Clock;
use crate::engine::base::oneshot;
use crate::engine::base::queue::{InboxReceiver, InboxSender};
use crate::engine::base::sync::Mutex;
use crate::engine::base::threads::Threads;
use crate::engine::clients::recipient::Form;
use crate::engine::rooms::hub::{Opener, Opening, RoomKind, Seat};
use crate::engine::rooms::inbox::{BrokerCommand, PendingJoin, RoomHandle};
use crate::store::Store;
use crate::sync::ArcCell;

/// The outcome of a join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JoinOutcome {
    /// It is a member.
    Joined,
    /// The room, or the hub, does not let it in.
    Refused(Code),
    /// The room failed.
    Failed,
}

/// What a server is made with.
#[derive(Clone)]
pub struct Setup {
    /// Its clients, with what each does.
    pub clients: Vec<(char, Vec<Move>)>,
    /// This client breaks the broker that gives it anything.
    pub fatal: Option<char>,
    /// This room finds no history, so it refuses everybody.
    pub stillborn: Option<usize>,
    /// Whether clients run the rounds of a broker that is free.
    pub is_shared: bool,
    /// How long a round takes for each client.
    pub takes: Duration,
    /// The number before that of its first room.
    pub rooms_after: usize,
    /// What is wrong with it.
    pub mistake: Option<Mistake>,
}

type Opened = Arc<Mutex<Vec<(Opening, (InboxReceiver<BrokerCommand>, Arc<Entrance>))>>>;

/// The hub, its rooms and its clients.
pub struct Rooms {
    pub engine: Arc<Engine>,
    opened: Opened,
    store: Arc<dyn Store>,
    pub wrong_hub: Option<WrongHub>,
    pub mistake: Option<Mistake>,
    pub brokers: Vec<SteppedBroker>,
    /// Its clients.
    pub clients: Vec<SteppedClient>,
    /// Users who are in the room through another server.
    pub elsewhere: usize,
    stillborn: Option<usize>,
    is_shared: bool,
    rooms_after: usize,
    /// The outcomes of joins.
    pub answers: Vec<(char, JoinOutcome)>,
    /// The outcomes of creations.
    pub creations: Vec<(char, Result<(), Code>)>,
    /// The outcomes of moderation requests.
    pub moderations: Vec<(char, Result<(), Code>)>,
    /// The outcomes of resumes.
    pub resumes: Vec<(char, Option<Recovery>)>,
}

fn opener(opened: &Opened) -> Opener {
    let opened = Arc::clone(opened);
    Box::new(move |opening, inbox| {
        let entrance = Entrance::new(&inbox);
        opened.lock().push((opening, (inbox, entrance)));
        Ok(())
    })
}

impl Rooms {
    /// The rooms of a server with this store.
    pub fn on(setup: &Setup, store: Arc<dyn Store>) -> Self {
        let clients = setup.clients.iter();
        let clients =
            clients.map(|(name, moves)| SteppedClient::new(*name, moves, setup.fatal == Some(*name), setup.takes));
        let opened = Opened::default();
        Self {
            engine: Engine::new(
                Arc::new(ArcCell::new(Limits::default())),
                Threads::new(),
                Clock::stopped(),
                Arc::clone(&store),
                Auth::guests_only(),
                Arc::default(),
                opener(&opened),
            ),
            opened,
            store,
            wrong_hub: match setup.mistake {
                Some(Mistake::Hub(mistake)) => Some(WrongHub::new(mistake)),
                _ => None,
            },
            mistake: setup.mistake,
            brokers: Vec::new(),
            clients: clients.collect(),
            elsewhere: 0,
            stillborn: setup.stillborn,
            is_shared: setup.is_shared,
            rooms_after: setup.rooms_after,
            answers: Vec::new(),
            creations: Vec::new(),
            moderations: Vec::new(),
            resumes: Vec::new(),
        }
    }

    /// The number of the newest room, which may not have been opened yet.
    fn newest(&self) -> usize {
        (self.brokers.len() + self.opened.lock().len()).saturating_sub(1)
    }

    /// Whether an actor is one of this server's.
    pub fn has(&self, actor: char) -> bool {
        self.clients.iter().any(|client| client.name == actor) || self.room_of(actor).is_some()
    }

    /// The room that is this actor.
    fn room_of(&self, actor: char) -> Option<usize> {
        let number = actor.to_digit(10)? as usize;
        number.checked_sub(self.rooms_after + 1).filter(|at| *at < self.brokers.len())
    }

    /// The actor that is this room.
    pub fn actor(&self, at: usize) -> char {
        u32::try_from(self.rooms_after + at + 1).ok().and_then(|number| char::from_digit(number, 10)).unwrap_or('0')
    }

    /// The room is told that other servers have gone on.
    pub fn notify(&self) {
        self.engine.hub.catch_up(&room_name());
    }

    /// Takes a seat, in the room of this number.
    pub fn look_up(&mut self) -> Result<(Seat, InboxSender<BrokerCommand>, usize), Refusal> {
        let is_closing = self.engine.hub.is_closing();
        if let Some(wrong_hub) = self.wrong_hub.as_mut().filter(|_| !is_closing) {
            return wrong_hub.look_up(opener(&self.opened));
        }
        let (seat, inbox) = self.engine.hub.reserve(&room_name(), &RoomKind::USUAL, None)?;
        Ok((seat, inbox, self.newest()))
    }

    /// Takes a seat for the server.
    pub fn keep(&mut self) -> Result<RoomHandle, Refusal> {
        if self.wrong_hub.is_none() {
            return self.engine.hub.keep(&room_name(), &RoomKind::USUAL, false, None);
        }
        let (seat, inbox, _) = self.look_up()?;
        let handle = seat.handle(&inbox);
        inbox.send(BrokerCommand::Keep(seat)).map_err(|_| Refusal::room_failed(&room_name()))?;
        Ok(handle)
    }

    fn step_client(&mut self, at: usize) {
        match self.clients[at].moves.pop().expect("only those with a step are enabled") {
            Reserve => self.reserve(at),
            Enter => self.enter(at),
            Hear => self.hear(at),
            Move::StrayLeave => {
                let client = &mut self.clients[at];
                if let (Some(member), Some(inbox)) = (client.member, &client.inbox) {
                    let reason = LeaveReason::Left(None);
                    _ = inbox.send(BrokerCommand::Leave { member, reason, id: None, done: None });
                }
            }
            Move::Leave => {
                // An error means that the room failed, and has no members.
                _ = self.clients[at]
                    .handle
                    .take()
                    .map(|mut handle| handle.send_leave(LeaveReason::Left(None), None, None));
            }
            Move::DropHandle => drop(self.clients[at].handle.take()),
            Move::EndInput => self.end_input(at),
            Move::SayGoodbye => self.say_goodbye(at),
            Move::ReleaseInbox => drop(self.clients[at].inbox.take()),
            Create => self.create(at),
            Move::AskToCreate => self.ask_to_create(at),
            Ban(user) => self.ban(at, user),
            Move::HearOutcome => self.learn(at),
            Move::Say { text, first } => self.say(at, &text, first),
            Move::Look => self.send(at, RoomRequest::Members),
            Move::Detach => self.detach(at),
            Move::Resume => self.resume(at),
            Move::HearResumed => self.register(at),
            Move::Close => self.engine.close(),
        }
        let client = &mut self.clients[at];
        // A client that was refused has nothing to leave.
        let begins = |next: &Move| matches!(next, Reserve | Create | Ban(_) | Move::Close);
        while client.is_refused && client.moves.pop_if(|next| !begins(next)).is_some() {}
    }

    fn reserve(&mut self, at: usize) {
        let reserved = self.look_up();
        let client = &mut self.clients[at];
        client.is_refused = reserved.is_err();
        match reserved {
            Ok((seat, inbox, room)) => {
                client.handle = Some(seat.handle(&inbox));
                client.member = Some(seat.number());
                client.seat = Some(seat);
                client.inbox = Some(inbox);
                client.room = room;
            }
            Err(refusal) => self.answers.push((client.name, JoinOutcome::Refused(refusal.code))),
        }
    }

    fn enter(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let (reply, answer) = oneshot::channel();
        let user = UserName::parse(&client.name.to_string()).expect("a letter is a name");
        let request = JoinRequest::new(user, AuthLevel::Guest, at as u64);
        let seat = client.seat.take().expect("it has a seat");
        let recipient = Arc::clone(&client.recorder) as _;
        let entry = PendingJoin { seat, recipient, form: Form::Events, request, id: None, reply };
        client.reply = Some(answer);
        // Of a room that failed no answer will come.
        _ = client.inbox.as_ref().expect("it holds a sender").send(BrokerCommand::Join(Box::new(entry)));
    }

    fn hear(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let answer = match client.reply.take().expect("it waits").wait() {
            Ok(Ok(admitted)) => {
                client.handle = client.handle.take().map(|handle| handle.admitted(admitted));
                JoinOutcome::Joined
            }
            Ok(Err(refusal)) => JoinOutcome::Refused(refusal.code),
            Err(_) => JoinOutcome::Failed,
        };
        self.answers.push((client.name, answer));
        client.is_refused = answer != JoinOutcome::Joined;
        if client.is_refused {
            drop((client.handle.take(), client.inbox.take()));
        }
    }

    /// Whether the room ends with its next step, because of a mistake.
    pub fn ends_wrongly(&self, at: usize) -> bool {
        let broker = &self.brokers[at];
        let seats = || broker.held_seats() + broker.queued_seats() + self.seats_looked_up(at);
        self.wrong_hub.as_ref().is_some_and(|hub| hub.ends(at, broker.is_inbox_empty(), seats(), broker.answered))
    }

    fn step_room(&mut self, at: usize) {
        let ends = self.ends_wrongly(at);
        if ends {
            self.brokers[at].end_early();
        } else {
            self.brokers[at].step();
        }
        let broker = &self.brokers[at];
        let observed = Observed { members: broker.members(), answered: broker.answered, has_ended: broker.has_ended() };
        match &mut self.wrong_hub {
            Some(hub) if ends => hub.remove(at),
            Some(hub) => hub.stepped(at, &observed),
            None => {}
        }
    }

    /// The actors that can take a step.
    pub fn enabled(&self) -> Vec<char> {
        let clients = self.clients.iter().filter(|client| client.is_enabled()).map(|client| client.name);
        let rooms = (0..self.brokers.len()).filter(|at| self.brokers[*at].is_able() || self.ends_wrongly(*at));
        clients.chain(rooms.map(|at| self.actor(at))).collect()
    }

    /// One of them takes its step.
    ///
    /// # Errors
    /// What is wrong behind it.
    pub fn step(&mut self, actor: char) -> Result<(), String> {
        match self.clients.iter().position(|client| client.name == actor) {
            Some(at) => self.step_client(at),
            None => self.step_room(self.room_of(actor).expect("an actor is a client or a room")),
        }
        let opened = std::mem::take(&mut *self.opened.lock());
        for (opening, inbox) in opened {
            let stillborn = self.stillborn == Some(self.brokers.len() + 1);
            let store = Arc::clone(&self.store);
            self.brokers.push(SteppedBroker::new(opening, inbox, store, stillborn, self.is_shared));
        }
        self.check()
    }

    /// What an actor does next. To hear that it has joined touches nobody else; everything else, the rooms.
    pub fn next_step(&self, actor: char) -> Step {
        let Some(client) = self.clients.iter().find(|client| client.name == actor) else {
            return self.room_of(actor).map_or_else(Step::default, |at| self.next_step_of_room(at));
        };
        let Some(next) = client.moves.last() else { return Step::default() };
        let is_admitted = client.reply.as_ref().and_then(|reply| reply.peek(Result::is_ok));
        if *next == Hear && is_admitted == Some(true) {
            return Step::new("hears that it has joined").writes(actor);
        }
        let step = Step::new(next.text()).writes("rooms").writes(actor);
        let step = if next.locks_hub() { step.locks("hub") } else { step };
        let room = if next.locks_hub() { self.newest() } else { client.room };
        if next.sends() && room < self.brokers.len() { step.sends_to(self.actor(room)) } else { step }
    }

    fn next_step_of_room(&self, at: usize) -> Step {
        let broker = &self.brokers[at];
        let first = broker.queued().into_iter().next();
        let text = match &first {
            _ if self.ends_wrongly(at) => match broker.queued().len() {
                0 => "is empty: removes its entry, and ends".to_owned(),
                count => format!("is empty: removes its entry, and ends, with {count} in its inbox"),
            },
            Some(queued) if broker.lives() => {
                format!("takes the {} of {}", queued.what, self.name_of(at, &queued.who))
            }
            _ => broker.next().to_owned(),
        };
        let step = Step::new(text).writes("rooms");
        if self.ends_wrongly(at) { step.locks("hub") } else { step }
    }

    /// Who sent a command to this room.
    pub fn name_of(&self, at: usize, sender: &SentBy) -> String {
        let is_of = |client: &&SteppedClient, member| client.room == at && client.member == Some(member);
        match sender {
            SentBy::User(user) => user.to_string(),
            SentBy::Member(member) => match self.clients.iter().find(|client| is_of(client, *member)) {
                Some(client) => client.name.to_string(),
                None => "a former member".to_owned(),
            },
            SentBy::Server => "the server".to_owned(),
        }
    }
}
