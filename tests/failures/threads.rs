//! Threads that fail to start, at every moment at which one is started.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use roomd::chat::{Code, Refusal, RoomName, RoomRequest, UserName};
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::member::Member;
use roomd::engine::clients::recipient::ChannelRecipient;
use roomd::engine::rooms::moderation::NewRoom;

use crate::fault::{Fault, at_every_use};
use crate::scenario::{USERS, play_twice};
use crate::server::{DEADLINE, Faults, TestServer, threads};
use crate::wire::Wire;

fn den() -> RoomName {
    RoomName::parse("den").unwrap()
}

/// A server whose first thread fails to start.
fn without_a_first_thread() -> TestServer {
    TestServer::new(&Faults { thread: Fault::at(1), ..Faults::none() })
}

/// A user creates the room without joining it.
fn create(server: &TestServer) -> Result<(), Refusal> {
    server.engine.create(&UserName::parse("Vic").unwrap().into(), NewRoom::public(den(), true))
}

#[test]
fn a_thread_that_fails_to_start_costs_one_command_and_affects_no_other() {
    at_every_use(|fault| {
        let refused = play_twice(&Faults { thread: Arc::clone(fault), ..Faults::none() }, Wire::good());
        assert!(refused <= 1, "one thread was missing, and {refused} commands were refused");
    });
}

#[test]
fn a_room_that_is_created_without_a_thread_is_refused_and_can_be_created_later() {
    let server = without_a_first_thread();
    assert_eq!(create(&server).unwrap_err().code, Code::Unavailable);
    assert!(!server.engine.hub.has(&den()));
    assert_eq!(create(&server), Ok(()));
    assert!(server.engine.hub.has(&den()));
    server.close(&USERS);
}

#[test]
fn a_non_member_of_a_room_without_a_thread_is_refused_and_can_try_again() {
    let server = without_a_first_thread();
    let request = || RoomRequest::message("ding");
    let user = || UserName::parse("Vic").unwrap();
    assert_eq!(server.engine.hub.ask(&den(), user().into(), request()).unwrap_err().code, Code::Unavailable);
    assert!(server.engine.hub.is_empty());
    assert!(server.engine.hub.ask(&den(), user().into(), request()).is_ok());
    assert_eq!(server.stored("den"), [(1, "ding".to_owned())]);
    server.close(&USERS);
}

#[test]
fn a_program_that_cannot_enter_leaves_nothing_of_itself() {
    let server = without_a_first_thread();
    let join = || -> Result<Member, Refusal> {
        let (events, _) = bounded(8);
        let recipient = Arc::new(ChannelRecipient::new(events));
        Member::join(&server.engine, &den(), UserName::parse("Ann").unwrap(), recipient, 0)
    };
    assert_eq!(join().map(drop).unwrap_err().code, Code::Unavailable);
    assert!(server.engine.directory.connections(&UserName::parse("Ann").unwrap()).is_empty());
    drop(join().unwrap());
    server.close(&USERS);
}

#[test]
fn a_room_that_is_created_without_a_history_is_refused_or_opened_again() {
    let faults = Faults { open: Fault::at(1), ..Faults::none() };
    let server = TestServer::new(&faults);
    // Creating takes a seat and then asks: a room that has failed in between is opened again by the question.
    let refusal = create(&server).err();
    assert!(faults.open.has_struck());
    if let Some(refusal) = refusal {
        assert_eq!(refusal.code, Code::Unavailable);
        assert_eq!(create(&server), Ok(()));
    }
    server.close(&USERS);
}

#[test]
fn a_non_member_that_sends_what_needs_no_answer_does_not_wait_for_one() {
    let server = TestServer::new(&Faults::none());
    let (engine, (done, answered)) = (Arc::clone(&server.engine), bounded(1));
    let non_member = thread::spawn(move || {
        done.send(engine.hub.ask(&den(), UserName::parse("Vic").unwrap().into(), RoomRequest::Typing(true)).is_ok())
    });
    answered.recv_timeout(DEADLINE).unwrap();
    non_member.join().unwrap().unwrap();
    server.close(&USERS);
}

#[test]
fn joining_all_threads_does_not_wait_for_one_that_failed_to_start() {
    for _ in 0..200 {
        let (asked, is_asked) = bounded(1);
        let (resume, may_go_on) = bounded::<()>(1);
        let machine = Threads::started_by(Box::new(move |_, _| {
            asked.send(()).unwrap();
            may_go_on.recv_timeout(DEADLINE).unwrap();
            Err(std::io::ErrorKind::WouldBlock.into())
        }));
        let (asking, joining) = (Arc::clone(&machine), Arc::clone(&machine));
        let spawner = thread::spawn(move || asking.spawn("never", || ()).is_err());
        is_asked.recv_timeout(DEADLINE).unwrap();
        let (done, joined) = bounded(1);
        let far = Instant::now() + Duration::from_secs(3_600);
        let joiner = thread::spawn(move || done.send(joining.join_all(far)));
        thread::yield_now();
        resume.send(()).unwrap();
        assert_eq!(joined.recv_timeout(DEADLINE).unwrap(), [""; 0]);
        assert!(spawner.join().unwrap());
        joiner.join().unwrap().unwrap();
    }
}

#[test]
fn a_fault_of_threads_strikes_once() {
    let threads = threads(&Fault::at(2));
    let spawned = [(); 3].map(|()| threads.spawn("one", || ()).is_ok());
    assert_eq!(spawned, [true, false, true]);
    crate::server::nothing_is_left(&threads);
}
