//! Seats: a room is in the hub exactly as long as somebody has a seat in it.
//!
//! Whoever looks a room up takes a seat in the same critical section; the seat goes with the join into the inbox, and from
//! there to the room; it is given back with the leave. With the last seat the room leaves the hub, and it ends when
//! nobody has a sender to it any more. So a join never lies in the inbox of a room that will not read it.

use std::collections::VecDeque;

use stateright::{Checker as _, Model, Property};

use crate::transitions::{Facts, Specification, hold_together};

/// Clients that join, and leave or stay, in a room that is not open yet.
#[derive(Clone, Debug)]
struct Seats {
    /// What each client does, the first of them `A`.
    clients: Vec<&'static [Step]>,
    /// Steps that come first, as in the scenario.
    before: &'static str,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// A room goes with its last seat.
    LastSeat,
    /// A mistake: it goes with its last member.
    LastMember,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    LookUp,
    SendJoin,
    Hear,
    SendLeave,
    DropSender,
}

const JOINS: &[Step] = &[Step::LookUp, Step::SendJoin, Step::Hear];
const VISITS: &[Step] = &[Step::LookUp, Step::SendJoin, Step::Hear, Step::SendLeave, Step::DropSender];

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    /// The room that the name leads to.
    hub: Option<usize>,
    rooms: Vec<Room>,
    clients: Vec<Client>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Room {
    life: Life,
    inbox: VecDeque<Command>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Life {
    #[default]
    NotOpenYet,
    Open,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Command {
    Join(usize),
    Leave(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Client {
    /// Steps that it has taken.
    taken: usize,
    room: usize,
    seat: Option<Place>,
    has_sender: bool,
    is_answered: bool,
}

/// Where a seat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    LookedUp,
    InTheInbox,
    InTheRoom,
}

impl State {
    fn seats(&self, room: usize, place: Place) -> usize {
        self.clients.iter().filter(|client| client.room == room && client.seat == Some(place)).count()
    }

    fn has_seats(&self, room: usize) -> bool {
        self.clients.iter().any(|client| client.room == room && client.seat.is_some())
    }

    /// Whether something can still be sent to the room: the hub passes its sender on.
    fn has_senders(&self, room: usize) -> bool {
        self.hub == Some(room) || self.clients.iter().any(|client| client.room == room && client.has_sender)
    }

    fn look_up(&mut self, at: usize) {
        let room = *self.hub.get_or_insert(self.rooms.len());
        if room == self.rooms.len() {
            self.rooms.push(Room::default());
        }
        let client = &mut self.clients[at];
        (client.room, client.seat, client.has_sender) = (room, Some(Place::LookedUp), true);
    }

    fn send(&mut self, command: Command, at: usize) {
        let room = &mut self.rooms[self.clients[at].room];
        if room.life != Life::Ended {
            room.inbox.push_back(command);
        }
    }

    fn step_client(&mut self, at: usize, step: Step) {
        self.clients[at].taken += 1;
        match step {
            Step::LookUp => self.look_up(at),
            Step::SendJoin => {
                self.send(Command::Join(at), at);
                self.clients[at].seat = Some(Place::InTheInbox);
            }
            Step::Hear => {}
            Step::SendLeave => self.send(Command::Leave(at), at),
            Step::DropSender => self.clients[at].has_sender = false,
        }
    }

    fn step_room(&mut self, at: usize, rule: Rule) {
        if self.rooms[at].life == Life::NotOpenYet {
            self.rooms[at].life = Life::Open;
            return;
        }
        match self.rooms[at].inbox.pop_front() {
            Some(Command::Join(client)) => {
                self.clients[client].seat = Some(Place::InTheRoom);
                self.clients[client].is_answered = true;
            }
            Some(Command::Leave(client)) => {
                self.clients[client].seat = None;
                let is_over = match rule {
                    Rule::LastSeat => !self.has_seats(at),
                    Rule::LastMember => self.seats(at, Place::InTheRoom) == 0,
                };
                if is_over {
                    self.hub = self.hub.filter(|room| *room != at);
                }
                if is_over && rule == Rule::LastMember {
                    self.rooms[at].life = Life::Ended;
                }
            }
            None => self.rooms[at].life = Life::Ended,
        }
    }
}

impl Seats {
    fn next_step(&self, state: &State, at: usize) -> Option<Step> {
        self.clients[at].get(state.clients[at].taken).copied()
    }

    fn name(at: usize) -> char {
        (b'A' + u8::try_from(at).unwrap()).into()
    }

    fn step(&self, state: &mut State, actor: char) {
        match actor.to_digit(10) {
            Some(number) => state.step_room(number as usize - 1, self.rule),
            None => {
                let at = (actor as u8 - b'A') as usize;
                state.step_client(at, self.next_step(state, at).unwrap());
            }
        }
    }

    fn may_leave(&self) -> bool {
        self.clients.iter().any(|steps| steps.contains(&Step::SendLeave))
    }
}

impl Model for Seats {
    type State = State;
    type Action = char;

    fn init_states(&self) -> Vec<State> {
        let mut state = State { clients: vec![Client::default(); self.clients.len()], ..State::default() };
        self.before.chars().for_each(|actor| self.step(&mut state, actor));
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<char>) {
        let can = |at: &usize| match self.next_step(state, *at) {
            Some(Step::Hear) => state.clients[*at].is_answered,
            next => next.is_some(),
        };
        actions.extend((0..self.clients.len()).filter(can).map(Self::name));
        let is_able = |(at, room): &(usize, &Room)| match room.life {
            Life::NotOpenYet => true,
            Life::Open => !room.inbox.is_empty() || !state.has_senders(*at),
            Life::Ended => false,
        };
        let able = state.rooms.iter().enumerate().filter(is_able);
        actions.extend(able.map(|(at, _)| char::from_digit(u32::try_from(at).unwrap() + 1, 10).unwrap()));
    }

    fn next_state(&self, state: &State, actor: char) -> Option<State> {
        let mut next = state.clone();
        self.step(&mut next, actor);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(
                "a room is in the hub exactly as long as somebody has a seat in it",
                |_, state: &State| {
                    (0..state.rooms.len()).all(|room| state.has_seats(room) == (state.hub == Some(room)))
                },
            ),
            Property::always("nothing lies in the inbox of a room that has ended", |_, state: &State| {
                state.rooms.iter().all(|room| room.life != Life::Ended || room.inbox.is_empty())
            }),
            Property::eventually("everybody has done what they came for", |model: &Self, state: &State| {
                (0..model.clients.len()).all(|at| model.next_step(state, at).is_none())
            }),
        ];
        if self.may_leave() {
            properties.push(Property::sometimes("a second room is opened", |_, state: &State| state.rooms.len() == 2));
        }
        properties
    }
}

impl Specification for Seats {
    fn facts(&self, state: &State) -> Facts {
        let room_name = |at: usize| format!("room {}", at + 1);
        let mut facts = Facts::from([("hub".to_owned(), state.hub.map_or("no room".to_owned(), room_name))]);
        for (at, room) in state.rooms.iter().enumerate() {
            let life = match room.life {
                Life::NotOpenYet => "not open yet",
                Life::Open => "open",
                Life::Ended => "ended",
            };
            let members = match state.seats(at, Place::InTheRoom) {
                0 => "nobody in it".to_owned(),
                1 => "1 member".to_owned(),
                count => format!("{count} members"),
            };
            let inbox = room.inbox.iter().map(|command| match command {
                Command::Join(client) => format!("join of {}", Self::name(*client)),
                Command::Leave(client) => format!("leave of {}", Self::name(*client)),
            });
            let places = [
                (Place::LookedUp, "looked up"),
                (Place::InTheInbox, "in the inbox"),
                (Place::InTheRoom, "in the room"),
            ];
            let seats = places.into_iter().map(|(place, name)| (state.seats(at, place), name));
            let seats = seats.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
            facts.insert(room_name(at), format!("{life}, {members}"));
            facts.insert(format!("{}: inbox", room_name(at)), list(inbox, "empty"));
            facts.insert(format!("{}: seats", room_name(at)), list(seats, "none"));
        }
        for at in 0..state.clients.len() {
            let standing = match (self.next_step(state, at), state.clients[at].taken) {
                (Some(Step::LookUp), _) => "outside",
                (Some(Step::SendJoin), _) => "has looked the room up",
                (Some(Step::Hear), _) => "waits for the answer",
                (_, 3) => "a member",
                _ => "has left",
            };
            facts.insert(Self::name(at).to_string(), standing.to_owned());
        }
        facts
    }
}

fn list(items: impl Iterator<Item = String>, none: &str) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}

#[test]
fn seats_are_as_specified() {
    for (scenario, clients, before) in [
        ("two-joins", vec![JOINS, JOINS], ""),
        ("three-joins", vec![JOINS, JOINS, JOINS], "A"),
        ("last-leave", vec![VISITS, JOINS], "AA11A"),
        ("last-leave-of-three", vec![VISITS, JOINS, JOINS], "AA11AAA"),
        ("two-visits", vec![VISITS, VISITS], "A"),
    ] {
        hold_together(scenario, &Seats { clients, before, rule: Rule::LastSeat });
    }
}

#[test]
fn a_room_that_goes_with_its_last_member_is_found() {
    let model = Seats { clients: vec![VISITS, JOINS], before: "AA11A", rule: Rule::LastMember };
    let checker = model.checker().spawn_bfs().join();
    for property in [
        "a room is in the hub exactly as long as somebody has a seat in it",
        "nothing lies in the inbox of a room that has ended",
        "everybody has done what they came for",
    ] {
        checker.assert_any_discovery(property);
    }
}
