//! A registry of rooms in which the last leave races with a join: an empty room ends while somebody is on the way in.
//!
//!     cargo run -p roomd-race --example last_leave -- --html pages
//!
//! Clients look up a room and then send it their join; rooms have an inbox each, and end when they are empty. Three ways
//! to end a room are wrong, each of which has been written by somebody; the fourth is the server's (`Hub::reserve` and
//! `Seat` in `src/engine/rooms/hub.rs`): who looks a room up has a seat in it from that moment on.

use std::collections::{BTreeMap, VecDeque};

use roomd_race::{Step, World};

mod support;

/// How a room comes to its end.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    /// An empty room removes its entry and ends, whatever is in its inbox.
    RemoveAndExit,
    /// The same, but the room looks into its inbox once more before it ends.
    LookOnceMore,
    /// An empty room is replaced at once, and lives on for the clients that looked it up.
    ReplaceWhenEmpty,
    /// Right: who looks a room up has a seat in it, and a room with a seat does not end.
    WhenNobodyHasASeat,
}

#[derive(Default)]
struct Room {
    inbox: VecDeque<(char, bool)>,
    members: Vec<char>,
    closing: bool,
    ended: bool,
}

/// What a client does next; the number is that of the room.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    LookUp,
    Send(usize),
    Wait(usize),
    Leave(usize),
    Done,
}

/// Clients that join a room and leave it.
struct Registry {
    ending: Ending,
    current: Option<usize>,
    rooms: Vec<Room>,
    clients: BTreeMap<char, Next>,
}

impl Registry {
    fn new(ending: Ending, clients: &str) -> Self {
        let clients = clients.chars().map(|name| (name, Next::LookUp)).collect();
        Self { ending, current: None, rooms: Vec::new(), clients }
    }

    fn look_up(&mut self) -> usize {
        let is_replaced = |room: &Room| self.ending == Ending::ReplaceWhenEmpty && room.closing;
        match self.current {
            Some(at) if !is_replaced(&self.rooms[at]) => at,
            _ => {
                self.rooms.push(Room::default());
                *self.current.insert(self.rooms.len() - 1)
            }
        }
    }

    /// Whether a room must not end, because a client has looked it up.
    fn is_wanted(&self, at: usize) -> bool {
        let wants = |next: &Next| [Next::Send(at), Next::Wait(at), Next::Leave(at)].contains(next);
        let counts = [Ending::ReplaceWhenEmpty, Ending::WhenNobodyHasASeat].contains(&self.ending);
        counts && self.clients.values().any(wants)
    }

    /// Whether a room ends with its next step.
    fn ends(&self, at: usize) -> bool {
        let room = &self.rooms[at];
        let looks = self.ending != Ending::RemoveAndExit;
        room.closing && (room.inbox.is_empty() || !looks) && !self.is_wanted(at)
    }

    fn step_room(&mut self, at: usize) {
        let ends = self.ends(at);
        let room = &mut self.rooms[at];
        if ends {
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

/// The actor that is a room.
fn digit(room: usize) -> char {
    char::from_digit(room as u32 + 1, 36).expect("there are few rooms")
}

impl World for Registry {
    fn enabled(&self) -> Vec<char> {
        let clients = self.clients.iter().filter(|(name, next)| match next {
            Next::Wait(room) => self.rooms[*room].members.contains(name),
            next => **next != Next::Done,
        });
        let rooms = (0..self.rooms.len()).filter(|at| {
            let room = &self.rooms[*at];
            !room.ended && (!room.inbox.is_empty() || room.closing && !self.is_wanted(*at))
        });
        clients.map(|(name, _)| *name).chain(rooms.map(digit)).collect()
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
                Next::Done => unreachable!("it is not enabled"),
            };
            self.clients.insert(actor, next);
        }
        let inhabited = self.rooms.iter().filter(|room| !room.members.is_empty()).count();
        if inhabited > 1 { Err("two rooms of one name".to_owned()) } else { Ok(()) }
    }

    fn finish(self) -> Result<(), String> {
        match self.clients.iter().find(|(_, next)| **next != Next::Done) {
            Some((name, _)) => Err(format!("{name} waits for ever")),
            None => Ok(()),
        }
    }

    fn next_step(&self, actor: char) -> Step {
        let room = |at: usize| format!("room {}", at + 1);
        if let Some(number) = actor.to_digit(10) {
            let at = number as usize - 1;
            return match self.rooms[at].inbox.front() {
                _ if self.ends(at) => Step::new("is empty: removes its entry, and ends").locks("registry"),
                Some((client, true)) => Step::new(format!("lets {client} in")).receives_from(*client),
                Some((client, false)) => Step::new(format!("lets {client} go")).receives_from(*client),
                None => Step::new("looks into its inbox"),
            };
        }
        match self.clients[&actor] {
            Next::LookUp => Step::new("looks the room up").locks("registry"),
            Next::Send(at) => Step::new(format!("sends its join to {}", room(at))).sends_to(digit(at)),
            Next::Wait(_) => Step::new("is in"),
            Next::Leave(at) => Step::new(format!("sends its leave to {}", room(at))).sends_to(digit(at)),
            Next::Done => Step::default(),
        }
    }

    fn state(&self) -> Vec<(String, String)> {
        let current = self.current.map_or("no room".to_owned(), |at| format!("room {}", at + 1));
        let rooms = (0..2).map(|at| {
            let state = self.rooms.get(at).map_or("-".to_owned(), |room| match room.ended {
                true => format!("ended, {} in its inbox", room.inbox.len()),
                false => format!("members {:?}, {} in its inbox", room.members, room.inbox.len()),
            });
            (format!("room {}", at + 1), state)
        });
        [("registry".to_owned(), current)].into_iter().chain(rooms).collect()
    }
}

pub fn main() {
    for (title, ending, clients, wrong) in [
        ("Remove and exit", Ending::RemoveAndExit, "AB", "waits for ever"),
        ("Look once more", Ending::LookOnceMore, "AB", "waits for ever"),
        ("Replace when empty", Ending::ReplaceWhenEmpty, "ABC", "two rooms of one name"),
    ] {
        let failure = support::show_mistake(title, || Registry::new(ending, clients));
        assert!(failure.why.ends_with(wrong), "{failure}");
    }
    support::show_right("A seat from the look-up on", || Registry::new(Ending::WhenNobodyHasASeat, "AB"));
}
