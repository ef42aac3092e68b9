//! A resumed session, and a server that says nonsense: the test is the server.
//!
//! Each frame is written out, so that a claim is about what docs/protocol.md says.

use std::net::{TcpListener, TcpStream};
use std::thread;

use roomd_client::{Client, Command, Error, Event};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::harness::{next_message, quick, wait_for};

/// The server's side of one connection.
struct ServerSide(WebSocket<TcpStream>);

impl ServerSide {
    fn accept(listener: &TcpListener) -> Self {
        let mut server = Self(tungstenite::accept(listener.accept().unwrap().0).unwrap());
        server.says(&json!({"type": "welcome", "user": "Ann", "resume": "secret", "limits": {"rate": {"per_s": 10}}}));
        server
    }

    fn says(&mut self, event: &Value) {
        self.0.send(Message::text(event.to_string())).unwrap();
    }

    /// The next command that is no ping.
    fn hears(&mut self) -> Value {
        loop {
            let command: Value = serde_json::from_str(self.0.read().unwrap().to_text().unwrap()).unwrap();
            if command["type"] != "ping" {
                return command;
            }
        }
    }
}

fn message(seq: u64) -> Value {
    json!({"type": "message", "room": "r", "user": "Bob", "message": format!("no {seq}"), "seq": seq, "at": "t"})
}

#[test]
fn a_session_is_taken_up_where_it_was_and_what_is_not_known_breaks_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut line = ServerSide::accept(&listener);
        let join = line.hears();
        line.says(&json!({"type": "joined", "id": join["id"], "room": "r", "epoch": "e", "seq": 0, "members": []}));
        line.says(&json!({"type": "receipt", "room": "r", "user": "Bob", "status": "read", "seq": 1, "at": "t"}));
        line.says(&message(1));
        // What is said is taken, and the answer lost.
        let said = line.hears();
        drop(line);
        let mut line = ServerSide::accept(&listener);
        let resume = line.hears();
        assert_eq!((&resume["type"], &resume["resume"]), (&"resume".into(), &"secret".into()));
        assert_eq!(resume["rooms"], json!({"r": {"epoch": "e", "seq": 1}}));
        line.says(&json!({"type": "resumed", "id": resume["id"], "rooms": {"r": {"recovered": true, "missed": 2}}}));
        for seq in [1, 2, 3] {
            line.says(&message(seq));
        }
        let again = line.hears();
        assert_eq!((&again["mid"], &again["message"]), (&said["mid"], &said["message"]));
        let (id, mid) = (&again["id"], &again["mid"]);
        line.says(&json!({"type": "sent", "id": id, "room": "r", "seq": 4, "mid": mid, "at": "t", "duplicate": true}));
        line.says(&json!({"type": "goodbye", "code": 4401, "reason": "expired", "reconnect": false}));
    });
    let mut ann = Client::connect(&url, quick("Ann")).unwrap();
    ann.join("r").unwrap();
    let receipt = wait_for(&mut ann, |event| match event {
        Event::Other(value) => Some(value),
        _ => None,
    });
    assert_eq!(receipt["type"], "receipt");
    assert_eq!(next_message(&mut ann).seq, 1);
    ann.send(Command::Publish { room: "r".to_owned(), text: "hi".to_owned() }).unwrap();
    assert_eq!([next_message(&mut ann).seq, next_message(&mut ann).seq], [2, 3]);
    let duplicate = wait_for(&mut ann, |event| match event {
        Event::Response(_, Ok(roomd_client::Response::Sent(sent))) => Some(sent.duplicate),
        _ => None,
    });
    assert!(duplicate);
    let over = ann.publish("r", "too late").unwrap_err();
    assert_eq!(over.to_string(), "the token has expired");
    server.join().unwrap();
}

#[test]
fn what_makes_no_sense_is_reported_and_the_client_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut line = ServerSide(tungstenite::accept(listener.accept().unwrap().0).unwrap());
        line.says(&json!({"type": "receipt", "before": "the welcome"}));
        line.says(&json!({"type": "welcome", "user": "Ann"}));
        let join = line.hears();
        line.0.send(Message::text("[".repeat(100_000))).unwrap();
        line.0.send(Message::binary(vec![0xff; 100])).unwrap();
        line.says(&json!({"type": "joined", "id": join["id"], "room": {"no": "name"}}));
        let join = line.hears();
        line.says(&json!({"type": "members", "id": join["id"], "room": "r", "members": [], "count": 0}));
        let join = line.hears();
        line.says(&json!({"type": "joined", "id": join["id"], "room": "r", "epoch": "e", "seq": 0}));
        line.says(&message(1));
        line.says(&json!({"type": "goodbye", "reason": "done", "reconnect": false}));
    });
    let mut ann = Client::connect(&url, quick("Ann")).unwrap();
    let Err(Error::Refused(refusal)) = ann.join("r") else { panic!("the answer cannot be read") };
    assert_eq!(refusal.code, "malformed");
    assert!(matches!(ann.join("r"), Err(Error::Unexpected(_))));
    ann.join("r").unwrap();
    let malformed = wait_for(&mut ann, |event| match event {
        Event::Malformed(frame) => Some(frame.len()),
        _ => None,
    });
    assert_eq!((malformed, next_message(&mut ann).seq), (100_000, 1));
    server.join().unwrap();
}
