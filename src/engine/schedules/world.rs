//! The real hub and real brokers on one thread, with clients that take one step at a time.
//!
//! Used by the schedules. The opener stores what a broker is made of, so that opening, each command, each panic and each
//! end of a broker is a step of its own, beside those of the clients: taking a seat, sending the join, receiving the
//! answer, leaving, dropping the sender to the inbox.

use std::sync::Arc;
use std::time::Duration;

use roomd_race::{Step, World};

use super::client::Client;
use super::stepped_broker::{Entrance, SteppedBroker};
use crate::auth::Auth;
use crate::chat::LeaveReason;
use crate::chat::policy::{ModerationRequest, RoomOptions};
use crate::chat::room::JoinRequest;
use crate::chat::{AuthLevel, Code, End, Event, Limits, Recovery, RoomName, RoomRequest, UserName};
use crate::engine::Engine;
use crate::engine::base::clock::Clock;
use crate::engine::base::oneshot;
use crate::engine::base::queue::InboxReceiver as Inbox;
use crate::engine::base::sync::Mutex;
use crate::engine::base::threads::Threads;
use crate::engine::clients::recipient::Form;
use crate::engine::rooms::hub::{Opening, RoomKind};
use crate::engine::rooms::inbox::{BrokerCommand, PendingJoin};
use crate::store::{Memory, Store};

/// One step of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Move {
    /// Takes a seat; the first opens the room.
    Reserve,
    /// Sends its join.
    Enter,
    /// Receives the answer.
    Hear,
    /// Sends a second leave.
    StrayLeave,
    /// Sends its leave.
    Leave,
    /// Drops its handle.
    DropHandle,
    /// Its input has ended: sends its leave, to be told when the room has delivered what it owes.
    EndInput,
    /// Is told so, and is sent the goodbye.
    SayGoodbye,
    /// Drops its last sender.
    ReleaseInbox,
    /// Takes a seat for the server, to create the room.
    Create,
    /// Asks the room to be created.
    AskToCreate,
    /// As an admin, asks the room to ban B.
    Ban,
    /// Receives the answer to either.
    HearOutcome,
    /// Sends a message.
    Say,
    /// Sends a message that is to be the first of the room.
    SayFirst,
    /// Looks who is there.
    Look,
    /// Loses its connection; its membership is kept.
    Detach,
    /// Resumes its membership.
    Resume,
    /// Receives the answer to the resume.
    HearResumed,
    /// Stops the server.
    Close,
}

use Move::{
    AskToCreate, Ban, Close, Create, Detach, DropHandle, EndInput, Enter, Hear, HearOutcome, HearResumed, Leave, Look,
    ReleaseInbox, Reserve, Resume, Say, SayFirst, SayGoodbye, StrayLeave,
};

/// The text of a message that is to be the first of the room.
pub const FIRST: &str = "first";

/// The steps of a client that joins and stays.
pub const JOIN: [Move; 3] = [Reserve, Enter, Hear];

/// The steps of a client that creates the room.
pub const CREATE: [Move; 3] = [Create, AskToCreate, HearOutcome];

/// The steps of an admin who bans B.
pub const BAN: [Move; 2] = [Ban, HearOutcome];

/// The outcome of a join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JoinOutcome {
    Joined,
    Refused(Code),
    /// The room failed.
    Failed,
}

/// The clients of a schedule, and what fails in it.
#[derive(Clone, Default)]
pub struct Scenario {
    clients: Vec<(char, Vec<Move>)>,
    /// Steps taken before all orders of the others are tried.
    before: &'static str,
    /// This client breaks the broker that gives it anything.
    fatal: Option<char>,
    /// This room finds no history, so it refuses everybody.
    stillborn: Option<usize>,
    /// Whether clients run the rounds of a broker that is free.
    shared: bool,
    /// How long a round takes for each client.
    takes: Duration,
}

impl Scenario {
    pub fn client(mut self, name: char, moves: &[Move]) -> Self {
        self.clients.push((name, moves.to_vec()));
        self
    }

    pub fn before(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    pub fn fatal(self, name: char) -> Self {
        Self { fatal: Some(name), ..self }
    }

    pub fn stillborn(self, number: usize) -> Self {
        Self { stillborn: Some(number), ..self }
    }

    pub fn takes(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// The same, in which clients run the rounds of a broker that is free.
    pub fn shared(&self) -> Self {
        Self { shared: true, ..self.clone() }
    }

    /// The world after the steps that come before.
    pub fn world<F: Fn(&Rooms) -> Result<(), String>>(&self, expect: F) -> Expecting<F> {
        let mut rooms = Rooms::on(self, Arc::new(Memory));
        for actor in self.before.chars() {
            if self.shared && actor.is_ascii_digit() && !rooms.enabled().contains(&actor) {
                // A client has done it already.
                continue;
            }
            assert!(rooms.enabled().contains(&actor), "{actor} can take no step in {}", self.before);
            rooms.step(actor).expect("what comes before is in order");
        }
        Expecting { rooms, expect }
    }
}

type Opened = Arc<Mutex<Vec<(Opening, (Inbox<BrokerCommand>, Arc<Entrance>))>>>;

/// The hub, its rooms and its clients.
pub struct Rooms {
    pub engine: Arc<Engine>,
    opened: Opened,
    store: Arc<dyn Store>,
    brokers: Vec<SteppedBroker>,
    pub clients: Vec<Client>,
    /// Users who are in the room through another server.
    pub elsewhere: usize,
    stillborn: Option<usize>,
    shared: bool,
    pub answers: Vec<(char, JoinOutcome)>,
    pub creations: Vec<Result<(), Code>>,
    /// The outcomes of moderation requests.
    pub moderations: Vec<Result<(), Code>>,
    /// The outcomes of resumes.
    pub resumes: Vec<Option<Recovery>>,
}

pub fn name() -> RoomName {
    RoomName::parse("r").expect("a letter is a name")
}

impl Rooms {
    /// The rooms of a server with this store.
    pub fn on(scenario: &Scenario, store: Arc<dyn Store>) -> Self {
        let clients = scenario
            .clients
            .iter()
            .map(|(name, moves)| Client::new(*name, moves, scenario.fatal == Some(*name), scenario.takes));
        let opened = Opened::default();
        let openings = Arc::clone(&opened);
        let opener = Box::new(move |opening, inbox| {
            let entrance = Entrance::new(&inbox);
            openings.lock().push((opening, (inbox, entrance)));
            Ok(())
        });
        Self {
            engine: Engine::new(
                Limits::default(),
                Threads::new(),
                Clock::stopped(),
                Arc::clone(&store),
                Auth::guests_only(),
                Arc::default(),
                opener,
            ),
            opened,
            store,
            brokers: Vec::new(),
            clients: clients.collect(),
            elsewhere: 0,
            stillborn: scenario.stillborn,
            shared: scenario.shared,
            answers: Vec::new(),
            creations: Vec::new(),
            moderations: Vec::new(),
            resumes: Vec::new(),
        }
    }

    /// The number of the newest room, which may not have been opened yet.
    pub(super) fn newest(&self) -> usize {
        (self.brokers.len() + self.opened.lock().len()).saturating_sub(1)
    }

    /// Whether a client is one of this server's.
    pub fn has_client(&self, name: char) -> bool {
        self.clients.iter().any(|client| client.name == name)
    }

    /// The room is told that other servers have gone on.
    pub fn notify(&self) {
        self.engine.hub.catch_up(&name());
    }

    /// How many rooms were opened in all.
    pub fn openings(&self) -> usize {
        self.brokers.len()
    }

    /// Whether the hub knows the room.
    pub fn is_there(&self) -> bool {
        self.engine.hub.has(&name())
    }

    /// The answers to a client's joins.
    pub fn answers_to(&self, name: char) -> Vec<JoinOutcome> {
        self.answers.iter().filter(|(to, _)| *to == name).map(|(_, answer)| *answer).collect()
    }

    /// Why a client's connection was to end.
    pub fn end_of(&self, name: char) -> Option<End> {
        let client = self.clients.iter().find(|client| client.name == name)?;
        *client.recorder.end.lock()
    }

    /// How many leaves were shown to a client.
    pub fn leaves_seen_by(&self, name: char) -> usize {
        let client = self.clients.iter().find(|client| client.name == name);
        let is_leave = |event: &&Arc<Event>| matches!(***event, Event::Leave { .. });
        client.map_or(0, |client| client.recorder.events.lock().iter().filter(is_leave).count())
    }

    fn step_client(&mut self, at: usize) {
        let client = &mut self.clients[at];
        match client.moves.pop().expect("only those with a move are able") {
            Reserve => self.reserve(at),
            Enter => self.enter(at),
            Hear => self.handle(at),
            StrayLeave => {
                let member = client.member.expect("it has had a seat");
                let stray = BrokerCommand::Leave { member, reason: LeaveReason::Left(None), id: None, done: None };
                client.inbox.as_ref().expect("it holds a sender").send(stray).expect("the broker lives");
            }
            Leave => {
                // An error means that the room failed, and has no members.
                _ = client.handle.take().expect("it is a member").send_leave(LeaveReason::Left(None), None, None);
            }
            DropHandle => drop(client.handle.take()),
            EndInput => self.end_input(at),
            SayGoodbye => self.say_goodbye(at),
            ReleaseInbox => drop(client.inbox.take()),
            Create => self.create(at),
            AskToCreate => self.ask(at, AuthLevel::Guest, RoomRequest::Create(RoomOptions::default())),
            Ban => {
                let user = UserName::parse("B").expect("a letter is a name");
                let request = ModerationRequest::Ban { user, lasts: None };
                self.ask(at, AuthLevel::Admin, RoomRequest::Moderate { request, note: None, connection: None });
            }
            HearOutcome => self.learn(at),
            Say => self.say(at, None),
            SayFirst => self.say(at, Some(0)),
            Look => {
                let handle = self.clients[at].handle.as_ref().expect("it is a member");
                handle.send(RoomRequest::Members, None).expect("the room lives");
            }
            Detach => self.detach(at),
            Resume => self.resume(at),
            HearResumed => self.register(at),
            Close => {
                self.engine.close();
            }
        }
        let client = &mut self.clients[at];
        // A client that was refused has nothing to leave.
        let alone = |next: &mut Move| matches!(next, Create | AskToCreate | Ban | HearOutcome | Close);
        let parting = |next: &mut Move| !alone(next) && !matches!(next, Reserve | Enter | Hear);
        while client.inbox.is_none() && client.moves.pop_if(parting).is_some() {}
    }

    fn reserve(&mut self, at: usize) {
        let reserved = self.engine.hub.reserve(&name(), &RoomKind::USUAL, None);
        let newest = self.newest();
        let client = &mut self.clients[at];
        match reserved {
            Ok((seat, inbox)) => {
                client.handle = Some(seat.handle(&inbox));
                client.member = Some(seat.number());
                client.seat = Some(seat);
                client.inbox = Some(inbox);
                client.room = newest;
            }
            Err(refusal) => {
                client.moves.retain(|next| !matches!(next, Enter | Hear));
                self.answers.push((client.name, JoinOutcome::Refused(refusal.code)));
            }
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

    fn handle(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let answer = match client.reply.take().expect("it waits").wait() {
            Ok(Ok(_)) => JoinOutcome::Joined,
            Ok(Err(refusal)) => JoinOutcome::Refused(refusal.code),
            Err(_) => JoinOutcome::Failed,
        };
        self.answers.push((client.name, answer));
        if answer != JoinOutcome::Joined {
            drop(client.handle.take());
            drop(client.inbox.take());
        }
    }

    /// The seats of a room, wherever they are.
    fn seats(&self, at: usize) -> usize {
        let held = self.clients.iter().filter(|client| client.seat.is_some() && client.room == at).count();
        held + self.brokers[at].seats()
    }

    fn check(&self) -> Result<(), String> {
        let seats: Vec<_> = (0..self.brokers.len()).map(|at| self.seats(at)).collect();
        if seats.iter().filter(|seats| **seats > 0).count() > 1 {
            return Err(format!("two rooms of one name have seats: {seats:?}"));
        }
        let pinned = seats.iter().any(|seats| *seats > 0);
        if pinned != self.is_there() {
            return Err(format!("seats {seats:?}, and the room is {}", if pinned { "not there" } else { "there" }));
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), String> {
        if let Some(client) = self.clients.iter().find(|client| !client.moves.is_empty()) {
            return Err(format!("{} waits forever", client.name));
        }
        for (at, broker) in self.brokers.iter().enumerate() {
            let lives = broker.lives();
            let is_in = |client: &Client| client.handle.as_ref().is_some_and(|handle| !handle.is_revoked());
            let stays = |client: &&Client| is_in(client) && client.room == at;
            let members = self.clients.iter().filter(stays).count();
            if lives && broker.members() != members {
                return Err(format!("room {} has {} members, not {members}", at + 1, broker.members()));
            }
            let told = broker.population();
            let all = members + self.elsewhere;
            if lives && told != all {
                return Err(format!("room {} says that it has {told} members, not {all}", at + 1));
            }
        }
        for client in &self.clients {
            let events = client.recorder.events.lock();
            let welcome = events.first().is_none_or(|first| matches!(**first, Event::Joined { .. }));
            let told = events.iter().filter(|event| matches!(***event, Event::Joined { .. })).count();
            let joined = self.answers_to(client.name).iter().filter(|answer| **answer == JoinOutcome::Joined).count();
            if !welcome || (told != joined && !client.recorder.fatal) {
                return Err(format!("{} joined {joined} times and was told so {told} times", client.name));
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        while let Some(actor) = self.enabled().first() {
            self.step(*actor)?;
        }
        Ok(())
    }

    /// Checks that the next join succeeds; then all clients leave and the server stops, and nothing may be left.
    fn wind_up(mut self) -> Result<(), String> {
        if !self.engine.hub.is_closing() {
            self.clients.push(Client::new('Z', &JOIN, false, Duration::ZERO));
            self.settle()?;
            if self.answers_to('Z') != [JoinOutcome::Joined] {
                return Err(format!("a client that joins later is answered {:?}", self.answers_to('Z')));
            }
        }
        for client in &mut self.clients {
            drop((client.handle.take(), client.inbox.take()));
        }
        self.engine.close();
        self.settle()?;
        let left = self.brokers.iter().filter(|broker| !broker.has_ended()).count();
        match (left, self.engine.hub.len()) {
            (0, 0) => Ok(()),
            (left, rooms) => Err(format!("{left} brokers and {rooms} rooms are left when all have left")),
        }
    }
}

impl World for Rooms {
    fn enabled(&self) -> Vec<char> {
        let clients = self.clients.iter().filter(|client| match client.moves.last() {
            Some(Hear) => client.reply.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(HearOutcome) => client.asked.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(HearResumed) => client.back.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(SayGoodbye) => client.delivered.as_ref().is_none_or(oneshot::Receiver::is_settled),
            next => next.is_some(),
        });
        let brokers = self.brokers.iter().zip('1'..).filter(|(broker, _)| broker.is_able());
        clients.map(|client| client.name).chain(brokers.map(|(_, number)| number)).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        match actor.to_digit(10) {
            Some(number) => self.brokers[number as usize - 1].step(),
            None => {
                let at = self.clients.iter().position(|client| client.name == actor).expect("a client's name");
                self.step_client(at);
            }
        }
        let opened = std::mem::take(&mut *self.opened.lock());
        for (opening, inbox) in opened {
            let stillborn = self.stillborn == Some(self.brokers.len() + 1);
            let store = Arc::clone(&self.store);
            self.brokers.push(SteppedBroker::new(opening, inbox, store, stillborn, self.shared));
        }
        self.check()
    }

    /// To hear that it has joined touches nobody else; everything else, the rooms.
    fn next_step(&self, actor: char) -> Step {
        let has_joined = |client: &Client| {
            let is_admitted = client.reply.as_ref().and_then(|reply| reply.peek(Result::is_ok));
            client.moves.last() == Some(&Hear) && is_admitted == Some(true)
        };
        match self.clients.iter().find(|client| client.name == actor) {
            Some(client) if has_joined(client) => Step::new("hears that it has joined").writes(actor),
            Some(_) => Step::new("acts").writes("rooms").writes(actor),
            None => Step::new("runs").writes("rooms"),
        }
    }

    fn finish(self) -> Result<(), String> {
        self.check_end()?;
        self.wind_up()
    }
}

/// Rooms, with what a scenario expects at the end.
pub struct Expecting<F> {
    rooms: Rooms,
    expect: F,
}

impl<F: Fn(&Rooms) -> Result<(), String>> World for Expecting<F> {
    fn enabled(&self) -> Vec<char> {
        self.rooms.enabled()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        self.rooms.step(actor)
    }

    fn next_step(&self, actor: char) -> Step {
        self.rooms.next_step(actor)
    }

    fn finish(self) -> Result<(), String> {
        self.rooms.check_end()?;
        (self.expect)(&self.rooms)?;
        self.rooms.wind_up()
    }
}
