//! Members in process: a program joins a room with a channel of its own, or with a custom recipient.
//! Each test ends with the server's own checks.

use std::sync::{Arc, Mutex};
use std::thread;

use roomd::chat::room::JoinRequest;
use roomd::chat::{
    AuthLevel, Body, Code, End, Event, Id, JoinOptions, LeaveReason, Publication, RoomName, RoomRequest, Slow, UserName,
};
use roomd::engine::base::sync::channel::{Receiver, Sender, bounded};
use roomd::engine::clients::member::Member;
use roomd::engine::clients::recipient::{ChannelRecipient, Delivery, DeliveryMode, Form, Recipient, Undelivered};
use roomd::engine::rooms::hub::{JoiningClient, RoomKind};
use roomd::engine::rooms::inbox::RoomHandle;
use roomd::wire::Encoding;
use serde_json::json;

use crate::harness::{DEADLINE, TestServer, WebSocketClient};

fn room() -> RoomName {
    RoomName::parse("den").unwrap()
}

fn join(server: &TestServer, recipient: Arc<dyn Recipient>, form: Form, kind: &RoomKind) -> RoomHandle {
    let engine = server.engine();
    let request = JoinRequest {
        options: JoinOptions { history: Some(0), ..JoinOptions::default() },
        ..JoinRequest::new(UserName::parse("Prog").unwrap(), AuthLevel::Guest, engine.number())
    };
    let client = JoiningClient { recipient, form, request, id: Some(Id::Number(1)), address: None };
    engine.hub.join(&room(), kind, client).unwrap()
}

fn with_channel(server: &TestServer, size: usize, slow: Option<Slow>) -> (RoomHandle, Receiver<Arc<Event>>) {
    let (sender, receiver) = bounded(size);
    let recipient = Arc::new(ChannelRecipient::new(sender));
    (join(server, recipient, Form::Events, &RoomKind::Open { slow, durable: true }), receiver)
}

fn publish(text: &str) -> RoomRequest {
    RoomRequest::message(text).quietly()
}

/// The text of the next message; other events before it are skipped.
fn next_message(events: &Receiver<Arc<Event>>) -> String {
    loop {
        if let Event::Message(message) = &*events.recv_timeout(DEADLINE).unwrap() {
            let Body::Text(text) = &message.body else { panic!("no text") };
            return format!("{} {}: {text}", message.seq, message.user);
        }
    }
}

#[test]
fn a_program_that_joins_with_its_own_channel_is_a_member_like_any_other() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let (handle, events) = with_channel(&server, 100, None);
    text.receives("Prog joined the room");
    let Event::Joined { members, .. } = &*events.recv_timeout(DEADLINE).unwrap() else { panic!("not joined") };
    assert_eq!(members.len(), 2);
    text.say("one");
    text.receives("Tess: one");
    handle.send(publish("two"), None).unwrap();
    text.receives("Prog: two");
    assert_eq!(next_message(&events), "1 Tess: one");
    assert_eq!(next_message(&events), "2 Prog: two");
    handle.leave(LeaveReason::Left(None), None).unwrap();
    text.receives("Prog left the room");
    assert!(matches!(&*events.recv_timeout(DEADLINE).unwrap(), Event::Left { .. }));
    assert!(events.recv_timeout(DEADLINE).is_err_and(|error| error.is_disconnected()));
}

#[test]
fn a_program_publishes_on_a_condition_and_is_told_of_the_conflict() {
    let server = TestServer::start();
    let (sender, events) = bounded(100);
    let (user, recipient) = (UserName::parse("Prog").unwrap(), Arc::new(ChannelRecipient::new(sender)));
    let member = Member::join(server.engine(), &room(), user, recipient, 0).unwrap();
    let first = || Publication { if_seq: Some(0), ..Publication::text("mine") };
    member.publish(first()).unwrap();
    member.publish(first()).unwrap();
    assert_eq!(next_message(&events), "1 Prog: mine");
    let Event::Refused(refusal) = &*events.recv_timeout(DEADLINE).unwrap() else { panic!("not refused") };
    assert_eq!((refusal.code, refusal.seq), (Code::Conflict, Some(1)));
}

#[test]
fn a_handle_that_is_dropped_leaves() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let (handle, _events) = with_channel(&server, 100, None);
    text.receives("Prog joined the room");
    drop(handle);
    text.receives("Prog left the room");
}

#[test]
fn a_full_channel_is_disconnected_and_no_other_member_is_affected() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    // Its own join fills it.
    let (handle, events) = with_channel(&server, 1, Some(Slow::Disconnect));
    text.receives("Prog joined the room");
    for number in 0..10 {
        text.say(&number.to_string());
        text.receives(&format!("Tess: {number}"));
    }
    assert!(matches!(&*events.recv_timeout(DEADLINE).unwrap(), Event::Joined { .. }));
    assert!(events.recv_timeout(DEADLINE).is_err_and(|error| error.is_disconnected()));
    drop(handle);
    text.receives("Prog left the room");
}

#[test]
fn a_full_channel_misses_messages_under_the_drop_policy_and_is_told_how_many() {
    let server = TestServer::start();
    let (handle, events) = with_channel(&server, 1, Some(Slow::Drop));
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    for number in 1..=5 {
        text.say(&number.to_string());
        text.receives(&format!("Tess: {number}"));
    }
    // Its join is still in it, so all five were missed.
    assert!(matches!(&*events.recv_timeout(DEADLINE).unwrap(), Event::Joined { .. }));
    text.say("6");
    text.receives("Tess: 6");
    let Event::Lagged { missed, .. } = *events.recv_timeout(DEADLINE).unwrap() else { panic!("not told") };
    assert_eq!(missed, 5);
    // There was room for one event: the `lagged` took the place of the sixth message.
    text.say("7");
    text.receives("Tess: 7");
    let Event::Lagged { missed, .. } = *events.recv_timeout(DEADLINE).unwrap() else { panic!("not told") };
    assert_eq!(missed, 1);
    drop(handle);
}

fn member(server: &TestServer, size: usize) -> (Member, Receiver<Arc<Event>>) {
    let (sender, receiver) = bounded(size);
    let recipient = Arc::new(ChannelRecipient::new(sender));
    let user = UserName::parse("Prog").unwrap();
    (Member::join(server.engine(), &room(), user, recipient, 1).unwrap(), receiver)
}

#[test]
fn a_member_in_process_gets_the_history_it_asks_for_and_its_own_messages() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    for word in ["one", "two"] {
        text.say(word);
        text.receives(&format!("Tess: {word}"));
    }
    let (member, events) = member(&server, 100);
    assert_eq!((member.room(), member.user().as_str()), (&room(), "Prog"));
    text.receives("Prog joined the room");
    assert_eq!(next_message(&events), "2 Tess: two");
    member.send("three").unwrap();
    text.receives("Prog: three");
    assert_eq!(next_message(&events), "3 Prog: three");
    drop(member);
    text.receives("Prog left the room");
}

#[test]
fn a_member_in_process_gets_private_messages_and_signals() {
    let server = TestServer::start();
    // Signals pass between members of one room.
    let mut json = WebSocketClient::json(&server, room().as_str(), "Jo");
    let (_member, events) = member(&server, 100);
    // Calls are for members of a common room.
    json.ask(json!({"type": "join", "room": "den"}));
    json.ask(json!({"type": "private", "to": "Prog", "message": "psst"}));
    assert_eq!(next_message(&events), "1 Jo: psst");
    json.command(&json!({"type": "offer", "to": "Prog", "payload": {"sdp": 1}}));
    let Event::Signal { from, payload, .. } = &*events.recv_timeout(DEADLINE).unwrap() else { panic!("no signal") };
    assert_eq!((from.as_str(), &**payload), ("Jo", r#"{"sdp":1}"#));
}

#[test]
fn a_stop_tells_members_in_process_and_waits_until_they_have_left() {
    let server = TestServer::start();
    let (member, events) = member(&server, 100);
    let program = thread::spawn(move || {
        while events.recv_timeout(DEADLINE).is_ok() {}
        drop(member);
    });
    let report = server.stop();
    assert_eq!(report.running, [""; 0]);
    program.join().unwrap();
}

/// A recipient that keeps what it gets, and reports that it is slow when a test has it so.
#[derive(Default)]
struct Mock {
    bytes: Mutex<Vec<u8>>,
    end: Mutex<Option<End>>,
    answer: Mutex<Option<Undelivered>>,
}

impl Recipient for Mock {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        if let Some(refusal) = *self.answer.lock().unwrap() {
            return Err(refusal);
        }
        let Delivery::Segments(segments) = delivery else { panic!("it asked for bytes") };
        segments.iter().for_each(|segment| self.bytes.lock().unwrap().extend_from_slice(segment.bytes()));
        Ok(())
    }

    fn end(&self, end: End) {
        *self.end.lock().unwrap() = Some(end);
    }
}

#[test]
fn a_custom_recipient_gets_the_bytes_that_a_socket_would_get() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mock = Arc::new(Mock::default());
    let form = Form::Bytes(Encoding::TextLines);
    let handle = join(&server, Arc::clone(&mock) as _, form, &RoomKind::USUAL);
    text.receives("Prog joined the room");
    text.say("hello");
    text.receives("Tess: hello");
    handle.send(publish("hi"), None).unwrap();
    text.receives("Prog: hi");
    // No event follows its leave, and every event has come before it.
    handle.leave(LeaveReason::Left(None), None).unwrap();
    text.receives("Prog left the room");
    text.say("alone");
    text.receives("Tess: alone");
    let bytes = String::from_utf8(mock.bytes.lock().unwrap().clone()).unwrap();
    assert_eq!(bytes, "Prog joined the room\nTess: hello\nProg: hi\n* You left den\n");
    assert_eq!(*mock.end.lock().unwrap(), None);
}

#[test]
fn a_custom_recipient_that_reports_it_is_slow_is_ended() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mock = Arc::new(Mock::default());
    let form = Form::Bytes(Encoding::Json);
    let handle = join(&server, Arc::clone(&mock) as _, form, &RoomKind::USUAL);
    text.receives("Prog joined the room");
    *mock.answer.lock().unwrap() = Some(Undelivered::Slow);
    text.say("hello");
    text.receives("Tess: hello");
    // The next message is behind the failure of the last.
    text.say("anybody?");
    text.receives("Tess: anybody?");
    assert_eq!(*mock.end.lock().unwrap(), Some(End::Slow));
    drop(handle);
    text.receives("Prog left the room");
}

/// A recipient that breaks its contract: it panics, or blocks its room, when it sees this text.
struct Rogue {
    trigger: &'static [u8],
    wait: Option<(Sender<()>, Receiver<()>)>,
}

impl Recipient for Rogue {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        let Delivery::Segments(segments) = delivery else { return Ok(()) };
        if segments.iter().any(|segment| segment.bytes().windows(self.trigger.len()).any(|part| part == self.trigger)) {
            let (reached, resume) = self.wait.as_ref().expect("told to panic");
            reached.send(()).unwrap();
            resume.recv_timeout(DEADLINE).unwrap();
        }
        Ok(())
    }

    fn end(&self, _: End) {}
}

#[test]
fn a_room_whose_thread_panics_ends_its_members_and_affects_no_other_room() {
    let mut server = TestServer::start();
    server.panics = 1;
    let mut json = WebSocketClient::json(&server, "den", "Jo");
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let mut other = WebSocketClient::text(&server, "other", "Otto");
    let rogue = Arc::new(Rogue { trigger: b"boom", wait: None });
    let handle = join(&server, rogue, Form::Bytes(Encoding::TextLines), &RoomKind::USUAL);
    text.wait_for("Prog joined the room");
    text.say("boom");
    let ending = json.ending();
    assert_eq!((ending.code, &ending.goodbye()["reconnect"]), (Some(1011), &json!(true)));
    assert_eq!(text.ending().code, Some(1011));
    assert!(handle.send(publish("anybody?"), None).is_err());
    drop(handle);
    other.say("unharmed");
    other.receives("Otto: unharmed");
    // They return to a new room of the same name.
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    text.say("again");
    text.receives("Tess: again");
}

#[test]
fn typing_that_ends_in_a_message_of_the_same_moment_is_not_shown_after_it() {
    let server = TestServer::start();
    let mut otto = WebSocketClient::json(&server, "den", "Otto");
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let (reached, is_reached) = bounded(1);
    let (resume, may_go_on) = bounded(1);
    let rogue = Arc::new(Rogue { trigger: b"wait", wait: Some((reached, may_go_on)) });
    let _handle = join(&server, rogue, Form::Bytes(Encoding::TextLines), &RoomKind::USUAL);
    anna.publish("den", "wait");
    is_reached.recv_timeout(DEADLINE).unwrap();
    // The room is blocked: it takes Anna's next commands in one round.
    anna.command(&json!({"type": "typing", "room": "den", "typing": true}));
    anna.publish("den", "done");
    anna.ask(json!({"type": "ping"}));
    resume.send(()).unwrap();
    let mut seen = otto.settle("den");
    seen.extend(otto.settle("den"));
    let done = seen.iter().position(|event| event["message"] == "done").unwrap();
    let typing: Vec<_> = seen[done..].iter().filter(|event| event["type"] == "typing").collect();
    assert!(typing.last().is_none_or(|event| event["typing"] == false), "{typing:?}");
}

#[test]
fn a_program_that_asks_without_being_a_member_gets_its_answer() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    let user = UserName::parse("Prog").unwrap();
    let request = RoomRequest::message("ding");
    let sent = server.engine().hub.ask(&room(), user.into(), request).unwrap();
    assert!(matches!(sent, Event::Sent { seq: 1, duplicate: false, .. }));
    text.receives("Prog: ding");
}

#[test]
fn a_program_is_refused_like_any_other() {
    let server = TestServer::with(|settings| settings.limits.room_members_max = 1);
    let _text = WebSocketClient::text(&server, "den", "Tess");
    let (sender, receiver) = bounded(1);
    let request = JoinRequest::new(UserName::parse("Prog").unwrap(), AuthLevel::Guest, server.engine().number());
    let recipient = Arc::new(ChannelRecipient::new(sender));
    let client = JoiningClient { recipient, form: Form::Events, request, id: None, address: None };
    let refusal = server.engine().hub.join(&room(), &RoomKind::USUAL, client).map(|_| ()).unwrap_err();
    assert_eq!(refusal.code, Code::RoomFull);
    assert!(receiver.recv_timeout(DEADLINE).is_err_and(|error| error.is_disconnected()));
}
