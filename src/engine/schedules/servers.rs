//! Two servers with one history, in every order of their steps.
//!
//! Each has a hub, rooms and clients of its own, as in the other schedules; the store is shared. What every client is
//! shown must be a part of the one history, without a gap or a double, from its join on; and what was acknowledged must
//! be in it, under its number. The rooms of the second server are digits from 6 on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use roomd_race::{Step, World};

use super::shared_store::{Loss, SharedStore, StoreMistake};
use super::world::Move::{Leave, Look, ReleaseInbox, Say, SayFirst};
use super::world::{BAN, FIRST, JOIN, JoinOutcome, Rooms, Scenario};
use super::{both, require, search};
use crate::chat::{Body, Code, Event};

/// Where the numbers of the second server's rooms begin.
const SECOND: u32 = 5;

/// The clients of two servers, and what their store loses.
#[derive(Clone, Default)]
struct Cluster {
    scenarios: [Scenario; 2],
    before: &'static str,
    losses: Vec<Loss>,
    mistake: Option<StoreMistake>,
}

impl Cluster {
    /// The world after the steps that come before. `shared`: clients run the rounds of a broker that is free.
    fn world(&self, shared: bool) -> Servers {
        let store = SharedStore::new(self.mistake);
        let rooms = self.scenarios.clone().map(|scenario| {
            let scenario = if shared { scenario.shared() } else { scenario };
            Rooms::on(&scenario, Arc::new(store.clone()))
        });
        let mut servers = Servers { rooms, store, losses: self.losses.clone(), has_lost: false, late: false };
        for actor in self.before.chars() {
            if servers.enabled().contains(&actor) {
                servers.step(actor).expect("what comes before is in order");
            }
        }
        servers
    }

    fn check(&self) {
        for shared in [false, true] {
            match search(|| self.world(shared)) {
                Ok(orders) => println!("{orders} orders"),
                Err(found) => panic!("{} (rounds on the senders' threads: {shared}): {}", found.why, found.order),
            }
        }
    }

    fn must_fail(self, mistake: StoreMistake) {
        let wrong = Self { mistake: Some(mistake), ..self };
        let found = search(|| wrong.world(false)).expect_err("the mistake is there");
        println!("{mistake:?}: {found:?}");
    }
}

/// See the module.
struct Servers {
    rooms: [Rooms; 2],
    store: SharedStore,
    /// What is still to be lost: `!` makes the store lose the next answer, `?` has it store what is late.
    losses: Vec<Loss>,
    has_lost: bool,
    late: bool,
}

impl Servers {
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

    /// Each room learns what the other server did, as it does when a note comes.
    fn catch_up(&mut self) -> Result<(), String> {
        // What a room hears may put somebody out, and that is told with another note.
        for _ in 0..2 {
            for rooms in &mut self.rooms {
                rooms.notify();
            }
            while let Some(actor) = self.enabled().first() {
                self.step(*actor)?;
            }
        }
        Ok(())
    }

    fn check_shown(&self) -> Result<(), String> {
        let all = self.store.events();
        for rooms in &self.rooms {
            for client in &rooms.clients {
                require(client.recorder.end.lock().is_none(), "a room failed")?;
                let shown = Self::shown(rooms, client.name);
                let is_part = shown.is_empty() || all.windows(shown.len()).any(|part| part == shown);
                require(is_part, &format!("{} was shown {shown:?} of {all:?}", client.name))?;
                let stays = client.handle.as_ref().is_some_and(|handle| !handle.is_revoked());
                let is_whole = !stays || all.ends_with(&shown);
                require(is_whole, &format!("{} was shown only {shown:?} of {all:?}", client.name))?;
                for event in client.recorder.events.lock().iter() {
                    if let Event::Message(message) = &**event {
                        let breaks = message.body == Body::Text(FIRST.into()) && message.seq != 1;
                        require(!breaks, &format!("the first message is {}", message.seq))?;
                    }
                    if let Event::Sent { seq, .. } = &**event {
                        let said = format!("{}{seq}", client.name);
                        require(all.contains(&said), &format!("{said} is acknowledged, and not in {all:?}"))?;
                    }
                    let is_refused = matches!(&**event, Event::Refused(refusal) if refusal.code != Code::Conflict)
                        && client.name != 'B'
                        && !self.has_lost;
                    require(!is_refused, &format!("{} is refused, and not banned", client.name))?;
                }
            }
        }
        self.check_members()?;
        if let Some(banned) = all.iter().position(|event| event == "x") {
            let later = all[banned..].iter().any(|event| event.starts_with('B'));
            require(!later, &format!("stored after the ban: {all:?}"))?;
        }
        Ok(())
    }
}

impl Servers {
    /// Each who is in the room was told of joins and leaves in turn, and knows by now who is there on both servers.
    fn check_members(&self) -> Result<(), String> {
        let here = self.store.users();
        for rooms in &self.rooms {
            for client in &rooms.clients {
                if client.handle.as_ref().is_none_or(|handle| handle.is_revoked()) {
                    continue;
                }
                let (name, mut told) = (client.name, BTreeSet::new());
                for event in client.recorder.events.lock().iter() {
                    match &**event {
                        Event::Joined { members, .. } => told = members.iter().cloned().collect(),
                        Event::Join { user, .. } => {
                            require(told.insert(user.clone()), &format!("{name} is told twice that {user} joins"))?;
                        }
                        Event::Leave { user, .. } => {
                            require(
                                told.remove(user),
                                &format!("{name} is told that {user} leaves, who was not there"),
                            )?;
                        }
                        _ => {}
                    }
                }
                require(told == here, &format!("{name} knows of {told:?}, and there are {here:?}"))?;
            }
        }
        Ok(())
    }
}

impl World for Servers {
    fn enabled(&self) -> Vec<char> {
        let [first, second] = &self.rooms;
        let second = second.enabled().into_iter().map(|actor| match actor.to_digit(10) {
            Some(number) => char::from_digit(number + SECOND, 10).expect("few rooms are opened"),
            None => actor,
        });
        let loses = (!self.losses.is_empty()).then_some('!');
        first.enabled().into_iter().chain(second).chain(loses).chain(self.late.then_some('?')).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        match actor {
            '!' => {
                let loss = self.losses.pop().expect("it is able");
                self.late |= loss == Loss::Late;
                self.has_lost = true;
                self.store.lose(loss);
                Ok(())
            }
            '?' => {
                self.store.store_late();
                self.late = false;
                Ok(())
            }
            _ => match actor.to_digit(10) {
                Some(number) if number > SECOND => {
                    self.rooms[1].step(char::from_digit(number - SECOND, 10).expect("one digit"))
                }
                Some(_) => self.rooms[0].step(actor),
                None => {
                    let at = self.rooms.iter().position(|rooms| rooms.has_client(actor)).expect("a client's name");
                    self.rooms[at].step(actor)
                }
            },
        }
    }

    /// The rooms of both servers are one object: the store is shared.
    fn next_step(&self, actor: char) -> Step {
        let at = self.rooms.iter().position(|rooms| rooms.has_client(actor)).unwrap_or_default();
        self.rooms[at].next_step(actor)
    }

    fn finish(mut self) -> Result<(), String> {
        self.catch_up()?;
        self.check_shown()?;
        let here = |rooms: &Rooms| {
            let clients = rooms.clients.iter();
            clients.filter(|client| client.handle.as_ref().is_some_and(|handle| !handle.is_revoked())).count()
        };
        let [first, second] = &mut self.rooms;
        (first.elsewhere, second.elsewhere) = (here(second), here(first));
        self.rooms.into_iter().try_for_each(World::finish)
    }
}

/// A and W on the first server, B on the second; each is in the room.
fn three(a: &[super::world::Move], b: &[super::world::Move]) -> Cluster {
    let first = Scenario::default().client('A', &both(&JOIN, a)).client('W', &JOIN);
    let second = Scenario::default().client('B', &both(&JOIN, b));
    Cluster { scenarios: [first, second], before: "AA11AWW1WBB66B", ..Cluster::default() }
}

#[test]
fn what_two_servers_say_at_once_is_shown_in_one_order() {
    three(&[Say, Say], &[Say, Say]).check();
    three(&[Say, Look], &[Say, Say, Look]).check();
}

#[test]
fn a_schedule_is_the_same_on_a_slow_machine() {
    let enabled = |takes| {
        let mut cluster = three(&[Say, Look], &[Say, Say, Look]);
        cluster.scenarios = cluster.scenarios.map(|scenario| scenario.takes(takes));
        let mut world = cluster.world(true);
        let step = |actor| world.step(actor).map(|()| world.enabled());
        "BAAB616B".chars().map(step).collect::<Vec<_>>()
    };
    // A room lingers after a delivery that took its time, by its clock.
    assert_eq!(enabled(Duration::from_millis(2)), enabled(Duration::ZERO));
}

#[test]
fn of_those_who_publish_on_the_same_condition_on_two_servers_one_is_stored() {
    let cluster = three(&[SayFirst], &[SayFirst]);
    cluster.check();
    let mut asked = cluster.world(false);
    while let Some(actor) = asked.enabled().first() {
        asked.step(*actor).unwrap();
    }
    asked.catch_up().unwrap();
    assert_eq!(asked.store.events(), ["A1"]);
    let conflict = |event: &Event| matches!(event, Event::Refused(refusal) if refusal.seq == Some(1));
    let b = &asked.rooms[1].clients[0];
    assert!(b.recorder.events.lock().iter().any(|event| conflict(event)), "B is told of the conflict, and the newest");
    three(&[Say, SayFirst], &[SayFirst]).check();
    Cluster { losses: vec![Loss::Late], ..three(&[SayFirst], &[SayFirst]) }.check();
}

#[test]
fn what_is_said_while_somebody_comes_and_goes_elsewhere_is_shown_in_one_order() {
    let mut cluster = three(&[], &[Say]);
    cluster.before = "BB66B";
    cluster.scenarios[0] = Scenario::default().client('A', &both(&JOIN, &[Say, Leave, ReleaseInbox]));
    cluster.check();
}

#[test]
fn who_comes_and_goes_on_two_servers_is_told_on_each_in_turn() {
    let comes = Scenario::default().client('A', &JOIN);
    let goes = Scenario::default().client('A', &both(&JOIN, &[Leave, ReleaseInbox]));
    let second = Scenario::default().client('V', &JOIN).client('B', &JOIN);
    for (first, before) in [(comes, "VV66V"), (goes, "VV66VAA11A")] {
        Cluster { scenarios: [first, second.clone()], before, ..Cluster::default() }.check();
    }
}

#[test]
fn what_a_member_that_is_banned_elsewhere_sends_is_stored_before_the_ban_or_refused() {
    let mut cluster = three(&[], &[Say, Say]);
    cluster.scenarios[0] = cluster.scenarios[0].clone().client('M', &BAN);
    cluster.check();
}

#[test]
fn what_others_send_beside_a_ban_elsewhere_is_decided_again_and_stored() {
    let mut cluster = three(&[], &[Say]);
    cluster.scenarios[0] = cluster.scenarios[0].clone().client('M', &BAN);
    cluster.scenarios[1] = cluster.scenarios[1].clone().client('V', &both(&JOIN, &[Say]));
    cluster.before = "AA11AWW1WBB66BVV6V";
    cluster.check();
}

#[test]
fn a_client_that_is_banned_elsewhere_does_not_join_behind_the_ban() {
    let first = Scenario::default().client('W', &JOIN).client('M', &BAN);
    let second = Scenario::default().client('B', &both(&JOIN, &[Say])).client('V', &JOIN);
    let cluster = Cluster { scenarios: [first, second], before: "WW11WVV66V", ..Cluster::default() };
    cluster.check();
    let banned = Cluster { before: "WW11WVV66VM11MBB6B", ..cluster }.world(false);
    let refused = [JoinOutcome::Refused(Code::Forbidden)];
    assert_eq!(banned.rooms[1].answers_to('B'), refused, "the room that was not told of the ban asks");
}

#[test]
fn a_ban_that_two_servers_pronounce_at_once_is_one_and_then_another() {
    let first = Scenario::default().client('W', &JOIN).client('M', &BAN);
    let second = Scenario::default().client('B', &both(&JOIN, &[Say])).client('N', &BAN);
    Cluster { scenarios: [first, second], before: "WW11WBB66B", ..Cluster::default() }.check();
}

#[test]
fn a_lost_answer_is_a_refusal_and_what_was_stored_all_the_same_is_shown_once() {
    for loss in [Loss::Stored, Loss::Late] {
        Cluster { losses: vec![loss], ..three(&[Say, Say], &[Say]) }.check();
    }
}

#[test]
fn the_schedules_find_what_is_wrong_with_wrong_stores() {
    three(&[Say], &[Say]).must_fail(StoreMistake::Unfilled);
    three(&[Say], &[Say]).must_fail(StoreMistake::TellsOwn);
    three(&[SayFirst], &[SayFirst]).must_fail(StoreMistake::Unconditional);
    let mut banned = three(&[], &[Say]);
    banned.scenarios[0] = banned.scenarios[0].clone().client('M', &BAN);
    banned.must_fail(StoreMistake::NeverStale);
}
