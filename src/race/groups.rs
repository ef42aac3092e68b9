//! Groups of workers: every order of delivery, work, vanishing, time and newcomers.
//!
//! The real room on one thread. A worker is a client behind a connection: what the room gives it lies there until it takes
//! it; a worker takes a message, and in another step says that it is done. It can vanish at any moment between. The
//! world keeps its own books of whose each message is, and compares each assignment with them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use roomd_race::{Failure, Search, World};

use super::ORDERS_MAX;
use crate::chat::members::MemberId;
use crate::chat::room::{Effect, Input, JoinRequest, Room, Snapshot};
use crate::chat::{
    Appended, AuthLevel, Event, GroupOptions, LeaveReason, Limits, Moment, Outcome, RoomName, RoomRequest, Speaker,
    UserName,
};

const VISIBILITY: Duration = Duration::from_secs(30);

/// What a server could do wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    /// It does not notice that a worker is gone.
    KeepsForTheDead,
    /// It takes a slow worker for one that is gone.
    TakesFromTheSlow,
}

/// How a worker ends, in a step of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vanishing {
    Leaves,
    IsDetached,
}

struct Worker {
    name: char,
    member: MemberId,
    prefetch: u64,
    vanishing: Option<Vanishing>,
    has_joined: bool,
    is_gone: bool,
    /// What lies in its connection.
    given: VecDeque<u64>,
    /// What it works at.
    in_hand: Option<u64>,
}

/// See the module.
struct Workers {
    room: Room,
    now: Moment,
    workers: Vec<Worker>,
    /// Messages that are still to be published.
    unpublished: u64,
    /// How often the time of every message is still to be over.
    pauses: u32,
    wrong: Option<Wrong>,
    published: u64,
    /// Whose each message is by the books.
    owners: BTreeMap<u64, char>,
    given_before: BTreeSet<u64>,
    done: BTreeSet<u64>,
    handled: BTreeSet<u64>,
}

/// The workers `A`, `B`, … of a room in which so many messages are said.
#[derive(Clone, Default)]
struct Scenario {
    workers: Vec<(u64, Option<Vanishing>)>,
    messages: u64,
    pauses: u32,
    wrong: Option<Wrong>,
}

impl Scenario {
    fn of(messages: u64) -> Self {
        Self { messages, ..Self::default() }
    }

    fn worker(mut self, prefetch: u64, vanishing: Option<Vanishing>) -> Self {
        self.workers.push((prefetch, vanishing));
        self
    }

    fn pauses(self, pauses: u32) -> Self {
        Self { pauses, ..self }
    }

    fn wrong(self, wrong: Wrong) -> Self {
        Self { wrong: Some(wrong), ..self }
    }

    fn world(&self) -> Workers {
        let past = Snapshot { epoch: "e1".into(), seq: 0, recent: Vec::new(), kept: true };
        let room = RoomName::parse("jobs").expect("a word is a name");
        let workers = self.workers.iter().zip(('A'..).zip(1..));
        Workers {
            room: Room::new(room, past, &Limits::default()),
            now: Moment::default(),
            workers: workers.map(|((prefetch, end), (name, id))| Worker::new(name, id, *prefetch, *end)).collect(),
            unpublished: self.messages,
            pauses: self.pauses,
            wrong: self.wrong,
            published: 0,
            owners: BTreeMap::new(),
            given_before: BTreeSet::new(),
            done: BTreeSet::new(),
            handled: BTreeSet::new(),
        }
    }

    /// How many orders there are, or the first that fails.
    fn search(&self) -> Result<usize, Failure> {
        let tried = Search::default().orders_max(ORDERS_MAX).run(|| self.world())?;
        assert!(tried.whole, "more than {ORDERS_MAX} orders");
        Ok(tried.orders)
    }

    #[track_caller]
    fn check(&self) {
        match self.search() {
            Ok(orders) => println!("{orders} orders"),
            Err(found) => panic!("{}: {:?}", found.why, found.order),
        }
    }

    /// What the search finds wrong.
    #[track_caller]
    fn fails(&self) -> String {
        let Failure { why, .. } = self.search().expect_err("the search finds it");
        why
    }
}

impl Worker {
    fn new(name: char, id: u64, prefetch: u64, vanishing: Option<Vanishing>) -> Self {
        let (has_joined, is_gone, given, in_hand) = (false, false, VecDeque::new(), None);
        Self { name, member: MemberId(id), prefetch, vanishing, has_joined, is_gone, given, in_hand }
    }

    fn speaker(&self) -> Speaker {
        let user = UserName::parse(&self.name.to_string()).expect("a letter is a name");
        Speaker { member: self.member, user, auth_level: AuthLevel::Guest, has_own_rate: false }
    }
}

impl Workers {
    fn tell(&mut self, input: Input) -> Result<(), String> {
        let mut effects = Vec::new();
        self.room.step(input, self.now, &mut effects);
        if !self.room.drafts().is_empty() {
            self.published += 1;
            let outcomes = vec![Outcome::Stored { seq: self.published }];
            self.room.settle(Ok(Appended { before: Vec::new(), outcomes }), &mut effects);
        }
        effects.into_iter().try_for_each(|effect| match effect {
            Effect::One(to, _, Event::Assigned { message, redelivered, .. }) => self.give(to, message.seq, redelivered),
            _ => Ok(()),
        })
    }

    /// The room gives a worker a message: it has to be nobody's, and the oldest of those.
    fn give(&mut self, to: MemberId, seq: u64, redelivered: bool) -> Result<(), String> {
        let worker = self.workers.iter_mut().find(|worker| worker.member == to).expect("it is a worker");
        worker.given.push_back(seq);
        if self.done.contains(&seq) {
            return Err(format!("{seq} is done, and given to {}", worker.name));
        }
        if let Some(owner) = self.owners.insert(seq, worker.name) {
            return Err(format!("{seq} is {owner}'s, and given to {}", worker.name));
        }
        if redelivered == self.given_before.insert(seq) {
            return Err(format!("{seq} is given, and it is said that it was before: {redelivered}"));
        }
        let older = (1..seq).find(|older| !self.done.contains(older) && !self.owners.contains_key(older));
        older.map_or(Ok(()), |older| Err(format!("{seq} is given before {older}")))
    }

    fn work(&mut self, at: usize) -> Result<(), String> {
        let worker = &mut self.workers[at];
        if !worker.has_joined {
            worker.has_joined = true;
            let (prefetch, speaker, member) = (worker.prefetch, worker.speaker(), worker.member);
            let group = GroupOptions::parse("agents", Some(prefetch), Some(VISIBILITY.as_secs()));
            let mut request = JoinRequest::new(speaker.user, AuthLevel::Guest, member.0);
            request.options.group = Some(Box::new(group.expect("it is in its bounds")));
            return self.tell(Input::Join { member, request, id: None });
        }
        let Some(seq) = worker.in_hand.take() else {
            worker.in_hand = worker.given.pop_front();
            self.handled.extend(worker.in_hand);
            return Ok(());
        };
        let (name, speaker) = (worker.name, worker.speaker());
        if self.owners.get(&seq) == Some(&name) {
            self.owners.remove(&seq);
            self.done.insert(seq);
        }
        self.tell(Input::Request { speaker, request: RoomRequest::Finish { seq }, id: None })
    }

    fn vanish(&mut self, at: usize) -> Result<(), String> {
        let worker = &mut self.workers[at];
        let (name, member) = (worker.name, worker.member);
        let vanishing = worker.vanishing.take();
        if self.wrong != Some(Wrong::TakesFromTheSlow) {
            worker.is_gone = true;
            self.owners.retain(|_, owner| *owner != name);
        }
        match vanishing {
            _ if self.wrong == Some(Wrong::KeepsForTheDead) => Ok(()),
            Some(Vanishing::IsDetached) => self.tell(Input::Detach { member }),
            _ => self.tell(Input::Leave { member, reason: LeaveReason::Disconnected, id: None }),
        }
    }

    fn pass_time(&mut self) -> Result<(), String> {
        self.pauses -= 1;
        self.now.since_start += VISIBILITY;
        self.owners.clear();
        self.tell(Input::Tick)
    }
}

impl World for Workers {
    /// `P` publishes, `T` lets time pass; a worker's small letter is that it vanishes.
    fn enabled(&self) -> Vec<char> {
        let workers = self.workers.iter().filter(|worker| {
            !worker.is_gone && (!worker.has_joined || worker.in_hand.is_some() || !worker.given.is_empty())
        });
        let vanishing = self.workers.iter().filter(|worker| worker.has_joined && worker.vanishing.is_some());
        // What was said before there was a group is none of its business.
        let has_begun = self.workers.iter().any(|worker| worker.has_joined);
        let publisher = (self.unpublished > 0 && has_begun).then_some('P');
        let time = (self.pauses > 0).then_some('T');
        let workers = workers.map(|worker| worker.name);
        workers.chain(vanishing.map(|worker| worker.name.to_ascii_lowercase())).chain(publisher).chain(time).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        match actor {
            'P' => {
                self.unpublished -= 1;
                let user = UserName::parse("Paul").expect("a word is a name");
                let speaker = Speaker { member: MemberId(0), user, auth_level: AuthLevel::Guest, has_own_rate: false };
                self.tell(Input::Request { speaker, request: RoomRequest::message("do it").quietly(), id: None })
            }
            'T' => self.pass_time(),
            worker => {
                let at = self.workers.iter().position(|one| one.name == worker.to_ascii_uppercase());
                let at = at.expect("a worker's name");
                if worker.is_ascii_uppercase() { self.work(at) } else { self.vanish(at) }
            }
        }
    }

    /// One more worker comes, and does what is left.
    fn finish(mut self) -> Result<(), String> {
        self.workers.push(Worker::new('Z', 99, 1, None));
        while self.enabled().contains(&'Z') {
            self.step('Z')?;
        }
        let all = 1..=self.published;
        match all.clone().find(|seq| !self.handled.contains(seq)) {
            Some(seq) => Err(format!("{seq} is handled by nobody")),
            None if all.clone().any(|seq| !self.done.contains(&seq)) => Err("not all of it is done".to_owned()),
            None => Ok(()),
        }
    }
}

#[test]
fn of_two_workers_each_message_is_one_s_until_it_is_done() {
    Scenario::of(2).worker(1, None).worker(1, None).check();
    Scenario::of(3).worker(2, None).check();
}

#[test]
fn what_a_worker_that_vanishes_has_is_the_next_one_s_in_the_old_order() {
    for vanishing in [Vanishing::Leaves, Vanishing::IsDetached] {
        Scenario::of(2).worker(2, Some(vanishing)).worker(1, None).check();
        Scenario::of(2).worker(1, Some(vanishing)).worker(1, Some(vanishing)).check();
    }
}

#[test]
fn what_takes_too_long_is_the_next_one_s_and_done_late_is_not_done() {
    Scenario::of(2).worker(1, None).worker(1, None).pauses(1).check();
    Scenario::of(1).worker(1, None).worker(1, Some(Vanishing::Leaves)).pauses(2).check();
}

#[test]
fn a_server_that_keeps_what_the_dead_have_is_found_out() {
    let scenario = Scenario::of(2).worker(2, Some(Vanishing::Leaves)).worker(1, None);
    assert_eq!(scenario.wrong(Wrong::KeepsForTheDead).fails(), "1 is handled by nobody");
}

#[test]
fn a_server_that_takes_from_the_slow_is_found_out() {
    let scenario = Scenario::of(1).worker(1, Some(Vanishing::IsDetached)).worker(1, None);
    assert_eq!(scenario.wrong(Wrong::TakesFromTheSlow).fails(), "1 is A's, and given to B");
}
