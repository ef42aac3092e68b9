//! Faulty protocols, to show that the search finds their mistakes.
//!
//! A registry in miniature: clients look up a room and then send it their join, rooms end when they are empty. Used by
//! one test, and independent of the engine.

use std::collections::{BTreeMap, VecDeque};

use roomd_race::World;

/// A common mistake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mistake {
    /// An empty room removes its entry and ends, whatever is in its inbox.
    RemoveAndExit,
    /// The same, but the room checks its inbox once more before it ends.
    LookOnceMore,
    /// An empty room is replaced at once, and lives on for the clients that looked it up.
    ReplaceWhenEmpty,
}

#[derive(Default)]
struct Room {
    inbox: VecDeque<(char, bool)>,
    members: Vec<char>,
    closing: bool,
    ended: bool,
}

/// What a client does next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    LookUp,
    Send(usize),
    Wait(usize),
    Leave(usize),
    Done,
}

/// Clients that join a room and leave it.
pub struct FaultyRegistry {
    mistake: Mistake,
    current: Option<usize>,
    rooms: Vec<Room>,
    clients: BTreeMap<char, Next>,
}

impl FaultyRegistry {
    pub fn new(mistake: Mistake, clients: &str) -> Self {
        let clients = clients.chars().map(|name| (name, Next::LookUp)).collect();
        Self { mistake, current: None, rooms: Vec::new(), clients }
    }

    fn look_up(&mut self) -> usize {
        let replaced = |room: &Room| self.mistake == Mistake::ReplaceWhenEmpty && room.closing;
        match self.current {
            Some(at) if !replaced(&self.rooms[at]) => at,
            _ => {
                self.rooms.push(Room::default());
                *self.current.insert(self.rooms.len() - 1)
            }
        }
    }

    /// Whether a room must not end, because a client has looked it up.
    fn is_wanted(&self, at: usize) -> bool {
        let wants = |next: &Next| [Next::Send(at), Next::Wait(at), Next::Leave(at)].contains(next);
        self.mistake == Mistake::ReplaceWhenEmpty && self.clients.values().any(wants)
    }

    fn step_room(&mut self, at: usize) {
        let wanted = self.is_wanted(at);
        let room = &mut self.rooms[at];
        let last_look = self.mistake != Mistake::RemoveAndExit;
        if room.closing && (room.inbox.is_empty() || !last_look) && !wanted {
            room.ended = true;
            self.current.take_if(|current| *current == at);
            return;
        }
        room.closing = false;
        match room.inbox.pop_front() {
            Some((client, true)) => room.members.push(client),
            Some((client, false)) => {
                room.members.retain(|member| *member != client);
                room.closing = room.members.is_empty();
            }
            None => {}
        }
    }
}

impl World for FaultyRegistry {
    fn enabled(&self) -> Vec<char> {
        let clients = self.clients.iter().filter(|(name, next)| match next {
            Next::Wait(room) => self.rooms[*room].members.contains(name),
            next => **next != Next::Done,
        });
        let rooms = self.rooms.iter().zip('1'..).enumerate().filter(|(at, (room, _))| {
            let ends = room.closing && !self.is_wanted(*at);
            !room.ended && (ends || !room.inbox.is_empty())
        });
        clients.map(|(name, _)| *name).chain(rooms.map(|(_, (_, number))| number)).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        if let Some(number) = actor.to_digit(10) {
            self.step_room(number as usize - 1);
        } else {
            let next = match self.clients[&actor] {
                Next::LookUp => Next::Send(self.look_up()),
                Next::Send(room) => {
                    self.rooms[room].inbox.push_back((actor, true));
                    Next::Wait(room)
                }
                Next::Wait(room) => Next::Leave(room),
                Next::Leave(room) => {
                    self.rooms[room].inbox.push_back((actor, false));
                    Next::Done
                }
                Next::Done => unreachable!("it is not able"),
            };
            self.clients.insert(actor, next);
        }
        let inhabited = self.rooms.iter().filter(|room| !room.members.is_empty()).count();
        if inhabited > 1 { Err("two rooms of one name".to_owned()) } else { Ok(()) }
    }

    fn finish(self) -> Result<(), String> {
        match self.clients.iter().find(|(_, next)| **next != Next::Done) {
            Some((name, _)) => Err(format!("{name} waits forever")),
            None => Ok(()),
        }
    }
}
