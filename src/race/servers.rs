//! The servers of a scenario: one, or two with one history, in every order of their steps.
//!
//! Each has a hub, rooms and clients of its own; the store of two is shared. What every client of two is shown must be a
//! part of the one history, without a gap or a double, from its join on; and what was acknowledged must be in it, under
//! its number. The rooms of the second server are digits from 6 on.

use std::collections::BTreeSet;
use std::sync::Arc;

use roomd_race::{Step, World};

use super::expectation::Expectation;
use super::mistakes::Mistake;
use super::moves::Move;
use super::rooms::{Rooms, Setup};
use super::shared_store::{Loss, SharedStore};
use super::stepped_client::SteppedClient;
use crate::chat::{Body, Code, Event};
use crate::store::{Memory, Store};

/// The number before that of the second server's first room.
pub const SECOND: usize = 5;

/// See the module.
pub struct Servers {
    rooms: Vec<Rooms>,
    /// The history that two servers share.
    store: Option<SharedStore>,
    /// What is still to be lost: `!` makes the store lose the next answer, `?` has it store what is late.
    losses: Vec<Loss>,
    has_lost: bool,
    is_late: bool,
    /// Messages that are to be the first of the room: by whom, and the text.
    firsts: Vec<(char, String)>,
    /// Who is banned by somebody.
    banned: Vec<char>,
    /// Whether somebody says something.
    speaks: bool,
    expectations: Vec<Expectation>,
}

impl Servers {
    /// One server or two, before the first step.
    pub fn new(setups: &[Setup], losses: &[Loss], expectations: &[Expectation]) -> Self {
        let mistake = setups.first().and_then(|setup| match setup.mistake {
            Some(Mistake::Store(mistake)) => Some(mistake),
            _ => None,
        });
        let store = (setups.len() > 1).then(|| SharedStore::new(mistake));
        let log = || -> Arc<dyn Store> {
            match &store {
                Some(store) => Arc::new(store.clone()),
                None => Arc::new(Memory),
            }
        };
        let clients = setups.iter().flat_map(|setup| &setup.clients);
        let moves: Vec<_> = clients.flat_map(|(name, moves)| moves.iter().map(move |next| (*name, next))).collect();
        let banned = moves.iter().filter_map(|(_, next)| if let Move::Ban(user) = next { Some(*user) } else { None });
        let firsts = moves.iter().filter_map(|(name, next)| match next {
            Move::Say { text, first: true } => Some((*name, text.clone())),
            _ => None,
        });
        Self {
            firsts: firsts.collect(),
            banned: banned.collect(),
            speaks: moves.iter().any(|(_, next)| matches!(next, Move::Say { .. })),
            rooms: setups.iter().map(|setup| Rooms::on(setup, log())).collect(),
            store,
            losses: losses.to_vec(),
            has_lost: false,
            is_late: false,
            expectations: expectations.to_vec(),
        }
    }

    /// What a client was shown: messages and bans.
    fn shown(rooms: &Rooms, who: char) -> Vec<String> {
        let client = rooms.clients.iter().find(|client| client.name == who).expect("a client's name");
        let shown = |event: &Event| match event {
            Event::Message(message) => Some(format!("{}{}", message.user, message.seq)),
            Event::Moderated { .. } => Some("x".to_owned()),
            _ => None,
        };
        client.recorder.events.lock().iter().filter_map(|event| shown(event)).collect()
    }

    /// What a client was told of messages, for a reader: those that it was shown, and what became of its own.
    fn told(client: &SteppedClient) -> (String, String) {
        let events = client.recorder.events.lock();
        let told = events.iter().filter_map(|event| match &**event {
            Event::Message(message) => Some(format!("{}{}", message.user, message.seq)),
            Event::Sent { seq, .. } => Some(format!("sent {seq}")),
            Event::Refused(refusal) => Some(refusal.code.as_str().to_owned()),
            _ => None,
        });
        let told: Vec<_> = told.collect();
        let told = if told.is_empty() { "nothing".to_owned() } else { told.join(", ") };
        (format!("{}: told", client.name), told)
    }

    /// Each room learns what the other server did, as it does when a note comes.
    fn catch_up(&mut self) -> Result<(), String> {
        // What a room hears may be older than what there is, or put somebody out, and that is told with another note.
        for _ in 0..3 {
            self.rooms.iter().for_each(Rooms::notify);
            while let Some(actor) = self.enabled().first() {
                self.step(*actor)?;
            }
        }
        Ok(())
    }

    fn check_shown(&self, store: &SharedStore) -> Result<(), String> {
        let all = store.events();
        for rooms in &self.rooms {
            for client in &rooms.clients {
                require(client.recorder.end.lock().is_none(), "a room failed")?;
                let shown = Self::shown(rooms, client.name);
                let is_part = shown.is_empty() || all.windows(shown.len()).any(|part| part == shown);
                require(is_part, &format!("{} was shown {shown:?} of {all:?}", client.name))?;
                let is_whole = !client.is_in() || all.ends_with(&shown);
                require(is_whole, &format!("{} was shown only {shown:?} of {all:?}", client.name))?;
                for event in client.recorder.events.lock().iter() {
                    self.check_event(client.name, event, &all)?;
                }
            }
        }
        self.check_members(store)?;
        let ban = all.iter().position(|event| event == "x").unwrap_or(all.len());
        // Where several are banned, the events do not say whose ban is whose.
        let is_one = self.banned.windows(2).all(|pair| pair[0] == pair[1]);
        let is_banned = |event: &String| is_one && event.starts_with(&self.banned[..]);
        require(!all[ban..].iter().any(is_banned), &format!("stored after the ban: {all:?}"))
    }

    /// One event that a client was given; `all` is the history.
    fn check_event(&self, name: char, event: &Event, all: &[String]) -> Result<(), String> {
        match event {
            Event::Message(message) => {
                let is_first = |(who, text): &(char, String)| {
                    message.user.as_str() == who.to_string() && message.body == Body::Text(text.as_str().into())
                };
                let breaks = message.seq != 1 && self.firsts.iter().any(is_first);
                require(!breaks, &format!("a message that was to be the first is number {}", message.seq))
            }
            Event::Sent { seq, .. } => {
                let said = format!("{name}{seq}");
                require(all.contains(&said), &format!("{said} is acknowledged, and not in {all:?}"))
            }
            Event::Refused(refusal)
                if refusal.code != Code::Conflict && !self.banned.contains(&name) && !self.has_lost =>
            {
                Err(format!("{name} is refused, and not banned"))
            }
            _ => Ok(()),
        }
    }

    /// Each who is in the room was told of joins and leaves in turn, and knows by now who is there on both servers.
    fn check_members(&self, store: &SharedStore) -> Result<(), String> {
        let here = store.users();
        for client in self.rooms.iter().flat_map(|rooms| &rooms.clients).filter(|client| client.is_in()) {
            let (name, mut told) = (client.name, BTreeSet::new());
            for event in client.recorder.events.lock().iter() {
                match &**event {
                    Event::Joined { members, .. } => told = members.iter().cloned().collect(),
                    Event::Join { user, .. } => {
                        require(told.insert(user.clone()), &format!("{name} is told twice that {user} joins"))?;
                    }
                    Event::Leave { user, .. } => {
                        let was_there = told.remove(user);
                        require(was_there, &format!("{name} is told that {user} leaves, who was not there"))?;
                    }
                    _ => {}
                }
            }
            require(told == here, &format!("{name} knows of {told:?}, and there are {here:?}"))?;
        }
        Ok(())
    }

    fn server_of(&self, actor: char) -> Option<usize> {
        self.rooms.iter().position(|rooms| rooms.has(actor))
    }

    /// Checks what is true of servers that share a history, and tells each who is in the room through the other.
    fn check_history(&mut self, store: &SharedStore) -> Result<(), String> {
        self.catch_up()?;
        self.check_shown(store)?;
        let here: Vec<_> =
            self.rooms.iter().map(|rooms| rooms.clients.iter().filter(|one| one.is_in()).count()).collect();
        for (at, rooms) in self.rooms.iter_mut().enumerate() {
            rooms.elsewhere = here.iter().sum::<usize>() - here[at];
        }
        Ok(())
    }
}

fn require(is_right: bool, what: &str) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(what.to_owned()) }
}

impl World for Servers {
    fn enabled(&self) -> Vec<char> {
        let loses = (!self.losses.is_empty()).then_some('!');
        let servers = self.rooms.iter().flat_map(Rooms::enabled);
        servers.chain(loses).chain(self.is_late.then_some('?')).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        match (actor, &self.store) {
            ('!', Some(store)) => {
                let loss = self.losses.pop().expect("it is enabled");
                self.is_late |= loss == Loss::Late;
                self.has_lost = true;
                store.lose(loss);
                Ok(())
            }
            ('?', Some(store)) => {
                store.store_late();
                self.is_late = false;
                Ok(())
            }
            _ => {
                let at = self.server_of(actor).expect("an actor is of a server");
                self.rooms[at].step(actor)
            }
        }
    }

    /// The rooms of both servers are one object: the store is shared.
    fn next_step(&self, actor: char) -> Step {
        match (actor, self.server_of(actor)) {
            (_, Some(at)) => self.rooms[at].next_step(actor),
            ('!', _) => Step::new("the answer to the next append is lost").writes("rooms"),
            _ => Step::new("the store stores what is late").writes("rooms"),
        }
    }

    fn finish(mut self) -> Result<(), String> {
        if let Some(store) = self.store.clone() {
            self.check_history(&store)?;
        }
        self.rooms.iter().try_for_each(Rooms::check_end)?;
        self.expectations.iter().try_for_each(|expected| expected.check(&self.rooms))?;
        self.rooms.into_iter().try_for_each(Rooms::wind_up)
    }

    fn state(&self) -> Vec<(String, String)> {
        let history = self.store.as_ref().map(|store| ("history".to_owned(), store.events().join(" ")));
        let names = |(at, rooms): (usize, &Rooms)| {
            let several = self.rooms.len() > 1;
            let name = move |name: String| if several && name == "hub" { format!("hub {}", at + 1) } else { name };
            rooms.state().into_iter().map(move |(key, value)| (name(key), value)).collect::<Vec<_>>()
        };
        let clients = self.rooms.iter().flat_map(|rooms| &rooms.clients).filter(|_| self.speaks);
        history
            .into_iter()
            .chain(self.rooms.iter().enumerate().flat_map(names))
            .chain(clients.map(Self::told))
            .collect()
    }
}
