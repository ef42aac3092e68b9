//! Requests, and their responses.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use roomd_client::{Client, Command, Error, Event, Options, Response};

use crate::harness::{DEADLINE, TestServer, in_room, next, next_message, quick, wait_for};

#[test]
fn a_message_is_acknowledged_and_everybody_is_shown_it() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = Client::connect(&server.url(), quick("Ann")).unwrap();
    let joined = ann.join("r").unwrap();
    assert_eq!((joined.room.as_str(), joined.seq), ("r", 0));
    assert_eq!(joined.members, ["Ann", "Bob"]);
    let sent = ann.publish("r", "hi").unwrap();
    assert_eq!((sent.seq, sent.duplicate), (1, false));
    for client in [&mut ann, &mut bob] {
        let message = next_message(client);
        assert_eq!((&*message.user, message.text.as_deref(), message.seq), ("Ann", Some("hi"), 1));
        assert_eq!((message.mid.as_deref(), message.replayed), (Some(&*sent.mid), false));
    }
    let history = bob.history("r", 10).unwrap();
    assert_eq!(history.messages.len(), 1);
    assert_eq!(bob.members("r").unwrap().count, 2);
    assert_eq!(bob.rooms().unwrap()[0].members, 2);
    ann.leave("r").unwrap();
    wait_for(&mut bob, |event| matches!(event, Event::Leave { user, .. } if user == "Ann").then_some(()));
    ann.close();
    bob.close();
}

#[test]
fn a_message_on_a_condition_is_published_or_refused_with_the_newest() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "board");
    let mut bob = in_room(&server.url(), "Bob", "board");
    let first = ann.publish_if("board", 0, "x takes the middle").unwrap();
    let Error::Refused(refusal) = bob.publish_if("board", 0, "o takes the middle").unwrap_err() else { panic!() };
    let conflict = (&*refusal.code, refusal.room.as_deref(), refusal.seq);
    assert_eq!(conflict, ("conflict", Some("board"), Some(first.seq)));
    assert_eq!(bob.publish_if("board", first.seq, "o takes a corner").unwrap().seq, 2);
}

#[test]
fn a_latecomer_is_given_the_newest_value_of_each_key() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "prices");
    ann.publish_value("prices", "acme", "11").unwrap();
    ann.publish_value("prices", "dull", "7").unwrap();
    ann.remove_value("prices", "dull").unwrap();
    let key = || "acme".to_owned();
    let command = |seq| Command::PublishValue {
        room: "prices".to_owned(),
        key: key(),
        text: Some("12".to_owned()),
        if_key_seq: Some(seq),
    };
    ann.send(command(1)).unwrap();
    ann.send(command(1)).unwrap();
    let refused = wait_for(&mut ann, |event| match event {
        Event::Response(_, Err(refusal)) => Some(refusal.clone()),
        _ => None,
    });
    assert_eq!((&*refused.code, refused.seq), ("conflict", Some(4)));
    let mut bob = Client::connect(&server.url(), quick("Bob")).unwrap();
    assert_eq!(bob.join_latest("prices").unwrap().seq, 4);
    let message = next_message(&mut bob);
    assert_eq!((message.key, message.text.as_deref(), message.replayed), (Some(key()), Some("12"), true));
    ann.publish_value("prices", "acme", "13").unwrap();
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("13"));
}

#[test]
fn a_private_message_reaches_both_users_and_nobody_else() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "r");
    let mut bob = in_room(&server.url(), "Bob", "r");
    ann.private("Bob", "psst").unwrap();
    for client in [&mut ann, &mut bob] {
        let message = next_message(client);
        assert_eq!(
            (&*message.user, message.to.as_deref(), message.text.as_deref()),
            ("Ann", Some("Bob"), Some("psst"))
        );
    }
    let Error::Refused(refusal) = ann.private("Nobody", "psst").unwrap_err() else { panic!() };
    assert_eq!(refusal.code, "user_offline");
}

#[test]
fn private_messages_of_a_user_who_left_and_returned_are_shown() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "r");
    for round in 0..3 {
        let mut bob = in_room(&server.url(), "Bob", "r");
        for i in 0..2 {
            let text = format!("{round} {i}");
            bob.private("Ann", &text).unwrap();
            assert_eq!(next_message(&mut ann).text, Some(text));
        }
        bob.close();
    }
}

#[test]
fn a_request_without_waiting_is_answered_by_its_id() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "r");
    let publish = |text: &str| Command::Publish { room: "r".to_owned(), text: text.to_owned() };
    let tickets: Vec<_> = ["a", "b", "c"].map(|text| ann.send(publish(text)).unwrap()).into();
    let other = ann.send(Command::Publish { room: "elsewhere".to_owned(), text: "d".to_owned() }).unwrap();
    let mut answers = BTreeMap::new();
    while answers.len() < 4 {
        if let Event::Response(ticket, answer) = next(&mut ann) {
            answers.insert(ticket, answer);
        }
    }
    for (ticket, seq) in tickets.iter().zip(1..) {
        let Ok(Response::Sent(sent)) = &answers[ticket] else { panic!("{answers:?}") };
        assert_eq!(sent.seq, seq);
    }
    assert_eq!(answers[&other].as_ref().unwrap_err().code, "not_member");
    assert_eq!(ann.unsent().count(), 0);
}

#[test]
fn two_messages_with_one_id_are_one_message() {
    let server = TestServer::start();
    let publish = || Command::Publish { room: "r".to_owned(), text: "once".to_owned() };
    let mut sents = Vec::new();
    let mut witness = in_room(&server.url(), "Witness", "r");
    for _ in 0..2 {
        let mut ann = in_room(&server.url(), "Ann", "r");
        ann.send_with_mid("build-17", publish()).unwrap();
        sents.push(wait_for(&mut ann, |event| match event {
            Event::Response(_, Ok(Response::Sent(sent))) => Some(sent),
            _ => None,
        }));
    }
    assert_eq!((sents[0].duplicate, sents[1].duplicate), (false, true));
    assert_eq!(sents[0].seq, sents[1].seq);
    witness.publish("r", "end").unwrap();
    assert_eq!([next_message(&mut witness).seq, next_message(&mut witness).seq], [1, 2]);
}

#[test]
fn a_rate_limit_slows_a_program_down_and_loses_nothing() {
    let server = TestServer::with(|settings| {
        settings.limits.rate_burst = 3;
        settings.limits.rate_per_s = 50;
    });
    let mut ann = in_room(&server.url(), "Ann", "r");
    for i in 0..20 {
        ann.send(Command::Publish { room: "r".to_owned(), text: i.to_string() }).unwrap();
    }
    for i in 0..20 {
        assert_eq!(next_message(&mut ann).text, Some(i.to_string()));
    }
}

#[test]
fn a_request_beyond_the_bound_is_refused() {
    let server = TestServer::start();
    let options = Options { pending_max: 2, ..quick("Ann") };
    let mut ann = Client::connect(&server.url(), options).unwrap();
    let ask = |ann: &mut Client| ann.send(Command::Rooms);
    assert!(ask(&mut ann).is_ok() && ask(&mut ann).is_ok());
    assert!(matches!(ask(&mut ann), Err(Error::Full)));
    wait_for(&mut ann, |event| matches!(event, Event::Response(..)).then_some(()));
    assert!(ask(&mut ann).is_ok());
}

#[test]
fn a_message_too_long_is_refused_and_the_connection_goes_on() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "r");
    for text in ["x".repeat(65_537), "\u{1}".repeat(65_000)] {
        let Error::Refused(refusal) = ann.publish("r", &text).unwrap_err() else { panic!() };
        assert_eq!(refusal.code, "too_large");
    }
    let long = "é".repeat(32 * 1024);
    ann.publish("r", &long).unwrap();
    assert_eq!(next_message(&mut ann).text, Some(long));
}

#[test]
fn an_invalid_address_or_name_is_refused_at_once() {
    let server = TestServer::start();
    let connect = |url: &str, user: &str| Client::connect(url, Options::user(user)).err().unwrap();
    assert!(matches!(connect("localhost", "Ann"), Error::Invalid(_)));
    assert!(matches!(connect(&server.url(), "two words"), Error::Invalid(_)));
    let Error::Closed(reason) = connect(&format!("{}/nothing", server.url()), "Ann") else { panic!() };
    assert!(reason.message.starts_with("the server answered 404"), "{reason:?}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Error::Closed(reason) = connect(&format!("ws://{closed}"), "Ann") else { panic!() };
    assert!(reason.message.starts_with("cannot connect to 127.0.0.1:"), "{reason:?}");
}

#[test]
fn a_waker_ends_a_wait_from_another_thread() {
    let server = TestServer::start();
    let mut ann = Client::connect(&server.url(), quick("Ann")).unwrap();
    assert!(matches!(next(&mut ann), Event::Online { .. }));
    let waker = ann.waker();
    let other = thread::spawn(move || waker.wake());
    assert_eq!(ann.receive(DEADLINE).unwrap(), None);
    other.join().unwrap();
    // One that comes early is not lost, and ends one wait only.
    ann.waker().wake();
    assert_eq!(ann.receive(DEADLINE).unwrap(), None);
    assert_eq!(ann.receive(Duration::ZERO).unwrap(), None);
}
