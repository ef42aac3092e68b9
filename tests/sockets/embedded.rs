//! Members in process: a program joins a room with a channel of its own, or with a custom recipient.
//! Each test ends with the server's own checks.

use std::sync::{Arc, Mutex};
use std::thread;

use roomd::channel::{Receiver, Sender, bounded};
use roomd::chat::room::JoinRequest;
use roomd::chat::{
    AuthLevel, Body, Code, End, Event, GroupOptions, Id, JoinOptions, Key, LeaveReason, Mid, Publication, RoomName,
    RoomRequest, Slow, UserName,
};
use roomd::engine::clients::recipient::Form;
use roomd::engine::rooms::hub::{JoiningClient, RoomKind};
use roomd::engine::rooms::inbox::RoomHandle;
use roomd::wire::Encoding;
use roomd::{ChannelRecipient, Delivery, DeliveryMode, Member, MemberOptions, Recipient, Sent, Undelivered};
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

/// A member of the room, with a channel.
pub fn join_with(server: &TestServer, user: &str, options: MemberOptions) -> (Member, Receiver<Arc<Event>>) {
    let (sender, events) = bounded(100);
    let (user, recipient) = (UserName::parse(user).unwrap(), Arc::new(ChannelRecipient::new(sender)));
    (Member::join_with(server.engine(), &room(), user, recipient, options).unwrap(), events)
}

#[test]
fn a_program_that_says_something_is_given_its_number_and_no_event_of_it_but_the_message() {
    let server = TestServer::start();
    let (member, events) = join_with(&server, "Prog", MemberOptions::default());
    let mid = Mid::parse("m1").unwrap();
    let named = Publication { mid: Some(mid.clone()), ..Publication::text("one") };
    let first = member.say(named.clone()).unwrap();
    assert_eq!((first.seq, first.mid.as_ref(), first.duplicate, first.ephemeral), (1, Some(&mid), false, None));
    assert_eq!(member.say(named).unwrap(), Sent { duplicate: true, ..first.clone() });
    let passing = member.say(Publication { store: false, ..Publication::text("passing") }).unwrap();
    assert_eq!((passing.seq, passing.ephemeral, &passing.epoch), (1, Some(1), &first.epoch));
    // What was sent without waiting is answered through the channel, and in order.
    member.send("two").unwrap();
    assert_eq!(member.say("three").unwrap().seq, 3);
    let keyed = |if_key_seq| Publication { key: Key::parse("k").ok(), if_key_seq, ..Publication::text("four") };
    assert_eq!(member.say(keyed(Some(0))).unwrap().seq, 4);
    let refusal = member.say(keyed(Some(0))).unwrap_err();
    assert_eq!((refusal.code, refusal.seq), (Code::Conflict, Some(4)));
    assert_eq!(member.say("").unwrap_err().code, Code::BadRequest);
    assert_eq!(member.say(Publication { key: None, ..keyed(Some(0)) }).unwrap_err().code, Code::BadRequest);
    drop(member);
    let seen = events.iter().map(|event| match &*event {
        Event::Message(message) => format!("message {}", message.seq),
        Event::Sent { seq, .. } => format!("sent {seq}"),
        Event::Joined { .. } | Event::Entered { .. } => "in".to_owned(),
        Event::Left { .. } => "left".to_owned(),
        other => format!("{other:?}"),
    });
    let seen: Vec<_> = seen.filter(|event| event != "in").collect();
    assert_eq!(seen, ["message 1", "message 1", "sent 2", "message 2", "message 3", "message 4"]);
}

#[test]
fn threads_of_a_program_that_speak_at_once_are_each_given_their_own_numbers() {
    let server = TestServer::start();
    let (member, _events) =
        join_with(&server, "Prog", MemberOptions { slow: Some(Slow::Drop), ..MemberOptions::default() });
    let numbers = thread::scope(|scope| {
        let speak = || (0..50).map(|_| member.say("hi").unwrap().seq).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(speak)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(numbers.iter().all(|numbers| numbers.is_sorted()), "{numbers:?}");
    let mut all = numbers.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=200).collect::<Vec<_>>());
}

#[test]
fn a_program_that_was_put_out_is_refused() {
    let server = TestServer::start();
    let mut operator = WebSocketClient::json(&server, "den", "Jo");
    let (member, _events) = join_with(&server, "Prog", MemberOptions::default());
    member.say("hi").unwrap();
    assert_eq!(operator.ask(json!({"type": "kick", "room": "den", "user": "Prog"}))["type"], "ok");
    assert_eq!(member.say("anybody?").unwrap_err().code, Code::NotMember);
    assert_eq!(member.done(1).unwrap_err().code, Code::NotMember);
}

#[test]
fn members_in_process_share_the_work_of_a_room_that_is_not_stored() {
    let server = TestServer::start();
    let (boss, _events) = join_with(&server, "Boss", MemberOptions { durable: false, ..MemberOptions::default() });
    let group = || GroupOptions::parse("agents", None, None).unwrap();
    let of_group = MemberOptions { group: Some(group()), ..MemberOptions::default() };
    let workers = ["Ann", "Bob"].map(|user| join_with(&server, user, of_group.clone()));
    let refused = MemberOptions { history: 1, ..of_group };
    let user = UserName::parse("Cy").unwrap();
    let recipient = Arc::new(ChannelRecipient::new(bounded(1).0));
    let refusal = Member::join_with(server.engine(), &room(), user, recipient, refused).err().unwrap();
    assert_eq!(refusal.code, Code::BadRequest);
    let work = |(worker, events): (Member, Receiver<Arc<Event>>)| {
        let mut done = Vec::new();
        loop {
            let event = events.recv_timeout(DEADLINE).unwrap();
            let Event::Assigned { message, .. } = &*event else { continue };
            // It is left undone, and the other is given it.
            if message.body == Body::Text("stop".into()) {
                return done;
            }
            worker.done(message.seq).unwrap();
            done.push(message.seq);
        }
    };
    let workers = workers.map(|worker| thread::spawn(move || work(worker)));
    let said: Vec<_> = (1..=6).map(|number| boss.say(&*number.to_string()).unwrap().seq).collect();
    assert_eq!(boss.done(1).unwrap_err().code, Code::NotFound, "it is none of the group");
    boss.say("stop").unwrap();
    let mut done = workers.map(|worker| worker.join().unwrap()).concat();
    done.sort_unstable();
    assert_eq!(done, said);
    let epoch = boss.say("last").unwrap().epoch;
    drop(boss);
    crate::harness::until("the room is over", || !server.engine().hub.has(&room()));
    let (again, _events) = join_with(&server, "Boss", MemberOptions::default());
    let sent = again.say("anew").unwrap();
    assert!(sent.seq == 1 && sent.epoch != epoch, "nothing was stored: {sent:?}");
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
