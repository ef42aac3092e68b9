//! Stored before acknowledged, acknowledged before shown: on two servers with one history, also when the store's answer is lost.
//!
//! A message is numbered where it is stored. The answer to an append has what the others stored before it, and the room
//! shows that first. Where no answer comes, the message may be stored or not: its author is refused, and the room shows
//! it when it hears of it from the store, as that of anybody else.

use std::collections::VecDeque;

use stateright::{Checker as _, Model, Property};

use crate::transitions::{Facts, Specification, hold_together};

/// Clients on two servers, each with what it has to say; all are in the room.
#[derive(Clone, Debug)]
struct Publishing {
    clients: Vec<Author>,
    /// What becomes of one append whose answer is lost.
    loses: Option<Loss>,
    rule: Rule,
}

/// Name, server and number of messages.
type Author = (char, usize, usize);

const SERVERS: [char; 2] = ['1', '6'];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    Stored,
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// What others stored before is shown first.
    WhatCameBefore,
    /// A mistake: a server shows what it has stored itself, and hears of the rest later.
    OwnFirst,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    /// The authors of what is stored: the first is message 1.
    history: Vec<usize>,
    servers: [Server; 2],
    clients: Vec<Client>,
    /// The next append gets no answer.
    loses: bool,
    has_lost: bool,
    /// Not stored yet: by which server, and whose.
    late: Option<(usize, usize)>,
    /// The store is still to carry out what is late, if something is by then.
    is_late: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Server {
    /// Whose messages wait.
    inbox: VecDeque<usize>,
    /// How much of the history it has shown.
    known: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Client {
    said: usize,
    told: Vec<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    /// A message: its author, and its number.
    Message(usize, usize),
    /// The client's own is stored, under this number.
    Sent(usize),
    /// It is not, or nobody knows.
    Unavailable,
}

impl Publishing {
    fn server_of(&self, client: usize) -> usize {
        self.clients[client].1
    }

    fn at(&self, actor: char) -> usize {
        self.clients.iter().position(|(name, ..)| *name == actor).unwrap()
    }

    /// Shows all clients of a server these messages of the history.
    fn show(&self, state: &mut State, server: usize, messages: std::ops::Range<usize>) {
        for at in messages {
            let message = Told::Message(state.history[at], at + 1);
            let here = (0..self.clients.len()).filter(|client| self.server_of(*client) == server);
            here.for_each(|client| state.clients[client].told.push(message));
        }
    }

    /// A room takes the first message of its inbox.
    fn publish(&self, state: &mut State, server: usize) {
        let author = state.servers[server].inbox.pop_front().unwrap();
        // What is late is stored by a server that has appended nothing since.
        state.late = state.late.filter(|(by, _)| *by != server);
        if std::mem::take(&mut state.loses) {
            match self.loses {
                Some(Loss::Late) => state.late = Some((server, author)),
                _ => state.history.push(author),
            }
            return state.clients[author].told.push(Told::Unavailable);
        }
        let before = state.history.len();
        state.history.push(author);
        if self.rule == Rule::WhatCameBefore {
            self.show(state, server, state.servers[server].known..before);
        }
        state.clients[author].told.push(Told::Sent(before + 1));
        self.show(state, server, before..before + 1);
        state.servers[server].known = before + 1;
    }

    fn shown(client: &Client) -> Vec<(usize, usize)> {
        let message =
            |told: &Told| if let Told::Message(author, number) = told { Some((*author, *number)) } else { None };
        client.told.iter().filter_map(message).collect()
    }

    /// The history as it is shown.
    fn numbered(state: &State) -> Vec<(usize, usize)> {
        state.history.iter().copied().zip(1..).collect()
    }
}

impl Model for Publishing {
    type State = State;
    type Action = char;

    fn init_states(&self) -> Vec<State> {
        vec![State { clients: vec![Client::default(); self.clients.len()], ..State::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<char>) {
        let speakers = self.clients.iter().zip(&state.clients).filter(|((_, _, count), client)| client.said < *count);
        actions.extend(speakers.map(|((name, ..), _)| *name));
        let rooms = SERVERS.into_iter().zip(&state.servers).filter(|(_, server)| !server.inbox.is_empty());
        actions.extend(rooms.map(|(room, _)| room));
        actions.extend((self.loses.is_some() && !state.has_lost).then_some('!'));
        actions.extend(state.is_late.then_some('?'));
    }

    fn next_state(&self, state: &State, actor: char) -> Option<State> {
        let mut next = state.clone();
        match actor {
            '!' => (next.loses, next.has_lost, next.is_late) = (true, true, self.loses == Some(Loss::Late)),
            '?' => next.store_late(),
            _ => match SERVERS.iter().position(|room| *room == actor) {
                Some(server) => self.publish(&mut next, server),
                None => {
                    let at = self.at(actor);
                    next.clients[at].said += 1;
                    next.servers[self.server_of(at)].inbox.push_back(at);
                }
            },
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(
                "each is shown the history from its beginning, without a gap or a double",
                |_, state: &State| {
                    let history = Self::numbered(state);
                    state.clients.iter().all(|client| history.starts_with(&Self::shown(client)))
                },
            ),
            Property::always("what is acknowledged is stored, under its number", |_, state: &State| {
                let is_true = |at, told: &Told| match told {
                    Told::Sent(number) => state.history.get(number - 1) == Some(&at),
                    _ => true,
                };
                (0..).zip(&state.clients).all(|(at, client)| client.told.iter().all(|told| is_true(at, told)))
            }),
            Property::always(
                "an author knows that a message is stored when it is shown, unless the answer was lost",
                |_, state: &State| {
                    let is_told = |at, client: &Client| {
                        let own = client
                            .told
                            .iter()
                            .enumerate()
                            .filter(|(_, told)| matches!(told, Told::Message(by, _) if *by == at));
                        own.map(|(place, told)| (&client.told[..place], told)).all(|(before, told)| {
                            let Told::Message(_, number) = told else { return true };
                            before.iter().any(|told| *told == Told::Sent(*number) || *told == Told::Unavailable)
                        })
                    };
                    (0..).zip(&state.clients).all(|(at, client)| is_told(at, client))
                },
            ),
            Property::eventually("each message has its answer", |model: &Self, state: &State| {
                let answers =
                    |client: &Client| client.told.iter().filter(|told| !matches!(told, Told::Message(..))).count();
                model.clients.iter().zip(&state.clients).all(|((_, _, count), client)| answers(client) == *count)
            }),
        ];
        if self.loses.is_some() {
            properties.push(Property::sometimes(
                "a message is shown though its author was refused",
                |_, state: &State| {
                    let is_shown = |at: usize, client: &Client| {
                        client.told.contains(&Told::Unavailable) && {
                            let sent = client.told.iter().filter(|told| matches!(told, Told::Sent(_))).count();
                            Self::shown(client).iter().filter(|(author, _)| *author == at).count() > sent
                        }
                    };
                    (0..).zip(&state.clients).any(|(at, client)| is_shown(at, client))
                },
            ));
        }
        properties
    }
}

impl State {
    fn store_late(&mut self) {
        self.is_late = false;
        self.history.extend(self.late.take().map(|(_, author)| author));
    }
}

impl Specification for Publishing {
    fn facts(&self, state: &State) -> Facts {
        let name = |at: usize| self.clients[at].0;
        let print = |told: &Told| match told {
            Told::Message(author, number) => format!("{}{number}", name(*author)),
            Told::Sent(number) => format!("sent {number}"),
            Told::Unavailable => "unavailable".to_owned(),
        };
        let history = Self::numbered(state).into_iter().map(|(author, number)| format!("{}{number}", name(author)));
        let mut facts = Facts::from([("history".to_owned(), history.collect::<Vec<_>>().join(" "))]);
        for (room, server) in SERVERS.into_iter().zip(&state.servers) {
            let inbox: Vec<_> = server.inbox.iter().map(|author| format!("request of {}", name(*author))).collect();
            let inbox = if inbox.is_empty() { "empty".to_owned() } else { inbox.join(", ") };
            facts.insert(format!("room {room}: inbox"), inbox);
        }
        for (at, client) in state.clients.iter().enumerate() {
            let told: Vec<_> = client.told.iter().map(print).collect();
            facts.insert(
                format!("{}: told", name(at)),
                if told.is_empty() { "nothing".to_owned() } else { told.join(", ") },
            );
        }
        facts
    }
}

#[test]
fn publishing_is_as_specified() {
    let rule = Rule::WhatCameBefore;
    for (scenario, clients, loses) in [
        ("two-servers", vec![('A', 0, 2), ('W', 0, 0), ('B', 1, 2)], None),
        ("lost-answer", vec![('A', 0, 2), ('W', 0, 0), ('B', 1, 1)], Some(Loss::Stored)),
        ("lost-answer-late", vec![('A', 0, 2), ('W', 0, 0), ('B', 1, 1)], Some(Loss::Late)),
    ] {
        hold_together(scenario, &Publishing { clients, loses, rule });
    }
}

#[test]
fn a_server_that_shows_its_own_first_is_found() {
    let clients = vec![('A', 0, 2), ('B', 1, 2)];
    let model = Publishing { clients, loses: None, rule: Rule::OwnFirst };
    let checker = model.checker().spawn_bfs().join();
    checker.assert_any_discovery("each is shown the history from its beginning, without a gap or a double");
}
