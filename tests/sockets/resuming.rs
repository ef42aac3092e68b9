//! Sessions that lose their connection and are resumed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use roomd::chat::{RoomName, StoreFailed, UserName};
use roomd::engine::rooms::moderation::NewRoom;
use roomd::store::Page;
use serde_json::{Value, json};

use crate::harness::fixed_page::FixedPage;
use crate::harness::{LineClient, TestServer, WebSocketClient, until};

/// A server that keeps a session for a while after its connection is lost.
fn patient() -> TestServer {
    TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60))
}

/// A client whose token is known, and the last number it has seen in its room.
struct Traveller {
    socket: WebSocketClient,
    token: Value,
    epoch: Value,
    seq: u64,
}

impl Traveller {
    fn new(server: &TestServer, room: &str, user: &str) -> Self {
        let mut socket = WebSocketClient::open(server, &format!("/ws?user={user}&format=json"));
        let token = socket.event_of("welcome")["resume"].clone();
        let joined = socket.ask(json!({"type": "join", "room": room}));
        let seq = joined["seq"].as_u64().unwrap();
        Self { socket, token, epoch: joined["epoch"].clone(), seq }
    }

    /// Its connection is lost without a close.
    fn vanish(self, server: &TestServer) -> (Value, Value) {
        let detached = server.engine().sessions.detached();
        drop(self.socket);
        until("its session waits", || server.engine().sessions.detached() > detached);
        (self.token, json!({"epoch": self.epoch, "seq": self.seq}))
    }
}

/// A new connection that resumes a session, and the reply.
fn resume(server: &TestServer, token: &Value, rooms: &Value) -> (WebSocketClient, Value) {
    let mut socket = WebSocketClient::multi(server, "nobody");
    let answer = socket.ask(json!({"type": "resume", "resume": token, "rooms": rooms}));
    (socket, answer)
}

/// What a client is told of the messages that it missed in a room.
fn recovery(resumed: &Value, room: &str) -> Value {
    let mut room = resumed["rooms"][room].clone();
    ["epoch", "seq", "read"].iter().for_each(|field| _ = room.as_object_mut().unwrap().remove(*field));
    room
}

fn messages(events: &[Value]) -> Vec<u64> {
    let messages = events.iter().filter(|event| event["type"] == "message");
    messages.map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[test]
fn receipts_wait_for_an_author_whose_connection_was_lost() {
    let server = patient();
    let mut anna = Traveller::new(&server, "den", "Anna");
    let mut cleo = WebSocketClient::json(&server, "den", "Cleo");
    anna.socket.ask(json!({"type": "message", "room": "den", "message": "hi"}));
    cleo.ask(json!({"type": "message", "room": "den", "message": "hello"}));
    anna.seq = 2;
    let (token, position) = anna.vanish(&server);
    let mut tom = WebSocketClient::json(&server, "den", "Tom");
    tom.command(&json!({"type": "read", "room": "den", "seq": 2}));
    let is_last = |receipt: &Value| receipt["user"] == "Tom" && receipt["status"] == "read";
    // Both authors are told at once.
    while !is_last(&cleo.wait_for_type("receipt")) {}
    let (mut anna, answer) = resume(&server, &token, &json!({"den": position}));
    assert_eq!(recovery(&answer, "den"), json!({"recovered": true, "missed": 0}));
    while !is_last(&anna.wait_for_type("receipt")) {}
}

#[test]
fn a_client_whose_joined_was_lost_learns_where_each_room_stands() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    anna.publish("den", "one");
    anna.settle("den");
    let mut tom = Traveller::new(&server, "den", "Tom");
    tom.socket.command(&json!({"type": "read", "room": "den", "seq": 1}));
    anna.ask(json!({"type": "private", "to": "Tom", "message": "psst"}));
    tom.socket.wait_for_type("private");
    let (token, position) = tom.vanish(&server);
    anna.publish("den", "two");
    anna.settle("den");
    let (mut tom, resumed) = resume(&server, &token, &json!({}));
    let of_room = |room: &str| {
        let room = &resumed["rooms"][room];
        (room["seq"].clone(), room["read"].clone(), room["epoch"].clone())
    };
    assert_eq!(of_room("den"), (json!(2), json!(1), position["epoch"].clone()));
    let history = tom.ask(json!({"type": "history", "room": "dm:Anna:Tom"}));
    assert_eq!(of_room("dm:Anna:Tom"), (json!(1), json!(0), history["epoch"].clone()));
    // The position is the one that `since` takes.
    tom.ask(json!({"type": "leave", "room": "den"}));
    let since = json!({"epoch": resumed["rooms"]["den"]["epoch"], "seq": resumed["rooms"]["den"]["seq"]});
    assert_eq!(tom.ask(json!({"type": "join", "room": "den", "since": since}))["recovered"], true);
}

#[test]
fn an_interrupted_session_keeps_its_place_and_gets_exactly_what_it_missed() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let mut tom = Traveller::new(&server, "den", "Tom");
    anna.publish("den", "one");
    tom.seq = tom.socket.wait_for_type("message")["seq"].as_u64().unwrap();
    let (token, seen) = tom.vanish(&server);
    anna.publish("den", "two");
    anna.publish("den", "three");
    let shown = anna.settle("den");
    assert!(shown.iter().all(|event| event["type"] != "leave"), "{shown:?}");
    let away: Vec<_> = shown.iter().filter(|event| event["type"] == "presence").collect();
    assert_eq!((away.len(), &away[0]["user"], &away[0]["status"]), (1, &json!("Tom"), &json!("away")));

    let (mut tom, resumed) = resume(&server, &token, &json!({"den": seen}));
    assert_eq!((&resumed["type"], &resumed["user"], &resumed["resume"]), (&json!("resumed"), &json!("Tom"), &token));
    assert_eq!(recovery(&resumed, "den"), json!({"recovered": true, "missed": 2}));
    assert_eq!(messages(&tom.settle("den")), [2, 3]);
    let back = anna.wait_for_type("presence");
    assert_eq!((&back["user"], &back["status"]), (&json!("Tom"), &json!("online")));
    tom.publish("den", "four");
    assert_eq!(anna.wait_for_type("message")["user"], "Tom");
    assert_eq!(messages(&tom.settle("den")), [4]);
}

#[test]
fn a_client_that_names_no_number_gets_what_was_sent_since_it_joined() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    anna.publish("den", "before");
    anna.settle("den");
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, _) = tom.vanish(&server);
    anna.publish("den", "after");
    anna.settle("den");
    let (mut tom, resumed) = resume(&server, &token, &json!({}));
    assert_eq!(recovery(&resumed, "den"), json!({"recovered": true, "missed": 1}));
    assert_eq!(messages(&tom.settle("den")), [2]);
}

#[test]
fn a_client_that_names_another_history_is_told_so_and_given_no_message() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    for (epoch, seq) in [(Some("e0"), 0), (None, 9)] {
        let tom = Traveller::new(&server, "den", "Tom");
        let seen = json!({"epoch": epoch.map_or(tom.epoch.clone(), Value::from), "seq": seq});
        let (token, _) = tom.vanish(&server);
        anna.publish("den", "missed");
        anna.settle("den");
        let (mut tom, resumed) = resume(&server, &token, &json!({"den": seen}));
        let answer = json!({"recovered": false, "missed": 0, "reason": "epoch_changed"});
        assert_eq!(recovery(&resumed, "den"), answer, "{seen}");
        assert_eq!(messages(&tom.settle("den")), [0; 0]);
        tom.leave();
    }
}

#[test]
fn a_client_that_closes_its_websocket_has_left() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, seen) = (tom.token, json!({"epoch": tom.epoch, "seq": tom.seq}));
    tom.socket.leave();
    assert_eq!(anna.wait_for_type("leave")["user"], "Tom");
    let (_, answer) = resume(&server, &token, &json!({"den": seen}));
    assert_eq!(answer["code"], "session_expired");
}

#[test]
fn after_the_grace_the_leave_is_shown_and_a_join_still_gets_what_was_missed() {
    let server = TestServer::with(|settings| settings.limits.grace = Duration::from_millis(50));
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, seen) = (tom.token.clone(), json!({"epoch": tom.epoch, "seq": tom.seq}));
    drop(tom);
    assert_eq!(anna.wait_for_type("leave")["user"], "Tom");
    anna.publish("den", "missed");
    anna.settle("den");
    let (mut tom, answer) = resume(&server, &token, &json!({"den": seen}));
    assert_eq!(answer["code"], "session_expired");
    let joined = tom.ask(json!({"type": "join", "room": "den", "since": seen}));
    assert_eq!(joined["recovered"], true);
    assert_eq!(messages(&tom.settle("den")), [1]);
}

#[test]
fn a_session_that_is_still_connected_is_taken_over_with_4409() {
    let server = patient();
    let mut tom = Traveller::new(&server, "den", "Tom");
    let seen = json!({"epoch": tom.epoch, "seq": tom.seq});
    let (mut second, resumed) = resume(&server, &tom.token, &json!({"den": seen}));
    assert_eq!((&resumed["type"], &resumed["user"]), (&json!("resumed"), &json!("Tom")));
    let ending = tom.socket.ending();
    assert_eq!((ending.code, &ending.goodbye()["reconnect"]), (Some(4409), &json!(false)));
    second.publish("den", "still here");
    assert_eq!(second.wait_for_type("message")["user"], "Tom");
}

#[test]
fn of_two_devices_that_resume_at_once_one_stays_and_no_message_is_lost() {
    let server = Arc::new(patient());
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, seen) = tom.vanish(&server);
    anna.publish("den", "missed");
    anna.settle("den");
    let devices = [0, 1].map(|_| {
        let (server, token, seen) = (Arc::clone(&server), token.clone(), seen.clone());
        thread::spawn(move || {
            let mut socket = WebSocketClient::multi(&server, "nobody");
            socket.command(&json!({"type": "resume", "resume": token, "rooms": {"den": seen}}));
            // Behind it: by its answer, or by the goodbye, the resume is over.
            socket.command(&json!({"type": "ping"}));
            let mut early = Vec::new();
            while early.last().is_none_or(|event: &Value| event["type"] != "pong" && event["type"] != "goodbye") {
                early.push(socket.event());
            }
            (socket, early)
        })
    });
    let devices = devices.map(|device| device.join().unwrap());
    anna.publish("den", "later");
    anna.settle("den");
    let mut stayed = 0;
    for (mut socket, early) in devices {
        let (mut seqs, mut early) = (Vec::new(), early.into_iter());
        loop {
            let event = early.next().unwrap_or_else(|| socket.event());
            match event["type"].as_str().unwrap() {
                "message" => seqs.push(event["seq"].as_u64().unwrap()),
                "goodbye" => break assert_eq!(event["code"], 4409),
                _ => {}
            }
            if seqs.last() == Some(&2) {
                stayed += 1;
                break assert_eq!(seqs, [1, 2]);
            }
        }
    }
    assert_eq!(stayed, 1);
    drop(anna);
    Arc::into_inner(server).unwrap().stop();
}

#[test]
fn a_private_message_waits_for_a_user_whose_connection_was_lost() {
    let server = patient();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, seen) = tom.vanish(&server);
    assert_eq!(anna.ask(json!({"type": "private", "to": "Tom", "message": "hi"}))["type"], "sent");
    let call = anna.ask(json!({"type": "offer", "to": "Tom", "payload": {}}));
    assert_eq!(call["code"], "user_offline");
    let (mut tom, resumed) = resume(&server, &token, &json!({"den": seen}));
    assert_eq!(recovery(&resumed, "dm:Anna:Tom"), json!({"recovered": true, "missed": 1}));
    assert_eq!(tom.wait_for_type("private")["message"], "hi");
    // The reply is delivered once as well.
    tom.ask(json!({"type": "private", "to": "Anna", "message": "there"}));
    assert_eq!(anna.wait_for_type("private")["message"], "there");
}

#[test]
#[cfg(feature = "sqlite")]
fn ten_thousand_messages_are_replayed_in_one_resume_while_others_go_on() {
    const MISSED: u64 = 10_000;
    let server = patient();
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, seen) = tom.vanish(&server);
    let mut anna = WebSocketClient::open(&server, "/ws?room=den&user=Anna&format=json&echo=false");
    for number in 1..=MISSED {
        anna.publish("den", &number.to_string());
    }
    anna.settle("den");
    let mut tom = WebSocketClient::multi(&server, "nobody");
    tom.command(&json!({"type": "resume", "resume": token, "rooms": {"den": seen}, "id": 1}));
    for number in 1..=50 {
        anna.publish("den", &(MISSED + number).to_string());
    }
    let mut next = 1;
    while next <= MISSED + 50 {
        let event = tom.event();
        if event["type"] == "message" {
            assert_eq!((&event["seq"], &event["message"]), (&json!(next), &json!(next.to_string())));
            next += 1;
        } else if event["type"] == "resumed" {
            assert_eq!(event["rooms"]["den"]["recovered"], true);
            assert_eq!(next, 1, "the answer comes first");
        }
    }
    assert_eq!(messages(&tom.settle("den")), [] as [u64; 0]);
}

#[test]
fn edits_and_deletions_of_seen_messages_are_replayed() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    for text in ["one", "two", "three"] {
        anna.publish("den", text);
    }
    anna.settle("den");
    let tom = Traveller::new(&server, "den", "Tom");
    let (token, seen) = tom.vanish(&server);
    anna.ask(json!({"type": "edit", "room": "den", "seq": 2, "message": "zwei"}));
    anna.ask(json!({"type": "delete", "room": "den", "seq": 1}));
    anna.publish("den", "four");
    anna.settle("den");
    let (mut tom, _) = resume(&server, &token, &json!({"den": seen}));
    let shown = tom.settle("den");
    let changes: Vec<_> = shown
        .iter()
        .filter(|event| ["edit", "delete"].contains(&event["type"].as_str().unwrap()))
        .map(|event| (event["type"].clone(), event["seq"].clone(), event["message"].clone()))
        .collect();
    assert_eq!(changes, [(json!("delete"), json!(1), Value::Null), (json!("edit"), json!(2), json!("zwei"))]);
    assert_eq!(messages(&shown), [4]);
}

#[test]
fn a_room_without_a_stored_history_says_what_it_no_longer_has() {
    let mut server = TestServer::with(|settings| {
        settings.limits.grace = Duration::from_secs(60);
        settings.limits.history = 2;
    });
    let plan = NewRoom::public(RoomName::parse("den").unwrap(), false);
    server.engine().create(&UserName::parse("Vic").unwrap().into(), plan).unwrap();
    server.created = 1;
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    for (count, answer, shown) in [
        (2, json!({"recovered": true, "missed": 2}), vec![1, 2]),
        (3, json!({"recovered": false, "missed": 0, "reason": "too_old"}), vec![]),
    ] {
        let (token, seen) = Traveller::new(&server, "den", "Tom").vanish(&server);
        for _ in 0..count {
            anna.publish("den", "hi");
        }
        anna.settle("den");
        let (mut tom, resumed) = resume(&server, &token, &json!({"den": seen}));
        assert_eq!(recovery(&resumed, "den"), answer);
        assert_eq!(messages(&tom.settle("den")), shown);
        tom.leave();
    }
}

#[test]
fn messages_that_the_store_no_longer_has_are_neither_replayed_nor_counted() {
    let pruned = Page { epoch: "e1".into(), newest: 2, oldest: 2, messages: Vec::new() };
    for (page, reason) in [(Ok(Some(pruned)), "too_old"), (Err(StoreFailed), "unavailable")] {
        let store = Arc::new(FixedPage::new(page));
        let server = TestServer::on_with(store, |settings| settings.limits.grace = Duration::from_secs(60));
        let mut anna = WebSocketClient::json(&server, "den", "Anna");
        let (token, seen) = Traveller::new(&server, "den", "Tom").vanish(&server);
        anna.publish("den", "one");
        anna.publish("den", "two");
        anna.settle("den");
        let (mut tom, resumed) = resume(&server, &token, &json!({"den": seen}));
        let answer = json!({"recovered": false, "missed": 0, "reason": reason});
        assert_eq!(recovery(&resumed, "den"), answer);
        assert_eq!(messages(&tom.settle("den")), [0; 0]);
        anna.publish("den", "three");
        assert_eq!(tom.wait_for_type("message")["seq"], 3);
    }
}

#[test]
fn a_line_client_can_resume_too() {
    let server = patient();
    let mut anna = WebSocketClient::json(&server, "lobby", "Anna");
    let mut line = LineClient::named(&server, "Lina");
    anna.publish("lobby", "one");
    line.wait_for("Anna: one");
    line.say("/session");
    let told = line.receive();
    let words: Vec<_> = told.strip_prefix("* If the connection breaks: ").unwrap().split(' ').collect();
    assert_eq!((words[0], words[2]), ("/resume", "1"));
    line.reset();
    until("its session waits", || server.engine().sessions.detached() == 1);
    anna.publish("lobby", "two");
    anna.settle("lobby");
    let mut line = LineClient::connect(&server);
    line.say(&words.join(" "));
    line.wait_for("* You are Lina again");
    line.receives("* In lobby, 1 message was missed");
    line.receives("Anna: two");
    line.say("back");
    assert_eq!(anna.wait_for_type("message")["message"], "back");
    line.say("/resume 0123 1");
    line.wait_for("Error: There is no such session any more");
}

#[test]
fn no_session_is_kept_where_the_grace_is_zero() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::json(&server, "den", "Anna");
    let tom = Traveller::new(&server, "den", "Tom");
    assert_eq!(tom.token, Value::Null);
    drop(tom);
    assert_eq!(anna.wait_for_type("leave")["user"], "Tom");
}

#[test]
fn a_stop_ends_detached_sessions() {
    let server = patient();
    let tom = Traveller::new(&server, "den", "Tom");
    tom.vanish(&server);
    assert_eq!(server.engine().hub.len(), 1);
    server.stop();
}

#[test]
fn the_same_mid_from_two_connections_at_once_is_one_message() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::json(&server, "den", "Wim");
    let mut devices = [0, 1].map(|_| WebSocketClient::json(&server, "den", "Tom"));
    for device in &mut devices {
        device.command(&json!({"type": "message", "room": "den", "message": "hi", "mid": "m1", "id": 1}));
    }
    let mut duplicates: Vec<_> = devices.iter_mut().map(|device| device.wait_for_type("sent")).collect();
    duplicates.sort_by_key(|sent| sent["duplicate"] == true);
    let told: Vec<_> = duplicates.iter().map(|sent| (sent["seq"].clone(), sent["duplicate"].clone())).collect();
    assert_eq!(told, [(json!(1), json!(false)), (json!(1), json!(true))]);
    assert_eq!(messages(&witness.settle("den")), [1]);
}

#[test]
fn a_guest_who_resumes_a_conversation_is_not_given_what_an_earlier_guest_of_the_name_said() {
    let server = patient();
    let mut bob = WebSocketClient::multi(&server, "Bob");
    let mut first = WebSocketClient::multi(&server, "Ann");
    let secret = first.ask(json!({"type": "private", "to": "Bob", "message": "a secret"}));
    bob.wait_for_type("private");
    first.leave();
    let mut second = WebSocketClient::open(&server, "/ws?format=json&user=Ann");
    let token = second.event_of("welcome")["resume"].clone();
    second.ask(json!({"type": "private", "to": "Bob", "message": "hello"}));
    drop(second);
    let mut back = WebSocketClient::open(&server, "/ws?format=json");
    back.event_of("welcome");
    let seen = json!({"dm:Ann:Bob": {"epoch": secret["epoch"], "seq": 0}});
    let resumed = back.ask(json!({"type": "resume", "resume": token, "rooms": seen}));
    assert_eq!(resumed["rooms"]["dm:Ann:Bob"]["missed"], 1, "{resumed}");
    assert_eq!(back.wait_for_type("private")["message"], "hello");
}
