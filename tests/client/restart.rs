//! Servers that stop and start again in the middle of a conversation.

use std::time::Duration;

use roomd_client::{Client, Command, Error, Event, Options};

use crate::harness::{Proxy, TestServer, in_room, next_message, quick, wait_for};

#[test]
fn a_conversation_goes_on_when_the_server_is_started_again() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let mut ann = in_room(&proxy.url(), "Ann", "r");
    ann.publish("r", "before").unwrap();
    assert_eq!(next_message(&mut ann).text.as_deref(), Some("before"));
    // Its goodbye asks for a second at least, and is heard: the line stands until the server ends.
    drop(server);
    let (reason, retry_in) = wait_for(&mut ann, |event| match event {
        Event::Offline { reason, retry_in } => Some((reason, retry_in)),
        _ => None,
    });
    assert_eq!(reason, "the server is shutting down");
    assert!(retry_in >= Duration::from_secs(1), "{retry_in:?}");
    ann.send(Command::Publish { room: "r".to_owned(), text: "between".to_owned() }).unwrap();
    let server = TestServer::start();
    proxy.turn_to(Some(server.address()));
    let gap = wait_for(&mut ann, |event| match event {
        Event::Gap(gap) => Some(gap),
        _ => None,
    });
    assert_eq!((&*gap.room, &*gap.reason), ("r", "epoch_changed"));
    let message = next_message(&mut ann);
    assert_eq!((message.text.as_deref(), message.seq), (Some("between"), 1), "and not what was sent before");
    assert_eq!(ann.publish("r", "after").unwrap().seq, 2);
}

#[test]
fn a_server_that_dies_without_a_word_is_come_back_to() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let mut ann = in_room(&proxy.url(), "Ann", "r");
    proxy.turn_to(None);
    drop(server);
    let server = TestServer::start();
    proxy.turn_to(Some(server.address()));
    assert_eq!(ann.publish("r", "after").unwrap().seq, 1);
}

#[test]
fn a_client_that_is_told_when_to_give_up_gives_up_and_keeps_what_is_unsent() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let options = Options { retry_for: Some(Duration::from_millis(50)), ..quick("Ann") };
    let mut ann = Client::connect(&proxy.url(), options).unwrap();
    ann.join("r").unwrap();
    proxy.turn_to(None);
    let error = ann.publish("r", "lost").unwrap_err();
    assert!(matches!(error, Error::Closed(_)), "{error}");
    assert_eq!(ann.unsent().map(|(_, text)| text).collect::<Vec<_>>(), ["lost"]);
    assert!(matches!(ann.send(Command::Rooms), Err(Error::Closed(_))));
}
