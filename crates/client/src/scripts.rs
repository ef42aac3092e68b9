//! Scripts for the state machine: inputs go in, and the outputs are compared.
//!
//! There is no socket and no clock: the script says what happens to the connection, and time is a number.
//! Each output is compared in a short form, so that a script reads as a conversation.

mod hostile;
mod removal;

use std::time::Duration;

use serde_json::{Value, json};

use super::command::Command;
use super::disconnect::Disconnect;
use super::event::{Event, Gap};
use super::options::Options;
use super::state_machine::{Input, Output, StateMachine};

mod resuming;

struct Play {
    state_machine: StateMachine,
    now: Duration,
    asked: u32,
}

/// A client that reconnects after one to two milliseconds.
fn client() -> Play {
    let (retry_min, retry_max) = (Duration::from_millis(2), Duration::from_millis(2));
    let options = Options { retry_min, retry_max, history: 20, ..Options::user("Ann") };
    Play { state_machine: StateMachine::new(options, 1), now: Duration::ZERO, asked: 0 }
}

impl Play {
    /// A client that is online and in the room `r`, of which it has received 5 messages.
    fn in_room() -> Self {
        let mut play = client();
        play.asks(join("r"));
        play.opened();
        play.hears(&welcome(json!({})));
        play.hears(&json!({"type": "joined", "id": 1, "room": "r", "epoch": "e", "seq": 5, "members": ["Ann"]}));
        play.hears(&json!({"type": "pong", "id": 2}));
        play.outputs();
        play
    }

    fn opened(&mut self) {
        self.state_machine.handle(Input::Connected, self.now);
    }

    fn hears(&mut self, frame: &Value) {
        self.state_machine.handle(Input::Frame(&frame.to_string()), self.now);
    }

    fn breaks(&mut self) {
        self.state_machine.handle(Input::Disconnected(Disconnect::Lost("cut".to_owned())), self.now);
    }

    /// The connection is closed with this code.
    fn closed(&mut self, code: u16) {
        self.state_machine.handle(Input::Disconnected(Disconnect::Closed { code, reason: String::new() }), self.now);
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.state_machine.handle(Input::Time, self.now);
    }

    /// Time passes until the deadline.
    fn waits(&mut self) -> Duration {
        let wait = self.state_machine.deadline().expect("something is due").saturating_sub(self.now);
        self.passes(wait);
        wait
    }

    /// A new connection with a welcome.
    fn comes_back(&mut self, fields: Value) {
        self.waits();
        self.opened();
        self.hears(&welcome(fields));
    }

    fn asks(&mut self, command: Command) {
        self.asked += 1;
        self.state_machine.request(command, format!("m-{}", self.asked)).unwrap();
    }

    fn outputs(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.state_machine.poll()).map(|output| brief(&output)).collect()
    }

    #[track_caller]
    fn does(&mut self, expected: &[&str]) {
        assert_eq!(self.outputs(), expected);
    }
}

fn join(room: &str) -> Command {
    Command::Join { room: room.to_owned() }
}

fn publish(text: &str) -> Command {
    Command::Publish { room: "r".to_owned(), text: text.to_owned() }
}

fn welcome(fields: Value) -> Value {
    let mut welcome =
        json!({"type": "welcome", "user": "Ann", "limits": {"message_bytes": 100, "rate": {"per_s": 10}}});
    welcome.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    welcome
}

fn message(seq: u64) -> Value {
    json!({"type": "message", "room": "r", "user": "Bob", "message": "hi", "seq": seq, "at": "t"})
}

fn sent(id: u64, mid: &str, duplicate: bool) -> Value {
    json!({"type": "sent", "id": id, "room": "r", "seq": 6, "mid": mid, "at": "t", "duplicate": duplicate})
}

fn error(id: u64, code: &str, retry_after_ms: Option<u64>) -> Value {
    json!({"type": "error", "id": id, "code": code, "message": code, "retry_after_ms": retry_after_ms})
}

fn brief(output: &Output) -> String {
    match output {
        Output::Connect(user) => format!("connect {}", user.as_deref().unwrap_or("?")),
        Output::Abort => "abort".to_owned(),
        Output::Close => "close".to_owned(),
        Output::Closed(reason) => format!("closed: {}", reason.message),
        Output::Send(text) => said(&serde_json::from_str(text).unwrap()),
        Output::Event(event) => match &**event {
            Event::Online { user } => format!("online as {user}"),
            Event::Offline { reason, .. } => format!("offline: {reason}"),
            Event::Rejoined(joined) => format!("rejoined {}, missed {}", joined.room, joined.missed),
            Event::Removed { room, refusal } => format!("removed from {room}: {}", refusal.code),
            Event::Gap(Gap { room, missed, conflated: 0, reason }) => format!("gap in {room}: {reason} {missed:?}"),
            Event::Gap(Gap { room, missed, conflated, reason }) => {
                format!("gap in {room}: {reason} {missed:?} conflated {conflated}")
            }
            Event::Message(message) => {
                format!("{}message {}", if message.replayed { "old " } else { "" }, message.seq)
            }
            Event::Response(id, Ok(answer)) => {
                let kind = format!("{answer:?}");
                format!("response {}: {}", id.0, kind.split(['(', ' ']).next().unwrap())
            }
            Event::Response(id, Err(refusal)) => format!("refused {}: {}", id.0, refusal.code),
            Event::Other(value) => format!("other {}", value["type"]),
            Event::Malformed(text) => format!("malformed {text}"),
            other => format!("{other:?}"),
        },
    }
}

/// A command as `type id …` with its important fields.
fn said(frame: &Value) -> String {
    let mut words = vec![frame["type"].as_str().unwrap().to_owned(), frame["id"].to_string()];
    let fields = ["room", "pattern", "message", "mid", "resume", "since", "rooms", "status"];
    words.extend(fields.iter().filter(|field| !frame[**field].is_null()).map(|field| match &frame[*field] {
        Value::String(text) => text.clone(),
        other => other.to_string().replace('"', ""),
    }));
    words.join(" ")
}

#[test]
fn a_join_comes_after_the_welcome_and_its_history_after_the_join() {
    let mut play = client();
    play.asks(join("r"));
    play.does(&["connect Ann"]);
    play.opened();
    play.does(&[]);
    play.hears(&welcome(json!({})));
    play.does(&["online as Ann", "join 1 r"]);
    play.hears(&json!({"type": "joined", "id": 1, "room": "r", "epoch": "e", "seq": 2, "members": []}));
    play.does(&["response 1: Joined", "ping 2"]);
    for seq in [1, 2, 3] {
        play.hears(&message(seq));
    }
    play.does(&["old message 1", "old message 2", "message 3"]);
}

#[test]
fn a_message_is_sent_again_under_one_id_until_it_is_answered() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.does(&["message 3 r a m-2"]);
    play.breaks();
    play.does(&["offline: cut"]);
    play.asks(publish("b"));
    play.comes_back(json!({}));
    play.does(&["connect Ann", "online as Ann", "join 4 r {epoch:e,seq:5}"]);
    play.hears(&json!({"type": "joined", "id": 4, "room": "r", "epoch": "e", "seq": 6, "recovered": true}));
    play.does(&["rejoined r, missed 1", "ping 5", "message 6 r a m-2"]);
    play.hears(&message(6));
    play.hears(&sent(6, "m-2", true));
    play.does(&["old message 6", "response 2: Sent", "message 7 r b m-3"]);
    play.hears(&sent(7, "m-3", false));
    play.does(&["response 3: Sent"]);
    assert_eq!(play.state_machine.pending().count(), 0);
}

#[test]
fn a_message_of_our_own_is_recognised_by_its_id_and_once() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    let mut echo = message(6);
    echo["mid"] = json!("m-2");
    play.hears(&echo);
    echo["seq"] = json!(7);
    play.hears(&echo);
    let own: Vec<_> = std::iter::from_fn(|| play.state_machine.poll())
        .filter_map(|output| match output {
            Output::Event(event) => match *event {
                Event::Message(message) => Some(message.own),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(own, [true, false]);
}

#[test]
fn a_response_from_a_lost_connection_answers_nothing_on_the_next() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.breaks();
    play.comes_back(json!({}));
    play.outputs();
    play.hears(&sent(3, "other", false));
    play.does(&[]);
    assert_eq!(play.state_machine.pending().count(), 1);
}

#[test]
fn lost_messages_are_reported_as_a_gap() {
    let mut play = Play::in_room();
    play.breaks();
    play.comes_back(json!({}));
    play.outputs();
    let joined = json!({"type": "joined", "id": 3, "room": "r", "epoch": "f", "seq": 1, "recovered": false,
        "reason": "epoch_changed"});
    play.hears(&joined);
    play.hears(&message(1));
    play.does(&["rejoined r, missed 0", "gap in r: epoch_changed None", "ping 4", "old message 1"]);
    play.hears(&json!({"type": "lagged", "room": "r", "missed": 12}));
    play.does(&["gap in r: lagged Some(12)"]);
    play.hears(&json!({"type": "lagged", "room": "r", "missed": 12, "conflated": 9}));
    play.does(&["gap in r: lagged Some(12) conflated 9"]);
}

#[test]
fn after_a_refusal_for_rate_the_message_is_sent_again_and_nothing_overtakes_it() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.asks(publish("b"));
    play.does(&["message 3 r a m-2"]);
    play.hears(&error(3, "rate_limited", Some(140)));
    play.does(&[]);
    assert_eq!(play.waits(), Duration::from_millis(140));
    play.does(&["message 4 r a m-2"]);
    play.hears(&sent(4, "m-2", false));
    play.does(&["response 2: Sent", "message 5 r b m-3"]);
}

#[test]
fn where_a_rate_may_refuse_a_message_the_next_one_waits_for_its_answer() {
    let no_limit = json!({"rate": {"per_s": 0}});
    let of_rooms = json!({"rate": {"per_s": 0}, "room_rate": {"per_s": 100}});
    let here = json!({"per_s": 100});
    for (limits, room_rate, at_once) in [(&no_limit, None, 2), (&of_rooms, None, 1), (&no_limit, Some(here), 1)] {
        let mut play = Play::in_room();
        play.breaks();
        play.comes_back(json!({"limits": limits}));
        let joined = json!({"type": "joined", "id": 3, "room": "r", "epoch": "e", "seq": 5, "room_rate": room_rate});
        play.hears(&joined);
        play.outputs();
        play.asks(publish("a"));
        play.asks(publish("b"));
        assert_eq!(play.outputs().len(), at_once);
    }
}

#[test]
fn a_final_refusal_is_the_response_and_the_next_message_is_sent() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.asks(publish("b"));
    play.outputs();
    play.hears(&error(3, "unavailable", None));
    play.does(&["refused 2: unavailable", "message 4 r b m-3"]);
}

#[test]
fn a_long_delay_is_reported_and_a_muted_user_is_refused_at_once() {
    let mut play = Play::in_room();
    play.asks(publish("a"));
    play.asks(publish("b"));
    play.outputs();
    play.hears(&error(3, "rate_limited", Some(20_000)));
    play.does(&["Throttled { room: None, reason: \"rate_limited\", retry_in: 20s }"]);
    assert_eq!(play.waits(), Duration::from_secs(20));
    play.does(&["message 4 r a m-2"]);
    play.hears(&error(4, "muted", Some(600_000)));
    play.does(&["refused 2: muted", "message 5 r b m-3"]);
}

#[test]
fn slow_mode_in_one_room_delays_nothing_else() {
    let mut play = Play::in_room();
    let slow = |id| {
        let mut refused = error(id, "rate_limited", Some(20_000));
        refused["room"] = json!("r");
        refused
    };
    for text in ["a", "b"] {
        play.asks(publish(text));
    }
    play.asks(Command::Private { to: "Bob".to_owned(), text: "c".to_owned() });
    play.outputs();
    play.hears(&slow(3));
    play.does(&["Throttled { room: Some(\"r\"), reason: \"rate_limited\", retry_in: 20s }", "private 4 c m-4"]);
    play.hears(&sent(4, "m-4", false));
    play.asks(Command::Other(json!({"type": "create", "room": "x"}).as_object().unwrap().clone()));
    play.does(&["response 4: Sent", "create 5 x"]);
    // A command that does not publish is refused at once.
    play.hears(&slow(5));
    play.does(&["refused 5: rate_limited"]);
    assert_eq!(play.waits(), Duration::from_secs(20));
    play.does(&["message 6 r a m-2"]);
    play.hears(&sent(6, "m-2", false));
    play.does(&["response 2: Sent", "message 7 r b m-3"]);
}

#[test]
fn any_command_with_a_reply_can_be_sent() {
    let mut play = Play::in_room();
    play.asks(Command::Other(json!({"type": "kick", "room": "r", "user": "Bob"}).as_object().unwrap().clone()));
    play.outputs();
    play.hears(&json!({"type": "ok", "id": 3}));
    play.hears(&json!({"type": "ok", "id": 3}));
    play.does(&["response 2: Other", "other \"ok\""]);
}

#[test]
fn a_message_that_no_server_accepts_is_not_sent() {
    let mut play = Play::in_room();
    play.asks(publish(&"x".repeat(101)));
    play.asks(publish("ok"));
    play.does(&["refused 2: too_large", "message 4 r ok m-3"]);
}

#[test]
fn a_room_that_is_full_is_joined_later_and_a_forbidden_one_is_not() {
    let mut play = Play::in_room();
    play.breaks();
    play.comes_back(json!({}));
    play.outputs();
    play.hears(&error(3, "unavailable", None));
    play.does(&[]);
    play.waits();
    play.does(&["join 4 r {epoch:e,seq:5}"]);
    play.hears(&error(4, "forbidden", None));
    play.does(&["removed from r: forbidden"]);
}

#[test]
fn the_delay_that_a_goodbye_requests_is_kept() {
    let mut play = Play::in_room();
    play.hears(
        &json!({"type": "goodbye", "code": 1001, "reason": "closing", "reconnect": true, "retry_after_ms": 2100}),
    );
    play.closed(1001);
    play.does(&["offline: the server is shutting down"]);
    assert!((2100..2110).contains(&play.waits().as_millis()));
    play.does(&["connect Ann"]);
}

#[test]
fn a_final_close_code_ends_the_client() {
    for code in [1002, 1003, 1007, 1009, 4401, 4403, 4409] {
        let mut play = Play::in_room();
        play.closed(code);
        assert!(play.outputs()[0].starts_with("closed: "), "{code}");
        assert_eq!(play.state_machine.deadline(), None);
    }
    for code in [1000, 1001, 1005, 1011, 4408, 4429, 4450, 4503, 4999] {
        let mut play = Play::in_room();
        play.closed(code);
        assert!(play.outputs()[0].starts_with("offline: "), "{code}");
    }
    let mut play = Play::in_room();
    play.hears(&json!({"type": "goodbye", "reason": "left", "reconnect": false}));
    play.closed(1000);
    assert!(play.outputs()[0].starts_with("closed: "));
}

#[test]
fn the_status_of_a_refused_handshake_decides_whether_to_retry() {
    for (status, over) in
        [(400, true), (403, true), (404, true), (408, false), (429, false), (500, false), (503, false)]
    {
        let mut play = client();
        play.outputs();
        let retry_after = Some(Duration::from_secs(7));
        let refused = Disconnect::HandshakeRefused { status, retry_after, reason: "no".to_owned() };
        play.state_machine.handle(Input::Disconnected(refused), play.now);
        let kind = if over { "closed" } else { "offline" };
        play.does(&[&format!("{kind}: the server answered {status}: no")]);
        assert!(over || play.waits() >= Duration::from_secs(7));
    }
}

#[test]
fn retrying_ends_after_the_time_that_the_program_allows() {
    let mut play = client();
    play.state_machine = StateMachine::new(
        Options {
            retry_for: Some(Duration::from_millis(10)),
            retry_min: Duration::from_millis(2),
            ..Options::default()
        },
        1,
    );
    play.opened();
    play.hears(&welcome(json!({})));
    play.outputs();
    play.breaks();
    let mut attempts = 0;
    while play.state_machine.deadline().is_some() {
        play.waits();
        play.breaks();
        attempts += 1;
        assert!(attempts < 20);
    }
    assert!(play.outputs().last().unwrap().starts_with("closed: cut"));
}

#[test]
fn a_silent_server_is_pinged_and_then_left() {
    let mut play = Play::in_room();
    assert_eq!(play.waits(), Duration::from_secs(30));
    play.does(&["ping 3"]);
    play.state_machine.handle(Input::Alive, play.now);
    assert_eq!(play.waits(), Duration::from_secs(30));
    play.does(&["ping 4"]);
    assert_eq!(play.waits(), Duration::from_secs(15));
    play.does(&["abort"]);
    play.breaks();
    play.does(&["offline: cut"]);
}

#[test]
fn a_server_without_a_welcome_is_left() {
    let mut play = client();
    play.outputs();
    play.opened();
    play.waits();
    play.does(&["abort"]);
}

#[test]
fn being_away_is_said_again_on_each_connection() {
    let mut play = Play::in_room();
    play.state_machine.set_away(Some("lunch".to_owned()));
    play.does(&["presence null away"]);
    play.breaks();
    play.comes_back(json!({}));
    assert!(play.outputs().contains(&"presence null away".to_owned()));
}

#[test]
fn a_guest_keeps_its_name() {
    let mut play = client();
    play.state_machine = StateMachine::new(Options::default(), 1);
    play.does(&["connect ?"]);
    play.opened();
    play.hears(&welcome(json!({"user": "guest-1"})));
    play.breaks();
    play.waits();
    play.does(&["online as guest-1", "offline: cut", "connect guest-1"]);
}

#[test]
fn a_private_message_is_delivered_once_in_a_session_and_again_in_the_next() {
    let private =
        json!({"type": "private", "room": "dm:Ann:Bob", "from": "Bob", "to": "Ann", "message": "x", "seq": 1});
    let mut play = Play::in_room();
    play.hears(&private);
    play.hears(&private);
    play.does(&["message 1"]);
    play.breaks();
    play.comes_back(json!({}));
    play.outputs();
    play.hears(&private);
    play.does(&["message 1"]);
}
