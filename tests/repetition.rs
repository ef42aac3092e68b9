//! The races of rooms again and again, with real threads and the server's opener.
//!
//! Each round has a server without sockets, and clients that begin at once and dawdle by a random
//! number; the seed is printed, and `ROOMD_SEED` sets it. The machine decides the order, so a round
//! that fails may need many to fail again: the scenarios of `roomd race` are the proof, this
//! shows that they leave nothing out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(not(shuttle))]

use std::panic::resume_unwind;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use roomd::auth::Auth;
use roomd::chat::room::JoinRequest;
use roomd::chat::{
    AuthLevel, Authors, Code, End, Event, LeaveReason, Limits, RoomName, RoomRequest, Time, UserName, Visibility,
};
use roomd::engine::Engine;
use roomd::engine::base::clock::Clock;
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::recipient::{ChannelRecipient, Delivery, DeliveryMode, Form, Recipient, Undelivered};
use roomd::engine::rooms::broker;
use roomd::engine::rooms::hub::{JoiningClient, RoomKind};
use roomd::engine::rooms::inbox::RoomHandle;
use roomd::engine::rooms::moderation::NewRoom;
use roomd::engine::users::endpoint::Endpoint;
use roomd::engine::users::user_connection::{ConnectionOrigin, UserConnection};
use roomd::store::Memory;
use roomd::sync::ArcCell;

const ROUNDS: usize = 1_000;
/// No round takes a thousandth of it.
const DEADLINE: Duration = Duration::from_secs(10);

/// Marsaglia's xorshift64*: the rounds need variety, not quality.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    /// Seeded by `ROOMD_SEED`, or by the system; says so.
    fn new() -> Self {
        let given = std::env::var("ROOMD_SEED").ok().map(|text| text.parse().expect("ROOMD_SEED is a number"));
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("the system gives randomness"));
        println!("ROOMD_SEED={seed}");
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Spends up to some microseconds.
    fn dawdle(&mut self) {
        for _ in 0..self.below(3_000) {
            std::hint::spin_loop();
        }
    }
}

fn name(text: &str) -> RoomName {
    RoomName::parse(text).unwrap()
}

fn user(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

/// A server without sockets.
fn engine() -> Arc<Engine> {
    let threads = Threads::new();
    let clock = Clock::start();
    let limits = Arc::new(ArcCell::new(Limits { linger: Duration::ZERO, ..Limits::default() }));
    let store = Arc::new(Memory);
    let opener = broker::thread_per_room(Arc::clone(&threads), clock, Arc::clone(&limits), Arc::clone(&store) as _);
    Engine::new(limits, threads, clock, store, Auth::guests_only(), Arc::default(), opener)
}

fn guest(who: usize, recipient: Arc<dyn Recipient>) -> JoiningClient {
    let request = JoinRequest::new(user(&format!("user-{who}")), AuthLevel::Guest, who as u64);
    JoiningClient { recipient, form: Form::Events, request, id: None, address: None }
}

fn member(who: usize) -> (JoiningClient, Receiver<Arc<Event>>) {
    let (events, inbox) = bounded(64);
    (guest(who, Arc::new(ChannelRecipient::new(events))), inbox)
}

fn publish(text: &str) -> RoomRequest {
    RoomRequest::message(text)
}

/// One client's part in a round.
type Part = dyn Fn(&Arc<Engine>, usize, &mut Dice) + Send + Sync;

/// Runs the rounds with `clients` clients that begin at once; each round leaves nothing behind.
fn rounds(clients: usize, panics: u64, part: &Arc<Part>) {
    let mut dice = Dice::new();
    for round in 0..ROUNDS {
        let engine = engine();
        let begin = Arc::new(Barrier::new(clients));
        let (done, ended) = bounded(clients);
        for who in 0..clients {
            let (engine, begin, done, part) = (Arc::clone(&engine), Arc::clone(&begin), done.clone(), Arc::clone(part));
            let mut dice = Dice(dice.next().max(1));
            let body = move || {
                begin.wait();
                dice.dawdle();
                part(&engine, who, &mut dice);
                done.send(()).expect("the round waits for it");
            };
            std::thread::spawn(body);
        }
        drop(done);
        for _ in 0..clients {
            let left = ended.recv_timeout(DEADLINE);
            assert_eq!(left, Ok(()), "round {round}: a client failed or waits forever");
        }
        engine.close();
        let running = engine.threads.join_all(Instant::now() + DEADLINE);
        assert_eq!(running, Vec::<String>::new(), "round {round}: a thread is left");
        assert_eq!((engine.hub.len(), engine.threads.panics()), (0, panics), "round {round}: rooms and panics");
    }
}

fn join(engine: &Arc<Engine>, guest: JoiningClient) -> Result<RoomHandle, Code> {
    engine.hub.join(&name("r"), &RoomKind::USUAL, guest).map_err(|refusal| refusal.code)
}

fn part_with(handle: RoomHandle, dice: &mut Dice) {
    match dice.below(3) {
        0 => drop(handle),
        1 => handle.close(),
        _ => handle.leave(LeaveReason::Left(None), None).expect("the room lives"),
    }
}

#[test]
fn joins_and_leaves_a_thousand_times() {
    let part: Arc<Part> = Arc::new(|engine, who, dice| {
        for _ in 0..3 {
            let (guest, events) = member(who);
            let handle = join(engine, guest).expect("no join is refused");
            dice.dawdle();
            let speaks = dice.below(2) == 0;
            if speaks {
                handle.send(publish("hi"), None).expect("the room lives");
            }
            part_with(handle, dice);
            let mut seqs = Vec::new();
            // The channel is disconnected when the room removes the member.
            while let Ok(event) = events.recv_timeout(DEADLINE) {
                match &*event {
                    Event::Message(message) => seqs.push(message.seq),
                    Event::Joined { members, .. } => assert!(members.contains(&user(&format!("user-{who}")))),
                    _ => {}
                }
            }
            assert!(!speaks || !seqs.is_empty(), "its own message came back before it left");
            assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap, none twice: {seqs:?}");
        }
    });
    rounds(4, 0, &part);
}

#[test]
fn creations_and_joins_and_closes_a_thousand_times() {
    let part: Arc<Part> = Arc::new(|engine, who, dice| match who {
        0 => engine.close(),
        1 => _ = engine.create(&user("Vic").into(), NewRoom::public(name("r"), true)),
        _ => match join(engine, member(who).0) {
            Ok(handle) => part_with(handle, dice),
            Err(code) => assert_eq!(code, Code::Draining),
        },
    });
    rounds(4, 0, &part);
}

/// Breaks the broker that gives it anything.
struct Fatal;

impl Recipient for Fatal {
    fn deliver(&self, _: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        resume_unwind(Box::new("this client breaks brokers"));
    }

    fn end(&self, _: End) {}
}

#[test]
fn a_broker_that_panics_beside_joins_a_thousand_times() {
    let part: Arc<Part> = Arc::new(|engine, who, _| match who {
        0 => _ = join(engine, guest(who, Arc::new(Fatal))),
        _ => match join(engine, member(who).0) {
            // The room may have failed since.
            Ok(handle) => _ = handle.leave(LeaveReason::Left(None), None),
            Err(code) => assert_eq!(code, Code::Internal),
        },
    });
    rounds(4, 1, &part);
}

#[test]
fn two_users_that_write_to_each_other_at_once_a_thousand_times() {
    let part: Arc<Part> = Arc::new(|engine, who, _| {
        let (events, inbox) = bounded(64);
        let peer = |who: usize| user(&format!("user-{who}"));
        let endpoint = Endpoint {
            recipient: Arc::new(ChannelRecipient::new(events)),
            form: Form::Events,
            authors: Authors::default(),
        };
        let arrival = engine.directory.register(UserConnection::new(
            peer(who).into(),
            who as u64,
            ConnectionOrigin::in_process(Time(0)),
            true,
            Visibility::Announced,
            endpoint,
        ));
        while engine.directory.connections(&peer(1 - who)).is_empty() {
            std::thread::yield_now();
        }
        let request = engine.directory.send_private(
            &engine.hub,
            arrival.connection(),
            (&peer(1 - who), false),
            publish("hi"),
            None,
        );
        assert_eq!(request, Ok(()));
        let is_message = |event: &Arc<Event>| event.is_message();
        let messages = std::iter::from_fn(|| inbox.recv_timeout(DEADLINE).ok()).filter(is_message).take(2);
        assert_eq!(messages.count(), 2, "both messages reach both");
        arrival.connection().retire().into_iter().for_each(drop);
    });
    rounds(2, 0, &part);
}
