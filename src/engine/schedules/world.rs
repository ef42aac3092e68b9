//! The real hub and real brokers on one thread, with clients that do one thing at a time.
//!
//! Used by the schedules. The opener stores what a broker is made of, so that opening, each command,
//! each panic and each end of a broker is a step of its own, beside those of the clients: to take a
//! seat, to send the join, to hear the answer, to leave, to let go of the inbox.

use std::sync::Arc;

use super::client::Client;
use super::explorer::World;
use super::stepped_broker::SteppedBroker;
use crate::auth::Auth;
use crate::chat::policy::{ModerationRequest, RoomOptions};
use crate::chat::room::{JoinRequest, LeaveReason};
use crate::chat::{AuthLevel, Code, End, Event, Limits, Recovery, RoomName, RoomRequest, UserName};
use crate::engine::Engine;
use crate::engine::base::clock::Clock;
use crate::engine::base::oneshot;
use crate::engine::base::queue::Receiver as Inbox;
use crate::engine::base::sync::Mutex;
use crate::engine::base::threads::Threads;
use crate::engine::clients::recipient::Form;
use crate::engine::rooms::hub::{Opening, RoomKind};
use crate::engine::rooms::inbox::{BrokerCommand, PendingJoin};
use crate::store::Memory;

/// One step of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Move {
    /// Takes a seat; the first opens the room.
    Reserve,
    /// Sends its join.
    Enter,
    /// Hears the answer.
    Hear,
    /// Sends a leave that nobody asked for.
    StrayLeave,
    /// Sends its leave.
    Leave,
    /// Is gone: its handle drops.
    Vanish,
    /// Drops its last sender.
    LetGo,
    /// Takes a seat for the server, to create the room.
    Create,
    /// Asks the room to begin.
    Found,
    /// As an admin, asks the room to ban B.
    Ban,
    /// Hears what became of either.
    Learn,
    /// Says something.
    Say,
    /// Its connection breaks, and its place is kept.
    Park,
    /// It comes back to its place.
    Return,
    /// Hears whether it is there.
    Arrive,
    /// Stops the server.
    Close,
}

use Move::{
    Arrive, Ban, Close, Create, Enter, Found, Hear, Learn, Leave, LetGo, Park, Reserve, Return, Say, StrayLeave, Vanish,
};

/// What a client does that joins and stays.
pub const JOIN: [Move; 3] = [Reserve, Enter, Hear];

/// What a client does that creates the room.
pub const CREATE: [Move; 3] = [Create, Found, Learn];

/// What an admin does that bans B.
pub const BAN: [Move; 2] = [Ban, Learn];

/// What became of a join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResumeAnswer {
    Joined,
    Refused(Code),
    /// The room failed.
    Failed,
}

/// Who takes part, and what goes wrong.
#[derive(Clone, Default)]
pub struct Scenario {
    clients: Vec<(char, Vec<Move>)>,
    /// Steps taken before all orders of the others are tried.
    before: &'static str,
    /// This client breaks the broker that gives it anything.
    fatal: Option<char>,
    /// This room finds no history, so its broker never runs.
    stillborn: Option<usize>,
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

    /// The world after the steps that come before.
    pub fn world<F: Fn(&Rooms) -> Result<(), String>>(&self, expect: F) -> Expecting<F> {
        let mut rooms = Rooms::new(self);
        for actor in self.before.chars() {
            assert!(rooms.able().contains(&actor), "{actor} can take no step in {}", self.before);
            rooms.step(actor).expect("what comes before is in order");
        }
        Expecting { rooms, expect }
    }
}

type Opened = Arc<Mutex<Vec<(Opening, Inbox<BrokerCommand>)>>>;

/// The hub, its rooms and its clients.
pub struct Rooms {
    pub engine: Arc<Engine>,
    opened: Opened,
    desks: Vec<SteppedBroker>,
    pub clients: Vec<Client>,
    stillborn: Option<usize>,
    /// The server has just sent a seat of its own.
    pub kept: bool,
    pub answers: Vec<(char, ResumeAnswer)>,
    pub creations: Vec<Result<(), Code>>,
    /// What became of motions.
    pub rulings: Vec<Result<(), Code>>,
    /// What became of those who came back.
    pub returns: Vec<Option<Recovery>>,
}

pub fn name() -> RoomName {
    RoomName::parse("r").expect("a letter is a name")
}

impl Rooms {
    fn new(scenario: &Scenario) -> Self {
        let opened = Opened::default();
        let openings = Arc::clone(&opened);
        let opener = Box::new(move |opening, inbox| {
            openings.lock().push((opening, inbox));
            Ok(())
        });
        Self {
            engine: Engine::new(
                Limits::default(),
                Threads::new(),
                Clock::start(),
                Arc::new(Memory),
                Auth::guests_only(),
                opener,
            ),
            opened,
            desks: Vec::new(),
            clients: scenario.clients.iter().map(|(name, moves)| Client::new(*name, moves, scenario.fatal)).collect(),
            stillborn: scenario.stillborn,
            kept: false,
            answers: Vec::new(),
            creations: Vec::new(),
            rulings: Vec::new(),
            returns: Vec::new(),
        }
    }

    /// The number of the newest room, which may not have been opened yet.
    pub(super) fn newest(&self) -> usize {
        (self.desks.len() + self.opened.lock().len()).saturating_sub(1)
    }

    /// How many rooms were opened in all.
    pub fn openings(&self) -> usize {
        self.desks.len()
    }

    /// Whether the hub knows the room.
    pub fn is_there(&self) -> bool {
        self.engine.hub.has(&name())
    }

    /// The answers to a client's joins.
    pub fn answers_to(&self, name: char) -> Vec<ResumeAnswer> {
        self.answers.iter().filter(|(to, _)| *to == name).map(|(_, answer)| *answer).collect()
    }

    /// Why a client's connection was to end.
    pub fn end_of(&self, name: char) -> Option<End> {
        let client = self.clients.iter().find(|client| client.name == name)?;
        *client.recorder.end.lock()
    }

    /// How often somebody's leave was shown to a client.
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
                let stray = BrokerCommand::Leave { member, reason: LeaveReason::Left, id: None, done: None };
                client.inbox.as_ref().expect("it holds a sender").send(stray).expect("the broker lives");
            }
            Leave => {
                // An error means that the room failed: there is nothing to leave.
                _ = client.handle.take().expect("it is a member").depart(LeaveReason::Left, None, None);
            }
            Vanish => drop(client.handle.take()),
            LetGo => drop(client.inbox.take()),
            Create => self.create(at),
            Found => self.ask(at, AuthLevel::Guest, RoomRequest::Create(RoomOptions::default())),
            Ban => {
                let user = UserName::parse("B").expect("a letter is a name");
                let request = ModerationRequest::Ban { user, lasts: None };
                self.ask(at, AuthLevel::Admin, RoomRequest::Moderate { request, note: None });
            }
            Learn => self.learn(at),
            Say => self.say(at),
            Park => self.detach(at),
            Return => self.resume(at),
            Arrive => self.register(at),
            Close => {
                self.engine.close();
            }
        }
        let client = &mut self.clients[at];
        // One who was not let in has nothing to leave.
        let alone = |next: &mut Move| matches!(next, Create | Found | Ban | Learn | Close);
        let parting = |next: &mut Move| !alone(next) && !matches!(next, Reserve | Enter | Hear);
        while client.inbox.is_none() && client.moves.pop_if(parting).is_some() {}
    }

    fn reserve(&mut self, at: usize) {
        let reserved = self.engine.hub.reserve(&name(), &RoomKind::USUAL);
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
                self.answers.push((client.name, ResumeAnswer::Refused(refusal.code)));
            }
        }
    }

    fn enter(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let (reply, answer) = oneshot::channel();
        let entrant = JoinRequest::new(
            UserName::parse(&client.name.to_string()).expect("a letter is a name"),
            AuthLevel::Guest,
            at as u64,
        );
        let seat = client.seat.take().expect("it has a seat");
        let recipient = Arc::clone(&client.recorder) as _;
        let entry = PendingJoin { seat, recipient, form: Form::Events, entrant, id: None, reply };
        client.reply = Some(answer);
        if client.inbox.as_ref().expect("it holds a sender").send(BrokerCommand::Join(Box::new(entry))).is_ok() {
            self.desks[client.room].queued += 1;
        }
    }

    fn handle(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let answer = match client.reply.take().expect("it waits").wait() {
            Ok(Ok(_)) => ResumeAnswer::Joined,
            Ok(Err(refusal)) => ResumeAnswer::Refused(refusal.code),
            Err(_) => ResumeAnswer::Failed,
        };
        self.answers.push((client.name, answer));
        if answer != ResumeAnswer::Joined {
            drop(client.handle.take());
            drop(client.inbox.take());
        }
    }

    /// The seats of a room, wherever they are.
    fn seats(&self, at: usize) -> usize {
        let held = self.clients.iter().filter(|client| client.seat.is_some() && client.room == at).count();
        held + self.desks[at].queued + self.desks[at].seats()
    }

    fn check(&self) -> Result<(), String> {
        let seats: Vec<_> = (0..self.desks.len()).map(|at| self.seats(at)).collect();
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
            return Err(format!("{} waits for ever", client.name));
        }
        for (at, desk) in self.desks.iter().enumerate() {
            let lives = desk.lives();
            let is_in = |client: &Client| client.handle.as_ref().is_some_and(|handle| !handle.is_revoked());
            let stays = |client: &&Client| is_in(client) && client.room == at;
            let members = self.clients.iter().filter(stays).count();
            if lives && desk.members() != members {
                return Err(format!("room {} has {} members, not {members}", at + 1, desk.members()));
            }
            let told = desk.population();
            if lives && told != members {
                return Err(format!("room {} says that it has {told} members, not {members}", at + 1));
            }
        }
        for client in &self.clients {
            let events = client.recorder.events.lock();
            let welcome = events.first().is_none_or(|first| matches!(**first, Event::Joined { .. }));
            let told = events.iter().filter(|event| matches!(***event, Event::Joined { .. })).count();
            let joined = self.answers_to(client.name).iter().filter(|answer| **answer == ResumeAnswer::Joined).count();
            if !welcome || (told != joined && !client.recorder.fatal) {
                return Err(format!("{} joined {joined} times and was told so {told} times", client.name));
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        while let Some(actor) = self.able().first() {
            self.step(*actor)?;
        }
        Ok(())
    }

    /// However it went, the next join succeeds. All leave, the server stops: nothing may be left.
    fn wind_up(mut self) -> Result<(), String> {
        if !self.engine.hub.is_closing() {
            self.clients.push(Client::new('Z', &JOIN, None));
            self.settle()?;
            if self.answers_to('Z') != [ResumeAnswer::Joined] {
                return Err(format!("one who comes later is answered {:?}", self.answers_to('Z')));
            }
        }
        for client in &mut self.clients {
            drop((client.handle.take(), client.inbox.take()));
        }
        self.engine.close();
        self.settle()?;
        let left = self.desks.iter().filter(|desk| !desk.has_ended()).count();
        match (left, self.engine.hub.len()) {
            (0, 0) => Ok(()),
            (left, rooms) => Err(format!("{left} brokers and {rooms} rooms are left when all have gone")),
        }
    }
}

impl World for Rooms {
    fn able(&self) -> Vec<char> {
        let clients = self.clients.iter().filter(|client| match client.moves.last() {
            Some(Hear) => client.reply.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(Learn) => client.asked.as_ref().is_some_and(oneshot::Receiver::is_settled),
            Some(Arrive) => client.back.as_ref().is_some_and(oneshot::Receiver::is_settled),
            next => next.is_some(),
        });
        let desks = self.desks.iter().zip('1'..).filter(|(desk, _)| desk.is_able());
        clients.map(|client| client.name).chain(desks.map(|(_, number)| number)).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        match actor.to_digit(10) {
            Some(number) => self.desks[number as usize - 1].step(),
            None => {
                let at = self.clients.iter().position(|client| client.name == actor).expect("a client's name");
                self.step_client(at);
            }
        }
        let opened = std::mem::take(&mut *self.opened.lock());
        for (opening, inbox) in opened {
            let stillborn = self.stillborn == Some(self.desks.len() + 1);
            self.desks.push(SteppedBroker::new(opening, inbox, stillborn));
        }
        if std::mem::take(&mut self.kept) {
            self.desks.last_mut().expect("it opened a room").queued += 1;
        }
        self.check()
    }

    fn finish(self) -> Result<(), String> {
        self.check_end()?;
        self.wind_up()
    }
}

/// Rooms, with what a scenario wants to see at the end.
pub struct Expecting<F> {
    rooms: Rooms,
    expect: F,
}

impl<F: Fn(&Rooms) -> Result<(), String>> World for Expecting<F> {
    fn able(&self) -> Vec<char> {
        self.rooms.able()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        self.rooms.step(actor)
    }

    fn finish(self) -> Result<(), String> {
        self.rooms.check_end()?;
        (self.expect)(&self.rooms)?;
        self.rooms.wind_up()
    }
}
