//! The real thread bodies under shuttle's scheduler: rooms, outboxes, admission, conversations.
//!
//! Only built with `RUSTFLAGS="--cfg shuttle"`. Every test runs a scenario under schedules that are
//! drawn at random, and under some that prefer few switches; `ROOMD_SCHEDULES` is their number. A
//! deadlock is a failure by itself, and a failing schedule is printed so that it can be replayed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(shuttle)]

#[path = "shuttle/conversations.rs"]
mod conversations;
#[path = "shuttle/outbox.rs"]
mod outbox;
#[path = "shuttle/patterns.rs"]
mod patterns;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Shutdown};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outbox::Socket;
use roomd::auth::Auth;
use roomd::chat::admin::BanTarget;
use roomd::chat::room::JoinRequest;
use roomd::chat::{
    AuthLevel, Authors, Code, End, Event, Identity, JoinOptions, LeaveReason, Limits, Refusal, RoomName, RoomRequest,
    Time, UserName, Visibility,
};
use roomd::engine::Engine;
use roomd::engine::base::clock::Clock;
use roomd::engine::base::sync::channel::{Receiver, bounded};
use roomd::engine::base::sync::{Mutex, thread};
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::connection::{Connection, ConnectionOptions};
use roomd::engine::clients::outbox::{Outbox, Transport};
use roomd::engine::clients::recipient::{ChannelRecipient, Delivery, DeliveryMode, Form, Recipient, Undelivered};
use roomd::engine::clients::writer;
use roomd::engine::guards::address::ClientAddress;
use roomd::engine::guards::admission::{Admission, Incoming};
use roomd::engine::rooms::broker;
use roomd::engine::rooms::hub::{JoiningClient, Opener, RoomKind};
use roomd::engine::rooms::inbox::RoomHandle;
use roomd::engine::rooms::moderation::NewRoom;
use roomd::engine::users::endpoint::Endpoint;
use roomd::engine::users::user_connection::{ConnectionOrigin, UserConnection};
use roomd::store::Memory;
use roomd::sync::ArcCell;
use roomd::wire::Encoding;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

/// Runs a scenario under many schedules.
fn check(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    let schedules = std::env::var("ROOMD_SCHEDULES").ok().map(|text| text.parse().expect("a number of schedules"));
    let schedules: usize = schedules.unwrap_or(5_000);
    run(RandomScheduler::new(schedules), scenario.clone());
    run(PctScheduler::new(3, schedules / 4 + 1), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) {
    let mut config = shuttle::Config::new();
    config.stack_size = 256 * 1024;
    shuttle::Runner::new(scheduler, config).run(scenario);
}

fn limits() -> Limits {
    Limits { linger: Duration::ZERO, ..Limits::default() }
}

fn limits_in_force() -> Arc<ArcCell<Limits>> {
    Arc::new(ArcCell::new(limits()))
}

fn name(text: &str) -> RoomName {
    RoomName::parse(text).unwrap()
}

fn user(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

/// A server without sockets. `fail` says which openings fail.
fn engine(fail: impl Fn(usize) -> bool + Send + Sync + 'static) -> Arc<Engine> {
    let threads = Threads::new();
    let clock = Clock::start();
    let open = broker::thread_per_room(Arc::clone(&threads), clock, limits_in_force(), Arc::new(Memory));
    let count = AtomicUsize::new(0);
    let opener: Opener = Box::new(move |opening, inbox| {
        if fail(count.fetch_add(1, Ordering::Relaxed)) {
            // As when the system has no thread to give: the inbox goes with the body.
            thread::yield_now();
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        open(opening, inbox)
    });
    Engine::new(limits_in_force(), threads, clock, Arc::new(Memory), Auth::guests_only(), Arc::default(), opener)
}

fn join_request(who: &str, connection: u64) -> JoinRequest {
    JoinRequest::new(user(who), AuthLevel::Guest, connection)
}

fn guest(who: &str, recipient: Arc<dyn Recipient>) -> JoiningClient {
    JoiningClient {
        recipient,
        form: Form::Events,
        request: join_request(who, who.as_bytes()[0].into()),
        id: None,
        address: None,
    }
}

fn member(who: &str) -> (JoiningClient, Receiver<Arc<Event>>) {
    let (events, inbox) = bounded(64);
    (guest(who, Arc::new(ChannelRecipient::new(events))), inbox)
}

fn guest_options() -> ConnectionOptions {
    ConnectionOptions {
        encoding: Encoding::Json,
        echo: true,
        visibility: Visibility::Announced,
        join_history: 0,
        address: ClientAddress { ip: Some([192, 0, 2, 7].into()), counted: Some(IpAddr::from([192, 0, 2, 7]).into()) },
    }
}

/// A guest that connects, with the thread of its writer.
fn connect(engine: &Arc<Engine>, who: &str) -> Box<Connection> {
    let transport = Socket::new(usize::MAX);
    let outbox = Outbox::new(&engine.metrics.outbox_total, transport as _, &engine.limits.load(), None);
    let writing = Arc::clone(&outbox);
    engine.threads.spawn("writer", move || writer::run(writing)).unwrap();
    Connection::open(engine, outbox, guest_options(), user(who).into())
}

/// Checks that no thread and no room is left, and that there were as many panics as expected.
fn wind_up(engine: &Engine, panics: u64) {
    engine.close();
    assert_eq!(engine.threads.join_all(Instant::now()), Vec::<String>::new());
    assert_eq!(engine.threads.panics(), panics);
    assert_eq!(engine.hub.len(), 0);
}

fn spawn(engine: &Arc<Engine>, body: impl FnOnce(&Arc<Engine>) + Send + 'static) -> thread::JoinHandle<()> {
    let engine = Arc::clone(engine);
    thread::spawn(move || body(&engine))
}

fn all(clients: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    clients.into_iter().for_each(|client| client.join().unwrap());
}

fn publish(text: &str) -> RoomRequest {
    RoomRequest::message(text)
}

#[test]
fn clients_that_join_send_and_leave_are_all_let_in_and_leave_nothing() {
    check(|| {
        let engine = engine(|_| false);
        let clients = ["A", "B", "C"].map(|who| {
            spawn(&engine, move |engine| {
                let (guest, events) = member(who);
                let handle = engine.hub.join(&name("r"), &RoomKind::USUAL, guest).expect("it is let in");
                handle.send(publish(who), None).expect("the room lives");
                if who == "A" {
                    drop(handle)
                } else {
                    handle.leave(LeaveReason::Left(None), None).expect("the room lives")
                }
                let mut seqs = Vec::new();
                // The channel is disconnected when the room gives the member up.
                while let Ok(event) = events.recv() {
                    if let Event::Message(message) = &*event {
                        seqs.push(message.seq);
                    }
                }
                assert!(!seqs.is_empty(), "its own message came back before it left");
                assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap, none twice: {seqs:?}");
            })
        });
        all(clients);
        wind_up(&engine, 0);
    });
}

#[test]
fn creating_and_joining_and_closing_at_once_leaves_nothing() {
    check(|| {
        let engine = engine(|_| false);
        let create = spawn(&engine, |engine| _ = engine.create(&user("V").into(), NewRoom::public(name("r"), true)));
        let again = spawn(&engine, |engine| _ = engine.create(&user("V").into(), NewRoom::public(name("r"), true)));
        let join = spawn(&engine, |engine| {
            let (guest, _events) = member("A");
            match engine.hub.join(&name("r"), &RoomKind::USUAL, guest) {
                Ok(handle) => handle.close(),
                Err(refusal) => assert_eq!(refusal.code, Code::Draining),
            }
        });
        let close = spawn(&engine, |engine| engine.close());
        all([create, again, join, close]);
        wind_up(&engine, 0);
    });
}

/// Bans a newcomer, by name or by address, while it comes in, and looks whether it is there afterwards; it may lose its
/// connection meanwhile.
fn ban_at_once(target: BanTarget, end: End) {
    check(move || {
        let engine = engine(|_| false);
        let newcomer = spawn(&engine, move |engine| {
            let mut connection = connect(engine, "Bob");
            let end = connection.begin(name("den"), JoinOptions::default()).unwrap_or(end);
            let end = connection.ended().unwrap_or(end);
            connection.close(end);
        });
        let target = target.clone();
        let admin = spawn(&engine, move |engine| {
            let root = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(user("Root")) };
            engine.ban(&root, ClientAddress::IN_PROCESS, target, (None, None)).unwrap();
        });
        all([newcomer, admin]);
        assert_eq!((engine.sessions.detached(), engine.directory.count()), (0, 0), "somebody who is banned stays");
        let late = connect(&engine, "Bob");
        assert_eq!(late.ended(), Some(End::Banned));
        late.close(End::Banned);
        wind_up(&engine, 0);
    });
}

#[test]
fn who_is_banned_by_name_while_coming_in_and_losing_the_connection_does_not_stay() {
    ban_at_once(BanTarget::User(user("bob")), End::Gone);
}

#[test]
fn who_is_banned_by_network_while_coming_in_and_losing_the_connection_does_not_stay() {
    ban_at_once(BanTarget::Network("192.0.2.0/24".parse().unwrap()), End::Gone);
}

#[test]
fn who_is_banned_while_coming_in_is_told_so() {
    check(|| {
        let engine = engine(|_| false);
        let (coming, banning) = (Arc::clone(&engine), Arc::clone(&engine));
        let newcomer = thread::spawn(move || connect(&coming, "Bob"));
        let admin = thread::spawn(move || {
            let root = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(user("Root")) };
            let target = BanTarget::User(user("Bob"));
            banning.ban(&root, ClientAddress::IN_PROCESS, target, (None, None)).unwrap();
        });
        admin.join().unwrap();
        let connection = newcomer.join().unwrap();
        assert_eq!(connection.ended(), Some(End::Banned));
        connection.close(End::Left);
        wind_up(&engine, 0);
    });
}

#[test]
fn a_request_of_a_non_member_is_answered_while_the_last_member_leaves() {
    check(|| {
        let engine = engine(|_| false);
        let visitor = spawn(&engine, |engine| {
            let answer = engine.hub.ask(&name("r"), user("V").into(), publish("hi")).expect("it is answered");
            assert!(matches!(answer, Event::Sent { .. }));
        });
        let member = spawn(&engine, |engine| {
            let (guest, _events) = member("A");
            engine
                .hub
                .join(&name("r"), &RoomKind::USUAL, guest)
                .expect("it is let in")
                .leave(LeaveReason::Left(None), None)
                .unwrap();
        });
        all([visitor, member]);
        wind_up(&engine, 0);
    });
}

/// Breaks the broker that gives it anything.
struct Fatal;

impl Recipient for Fatal {
    fn deliver(&self, _: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        resume_unwind(Box::new("this client breaks brokers"));
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {}
}

#[test]
fn a_broker_that_panics_loses_no_seat_and_the_next_join_opens_a_fresh_room() {
    check(|| {
        let engine = engine(|_| false);
        let join = |engine: &Arc<Engine>, guest| engine.hub.join(&name("r"), &RoomKind::USUAL, guest);
        let fatal = spawn(&engine, move |engine| _ = join(engine, guest("F", Arc::new(Fatal))));
        let others = ["A", "B"].map(|who| {
            spawn(&engine, move |engine| match join(engine, member(who).0) {
                Ok(handle) => _ = handle.leave(LeaveReason::Left(None), None),
                Err(refusal) => assert_eq!(refusal.code, Code::Internal),
            })
        });
        all([fatal].into_iter().chain(others));
        // The clients get their answers before the thread has unwound, so wait for it.
        assert_eq!(engine.threads.join_all(Instant::now()), Vec::<String>::new());
        drop(join(&engine, member("Z").0).expect("a fresh room lets it in"));
        wind_up(&engine, 1);
    });
}

#[test]
fn a_room_that_cannot_be_opened_refuses_all_joins_that_wait_for_it() {
    check(|| {
        let engine = engine(|opening| opening == 0);
        let clients = ["A", "B", "C"].map(|who| {
            spawn(&engine, move |engine| match engine.hub.join(&name("r"), &RoomKind::USUAL, member(who).0) {
                Ok(handle) => drop(handle),
                Err(refusal) => assert!([Code::Unavailable, Code::Internal].contains(&refusal.code)),
            })
        });
        all(clients);
        wind_up(&engine, 0);
    });
}

#[test]
fn two_users_that_write_to_each_other_at_once_are_in_one_conversation() {
    check(|| {
        let engine = engine(|_| false);
        let arrivals = [("A", "B"), ("B", "A")].map(|(from, to)| {
            let (events, inbox) = bounded(64);
            let endpoint = Endpoint {
                recipient: Arc::new(ChannelRecipient::new(events)),
                form: Form::Events,
                authors: Authors::default(),
            };
            let (who, number) = (user(from).into(), from.as_bytes()[0].into());
            let peer = UserConnection::new(
                who,
                number,
                ConnectionOrigin::in_process(Time(0)),
                true,
                Visibility::Announced,
                endpoint,
            );
            (engine.directory.register(peer), inbox, to)
        });
        let clients = arrivals.map(|(arrival, inbox, to)| {
            let engine = Arc::clone(&engine);
            thread::spawn(move || {
                let from = arrival.connection();
                let request = engine.directory.send_private(&engine.hub, from, (&user(to), false), publish("hi"), None);
                (arrival, inbox, request)
            })
        });
        let results = clients.map(|client| client.join().unwrap());
        for (arrival, _, request) in &results {
            assert_eq!(*request, Ok(()));
            arrival.connection().retire().into_iter().for_each(RoomHandle::close);
        }
        for (_, inbox, _) in results {
            let mut seqs = Vec::new();
            while let Ok(event) = inbox.try_recv() {
                if let Event::Message(message) = &*event {
                    seqs.push(message.seq);
                }
            }
            assert_eq!(seqs, [1, 2], "both messages, to both");
        }
        wind_up(&engine, 0);
    });
}

/// What happened to the connections of one test.
#[derive(Default)]
struct Log {
    served: AtomicUsize,
    serving: AtomicUsize,
    away: AtomicUsize,
    dropped: AtomicUsize,
    panicked: AtomicU64,
    places: Mutex<VecDeque<usize>>,
}

struct TestIncoming {
    log: Arc<Log>,
    panics: bool,
    most: usize,
}

impl Incoming for TestIncoming {
    fn notify_position(&self, ahead: usize) {
        self.log.places.lock().push_back(ahead);
    }

    fn reject(&self, _: &Refusal) {
        self.log.away.fetch_add(1, Ordering::SeqCst);
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Socket::new(usize::MAX)
    }

    fn serve(self: Box<Self>) {
        let serving = self.log.serving.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(serving <= self.most, "{serving} are served at once");
        thread::yield_now();
        self.log.served.fetch_add(1, Ordering::SeqCst);
        self.log.serving.fetch_sub(1, Ordering::SeqCst);
        if self.panics {
            self.log.panicked.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new("this connection breaks its reader"));
        }
    }
}

impl Drop for TestIncoming {
    fn drop(&mut self) {
        self.log.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Two listeners admit two connections each, and the server stops meanwhile or afterwards.
fn admission(most: usize, waiting_max: usize, panics: bool, close_early: bool) {
    let threads = Threads::new();
    let limits = Limits { waiting_max, ..limits() };
    let admission = Admission::open(&threads, &limits, most).unwrap();
    let log = Arc::new(Log::default());
    let doors = [0, 1].map(|door| {
        let (admission, log) = (Arc::clone(&admission), Arc::clone(&log));
        thread::spawn(move || {
            for _ in 0..2 {
                admission.admit(Box::new(TestIncoming { log: Arc::clone(&log), panics: panics && door == 0, most }));
            }
        })
    });
    if close_early {
        admission.close();
        admission.shutdown_connections(Shutdown::Read);
        all(doors);
    } else {
        all(doors);
        while log.served.load(Ordering::SeqCst) + log.away.load(Ordering::SeqCst) < 4 {
            thread::yield_now();
        }
        admission.close();
    }
    assert_eq!(threads.join_all(Instant::now()), Vec::<String>::new());
    assert_eq!(threads.panics(), log.panicked.load(Ordering::SeqCst));
    assert_eq!((admission.served(), admission.waiting()), (0, 0));
    let (served, away) = (log.served.load(Ordering::SeqCst), log.away.load(Ordering::SeqCst));
    assert!(close_early || served + away == 4, "{served} served, {away} rejected");
    assert!(log.places.lock().iter().all(|ahead| *ahead < waiting_max));
    drop(admission);
    assert_eq!(log.dropped.load(Ordering::SeqCst), 4, "every connection is dropped");
}

#[test]
fn connections_are_served_up_to_the_limit_and_those_that_wait_come_next() {
    check(|| admission(1, 4, false, false));
    check(|| admission(2, 1, false, false));
}

#[test]
fn a_connection_that_breaks_its_reader_costs_no_other_its_turn() {
    check(|| admission(1, 4, true, false));
}

#[test]
fn the_close_ends_the_pool_and_the_queue_whatever_is_under_way() {
    check(|| admission(1, 4, false, true));
    check(|| admission(2, 0, true, true));
}
