//! Connections that break at any byte: nothing is lost, nothing is doubled, and the order stays.

use std::thread;
use std::time::Duration;

use roomd_client::{Client, Event, Options, Trust};

use crate::harness::{Cut, Proxy, TestServer, in_room, next_message, quick, wait_for};

/// Messages that each of the two says.
const COUNT: usize = 12;

/// Ann's connection breaks at these cuts while she and Bob talk. Both must receive the same.
fn talk_over(cuts: Vec<Cut>) {
    talk(&TestServer::start(), cuts, "ws", &Trust::System);
}

/// The same with a server of the caller's, at addresses with this scheme.
pub fn talk(server: &TestServer, cuts: Vec<Cut>, scheme: &str, trust: &Trust) {
    let what = format!("{cuts:?}");
    let with_trust = |user| Options { trust: trust.clone(), ..quick(user) };
    let mut bob = Client::connect(&format!("{scheme}://{}", server.address()), with_trust("Bob")).unwrap();
    bob.join("r").unwrap();
    let proxy = Proxy::to(server.address(), cuts);
    let url = proxy.url().replacen("ws", scheme, 1);
    let options = with_trust("Ann");
    let ann = thread::Builder::new().name("ann".to_owned()).spawn(move || {
        // Only a connection that was there is repaired.
        let mut ann = loop {
            if let Ok(ann) = Client::connect(&url, options.clone()) {
                break ann;
            }
        };
        ann.join("r").unwrap();
        speak_and_hear(&mut ann, "a")
    });
    let heard_by_bob = speak_and_hear(&mut bob, "b");
    let heard_by_ann = ann.unwrap().join().unwrap();
    assert_eq!(heard_by_ann, heard_by_bob, "{what}");
    for (who, letter) in [("Ann", "a"), ("Bob", "b")] {
        let said: Vec<_> = heard_by_bob.iter().filter(|(user, _)| user == who).map(|(_, text)| &**text).collect();
        let expected: Vec<_> = (0..COUNT).map(|i| format!("{letter}{i}")).collect();
        assert_eq!(said, expected, "{what}");
    }
}

/// Publishes its messages, and receives everybody's, numbered from 1 without a gap.
fn speak_and_hear(client: &mut Client, letter: &str) -> Vec<(String, String)> {
    for i in 0..COUNT {
        client.publish("r", &format!("{letter}{i}")).unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 2 * COUNT {
        let message = wait_for(client, |event| match event {
            Event::Message(message) => Some(message),
            Event::Gap(gap) => panic!("{gap:?}"),
            _ => None,
        });
        assert_eq!(message.seq, heard.len() as u64 + 1, "{}: {message:?}", client.user());
        heard.push((message.user, message.text.unwrap()));
    }
    heard
}

#[test]
fn nothing_is_lost_or_doubled_wherever_the_line_to_the_client_breaks() {
    // The head of the handshake has some 130 bytes, the welcome 270; then come joins and messages.
    for first in (1..2_400).step_by(97) {
        talk_over(vec![Cut::Down(first), Cut::Down(first + 31), Cut::Down(900)]);
    }
    // The answer to the first join is lost, and the next connection lives.
    for first in (450..570).step_by(20) {
        talk_over(vec![Cut::Down(first)]);
    }
}

#[test]
fn nothing_is_lost_or_doubled_wherever_the_line_to_the_server_breaks() {
    for first in (1..1_600).step_by(71) {
        talk_over(vec![Cut::Up(first), Cut::Up(first + 17), Cut::Up(700)]);
    }
}

#[test]
fn a_line_that_breaks_again_and_again_is_repaired_again_and_again() {
    let cuts = (0..30).map(|i| if i % 2 == 0 { Cut::Down(700 + 41 * i) } else { Cut::Up(400 + 23 * i) });
    talk_over(cuts.collect());
}

#[test]
fn a_first_history_that_is_cut_is_shown_whole_in_the_end() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    for i in 0..15 {
        bob.publish("r", &format!("old {i}")).unwrap();
    }
    for cut in (500..2_000).step_by(173) {
        let proxy = Proxy::to(server.address(), [Cut::Down(cut)]);
        let mut ann = in_room(&proxy.url(), "Ann", "r");
        for seq in 1..=15 {
            let message = next_message(&mut ann);
            assert_eq!((message.seq, message.replayed), (seq, true), "cut after {cut}");
        }
    }
}

#[test]
fn a_message_without_a_connection_is_sent_on_the_next() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let proxy = Proxy::to(server.address(), []);
    let mut ann = in_room(&proxy.url(), "Ann", "r");
    proxy.turn_to(None);
    wait_for(&mut ann, |event| matches!(event, Event::Offline { .. }).then_some(()));
    assert!(!ann.is_online());
    let command = roomd_client::Command::Publish { room: "r".to_owned(), text: "later".to_owned() };
    ann.send(command).unwrap();
    assert_eq!(ann.unsent().map(|(_, text)| text).collect::<Vec<_>>(), ["later"]);
    bob.publish("r", "missed").unwrap();
    proxy.turn_to(Some(server.address()));
    let rejoined = wait_for(&mut ann, |event| match event {
        Event::Rejoined(joined) => Some(joined),
        _ => None,
    });
    assert_eq!(rejoined.missed, 1);
    let missed = next_message(&mut ann);
    assert_eq!((missed.text.as_deref(), missed.replayed), (Some("missed"), true));
    assert_eq!(next_message(&mut ann).text.as_deref(), Some("later"));
    assert!(proxy.accepted() > 1);
}

#[test]
fn a_connection_that_falls_silent_is_noticed_and_replaced() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let options =
        Options { ping_after: Duration::from_millis(300), pong_timeout: Duration::from_millis(300), ..quick("Ann") };
    let mut ann = Client::connect(&proxy.url(), options).unwrap();
    ann.join("r").unwrap();
    proxy.fall_silent();
    // It goes nowhere, and is sent again on the next connection.
    assert_eq!(ann.publish("r", "hello?").unwrap().seq, 1);
    assert!(proxy.accepted() > 1);
}

#[test]
fn a_program_that_does_not_receive_is_too_slow_and_then_shown_all() {
    let server = TestServer::with(|settings| {
        settings.limits.outbox_messages = 16;
        // What is replayed has to fit into it.
        settings.limits.outbox_bytes = 64 * 1024 * 1024;
        settings.limits.history = 5_000;
    });
    let mut ann = in_room(&server.url(), "Ann", "r");
    let mut bob = in_room(&server.url(), "Bob", "r");
    let text = "x".repeat(60_000);
    // More than the inbox of the client, the sockets and the outbox hold together.
    for _ in 0..400 {
        bob.publish("r", &text).unwrap();
        while bob.receive(Duration::ZERO).unwrap().is_some() {}
    }
    let mut breaks = 0;
    for seq in 1..=400 {
        let message = wait_for(&mut ann, |event| match event {
            Event::Message(message) => Some(message),
            Event::Offline { reason, .. } => {
                assert_eq!(reason, "the connection was too slow");
                breaks += 1;
                None
            }
            Event::Gap(gap) => panic!("{gap:?}"),
            _ => None,
        });
        assert_eq!(message.seq, seq);
    }
    assert!(breaks > 0, "it was not too slow");
}
